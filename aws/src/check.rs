//! What the model of AWS demands of inputs, and how ECR says that it is not met.
use wharf_types::{AccountId, Arn, Digest, Registry, RepoName, Tag};

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
