//! What the operations on pull through cache rules share.
use wharf_registry::Error;
use wharf_types::{Prefix, Registry};

use crate::{Cx, Exception, check};

/// The longest ARN of a secret, and the shortest.
const CREDENTIAL: (usize, usize) = (50, 612);

/// `ecrRepositoryPrefix`.
pub(super) fn prefix(value: Option<String>) -> Result<Prefix, Exception> {
    const MEMBER: &str = "ecrRepositoryPrefix";
    check::prefix(MEMBER, &check::required(MEMBER, value)?, 2, 30)
}

/// `credentialArn`: that of a secret whose name begins as ECR demands.
pub(super) fn credential(value: Option<&str>) -> Result<(), Exception> {
    const MEMBER: &str = "credentialArn";
    let Some(arn) = value else {
        return Ok(());
    };
    check::text(MEMBER, arn, CREDENTIAL.0, CREDENTIAL.1)?;
    if is_secret(arn) {
        return Ok(());
    }
    Err(check::unsatisfied(
        MEMBER,
        "must satisfy regular expression '^arn:aws(-\\w+)*:secretsmanager:[a-zA-Z0-9-:]+:secret:ecr\\-pullthroughcache\\/[a-zA-Z0-9\\/_+=.@-]+$'",
    ))
}

fn is_secret(arn: &str) -> bool {
    let word = |b: u8| b.is_ascii_alphanumeric() || b"/_+=.@-".contains(&b);
    let parts: Vec<&str> = arn.splitn(7, ':').collect();
    let [
        "arn",
        partition,
        "secretsmanager",
        region,
        account,
        "secret",
        name,
    ] = parts.as_slice()
    else {
        return false;
    };
    let name = name.strip_prefix("ecr-pullthroughcache/");
    partition.starts_with("aws")
        && !region.is_empty()
        && !account.is_empty()
        && name.is_some_and(|name| !name.is_empty() && name.bytes().all(word))
}

/// The registry of an operation on a rule. That of another account has none to show.
pub(super) fn registry(cx: &Cx, id: Option<&str>, prefix: &Prefix) -> Result<Registry, Exception> {
    let registry = check::registry(cx, id)?;
    if registry.account == cx.registry.account {
        return Ok(registry);
    }
    Err(Error::RuleNotFound {
        registry,
        prefix: prefix.clone(),
    }
    .into())
}

/// `upstreamRepositoryPrefix` in answers.
pub(super) fn upstream_prefix(prefix: Option<Prefix>) -> String {
    prefix.map_or_else(|| Prefix::ROOT.to_owned(), Into::into)
}
