//! Bodies in protobuf, which typed Go clients send: the magic `k8s\0`, then `runtime.Unknown`.
//!
//! # Guarantees
//! * The result is what Kubernetes would write as JSON for the object, without its nulls: zero
//!   values are dropped where Go drops them, and kept behind pointers.
//! * Fields that the table does not know are ignored, as Go does. Any input ends in an object or an
//!   error; the work is linear in its size and the depth is bounded.
pub(crate) mod reader;
#[cfg(test)]
mod tests;
mod value;

use serde_json::{Map, Value};

use self::reader::{Reader, Wire};
use crate::types::GroupVersionKind;
use crate::{Field, Schema, Shape, Type, TypeId};

/// What every body begins with.
pub const MAGIC: &[u8] = b"k8s\0";
/// The most that is read; Kubernetes' own limit for a request.
pub const MAX_BYTES: usize = 3 << 20;
/// Messages within each other.
const MAX_DEPTH: usize = 96;

/// Why a body is no object.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    #[error("empty data")]
    Empty,
    #[error(
        "provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]"
    )]
    NoMagic,
    #[error("Object 'Kind' is missing in '{{{api_version} }}'")]
    NoKind { api_version: String },
    #[error("Object 'apiVersion' is missing in '{{ {kind}}}'")]
    NoVersion { kind: String },
    #[error("no kind \"{kind}\" is registered for version \"{api_version}\"")]
    UnknownKind { kind: String, api_version: String },
    #[error("unexpected EOF")]
    UnexpectedEof,
    #[error("proto: {0}")]
    Malformed(&'static str),
    #[error("proto: wrong wireType for field {0}")]
    WrongWireType(String),
    #[error("{0}")]
    BadValue(String),
    #[error("exceeded max depth")]
    TooDeep,
    #[error("the body has more than {MAX_BYTES} bytes")]
    TooLarge,
}

/// Reads a body that says its kind itself.
pub fn decode(schema: &Schema, body: &[u8]) -> Result<Value, DecodeError> {
    decode_as(schema, body, &GroupVersionKind::default())
}

/// Reads a body; what it leaves out of its kind is taken from `default`.
pub fn decode_as(
    schema: &Schema,
    body: &[u8],
    default: &GroupVersionKind,
) -> Result<Value, DecodeError> {
    if body.len() > MAX_BYTES {
        return Err(DecodeError::TooLarge);
    }
    decode_at(schema, body, default, 0)
}

fn decode_at(
    schema: &Schema,
    body: &[u8],
    default: &GroupVersionKind,
    depth: usize,
) -> Result<Value, DecodeError> {
    if body.is_empty() {
        return Err(DecodeError::Empty);
    }
    let unknown = body.strip_prefix(MAGIC).ok_or(DecodeError::NoMagic)?;
    let Envelope {
        mut api_version,
        mut kind,
        raw,
    } = Envelope::read(unknown)?;
    if kind.is_empty() {
        kind.clone_from(&default.kind);
    }
    if api_version.is_empty() {
        api_version = match default.group.as_str() {
            "" => default.version.clone(),
            group => format!("{group}/{}", default.version),
        };
    }
    if kind.is_empty() {
        return Err(DecodeError::NoKind { api_version });
    }
    if api_version.is_empty() {
        return Err(DecodeError::NoVersion { kind });
    }
    let (group, version) = api_version.split_once('/').unwrap_or(("", &api_version));
    let Some(id) = schema.kind(group, version, &kind) else {
        return Err(DecodeError::UnknownKind { kind, api_version });
    };
    let mut object = Map::new();
    object.insert("apiVersion".to_owned(), api_version.into());
    object.insert("kind".to_owned(), kind.into());
    Decoder { schema }.message(id, raw, &mut object, depth)?;
    Ok(Value::Object(object))
}

/// `runtime.Unknown`.
#[derive(Default)]
struct Envelope<'a> {
    api_version: String,
    kind: String,
    raw: &'a [u8],
}

impl<'a> Envelope<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let mut envelope = Self::default();
        let mut reader = Reader::new(bytes);
        while let Some((tag, wire)) = reader.next()? {
            match (tag, wire) {
                (1, Wire::Bytes(meta)) => envelope.read_meta(meta)?,
                (2, Wire::Bytes(raw)) => envelope.raw = raw,
                (1, _) => return Err(DecodeError::WrongWireType("TypeMeta".to_owned())),
                (2, _) => return Err(DecodeError::WrongWireType("Raw".to_owned())),
                _ => {}
            }
        }
        Ok(envelope)
    }

    fn read_meta(&mut self, bytes: &[u8]) -> Result<(), DecodeError> {
        let mut reader = Reader::new(bytes);
        while let Some((tag, wire)) = reader.next()? {
            let Wire::Bytes(text) = wire else {
                continue;
            };
            let text = String::from_utf8_lossy(text).into_owned();
            match tag {
                1 => self.api_version = text,
                2 => self.kind = text,
                _ => {}
            }
        }
        Ok(())
    }
}

