//! In which order groups and versions are shown.
use std::cmp::{Ordering, Reverse};

/// The groups of Kubernetes itself, the most important first.
const GROUPS: [&str; 20] = [
    "",
    "apiregistration.k8s.io",
    "apps",
    "events.k8s.io",
    "authentication.k8s.io",
    "authorization.k8s.io",
    "autoscaling",
    "batch",
    "certificates.k8s.io",
    "networking.k8s.io",
    "policy",
    "rbac.authorization.k8s.io",
    "storage.k8s.io",
    "admissionregistration.k8s.io",
    "apiextensions.k8s.io",
    "scheduling.k8s.io",
    "coordination.k8s.io",
    "node.k8s.io",
    "discovery.k8s.io",
    "resource.k8s.io",
];

/// Groups that other servers add come after all that are defined.
const LAST: &str = "metrics.k8s.io";

/// A key that sorts groups.
pub(super) fn group_order(name: &str) -> (usize, &str) {
    let known = GROUPS.iter().position(|own| *own == name);
    let rank = match known {
        Some(rank) => rank,
        None if name == LAST => GROUPS.len() + 1,
        None => GROUPS.len(),
    };
    (rank, name)
}

/// Stable versions before betas before alphas, later ones first, then all that look otherwise.
pub(crate) fn compare(a: &str, b: &str) -> Ordering {
    match (parse(a), parse(b)) {
        (Some(a), Some(b)) => Reverse(a).cmp(&Reverse(b)),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => a.cmp(b),
    }
}

/// Stability, major and minor of `v1`, `v2beta1`.
fn parse(version: &str) -> Option<(u8, u64, u64)> {
    let rest = version.strip_prefix('v')?;
    let (major, rest) = number(rest)?;
    if rest.is_empty() {
        return Some((2, major, 0));
    }
    let (stability, rest) = match rest.strip_prefix("beta") {
        Some(rest) => (1, rest),
        None => (0, rest.strip_prefix("alpha")?),
    };
    let (minor, rest) = number(rest)?;
    rest.is_empty().then_some((stability, major, minor))
}

/// A number without leading zeros, and what follows it.
fn number(text: &str) -> Option<(u64, &str)> {
    let length = text.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, rest) = text.split_at_checked(length)?;
    if digits.starts_with('0') {
        return None;
    }
    Some((digits.parse().ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_in_the_order_that_the_documentation_gives() {
        let mut versions = [
            "foo10",
            "v11beta2",
            "v1",
            "v3beta1",
            "v12alpha1",
            "v10",
            "v2",
            "foo1",
            "v10beta3",
            "v11alpha2",
        ];
        versions.sort_by(|a, b| compare(a, b));
        let wanted = [
            "v10",
            "v2",
            "v1",
            "v11beta2",
            "v10beta3",
            "v3beta1",
            "v12alpha1",
            "v11alpha2",
            "foo1",
            "foo10",
        ];
        assert_eq!(versions, wanted);
    }
}
