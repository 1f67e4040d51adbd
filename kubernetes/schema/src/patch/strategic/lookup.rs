//! What the schema says about a field that a patch changes.
use std::borrow::Cow;

use super::PatchError;
use crate::{MergeStrategy, Schema, Shape};

/// One patch being merged.
#[derive(Clone, Copy)]
pub(super) struct Merging<'a> {
    pub(super) schema: &'a Schema,
}

/// A field: the shape of its value, or of a list's elements, and how it is merged.
pub(super) struct Place<'a> {
    pub(super) shape: Cow<'a, Shape>,
    pub(super) strategy: Option<&'a MergeStrategy>,
    open: bool,
}

impl Place<'_> {
    /// A structure that patches replace: its strategy is `replace`.
    pub(super) fn replaced(&self) -> bool {
        self.open
            || self
                .strategy
                .is_some_and(|strategy| !strategy.merge && !strategy.retain_keys)
    }

    /// A list whose elements are merged.
    pub(super) fn merged(&self) -> bool {
        self.strategy.is_some_and(|strategy| strategy.merge)
    }

    /// The merge key; empty for scalars.
    pub(super) fn key(&self) -> &str {
        self.strategy
            .and_then(|strategy| strategy.key.as_deref())
            .unwrap_or_default()
    }
}

impl<'a> Merging<'a> {
    /// A field that holds an object.
    pub(super) fn object_field<'b>(
        self,
        shape: &'b Shape,
        name: &str,
    ) -> Result<Place<'b>, PatchError>
    where
        'a: 'b,
    {
        let kind = match shape {
            Shape::Struct(id) => {
                let ty = self.schema.get(*id);
                if let Some(field) = ty.and_then(|ty| ty.field(name)) {
                    return Ok(Place {
                        shape: Cow::Borrowed(&field.shape),
                        strategy: field.strategy.as_ref(),
                        open: false,
                    });
                }
                // What nobody knows is replaced.
                if ty.is_some_and(|ty| ty.open) {
                    return Ok(Place {
                        shape: Cow::Owned(Shape::Any),
                        strategy: None,
                        open: true,
                    });
                }
                let ty = ty.map_or("", |ty| ty.name.rsplit('.').next().unwrap_or_default());
                return Err(no_field(ty, name));
            }
            Shape::Any => return Err(no_field("RawExtension", name)),
            Shape::Quantity => return Err(no_field("Quantity", name)),
            Shape::IntOrString => return Err(no_field("IntOrString", name)),
            Shape::Time => return Err(no_field("Time", name)),
            Shape::MicroTime => return Err(no_field("MicroTime", name)),
            Shape::Duration => return Err(no_field("Duration", name)),
            Shape::Map(..) => "map",
            Shape::List(..) | Shape::Bytes => "slice",
            Shape::String => "string",
            Shape::Bool => "bool",
            Shape::Int32 => "int32",
            Shape::Int64 => "int64",
            Shape::Number => "float64",
        };
        Err(PatchError::Failed(format!(
            "merging an object in json but data type is not struct, instead is: {kind}"
        )))
    }

    /// A field that holds a list; the shape is that of its elements.
    pub(super) fn list_field<'b>(
        self,
        shape: &'b Shape,
        name: &str,
    ) -> Result<Place<'b>, PatchError>
    where
        'a: 'b,
    {
        let place = self.object_field(shape, name)?;
        if place.open {
            return Ok(place);
        }
        let Cow::Borrowed(Shape::List(element, _)) = place.shape else {
            return Err(PatchError::Failed(
                "expected slice or array type, but got: struct".to_owned(),
            ));
        };
        if matches!(**element, Shape::List(..)) {
            return Err(PatchError::Failed("unexpected slice of slice".to_owned()));
        }
        Ok(Place {
            shape: Cow::Borrowed(element),
            ..place
        })
    }
}

fn no_field(ty: &str, name: &str) -> PatchError {
    PatchError::Failed(format!(
        "unable to find api field in struct {ty} for the json field {name:?}"
    ))
}
