//! Why an apply was refused.
use std::fmt;

use serde_json::{Value, json};

use super::{Manager, Path};

/// A field that somebody else owns and has another value for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    pub manager: Manager,
    pub path: Path,
}

/// Why an apply was refused. The texts are those of Kubernetes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApplyError {
    /// Fields of others: 409 `Conflict` with [`causes`](Self::causes). By manager.
    #[error("{}", Listed(.0))]
    Conflicts(Vec<Conflict>),
    /// 400 `BadRequest`.
    #[error("{0}")]
    Malformed(String),
    /// Does not fit the schema: 500 without a reason, as upstream answers plain errors.
    #[error("{0}")]
    Failed(String),
}

impl ApplyError {
    /// The status code of the answer.
    pub fn code(&self) -> u16 {
        match self {
            Self::Conflicts(_) => 409,
            Self::Malformed(_) => 400,
            Self::Failed(_) => 500,
        }
    }

    /// The reason in the answer's `Status`; empty where upstream gives none.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Conflicts(_) => "Conflict",
            Self::Malformed(_) => "BadRequest",
            Self::Failed(_) => "",
        }
    }

    /// `causes` of the answer's details; an empty list but for conflicts.
    pub fn causes(&self) -> Value {
        let Self::Conflicts(conflicts) = self else {
            return json!([]);
        };
        conflicts
            .iter()
            .map(|Conflict { manager, path }| {
                json!({
                    "reason": "FieldManagerConflict",
                    "message": format!("conflict with {manager}"),
                    "field": path.to_string(),
                })
            })
            .collect()
    }
}

struct Listed<'a>(&'a [Conflict]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [Conflict { manager, path }] = self.0 {
            return write!(
                f,
                "Apply failed with 1 conflict: conflict with {manager}: {path}"
            );
        }
        write!(f, "Apply failed with {} conflicts:", self.0.len())?;
        let mut last = None;
        for Conflict { manager, path } in self.0 {
            if last != Some(manager) {
                let space = if last.is_none() { ' ' } else { '\n' };
                write!(f, "{space}conflicts with {manager}:")?;
                last = Some(manager);
            }
            write!(f, "\n- {path}")?;
        }
        Ok(())
    }
}

/// `default/web; apps/v1, Kind=Deployment`.
pub(super) fn name_of(object: &Value) -> String {
    let text = |pointer| {
        object
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let version = match text("/apiVersion") {
        core if !core.contains('/') => format!("/{core}"),
        version => version.to_owned(),
    };
    format!(
        "{}/{}; {version}, Kind={}",
        text("/metadata/namespace"),
        text("/metadata/name"),
        text("/kind")
    )
}
