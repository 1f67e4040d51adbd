//! JSON and YAML bodies, with the fields that they have twice.
use std::cell::RefCell;
use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::path::Path;

/// Objects and lists within each other.
const MAX_DEPTH: usize = 120;
/// The stack of a thread that reads YAML: many times what that many levels need.
const STACK: usize = 16 << 20;
/// Fields that are reported; Kubernetes stops there too.
pub(super) const MAX_REPORTED: usize = 100;
/// What aliases may make of a YAML body.
const MAX_NODES: usize = 200_000;

/// A field that an object has twice; the last one counts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("duplicate field \"{0}\"")]
pub struct DuplicateField(pub String);

/// Why a body could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ReadError(String);

/// Reads JSON.
pub fn read_json(body: &[u8]) -> Result<(Value, Vec<DuplicateField>), ReadError> {
    let found = RefCell::new(Vec::new());
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let value = Seed::new(&found).deserialize(&mut deserializer);
    let value = value.and_then(|value| deserializer.end().map(|()| value));
    let value = value.map_err(|error| ReadError(error.to_string()))?;
    Ok((value, found.into_inner()))
}

/// Reads YAML of one document, in which keys are texts. JSON is YAML too.
pub fn read_yaml(body: &[u8]) -> Result<(Value, Vec<DuplicateField>), ReadError> {
    if body.first() == Some(&b'{')
        && let Ok(read) = read_json(body)
    {
        return Ok(read);
    }
    let text = str::from_utf8(body).map_err(|error| ReadError(error.to_string()))?;
    // Its reader takes kilobytes of the stack for each level: more than threads have that serve.
    std::thread::scope(|scope| {
        let own = std::thread::Builder::new().stack_size(STACK);
        let reading = own.spawn_scoped(scope, || read_yaml_text(text));
        let read = reading.map_err(|error| ReadError(error.to_string()))?;
        let broken = |_panic| Err(ReadError("the YAML could not be read".to_owned()));
        read.join().unwrap_or_else(broken)
    })
}

fn read_yaml_text(text: &str) -> Result<(Value, Vec<DuplicateField>), ReadError> {
    let found = RefCell::new(Vec::new());
    let options = serde_saphyr::options! {
        duplicate_keys: serde_saphyr::DuplicateKeyPolicy::PassThrough,
        with_snippet: false,
        budget: serde_saphyr::budget! {
            max_depth: MAX_DEPTH,
            max_nodes: MAX_NODES,
            max_documents: 1,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: MAX_NODES,
        },
    };
    let value = serde_saphyr::with_deserializer_from_str_with_options(text, options, |yaml| {
        Seed::new(&found).deserialize(yaml)
    });
    let value = value.map_err(|error| ReadError(error.to_string()))?;
    Ok((value, found.into_inner()))
}

#[derive(Clone, Copy)]
struct Seed<'a> {
    found: &'a RefCell<Vec<DuplicateField>>,
    path: &'a Path<'a>,
    depth: usize,
}

impl<'a> Seed<'a> {
    fn new(found: &'a RefCell<Vec<DuplicateField>>) -> Self {
        Self {
            found,
            path: &Path::Root,
            depth: 0,
        }
    }

    fn within<E: de::Error>(self) -> Result<Self, E> {
        if self.depth == MAX_DEPTH {
            return Err(E::custom("exceeded max depth"));
        }
        Ok(Self {
            depth: self.depth + 1,
            ..self
        })
    }

    fn report(self, key: &str) {
        let duplicate = DuplicateField(self.path.key(key).to_string());
        let mut found = self.found.borrow_mut();
        if found.len() < MAX_REPORTED && !found.contains(&duplicate) {
            found.push(duplicate);
        }
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value)
            .map(Value::Number)
            .ok_or_else(|| E::custom("no number of JSON"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let inner = self.within()?;
        let mut list = Vec::new();
        loop {
            let path = self.path.index(list.len());
            let seed = Seed {
                path: &path,
                ..inner
            };
            match access.next_element_seed(seed)? {
                Some(value) => list.push(value),
                None => return Ok(Value::Array(list)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let inner = self.within()?;
        let mut map = Map::new();
        while let Some(Key(key)) = access.next_key()? {
            let path = self.path.key(&key);
            let seed = Seed {
                path: &path,
                ..inner
            };
            let value = access.next_value_seed(seed)?;
            if map.contains_key(&key) {
                self.report(&key);
            }
            map.insert(key, value);
        }
        Ok(Value::Object(map))
    }
}

/// A key; YAML's numbers and booleans become texts.
struct Key(String);

impl<'de> de::Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::String(text) => Ok(Self(text)),
            Value::Bool(value) => Ok(Self(value.to_string())),
            Value::Number(number) => Ok(Self(number.to_string())),
            Value::Null => Ok(Self("null".to_owned())),
            Value::Array(_) | Value::Object(_) => Err(de::Error::custom("a key must be a text")),
        }
    }
}
