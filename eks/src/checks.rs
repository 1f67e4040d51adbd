//! What inputs must be, whichever operation has them.
use std::collections::BTreeMap;

use crate::Error;

/// The most tags of a resource.
pub const MAX_TAGS: usize = 50;

/// A member that must be there.
pub fn required<T>(member: &str, value: Option<T>) -> Result<T, Error> {
    value.ok_or_else(|| Error::invalid_parameter(format!("{member} can not be null or empty")))
}

/// A text that must be there.
pub fn required_text(member: &str, value: Option<String>) -> Result<String, Error> {
    required(member, value.filter(|text| !text.is_empty()))
}

/// Text of a limited length.
pub fn length(member: &str, value: &str, min: usize, max: usize) -> Result<(), Error> {
    let found = value.chars().count();
    if (min..=max).contains(&found) {
        return Ok(());
    }
    let text = format!("{member} must have {min} to {max} characters, not {found}");
    Err(Error::invalid_parameter(text))
}

/// The name of a cluster: `^[0-9A-Za-z][A-Za-z0-9\-_]*`, up to 100 characters.
pub fn cluster_name(name: &str) -> Result<(), Error> {
    let refused = named("name", name, 100);
    refused.map_err(|e| e.cluster(name))
}

/// A name of letters, digits, `-` and `_` that begins with a letter or a digit.
pub fn named(member: &str, name: &str, max: usize) -> Result<(), Error> {
    length(member, name, 1, max)?;
    let first = name
        .bytes()
        .next()
        .is_some_and(|b| b.is_ascii_alphanumeric());
    let rest = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    if first && name.bytes().all(rest) {
        return Ok(());
    }
    let text = format!("{member} must satisfy regular expression '^[0-9A-Za-z][A-Za-z0-9\\-_]*$'");
    Err(Error::invalid_parameter(text))
}

/// The ARN of a role. Whether there is such a role is not asked: there is no IAM.
pub fn role_arn(member: &str, arn: &str) -> Result<(), Error> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let formed = match parts.as_slice() {
        ["arn", partition, "iam", "", account, resource] => {
            let word = |b: u8| b.is_ascii_alphanumeric() || b"_+=,.@-".contains(&b);
            let mut path = resource.split('/');
            partition.starts_with("aws")
                && account.len() == 12
                && account.bytes().all(|b| b.is_ascii_digit())
                && path.next() == Some("role")
                && path.clone().next().is_some()
                && path.all(|name| !name.is_empty() && name.bytes().all(word))
        }
        _ => false,
    };
    if formed && arn.len() <= 2048 {
        return Ok(());
    }
    let text = format!("The {member} {arn:?} is not a valid ARN of a role");
    Err(Error::invalid_parameter(text))
}

/// The tags of a request.
pub fn tags(tags: &BTreeMap<String, String>) -> Result<(), Error> {
    tags.iter().try_for_each(|(key, value)| tag(key, value))?;
    tag_count(tags.len())
}

/// How many tags a resource may have.
pub fn tag_count(count: usize) -> Result<(), Error> {
    if count <= MAX_TAGS {
        return Ok(());
    }
    let text = format!("A resource can have up to {MAX_TAGS} tags, not {count}");
    Err(Error::invalid_parameter(text))
}

/// A tag of a request.
pub fn tag(key: &str, value: &str) -> Result<(), Error> {
    length("The key of a tag", key, 1, 128)?;
    length("The value of a tag", value, 0, 256)?;
    tag_key(key)
}

/// The key of a tag: those that begin with `aws:` are AWS's own.
pub fn tag_key(key: &str) -> Result<(), Error> {
    let reserved = key.get(..4).is_some_and(|p| p.eq_ignore_ascii_case("aws:"));
    if reserved {
        let text = "Tag keys starting with 'aws:' are reserved for internal use";
        return Err(Error::invalid_parameter(text));
    }
    Ok(())
}

/// Texts of which one may not occur again.
pub fn distinct(member: &str, texts: &[String]) -> Result<(), Error> {
    let mut seen = std::collections::BTreeSet::new();
    match texts.iter().find(|text| !seen.insert(text.as_str())) {
        None => Ok(()),
        Some(twice) => Err(Error::invalid_parameter(format!(
            "{member} has {twice} more than once"
        ))),
    }
}

/// `maxResults` of a list: 1 to 100, which is also what is meant without it.
pub fn max_results(value: Option<i64>) -> Result<usize, Error> {
    match usize::try_from(value.unwrap_or(100)) {
        Ok(n) if (1..=100).contains(&n) => Ok(n),
        _ => Err(Error::invalid_parameter(
            "maxResults must be between 1 and 100",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_roles_have_their_form() {
        for good in ["a", "0", "my-cluster_1", &"a".repeat(100)] {
            cluster_name(good).unwrap();
        }
        for bad in ["", "-a", "_a", "a b", "a/b", "ä", &"a".repeat(101)] {
            cluster_name(bad).unwrap_err();
        }
        role_arn("roleArn", "arn:aws:iam::111122223333:role/path/eks-role").unwrap();
        role_arn("roleArn", "arn:aws-cn:iam::111122223333:role/r").unwrap();
        for bad in [
            "",
            "eks-role",
            "arn:aws:iam::111122223333:user/r",
            "arn:aws:iam::111122223333:role/",
            "arn:aws:iam::111122223333:role",
            "arn:aws:iam::1:role/r",
            "arn:aws:s3::111122223333:role/r",
        ] {
            role_arn("roleArn", bad).unwrap_err();
        }
    }

    #[test]
    fn tags_are_fifty_at_most_and_not_those_of_aws() {
        let many = |n: usize| (0..n).map(|i| (format!("k{i}"), String::new())).collect();
        tags(&many(50)).unwrap();
        tags(&many(51)).unwrap_err();
        tag("AWS:x", "").unwrap_err();
        tag("", "").unwrap_err();
        tag("k", &"v".repeat(257)).unwrap_err();
    }
}
