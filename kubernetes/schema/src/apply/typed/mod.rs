//! Objects seen through their schema: what the atoms of ownership are.
//!
//! What the schema does not know is deduced: maps are granular, lists atomic.
mod compare;
mod merge;
mod ownership;
mod remove;
mod validate;

use std::sync::LazyLock;

use serde_json::Value;

use super::path::{Element, Key};
use crate::{ListKind, Schema, Shape, Type};

pub(super) use compare::Comparison;

/// What a structure is that nobody mentioned.
static ZERO: LazyLock<Value> = LazyLock::new(|| Value::Object(serde_json::Map::new()));

static ANY: Shape = Shape::Any;
static ATOMIC: ListKind = ListKind::Atomic;

/// A schema and the shape of whole objects in it.
#[derive(Clone, Copy)]
pub(super) struct Typed<'a> {
    pub(super) schema: &'a Schema,
    pub(super) root: &'a Shape,
}

/// How a value is taken apart.
#[derive(Clone, Copy)]
enum Kind<'a> {
    Scalar,
    List(&'a Shape, &'a ListKind),
    /// `true` if it is owned as a whole.
    Map(&'a Shape, bool),
    Struct(&'a Type),
}

impl<'a> Kind<'a> {
    fn is_like(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }

    fn atomic(&self) -> bool {
        match self {
            Self::Scalar => true,
            Self::List(_, kind) => **kind == ListKind::Atomic,
            Self::Map(_, atomic) => *atomic,
            Self::Struct(ty) => ty.atomic,
        }
    }

    /// The shape below a step. `None` for fields of structures that the schema does not have.
    fn declared(&self, element: &Element) -> Option<&'a Shape> {
        match (self, element) {
            (Self::Struct(ty), Element::Field(name)) => ty.field(name).map(|field| &field.shape),
            _ => None,
        }
    }

    fn below(&self, element: &Element) -> &'a Shape {
        match self {
            Self::Scalar => &ANY,
            Self::List(shape, _) | Self::Map(shape, _) => shape,
            Self::Struct(_) => self.declared(element).unwrap_or(&ANY),
        }
    }

    fn field(&self, name: &str) -> &'a Shape {
        match self {
            Self::Struct(ty) => ty.field(name).map_or(&ANY, |field| &field.shape),
            Self::Scalar | Self::List(..) => &ANY,
            Self::Map(shape, _) => shape,
        }
    }
}

impl<'a> Typed<'a> {
    fn kind(&self, shape: &'a Shape, value: Option<&Value>) -> Kind<'a> {
        match shape {
            Shape::Struct(id) => self
                .schema
                .get(*id)
                .map_or(Kind::Map(&ANY, false), Kind::Struct),
            Shape::List(element, kind) => Kind::List(element, kind),
            Shape::Map(element, atomic) => Kind::Map(element, *atomic),
            Shape::Any => match value {
                Some(Value::Array(_)) => Kind::List(&ANY, &ATOMIC),
                None | Some(Value::Object(_) | Value::Null) => Kind::Map(&ANY, false),
                Some(_) => Kind::Scalar,
            },
            _ => Kind::Scalar,
        }
    }

    /// What a field is in Go that JSON does not mention: structures that are no pointers are always
    /// there, and so are, as null, lists and maps that are not omitted when empty. Whoever sets the
    /// first thing in them does not own the field itself.
    fn zero(&self, kind: Kind<'a>, name: &str) -> Option<&'static Value> {
        let Kind::Struct(ty) = kind else { return None };
        let field = ty.field(name).filter(|field| !field.pointer)?;
        match self.kind(&field.shape, None) {
            below if below.atomic() || field.shape == Shape::Any => None,
            Kind::Struct(_) => Some(&*ZERO),
            _ => (!field.omitempty).then_some(&Value::Null),
        }
    }

    /// What identifies an element of a list that is not atomic.
    fn element(
        &self,
        shape: &'a Shape,
        kind: &ListKind,
        item: &Value,
    ) -> Result<Element, &'static str> {
        let ListKind::Map(keys) = kind else {
            return match item {
                Value::Object(_) => {
                    Err("associative list without keys has an element that's a map type")
                }
                Value::Array(_) => Err("not supported: associative list with lists as elements"),
                Value::Null => {
                    Err("associative list without keys has an element that's an explicit null")
                }
                scalar => Ok(Element::Value(Key(scalar.clone()))),
            };
        };
        let Value::Object(fields) = item else {
            return Err(if item.is_null() {
                "associative list with keys may not have a null element"
            } else {
                "associative list with keys may not have non-map elements"
            });
        };
        let kind = self.kind(shape, Some(item));
        let default = |name: &str| match kind {
            Kind::Struct(ty) => ty.field(name).and_then(|field| field.default.as_ref()),
            _ => None,
        };
        let mut found: Vec<(String, Key)> = keys
            .iter()
            .filter_map(|name| {
                let value = fields.get(name).or_else(|| default(name))?;
                Some((name.clone(), Key(value.clone())))
            })
            .collect();
        if found.is_empty() && !keys.is_empty() {
            return Err(OMITTED);
        }
        found.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        Ok(Element::Keys(found))
    }
}

impl<'a> Typed<'a> {
    /// What identifies each element of a list.
    fn elements(
        &self,
        shape: &'a Shape,
        kind: &ListKind,
        items: &[Value],
    ) -> Result<Vec<Element>, String> {
        let name = |(i, item)| {
            self.element(shape, kind, item)
                .map_err(|why| element_error(kind, i, why))
        };
        items.iter().enumerate().map(name).collect()
    }
}

/// Stands for the text that names the keys; see [`element_error`].
const OMITTED: &str = "omits all key fields";

/// The text of an element that has no identity.
fn element_error(kind: &ListKind, index: usize, why: &str) -> String {
    match kind {
        ListKind::Map(keys) if why == OMITTED => {
            let keys: Vec<String> = keys.iter().map(|key| format!("{key:?}")).collect();
            format!(
                "element {index}: associative list with keys has an element that omits all key fields [{}] (and doesn't have default values for any key fields)",
                keys.join(" ")
            )
        }
        _ => format!("element {index}: {why}"),
    }
}

fn items(value: Option<&Value>) -> &[Value] {
    value
        .and_then(Value::as_array)
        .map_or(&[], |items| items.as_slice())
}

fn is_empty_object(value: Option<&Value>) -> bool {
    value
        .and_then(Value::as_object)
        .is_none_or(serde_json::Map::is_empty)
}
