//! A field's value, by its shape.
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use super::reader::{Reader, Wire};
use super::{DecodeError, Decoder, MAGIC, MAX_DEPTH, decode_at};
use crate::fields::zero;
use crate::types::{GroupVersionKind, Wire as Form};
use crate::{Shape, TypeId, quantity, time};

const JSON_SCHEMA: &str =
    "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps";

/// How a field is read.
#[derive(Clone, Copy)]
pub(super) struct Reading<'a> {
    pub(super) decoder: Decoder<'a>,
    pub(super) name: &'a str,
    pub(super) form: Form,
    pub(super) depth: usize,
}

impl Reading<'_> {
    /// Reads one piece of a value; lists, maps and structures may come in several. `None` is null.
    pub(super) fn read(
        self,
        shape: &Shape,
        wire: Wire<'_>,
        earlier: Option<Value>,
    ) -> Result<Option<Value>, DecodeError> {
        if self.depth > MAX_DEPTH {
            return Err(DecodeError::TooDeep);
        }
        match shape {
            Shape::List(element, _) if self.form == Form::Items => {
                self.wrapped(element, self.bytes(wire)?, earlier).map(Some)
            }
            Shape::List(element, _) => self.push(element, wire, earlier).map(Some),
            Shape::Map(element, _) => self.entry(element, self.bytes(wire)?, earlier).map(Some),
            Shape::Struct(id) => self.structure(*id, self.bytes(wire)?, earlier).map(Some),
            Shape::Bool | Shape::Int32 | Shape::Int64 | Shape::Number => {
                self.scalar(shape, wire).map(Some)
            }
            Shape::String => {
                let text = String::from_utf8_lossy(self.bytes(wire)?);
                Ok(Some(Value::String(text.into_owned())))
            }
            Shape::Bytes => Ok(Some(Value::String(STANDARD.encode(self.bytes(wire)?)))),
            Shape::Quantity => self.quantity(self.bytes(wire)?).map(Some),
            Shape::IntOrString => self.int_or_string(self.bytes(wire)?).map(Some),
            Shape::Time | Shape::MicroTime => self.time(shape, self.bytes(wire)?),
            Shape::Duration => self.duration(self.bytes(wire)?).map(Some),
            Shape::Any => self.any(self.bytes(wire)?),
        }
    }

    fn bytes(self, wire: Wire<'_>) -> Result<&[u8], DecodeError> {
        match wire {
            Wire::Bytes(bytes) => Ok(bytes),
            _ => self.wrong(),
        }
    }

    fn wrong<T>(self) -> Result<T, DecodeError> {
        Err(DecodeError::WrongWireType(self.name.to_owned()))
    }

    fn within(self) -> Self {
        Self {
            depth: self.depth + 1,
            ..self
        }
    }

    fn scalar(self, shape: &Shape, wire: Wire<'_>) -> Result<Value, DecodeError> {
        Ok(match (shape, wire) {
            (Shape::Bool, Wire::Varint(number)) => (number != 0).into(),
            (Shape::Int64, Wire::Varint(number)) => number.cast_signed().into(),
            (Shape::Int32, Wire::Varint(number)) => low(number).into(),
            (Shape::Number, Wire::Fixed64(bits)) => float(f64::from_bits(bits))?,
            _ => return self.wrong(),
        })
    }

    fn push(
        self,
        element: &Shape,
        wire: Wire<'_>,
        earlier: Option<Value>,
    ) -> Result<Value, DecodeError> {
        let mut list = match earlier {
            Some(Value::Array(list)) => list,
            _ => Vec::new(),
        };
        let packs = matches!(
            element,
            Shape::Bool | Shape::Int32 | Shape::Int64 | Shape::Number
        );
        if let (true, Wire::Bytes(packed)) = (packs, wire) {
            let mut reader = Reader::new(packed);
            while !reader.is_empty() {
                let wire = match element {
                    Shape::Number => Wire::Fixed64(reader.fixed64()?),
                    _ => Wire::Varint(reader.varint()?),
                };
                list.push(self.scalar(element, wire)?);
            }
        } else {
            let value = self.within().read(element, wire, None)?;
            list.push(value.unwrap_or(Value::Null));
        }
        Ok(Value::Array(list))
    }

    /// A message with a list in it.
    fn wrapped(
        self,
        element: &Shape,
        bytes: &[u8],
        earlier: Option<Value>,
    ) -> Result<Value, DecodeError> {
        let mut list = earlier.unwrap_or_else(|| Value::Array(Vec::new()));
        let mut reader = Reader::new(bytes);
        while let Some((tag, wire)) = reader.next()? {
            if tag == 1 {
                list = self.push(element, wire, Some(list))?;
            }
        }
        Ok(list)
    }

    fn entry(
        self,
        element: &Shape,
        bytes: &[u8],
        earlier: Option<Value>,
    ) -> Result<Value, DecodeError> {
        let mut map = match earlier {
            Some(Value::Object(map)) => map,
            _ => Map::new(),
        };
        let (mut key, mut value) = (String::new(), None);
        let mut reader = Reader::new(bytes);
        while let Some((tag, wire)) = reader.next()? {
            match tag {
                1 => key = String::from_utf8_lossy(self.bytes(wire)?).into_owned(),
                2 => value = self.within().read(element, wire, None)?,
                _ => {}
            }
        }
        let value = match value {
            Some(value) => Some(value),
            None => match element {
                Shape::Map(..) => Some(Value::Object(Map::new())),
                other => zero(other),
            },
        };
        map.insert(key, value.unwrap_or(Value::Null));
        Ok(Value::Object(map))
    }

    fn structure(
        self,
        id: TypeId,
        bytes: &[u8],
        earlier: Option<Value>,
    ) -> Result<Value, DecodeError> {
        let mut object = match earlier {
            Some(Value::Object(object)) => object,
            _ => Map::new(),
        };
        self.decoder
            .message(id, bytes, &mut object, self.depth + 1)?;
        Ok(Value::Object(object))
    }

    fn quantity(self, bytes: &[u8]) -> Result<Value, DecodeError> {
        let mut text = "0".to_owned();
        let mut reader = Reader::new(bytes);
        while let Some((tag, wire)) = reader.next()? {
            if tag == 1 {
                let new = String::from_utf8_lossy(self.bytes(wire)?);
                text = quantity::canonical(&new)
                    .map_err(|bad| DecodeError::BadValue(bad.to_string()))?;
            }
        }
        Ok(text.into())
    }

    fn int_or_string(self, bytes: &[u8]) -> Result<Value, DecodeError> {
        let (mut kind, mut number, mut text) = (0, 0, String::new());
        let mut reader = Reader::new(bytes);
        while let Some((tag, wire)) = reader.next()? {
            match (tag, wire) {
                (1, Wire::Varint(new)) => kind = new,
                (2, Wire::Varint(new)) => number = low(new),
                (3, Wire::Bytes(new)) => text = String::from_utf8_lossy(new).into_owned(),
                (1..=3, _) => return self.wrong(),
                _ => {}
            }
        }
        match kind {
            0 => Ok(number.into()),
            1 => Ok(text.into()),
            _ => Err(DecodeError::BadValue("impossible IntOrString.Type".into())),
        }
    }

    fn time(self, shape: &Shape, bytes: &[u8]) -> Result<Option<Value>, DecodeError> {
        if bytes.is_empty() {
            return Ok(None);
        }
        let (mut seconds, mut nanos) = (0, 0);
        let mut reader = Reader::new(bytes);
        while let Some((tag, wire)) = reader.next()? {
            match (tag, wire) {
                (1, Wire::Varint(new)) => seconds = new.cast_signed(),
                (2, Wire::Varint(new)) => nanos = low(new),
                (1 | 2, _) => return self.wrong(),
                _ => {}
            }
        }
        let bad =
            || DecodeError::BadValue(format!("{}: year outside of range [0,9999]", self.name));
        let nanos = u32::try_from(nanos)
            .ok()
            .filter(|nanos| *nanos < 1_000_000_000);
        let time = time::Time {
            seconds,
            nanos: nanos.ok_or_else(bad)?,
        };
        let text = match shape {
            Shape::MicroTime => time.rfc3339_micros(),
            _ => time.rfc3339(),
        };
        Ok(Some(Value::String(text.ok_or_else(bad)?)))
    }

    fn duration(self, bytes: &[u8]) -> Result<Value, DecodeError> {
        let mut nanos = 0;
        let mut reader = Reader::new(bytes);
        while let Some((tag, wire)) = reader.next()? {
            match (tag, wire) {
                (1, Wire::Varint(new)) => nanos = new.cast_signed(),
                (1, _) => return self.wrong(),
                _ => {}
            }
        }
        Ok(time::duration(nanos).into())
    }

    fn any(self, bytes: &[u8]) -> Result<Option<Value>, DecodeError> {
        match self.form {
            Form::Plain | Form::Items => self.json(bytes),
            Form::SchemaOrBool | Form::SchemaOrArray | Form::SchemaOrStrings => {
                self.schema_or(bytes)
            }
        }
    }

    /// `RawExtension` and its like: JSON, or an object in protobuf, in a message.
    fn json(self, bytes: &[u8]) -> Result<Option<Value>, DecodeError> {
        let mut raw: &[u8] = &[];
        let mut reader = Reader::new(bytes);
        while let Some((tag, wire)) = reader.next()? {
            if tag == 1 {
                raw = self.bytes(wire)?;
            }
        }
        if raw.is_empty() {
            return Ok(None);
        }
        if raw.starts_with(MAGIC) {
            let none = GroupVersionKind::default();
            return decode_at(self.decoder.schema, raw, &none, self.depth + 1).map(Some);
        }
        let value: Value = serde_json::from_slice(raw)
            .map_err(|error| DecodeError::BadValue(format!("{}: {error}", self.name)))?;
        Ok(Some(value).filter(|value| !value.is_null()))
    }

    fn schema_or(self, bytes: &[u8]) -> Result<Option<Value>, DecodeError> {
        let schema = self.decoder.schema.find(JSON_SCHEMA);
        let schema = schema.ok_or(DecodeError::Malformed("no such type"))?;
        let own = if self.form == Form::SchemaOrBool {
            2
        } else {
            1
        };
        let (mut allows, mut single, mut list) = (false, None, Vec::new());
        let mut reader = Reader::new(bytes);
        while let Some((tag, wire)) = reader.next()? {
            match (self.form, tag, wire) {
                (_, tag, Wire::Bytes(bytes)) if tag == own => {
                    single = Some(self.structure(schema, bytes, single.take())?);
                }
                (Form::SchemaOrBool, 1, Wire::Varint(number)) => allows = number != 0,
                (Form::SchemaOrArray, 2, Wire::Bytes(bytes)) => {
                    list.push(self.structure(schema, bytes, None)?);
                }
                (Form::SchemaOrStrings, 2, Wire::Bytes(bytes)) => {
                    list.push(String::from_utf8_lossy(bytes).into());
                }
                (_, 1 | 2, _) => return self.wrong(),
                _ => {}
            }
        }
        Ok(match self.form {
            Form::SchemaOrBool => Some(single.unwrap_or(Value::Bool(allows))),
            _ if !list.is_empty() => Some(Value::Array(list)),
            _ => single,
        })
    }
}

/// The lower half of a number, as Go's conversion takes it.
fn low(number: u64) -> i32 {
    u32::try_from(number & u64::from(u32::MAX))
        .unwrap_or(0)
        .cast_signed()
}

fn float(number: f64) -> Result<Value, DecodeError> {
    serde_json::Number::from_f64(number)
        .map(Value::Number)
        .ok_or_else(|| DecodeError::BadValue(format!("json: unsupported value: {number}")))
}