#[derive(Clone, Copy, Debug)]
struct Decoder<'a> {
    schema: &'a Schema,
}

/// Where in a structure a message stands: itself, or one that JSON does not show.
#[derive(Clone, Copy)]
struct Place<'a> {
    id: TypeId,
    found: &'a Type,
    within: &'a [u32],
}

impl Decoder<'_> {
    /// Reads a message into what earlier pieces of it have left.
    fn message(
        self,
        id: TypeId,
        bytes: &[u8],
        into: &mut Map<String, Value>,
        depth: usize,
    ) -> Result<(), DecodeError> {
        let found = self
            .schema
            .get(id)
            .ok_or(DecodeError::Malformed("no such type"))?;
        let place = Place {
            id,
            found,
            within: &[],
        };
        self.read(place, bytes, into, depth)
    }

    fn read(
        self,
        place: Place<'_>,
        bytes: &[u8],
        into: &mut Map<String, Value>,
        depth: usize,
    ) -> Result<(), DecodeError> {
        if depth > MAX_DEPTH {
            return Err(DecodeError::TooDeep);
        }
        let mut reader = Reader::new(bytes);
        while let Some((tag, wire)) = reader.next()? {
            match self.look_up(place, tag) {
                Found::Field(field) => self.field(place.id, field, wire, into, depth)?,
                Found::Embedded => {
                    let Wire::Bytes(bytes) = wire else {
                        return Err(DecodeError::WrongWireType(place.found.name.clone()));
                    };
                    let within: Vec<u32> = place.within.iter().copied().chain([tag]).collect();
                    let inner = Place {
                        within: &within,
                        ..place
                    };
                    self.read(inner, bytes, into, depth + 1)?;
                }
                Found::Nothing => {}
            }
        }
        Ok(())
    }

    fn look_up(self, place: Place<'_>, tag: u32) -> Found<'_> {
        let mut found = Found::Nothing;
        for field in &place.found.fields {
            let facts = self.schema.facts(place.id, &field.name);
            let embedded = facts.map_or(&[] as &[u32], |facts| &facts.embedded);
            if embedded == place.within && field.tag == tag && tag != 0 {
                return Found::Field(field);
            }
            let inner = embedded.strip_prefix(place.within).and_then(<[u32]>::first);
            if inner == Some(&tag) {
                found = Found::Embedded;
            }
        }
        found
    }

    fn field(
        self,
        owner: TypeId,
        field: &Field,
        wire: Wire<'_>,
        into: &mut Map<String, Value>,
        depth: usize,
    ) -> Result<(), DecodeError> {
        let facts = self.schema.facts(owner, &field.name);
        let form = facts.map(|facts| facts.wire).unwrap_or_default();
        let earlier = into.remove(&field.name);
        let value = value::Reading {
            decoder: self,
            name: &field.name,
            form,
            depth,
        };
        let new = value.read(&field.shape, wire, earlier)?;
        if let Some(new) = new.filter(|new| keeps(field, new)) {
            into.insert(field.name.clone(), new);
        }
        Ok(())
    }
}

enum Found<'a> {
    Field(&'a Field),
    Embedded,
    Nothing,
}

/// Whether Go writes the value: `omitempty` leaves out zero values, but no structures, and nothing
/// behind a pointer.
pub(crate) fn keeps(field: &Field, value: &Value) -> bool {
    if field.pointer || !field.omitempty {
        return true;
    }
    match value {
        Value::Null => false,
        Value::Bool(value) => *value,
        // An IntOrString is a structure, also as a number.
        Value::Number(number) => {
            matches!(field.shape, Shape::IntOrString | Shape::Any) || number.as_f64() != Some(0.0)
        }
        Value::String(text) => {
            !text.is_empty() || matches!(field.shape, Shape::IntOrString | Shape::Any)
        }
        Value::Array(items) => !items.is_empty() || field.shape == Shape::Any,
        Value::Object(entries) => !entries.is_empty() || !matches!(field.shape, Shape::Map(..)),
    }
}
