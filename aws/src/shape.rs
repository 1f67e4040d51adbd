//! The shapes of inputs, read off the types themselves, so that a test can compare them with AWS's
//! model.
//!
//! A type is asked to read itself from a [`Tracer`], which answers every question with something of
//! the type that is asked for, and notes what was asked.
use std::{cell::RefCell, fmt, rc::Rc};

use serde::de::{
    self, DeserializeOwned, DeserializeSeed, Deserializer, IntoDeserializer as _, Visitor,
};
use serde_json::{Value, json};

/// The shape of a type: `{"type": "structure", "members": {…}}`, `{"type": "list", "member": …}`,
/// `{"type": "map", "value": …}`, or only a type: `string`, `integer`, `double`, `boolean`, `blob`,
/// `any`. An error is a type that takes no dummy, such as a text that must be a digest.
pub(crate) fn of<T: DeserializeOwned>() -> Result<Value, String> {
    let found = Rc::new(RefCell::new(Value::Null));
    T::deserialize(Tracer(Rc::clone(&found))).map_err(|e| format!("{e} in {}", found.borrow()))?;
    Ok(found.take())
}

type Slot = Rc<RefCell<Value>>;

/// Notes what is asked of it.
struct Tracer(Slot);

impl Tracer {
    fn is(&self, name: &str) {
        *self.0.borrow_mut() = json!({ "type": name });
    }
}

#[derive(Debug)]
struct Untraceable(String);

impl fmt::Display for Untraceable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Untraceable {}

impl de::Error for Untraceable {
    fn custom<T: fmt::Display>(text: T) -> Self {
        Self(text.to_string())
    }
}

macro_rules! scalars {
    ($($method:ident $name:literal $visit:ident $($value:expr)?;)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Untraceable> {
            self.is($name);
            visitor.$visit($($value)?)
        }
    )*};
}

impl<'de> Deserializer<'de> for Tracer {
    type Error = Untraceable;

    scalars! {
        deserialize_any "any" visit_unit;
        deserialize_bool "boolean" visit_bool true;
        deserialize_i8 "integer" visit_i64 1;
        deserialize_i16 "integer" visit_i64 1;
        deserialize_i32 "integer" visit_i64 1;
        deserialize_i64 "integer" visit_i64 1;
        deserialize_u8 "integer" visit_u64 1;
        deserialize_u16 "integer" visit_u64 1;
        deserialize_u32 "integer" visit_u64 1;
        deserialize_u64 "integer" visit_u64 1;
        deserialize_f32 "double" visit_f64 1.0;
        deserialize_f64 "double" visit_f64 1.0;
        deserialize_char "string" visit_char 'x';
        deserialize_str "string" visit_str "";
        deserialize_string "string" visit_str "";
        deserialize_identifier "string" visit_str "";
        deserialize_bytes "blob" visit_byte_buf Vec::new();
        deserialize_byte_buf "blob" visit_byte_buf Vec::new();
        deserialize_unit "any" visit_unit;
        deserialize_ignored_any "any" visit_unit;
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Untraceable> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Untraceable> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Untraceable> {
        let member = Slot::default();
        let one = One(Some(Rc::clone(&member)));
        let read = visitor.visit_seq(one);
        *self.0.borrow_mut() = json!({ "type": "list", "member": member.take() });
        read
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        _length: usize,
        visitor: V,
    ) -> Result<V::Value, Untraceable> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _length: usize,
        visitor: V,
    ) -> Result<V::Value, Untraceable> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Untraceable> {
        let value = Slot::default();
        let one = One(Some(Rc::clone(&value)));
        let read = visitor.visit_map(one);
        *self.0.borrow_mut() = json!({ "type": "map", "value": value.take() });
        read
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Untraceable> {
        self.deserialize_struct(name, &[], visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Untraceable> {
        *self.0.borrow_mut() = json!({ "type": "structure", "members": {} });
        visitor.visit_map(Fields {
            structure: self.0,
            rest: fields.iter(),
            current: None,
        })
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Untraceable> {
        *self.0.borrow_mut() = json!({ "type": "string", "enum": variants });
        let first = variants.first().copied().unwrap_or_default();
        visitor.visit_enum(first.into_deserializer())
    }
}

/// A list or map of one entry.
struct One(Option<Slot>);

impl<'de> de::SeqAccess<'de> for One {
    type Error = Untraceable;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Untraceable> {
        self.0
            .take()
            .map(|slot| seed.deserialize(Tracer(slot)))
            .transpose()
    }
}

impl<'de> de::MapAccess<'de> for One {
    type Error = Untraceable;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Untraceable> {
        let key = self.0.as_ref().map(|_slot| Tracer(Slot::default()));
        key.map(|key| seed.deserialize(key)).transpose()
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<S::Value, Untraceable> {
        seed.deserialize(Tracer(self.0.take().unwrap_or_default()))
    }
}

/// A structure with all its members.
struct Fields {
    structure: Slot,
    rest: std::slice::Iter<'static, &'static str>,
    current: Option<&'static str>,
}

impl<'de> de::MapAccess<'de> for Fields {
    type Error = Untraceable;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Untraceable> {
        self.current = self.rest.next().copied();
        let key = self.current.map(|name| name.into_deserializer());
        key.map(|key: de::value::StrDeserializer<'_, Untraceable>| seed.deserialize(key))
            .transpose()
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<S::Value, Untraceable> {
        let slot = Slot::default();
        let read = seed.deserialize(Tracer(Rc::clone(&slot)))?;
        if let Some(name) = self.current {
            self.structure.borrow_mut()["members"][name] = slot.take();
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;
    use serde_json::json;

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    #[expect(dead_code, reason = "only its shape is looked at")]
    struct Input {
        registry_id: Option<String>,
        max_results: Option<i64>,
        inner: Option<Vec<Inner>>,
        map: Option<BTreeMap<String, bool>>,
        status: Option<Status>,
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    #[expect(dead_code, reason = "only its shape is looked at")]
    struct Inner {
        key: String,
        #[serde(default)]
        value: f64,
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "UPPERCASE")]
    enum Status {
        On,
        Off,
    }

    #[test]
    fn a_types_members_are_found_all_the_way_down() {
        let inner = json!({ "Key": { "type": "string" }, "Value": { "type": "double" } });
        let members = json!({
            "registryId": { "type": "string" },
            "maxResults": { "type": "integer" },
            "inner": { "type": "list", "member": { "type": "structure", "members": inner } },
            "map": { "type": "map", "value": { "type": "boolean" } },
            "status": { "type": "string", "enum": ["ON", "OFF"] },
        });
        let expected = json!({ "type": "structure", "members": members });
        assert_eq!(super::of::<Input>(), Ok(expected));
    }
}
