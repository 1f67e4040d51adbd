//! The patches that clients send: JSON patch, merge patch and strategic merge patch.
//!
//! *Guarantees*: nothing panics on any JSON; what fails leaves the object as it was; nothing gets
//! deeper than [`MAX_DEPTH`], and no work is proportional to the square of the input.

pub(crate) mod go;
mod json;
mod merge;
mod strategic;

use serde_json::Value;

use crate::{Schema, Shape, TypeId};

pub use json::json;
pub use merge::merge;
pub use strategic::strategic;

#[cfg(test)]
pub(crate) use strategic::properties;

/// How deeply objects and patches may nest; below what the JSON parser itself accepts, so that
/// what a patch made can be read again.
pub const MAX_DEPTH: usize = 120;

/// Why a patch was refused. The texts are those of Kubernetes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatchError {
    /// Malformed: 400 `BadRequest`.
    #[error("{0}")]
    Malformed(String),
    /// Too many operations: 413 `RequestEntityTooLarge`.
    #[error("{0}")]
    TooLarge(String),
    /// Well-formed, but not for this object: 422 `Invalid`. Clients see this general text; the
    /// cause is for our log.
    #[error("the server rejected our request due to an error in our request")]
    Rejected(String),
    /// Anything else: 500 without a reason, as upstream answers plain errors.
    #[error("{0}")]
    Failed(String),
}

impl PatchError {
    /// The status code of the answer.
    pub fn code(&self) -> u16 {
        match self {
            Self::Malformed(_) => 400,
            Self::TooLarge(_) => 413,
            Self::Rejected(_) => 422,
            Self::Failed(_) => 500,
        }
    }

    /// The reason in the answer's `Status`; empty where upstream gives none.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "BadRequest",
            Self::TooLarge(_) => "RequestEntityTooLarge",
            Self::Rejected(_) => "Invalid",
            Self::Failed(_) => "",
        }
    }

    /// What exactly was wrong, also where clients are not told.
    pub fn cause(&self) -> &str {
        match self {
            Self::Malformed(text)
            | Self::TooLarge(text)
            | Self::Rejected(text)
            | Self::Failed(text) => text,
        }
    }
}

/// How many values a value is made of, if it nests at most `levels` deep; a scalar nests 0 deep.
pub(crate) fn size_within(value: &Value, levels: usize) -> Option<usize> {
    let sum = |mut sizes: &mut dyn Iterator<Item = Option<usize>>| {
        (&mut sizes).try_fold(1, |sum: usize, size| Some(sum + size?))
    };
    match value {
        Value::Array(items) => {
            let inner = levels.checked_sub(1)?;
            sum(&mut items.iter().map(|item| size_within(item, inner)))
        }
        Value::Object(fields) => {
            let inner = levels.checked_sub(1)?;
            sum(&mut fields.values().map(|field| size_within(field, inner)))
        }
        _ => Some(1),
    }
}

/// Removes the fields of structures that are null, as reading an object into its Go type would.
/// Maps, lists and untyped values keep theirs.
pub fn drop_nulls(schema: &Schema, id: TypeId, value: &mut Value) {
    drop_nulls_of(schema, &Shape::Struct(id), value, MAX_DEPTH);
}

fn drop_nulls_of(schema: &Schema, shape: &Shape, value: &mut Value, levels: usize) {
    if levels == 0 {
        return;
    }
    match (shape, value) {
        (Shape::Struct(id), Value::Object(fields)) => {
            let Some(ty) = schema.get(*id) else { return };
            fields.retain(|name, field| !field.is_null() || ty.field(name).is_none());
            for (name, field) in fields {
                if let Some(known) = ty.field(name) {
                    drop_nulls_of(schema, &known.shape, field, levels - 1);
                }
            }
        }
        (Shape::List(element, _), Value::Array(items)) => {
            for item in items {
                drop_nulls_of(schema, element, item, levels - 1);
            }
        }
        (Shape::Map(element, _), Value::Object(fields)) => {
            for field in fields.values_mut() {
                drop_nulls_of(schema, element, field, levels - 1);
            }
        }
        _ => {}
    }
}
