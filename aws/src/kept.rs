//! What is kept of a member that may turn out to be anything: texts, lists of them, and tags. All
//! else is read and dropped, so that memory is in proportion to what is kept.
use std::{fmt, marker::PhantomData};

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// How much of a list is kept: more than any operation takes.
const MAX: usize = 400;

/// A text, if it is one.
#[derive(Debug, Default)]
pub(crate) struct Text(pub(crate) Option<String>);

/// The first texts of a list.
#[derive(Debug, Default)]
pub(crate) struct Texts(pub(crate) Vec<String>);

/// The first tags of a list.
#[derive(Debug, Default)]
pub(crate) struct Tags(pub(crate) Vec<Tag>);

/// `{"Key": …, "Value": …}`
#[derive(Debug, Default)]
pub(crate) struct Tag {
    pub(crate) key: Text,
    pub(crate) value: Text,
}

/// What of which value a type keeps.
trait Kept: Default {
    fn text(&mut self, _text: &str) {}

    /// Reads an item of a list; whether there was one.
    fn item<'de, A: SeqAccess<'de>>(&mut self, items: &mut A) -> Result<bool, A::Error> {
        Ok(items.next_element::<IgnoredAny>()?.is_some())
    }

    fn member<'de, A: MapAccess<'de>>(
        &mut self,
        _name: &str,
        members: &mut A,
    ) -> Result<(), A::Error> {
        members.next_value::<IgnoredAny>().map(drop)
    }
}

impl Kept for Text {
    fn text(&mut self, text: &str) {
        self.0 = Some(text.to_owned());
    }
}

impl Kept for Texts {
    fn item<'de, A: SeqAccess<'de>>(&mut self, items: &mut A) -> Result<bool, A::Error> {
        if self.0.len() >= MAX {
            return Ok(items.next_element::<IgnoredAny>()?.is_some());
        }
        let item = items.next_element::<Text>()?;
        let there = item.is_some();
        self.0.extend(item.and_then(|text| text.0));
        Ok(there)
    }
}

impl Kept for Tags {
    fn item<'de, A: SeqAccess<'de>>(&mut self, items: &mut A) -> Result<bool, A::Error> {
        if self.0.len() >= MAX {
            return Ok(items.next_element::<IgnoredAny>()?.is_some());
        }
        let item = items.next_element::<Tag>()?;
        let there = item.is_some();
        self.0.extend(item);
        Ok(there)
    }
}

impl Kept for Tag {
    fn member<'de, A: MapAccess<'de>>(
        &mut self,
        name: &str,
        members: &mut A,
    ) -> Result<(), A::Error> {
        match name {
            "Key" => self.key = members.next_value()?,
            "Value" => self.value = members.next_value()?,
            _ => drop(members.next_value::<IgnoredAny>()?),
        }
        Ok(())
    }
}

struct Reader<T>(PhantomData<T>);

impl<'de, T: Kept> Visitor<'de> for Reader<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        let mut kept = T::default();
        kept.text(text);
        Ok(kept)
    }

    fn visit_unit<E: Error>(self) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_bool<E: Error>(self, _value: bool) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_i64<E: Error>(self, _value: i64) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_u64<E: Error>(self, _value: u64) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_f64<E: Error>(self, _value: f64) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<T, A::Error> {
        let mut kept = T::default();
        while kept.item(&mut items)? {}
        Ok(kept)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<T, A::Error> {
        let mut kept = T::default();
        while let Some(name) = members.next_key::<String>()? {
            kept.member(&name, &mut members)?;
        }
        Ok(kept)
    }
}

macro_rules! read {
    ($($type:ty),*) => {$(
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any(Reader(PhantomData))
            }
        }
    )*};
}
read!(Text, Texts, Tags, Tag);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::strict;

    #[test]
    fn what_has_another_type_is_nothing() {
        for other in ["null", "true", "-1", "1.5", "1e99", "[[]]", r#"{"a":[1]}"#] {
            assert!(
                strict::from_slice::<Text>(other.as_bytes())
                    .unwrap()
                    .0
                    .is_none()
            );
            assert!(
                strict::from_slice::<Texts>(other.as_bytes())
                    .unwrap()
                    .0
                    .is_empty()
            );
        }
        assert_eq!(
            strict::from_slice::<Text>(br#""\u0061""#)
                .unwrap()
                .0
                .unwrap(),
            "a"
        );
        let texts: Texts = strict::from_slice(br#"["a", 1, ["b"], "c"]"#).unwrap();
        assert_eq!(texts.0, ["a", "c"]);
        let tags = br#"[{"Key": "a", "Other": [], "Value": "b"}, {"Value": 1}, "x"]"#;
        let tags: Tags = strict::from_slice(tags).unwrap();
        let first = &tags.0[0];
        assert_eq!(
            (first.key.0.as_deref(), first.value.0.as_deref()),
            (Some("a"), Some("b"))
        );
        assert!(tags.0[1].key.0.is_none());
    }

    #[test]
    fn of_a_long_list_little_is_kept() {
        let list = format!("[{}\"\"]", "\"\",".repeat(100_000));
        assert_eq!(
            strict::from_slice::<Texts>(list.as_bytes())
                .unwrap()
                .0
                .len(),
            MAX
        );
        assert_eq!(
            strict::from_slice::<Tags>(list.as_bytes()).unwrap().0.len(),
            MAX
        );
        let list = format!("[{}[]]", "[],".repeat(100_000));
        assert_eq!(
            strict::from_slice::<Texts>(list.as_bytes())
                .unwrap()
                .0
                .capacity(),
            0
        );
    }
}
