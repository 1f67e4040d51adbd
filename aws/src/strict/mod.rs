//! Reads inputs as AWS's JSON protocols do: a member has the type of its model or is refused.
//!
//! # Guarantees
//!
//! * A structure is an object, never a list; a number is no string, an integer no fraction.
//! * `null` is the same as absent, and a member that nobody knows is skipped.
//! * Memory is in proportion to what the type keeps, not to the document: what is not asked for is
//!   read and dropped. Bytes are decoded from base64 straight from the body, unless it has escapes
//!   in them: what was decoded is the only copy.
//! * Nesting is bounded ([`scan::MAX_DEPTH`]).
use std::{borrow::Cow, fmt};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::de::{self, DeserializeSeed, Deserializer, IntoDeserializer as _, Visitor};

use crate::{Exception, check};

mod blob;
mod scan;
#[cfg(test)]
mod tests;

pub(crate) use blob::Blob;
use scan::{Kind, Scanner, Step};

/// Reads an input, or says what is wrong with which member.
pub(crate) fn from_slice<T: de::DeserializeOwned>(body: &[u8]) -> Result<T, Exception> {
    let text = std::str::from_utf8(body).map_err(|e| {
        Exception::serialization(format!("Invalid UTF-8 at byte {}", e.valid_up_to()))
    })?;
    let mut scanner = Scanner::new(text);
    let read = T::deserialize(Reader(&mut scanner)).and_then(|value| {
        scanner.end()?;
        Ok(value)
    });
    read.map_err(|refusal| refusal.at(&scanner.place()))
}

/// Why an input is refused.
#[derive(Debug)]
enum Refusal {
    /// It is not JSON, or not of the input's shape.
    Malformed(String),
    /// A member is missing without which there is no input.
    Missing(&'static str),
    /// A text is not one of an enum's.
    NotOneOf(&'static [&'static str]),
}

impl Refusal {
    fn malformed(text: impl Into<String>) -> Self {
        Self::Malformed(text.into())
    }

    fn at(self, place: &str) -> Exception {
        match self {
            Self::Malformed(text) if place.is_empty() => Exception::serialization(text),
            Self::Malformed(text) => Exception::serialization(format!("{text} (at '{place}')")),
            Self::Missing(name) if place.is_empty() => {
                check::unsatisfied(name, "Member must not be null")
            }
            Self::Missing(name) => {
                check::unsatisfied(&format!("{place}.{name}"), "Member must not be null")
            }
            Self::NotOneOf(all) => {
                let all = all.join(", ");
                let text = format!("Member must satisfy enum value set: [{all}]");
                check::unsatisfied(place, &text)
            }
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(text) => f.write_str(text),
            Self::Missing(name) => write!(f, "{name} is missing"),
            Self::NotOneOf(all) => write!(f, "not one of {all:?}"),
        }
    }
}

impl std::error::Error for Refusal {}

impl de::Error for Refusal {
    fn custom<T: fmt::Display>(text: T) -> Self {
        Self::Malformed(text.to_string())
    }

    fn missing_field(name: &'static str) -> Self {
        Self::Missing(name)
    }

    fn unknown_variant(_text: &str, all: &'static [&'static str]) -> Self {
        Self::NotOneOf(all)
    }
}

/// Reads one value.
struct Reader<'a, 'de>(&'a mut Scanner<'de>);

impl<'de> Reader<'_, 'de> {
    /// Demands that the next value is of a kind; `wanted` is the type of the model.
    fn demand(&mut self, kind: Kind, wanted: &str) -> Result<(), Refusal> {
        let found = self.0.kind()?;
        if found == kind {
            return Ok(());
        }
        Err(Refusal::malformed(match found {
            Kind::Structure => "Start of structure or map found where not expected.".to_owned(),
            Kind::List => "Start of list found where not expected.".to_owned(),
            _ => format!("{found} can not be converted to {wanted}"),
        }))
    }

    fn integer<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Refusal> {
        self.demand(Kind::Number, "an Integer")?;
        let number = self.0.number()?;
        if let Some(n) = number.as_i64() {
            visitor.visit_i64(n)
        } else if let Some(n) = number.as_u64() {
            visitor.visit_u64(n)
        } else {
            Err(Refusal::malformed(format!(
                "NUMBER_VALUE ({number}) can not be converted to an Integer"
            )))
        }
    }

    fn float<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Refusal> {
        self.demand(Kind::Number, "a Double")?;
        let number = self.0.number()?;
        let n = number.as_f64();
        visitor.visit_f64(n.ok_or_else(|| Refusal::malformed("the number is too large"))?)
    }

    fn members<V: Visitor<'de>>(self, visitor: V, nulls: bool) -> Result<V::Value, Refusal> {
        self.deeper()?;
        self.0.expect(b'{')?;
        let items = Items {
            scanner: self.0,
            read: 0,
            nulls,
        };
        visitor.visit_map(items)
    }

    fn items<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        self.deeper()?;
        self.0.expect(b'[')?;
        let items = Items {
            scanner: self.0,
            read: 0,
            nulls: true,
        };
        visitor.visit_seq(items)
    }

    fn deeper(&self) -> Result<(), Refusal> {
        if self.0.path.len() < scan::MAX_DEPTH {
            return Ok(());
        }
        Err(Refusal::malformed("the input is nested too deeply"))
    }
}

