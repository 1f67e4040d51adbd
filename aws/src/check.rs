//! What the model of AWS demands of inputs, and how ECR says that it is not met.
use wharf_registry::account_settings::AccountSetting;
use wharf_types::{AccountId, Arn, Digest, Prefix, Registry, RepoName, Tag, UploadId};

use crate::{Cx, Exception};

const NAME: &str = "(?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)*[a-z0-9]+(?:[._-][a-z0-9]+)*";

/// A member that breaks a constraint of the model.
pub(crate) fn unsatisfied(member: &str, constraint: &str) -> Exception {
    Exception::invalid_parameter(format!(
        "Invalid parameter at '{member}' failed to satisfy constraint: '{constraint}'"
    ))
}

/// A member that must be there.
pub(crate) fn required<T>(member: &str, value: Option<T>) -> Result<T, Exception> {
    value.ok_or_else(|| unsatisfied(member, "Member must not be null"))
}

/// A member of a limited length.
pub(crate) fn length(member: &str, length: usize, min: usize, max: usize) -> Result<(), Exception> {
    if length < min {
        let text = format!("Member must have length greater than or equal to {min}");
        return Err(unsatisfied(member, &text));
    }
    if length > max {
        let text = format!("Member must have length less than or equal to {max}");
        return Err(unsatisfied(member, &text));
    }
    Ok(())
}

/// A member that holds a list of a limited length.
pub(crate) fn list<T>(
    member: &str,
    value: Option<Vec<T>>,
    min: usize,
    max: usize,
) -> Result<Vec<T>, Exception> {
    let list = required(member, value)?;
    length(member, list.len(), min, max)?;
    Ok(list)
}

/// `repositoryName`.
pub(crate) fn repository_name(value: Option<String>) -> Result<RepoName, Exception> {
    let name = required("repositoryName", value)?;
    length("repositoryName", name.chars().count(), 2, RepoName::MAX)?;
    name.parse().map_err(|_malformed| {
        unsatisfied(
            "repositoryName",
            &format!("must satisfy regular expression '{NAME}'"),
        )
    })
}

/// Text of a limited length.
pub(crate) fn text(member: &str, value: &str, min: usize, max: usize) -> Result<(), Exception> {
    let length = value.chars().count();
    if length < min {
        return Err(unsatisfied(
            member,
            &format!("Member must have length greater than or equal to {min}"),
        ));
    }
    if length > max {
        return Err(unsatisfied(
            member,
            &format!("Member must have length less than or equal to {max}"),
        ));
    }
    Ok(())
}

/// A prefix of repository names, or `ROOT`.
pub(crate) fn prefix(
    member: &str,
    value: &str,
    min: usize,
    max: usize,
) -> Result<Prefix, Exception> {
    text(member, value, min, max)?;
    value.parse().map_err(|_malformed| {
        unsatisfied(
            member,
            &format!("must satisfy regular expression '^({NAME}/?|ROOT)$'"),
        )
    })
}

/// `customRoleArn`: no more is asked of it than that it is an ARN of a role. Empty text is none.
pub(crate) fn role_arn(value: Option<String>) -> Result<Option<String>, Exception> {
    let Some(value) = value else {
        return Ok(None);
    };
    text("customRoleArn", &value, 0, 2048)?;
    let arn: Option<Arn> = value.parse().ok();
    let is_role = arn.is_some_and(|arn| arn.service == "iam" && arn.resource.starts_with("role/"));
    if value.is_empty() || is_role {
        Ok(Some(value))
    } else {
        Err(unsatisfied("customRoleArn", "Invalid ARN of a role"))
    }
}

/// `registryId`: the registry that is meant, which is the caller's own unless it says otherwise.
pub(crate) fn registry(cx: &Cx, id: Option<&str>) -> Result<Registry, Exception> {
    let Some(id) = id else {
        return Ok(cx.registry.clone());
    };
    // In ECR Public the alias of a registry will do.
    if cx.registry.region.is_public() && id == cx.registry.alias() {
        return Ok(cx.registry.clone());
    }
    let account: AccountId = id.parse().map_err(|_malformed| {
        unsatisfied("registryId", "must satisfy regular expression '[0-9]{12}'")
    })?;
    Ok(Registry {
        account,
        region: cx.registry.region.clone(),
    })
}

/// The registry of an operation on a repository. That of another account has nothing to show.
pub(crate) fn own_registry(
    cx: &Cx,
    id: Option<&str>,
    name: &RepoName,
) -> Result<Registry, Exception> {
    let registry = registry(cx, id)?;
    if registry.account == cx.registry.account {
        return Ok(registry);
    }
    Err(wharf_registry::Error::RepositoryNotFound {
        registry,
        name: name.clone(),
    }
    .into())
}

/// `maxResults`: 1 to `most`.
pub(crate) fn max_results(
    value: Option<i64>,
    default: usize,
    most: usize,
) -> Result<usize, Exception> {
    let Some(value) = value else {
        return Ok(default);
    };
    match usize::try_from(value) {
        Ok(n) if (1..=most).contains(&n) => Ok(n),
        _ => Err(unsatisfied(
            "maxResults",
            &format!("Member must have value between 1 and {most}"),
        )),
    }
}

/// `imageTag`: what can be a tag at all.
pub(crate) fn tag(value: &str) -> Result<Tag, Exception> {
    value.parse().map_err(|_malformed| {
        unsatisfied(
            "imageTag",
            "must satisfy regular expression '[a-zA-Z0-9_][a-zA-Z0-9._-]{0,299}'",
        )
    })
}

