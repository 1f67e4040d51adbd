//! What is wrong with a value, in the words of Kubernetes' `field.Error`.
use std::fmt;

use serde_json::Value;

#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    /// Such as `spec.ports[0].name`; empty for the object itself.
    pub path: String,
    pub kind: ProblemKind,
    pub detail: String,
}

#[derive(Clone, Debug, PartialEq)]
pub enum ProblemKind {
    Required,
    Invalid(Value),
    /// With the values that are supported.
    Unsupported(Value, Vec<String>),
    Forbidden,
    Duplicate(Value),
    TooLong(u64),
    /// How many there are, and how many there may be.
    TooMany(u64, u64),
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, kind, detail } = self;
        let path = if path.is_empty() { "<nil>" } else { path };
        write!(f, "{path}: ")?;
        match kind {
            ProblemKind::Required => f.write_str("Required value")?,
            ProblemKind::Invalid(value) => write!(f, "Invalid value: {value}")?,
            ProblemKind::Forbidden => f.write_str("Forbidden")?,
            ProblemKind::Duplicate(value) => write!(f, "Duplicate value: {value}")?,
            ProblemKind::Unsupported(value, supported) => {
                let list: Vec<String> = supported.iter().map(|one| format!("{one:?}")).collect();
                let list = list.join(", ");
                return write!(f, "Unsupported value: {value}: supported values: {list}");
            }
            ProblemKind::TooLong(max) => {
                return write!(f, "Too long: may not be more than {max} bytes");
            }
            ProblemKind::TooMany(found, max) => {
                return write!(f, "Too many: {found}: must have at most {max} items");
            }
        }
        if detail.is_empty() {
            return Ok(());
        }
        write!(f, ": {detail}")
    }
}
