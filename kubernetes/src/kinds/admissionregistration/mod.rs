//! Group `admissionregistration.k8s.io`: kinds of the same form share a file, one row each below.
use super::Kind;

mod binding;
mod policy;
mod rules;
#[cfg(test)]
mod tests;
mod webhooks;

const GROUP: &str = "admissionregistration.k8s.io";
const CATEGORIES: &[&str] = &["api-extensions"];

pub(super) const ROWS: &[Kind] = &[
    webhooks::MUTATING,
    webhooks::VALIDATING,
    policy::ROW,
    binding::ROW,
];