/// `imageDigest`.
pub(crate) fn digest(value: &str) -> Result<Digest, Exception> {
    value.parse().map_err(|_malformed| {
        unsatisfied(
            "imageDigest",
            "must satisfy regular expression '[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+'",
        )
    })
}

/// Whether a text has the form of a digest in ECR's model. Some have it and are of no content that a
/// registry could store: of them there is nothing to find, but nothing is wrong with asking.
pub(crate) fn is_digest(text: &str) -> bool {
    let algorithm = |b: u8| b.is_ascii_alphanumeric() || b"-_+.".contains(&b);
    text.split_once(':').is_some_and(|(name, hex)| {
        let formed = !name.is_empty() && !hex.is_empty();
        formed && name.bytes().all(algorithm) && hex.bytes().all(|b| b.is_ascii_hexdigit())
    })
}

/// `resourceArn` of a repository in the caller's registry.
pub(crate) fn repository_arn(
    cx: &Cx,
    value: Option<String>,
) -> Result<(Registry, RepoName), Exception> {
    let text = required("resourceArn", value)?;
    let arn: Option<Arn> = text.parse().ok();
    let Some((registry, name)) = arn.as_ref().and_then(Arn::as_repository) else {
        return Err(Exception::invalid_parameter(format!(
            "Invalid parameter at 'resourceArn' failed to satisfy constraint: 'Invalid ARN: {text}'"
        )));
    };
    if registry != cx.registry {
        return Err(wharf_registry::Error::RepositoryNotFound { registry, name }.into());
    }
    Ok((registry, name))
}

const DIGEST: &str = "[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+";

/// The digest of a layer.
pub(crate) fn layer_digest(member: &str, value: &str) -> Result<Digest, Exception> {
    let text = if is_digest(value) {
        "Member must be a digest of sha256 or sha512".to_owned()
    } else {
        format!("must satisfy regular expression '{DIGEST}'")
    };
    value
        .parse()
        .map_err(|_malformed| unsatisfied(member, &text))
}

/// `uploadId`. Its digits may be of any case.
pub(crate) fn upload_id(value: Option<String>) -> Result<UploadId, Exception> {
    let id = required("uploadId", value)?.to_ascii_lowercase();
    id.parse().map_err(|_malformed| {
        unsatisfied(
            "uploadId",
            "must satisfy regular expression '[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}'",
        )
    })
}

/// `principalArn`: a user or a role of IAM.
pub(crate) fn principal_arn(value: Option<String>) -> Result<String, Exception> {
    let text = required("principalArn", value)?;
    if text.len() > 200 {
        return Err(unsatisfied(
            "principalArn",
            "Member must have length less than or equal to 200",
        ));
    }
    if is_principal_arn(&text) {
        return Ok(text);
    }
    Err(unsatisfied(
        "principalArn",
        r"must satisfy regular expression '^arn:aws(-[a-z]+)*:iam::[0-9]{12}:(role|user)/[\w+=,.@-]+(/[\w+=,.@-]+)*$'",
    ))
}

fn is_principal_arn(text: &str) -> bool {
    let Ok(arn) = text.parse::<Arn>() else {
        return false;
    };
    let partition = arn.partition.strip_prefix("aws");
    let partition = partition.is_some_and(|rest| {
        let mut words = rest.split('-');
        words.next() == Some("")
            && words.all(|w| !w.is_empty() && w.bytes().all(|b| b.is_ascii_lowercase()))
    });
    let word = |b: u8| b.is_ascii_alphanumeric() || b"_+=,.@-".contains(&b);
    let mut path = arn.resource.split('/');
    partition
        && arn.service == "iam"
        && arn.region.is_empty()
        && arn.account.parse::<AccountId>().is_ok()
        && matches!(path.next(), Some("role" | "user"))
        && arn.resource.contains('/')
        && path.all(|name| !name.is_empty() && name.bytes().all(word))
}

/// The name of a setting of the account.
pub(crate) fn account_setting(name: Option<String>) -> Result<AccountSetting, Exception> {
    let known = AccountSetting::ALL.map(AccountSetting::as_str).join(", ");
    required("name", name)?.parse().map_err(|_unknown| {
        unsatisfied(
            "name",
            &format!("Member must satisfy enum value set: [{known}]"),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_and_principals_have_the_form_that_the_model_says() {
        for (text, is) in [
            ("sha256:aB0", true),
            ("a-b_c+d.e:0", true),
            ("sha256:", false),
            (":0", false),
            ("sha256:xyz", false),
            ("sha256", false),
            ("sha 256:0", false),
        ] {
            assert_eq!(is_digest(text), is, "{text}");
        }
        for (text, is) in [
            ("arn:aws:iam::000000000000:user/ci", true),
            (
                "arn:aws-us-gov:iam::000000000000:role/path/to/a_b+=,.@-c",
                true,
            ),
            ("arn:aws:iam::000000000000:root", false),
            ("arn:aws:iam::000000000000:user", false),
            ("arn:aws:iam::000000000000:user/", false),
            ("arn:aws:iam::000000000000:user/a//b", false),
            ("arn:aws:iam::000000000000:group/a", false),
            ("arn:aws:sts::000000000000:assumed-role/a/b", false),
            ("arn:aws:iam:us-east-1:000000000000:user/a", false),
            ("arn:aws:iam::00000000000:user/a", false),
            ("arn:awsx:iam::000000000000:user/a", false),
            ("arn:aws-:iam::000000000000:user/a", false),
            ("arn:aws:iam::000000000000:user/a*", false),
            ("ci", false),
        ] {
            assert_eq!(is_principal_arn(text), is, "{text}");
        }
    }
}
