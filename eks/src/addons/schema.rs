//! What values of configurations are.
use serde_json::{Value, json};

/// What a value of the configuration is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    Object,
    Array,
    Text,
    Integer,
    Boolean,
    /// An object of texts.
    Texts,
}

impl Shape {
    /// As a JSON schema has it.
    pub(super) fn schema(self) -> Value {
        match self {
            Self::Texts => {
                json!({ "type": ["object", "null"], "additionalProperties": { "type": "string" } })
            }
            Self::Object | Self::Array => json!({ "type": [self.word(), "null"] }),
            _ => json!({ "type": self.word() }),
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Object | Self::Texts => "object",
            Self::Array => "array",
            Self::Text => "string",
            Self::Integer => "integer",
            Self::Boolean => "boolean",
        }
    }

    /// What of a member's value breaks this.
    pub(super) fn violation(self, name: &str, value: &Value) -> Option<String> {
        let may_be_null = matches!(self, Self::Object | Self::Texts | Self::Array);
        let fits = match self {
            Self::Object | Self::Texts => value.is_object(),
            Self::Array => value.is_array(),
            Self::Text => value.is_string(),
            Self::Integer => value.is_i64(),
            Self::Boolean => value.is_boolean(),
        };
        if !(fits || may_be_null && value.is_null()) {
            let found = word_of(value);
            return Some(format!("$.{name}: {found} found, {} expected", self.word()));
        }
        if self != Self::Texts {
            return None;
        }
        let wrong = value
            .as_object()?
            .iter()
            .find(|(_, member)| !member.is_string());
        wrong.map(|(member, value)| {
            format!(
                "$.{name}.{member}: {} found, string expected",
                word_of(value)
            )
        })
    }
}

fn word_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_i64() => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}