fn lend<'de, V: Visitor<'de>>(text: Cow<'de, str>, visitor: V) -> Result<V::Value, Refusal> {
    match text {
        Cow::Borrowed(text) => visitor.visit_borrowed_str(text),
        Cow::Owned(text) => visitor.visit_string(text),
    }
}

macro_rules! numbers {
    ($how:ident: $($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
            self.$how(visitor)
        }
    )*};
}

impl<'de> Deserializer<'de> for Reader<'_, 'de> {
    type Error = Refusal;

    numbers!(integer: deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64);
    numbers!(integer: deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64);
    numbers!(float: deserialize_f32 deserialize_f64);

    /// Whatever there is, for members that nobody asks for and for types that take any JSON.
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        match self.0.kind()? {
            Kind::Null => {
                self.0.null()?;
                visitor.visit_unit()
            }
            Kind::Boolean => visitor.visit_bool(self.0.boolean()?),
            Kind::Number => self
                .0
                .number()?
                .deserialize_any(visitor)
                .map_err(de::Error::custom),
            Kind::String => lend(self.0.string()?, visitor),
            Kind::List => self.items(visitor),
            Kind::Structure => self.members(visitor, true),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Refusal> {
        self.demand(Kind::Boolean, "a Boolean")?;
        visitor.visit_bool(self.0.boolean()?)
    }

    fn deserialize_str<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Refusal> {
        self.demand(Kind::String, "a String")?;
        lend(self.0.string()?, visitor)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        self.deserialize_str(visitor)
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        self.deserialize_str(visitor)
    }

    /// Blobs are base64 on the wire.
    fn deserialize_byte_buf<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Refusal> {
        self.demand(Kind::String, "a Blob")?;
        let text = self.0.string()?;
        let bytes = STANDARD.decode(text.as_bytes());
        visitor.visit_byte_buf(bytes.map_err(|_e| Refusal::malformed("Invalid base64"))?)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        self.deserialize_byte_buf(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        if self.0.kind()? == Kind::Null {
            self.0.null()?;
            return visitor.visit_none();
        }
        visitor.visit_some(self)
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        self.0.null()?;
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        self.deserialize_struct("", &[], visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Refusal> {
        self.demand(Kind::List, "a List")?;
        self.items(visitor)
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        _length: usize,
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _length: usize,
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Refusal> {
        self.demand(Kind::Structure, "a Map")?;
        self.members(visitor, false)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        mut self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        self.demand(Kind::Structure, "a structure")?;
        self.members(visitor, false)
    }

    /// Enums are texts: the model has no unions.
    fn deserialize_enum<V: Visitor<'de>>(
        mut self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        self.demand(Kind::String, "a String")?;
        visitor.visit_enum(self.0.string()?.into_deserializer())
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        self.deserialize_str(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        self.deserialize_any(visitor)
    }
}

/// What is between brackets.
struct Items<'a, 'de> {
    scanner: &'a mut Scanner<'de>,
    read: usize,
    /// Whether members that are null are shown: an input does not have them.
    nulls: bool,
}

impl Items<'_, '_> {
    /// Whether another one comes before the bracket closes.
    fn more(&mut self, close: u8) -> Result<bool, Refusal> {
        if self.scanner.take(close) {
            return Ok(false);
        }
        if self.read > 0 {
            self.scanner.expect(b',')?;
        }
        self.read += 1;
        Ok(true)
    }
}

impl<'de> de::SeqAccess<'de> for Items<'_, 'de> {
    type Error = Refusal;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Refusal> {
        if !self.more(b']')? {
            return Ok(None);
        }
        self.scanner.path.push(Step::Index(self.read - 1));
        let item = seed.deserialize(Reader(self.scanner))?;
        self.scanner.path.pop();
        Ok(Some(item))
    }
}

impl<'de> de::MapAccess<'de> for Items<'_, 'de> {
    type Error = Refusal;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Refusal> {
        while self.more(b'}')? {
            let name = self.scanner.string()?;
            self.scanner.expect(b':')?;
            if !self.nulls && self.scanner.kind()? == Kind::Null {
                self.scanner.null()?;
                continue;
            }
            self.scanner.path.push(Step::Member(name.clone()));
            let key: de::value::CowStrDeserializer<'de, Refusal> = name.into_deserializer();
            return seed.deserialize(key).map(Some);
        }
        Ok(None)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Refusal> {
        let value = seed.deserialize(Reader(self.scanner))?;
        self.scanner.path.pop();
        Ok(value)
    }
}
