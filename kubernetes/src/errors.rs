//! What validation finds, worded as `field.ErrorList` of Kubernetes.
use std::fmt;

use serde_json::{Value, json};

/// Where in an object something is, such as `spec.containers[0].image`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Path(String);

impl Path {
    pub fn new(root: &str) -> Self {
        Self(root.to_owned())
    }

    /// A field of what is here.
    #[must_use]
    pub fn field(&self, name: &str) -> Self {
        if self.0.is_empty() {
            Self(name.to_owned())
        } else {
            Self(format!("{}.{name}", self.0))
        }
    }

    /// An element of a list.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        Self(format!("{}[{index}]", self.0))
    }

    /// An entry of a map.
    #[must_use]
    pub fn key(&self, key: &str) -> Self {
        Self(format!("{}[{key}]", self.0))
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    reason: &'static str,
    path: Path,
    /// Without the path.
    text: String,
}

impl Problem {
    pub(crate) fn cause(&self) -> Value {
        json!({ "reason": self.reason, "message": self.text, "field": self.path.0 })
    }
}

/// Everything that is wrong with an object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Errors(Vec<Problem>);

impl Errors {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.0.iter()
    }

    fn push(&mut self, reason: &'static str, path: &Path, text: String) {
        let path = path.clone();
        self.0.push(Problem { reason, path, text });
    }

    pub fn required(&mut self, path: &Path, why: &str) {
        let text = if why.is_empty() {
            "Required value".to_owned()
        } else {
            format!("Required value: {why}")
        };
        self.push("FieldValueRequired", path, text);
    }

    pub fn invalid(&mut self, path: &Path, value: &Value, why: &str) {
        let text = format!("Invalid value: {}: {why}", shown(value));
        self.push("FieldValueInvalid", path, text);
    }

    /// Where the value would say nothing.
    pub fn invalid_without_value(&mut self, path: &Path, why: &str) {
        self.push("FieldValueInvalid", path, format!("Invalid value: {why}"));
    }

    pub fn forbidden(&mut self, path: &Path, why: &str) {
        self.push("FieldValueForbidden", path, format!("Forbidden: {why}"));
    }

    pub fn duplicate(&mut self, path: &Path, value: &Value) {
        let text = format!("Duplicate value: {}", shown(value));
        self.push("FieldValueDuplicate", path, text);
    }

    pub fn not_found(&mut self, path: &Path, value: &Value) {
        let text = format!("Not found: {}", shown(value));
        self.push("FieldValueNotFound", path, text);
    }

    /// `supported` in the order in which it is shown.
    pub fn not_supported(&mut self, path: &Path, value: &Value, supported: &[&str]) {
        let quoted: Vec<String> = supported.iter().map(|s| format!("{s:?}")).collect();
        let values = quoted.join(", ");
        let text = format!(
            "Unsupported value: {}: supported values: {values}",
            shown(value)
        );
        self.push("FieldValueNotSupported", path, text);
    }

    pub fn too_long(&mut self, path: &Path, max: usize) {
        let text = format!("Too long: may not be more than {max} bytes");
        self.push("FieldValueTooLong", path, text);
    }

    pub fn too_many(&mut self, path: &Path, actual: usize, max: usize) {
        let text = format!("Too many: {actual}: must have at most {max} items");
        self.push("FieldValueTooMany", path, text);
    }

    pub fn type_invalid(&mut self, path: &Path, value: &Value, why: &str) {
        let text = format!("Invalid value: {}: {why}", shown(value));
        self.push("FieldValueTypeInvalid", path, text);
    }
}

/// One problem reads by itself, several are a list in brackets.
impl fmt::Display for Errors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut texts: Vec<String> = Vec::with_capacity(self.0.len());
        for Problem { path, text, .. } in &self.0 {
            let text = format!("{path}: {text}");
            if !texts.contains(&text) {
                texts.push(text);
            }
        }
        match texts.as_slice() {
            [one] => f.write_str(one),
            several => write!(f, "[{}]", several.join(", ")),
        }
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => format!("{text:?}"),
        Value::Null => "null".to_owned(),
        other => other.to_string(),
    }
}
