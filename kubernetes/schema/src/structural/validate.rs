//! Values against their schema.
use std::collections::{HashMap, HashSet};

use regex::{Regex, RegexBuilder};
use serde_json::{Map, Value, json};

use super::problem::{Problem, ProblemKind};
use super::{MAX_DEPTH, flag, format, text, texts};
use crate::path::Path;

/// What a compiled pattern may take.
const MAX_PATTERN_BYTES: usize = 1 << 20;
/// Problems that are reported.
const MAX_PROBLEMS: usize = 100;

/// What is wrong with an object, in Kubernetes' words. The `metadata` is not looked at.
pub fn validate(schema: &Value, object: &Value) -> Vec<Problem> {
    let mut checking = Checking::default();
    checking.value(schema, object, &Path::Root, 0);
    checking.problems
}

/// A pattern of a schema; `None` if it is none that can be used.
pub(super) fn compile(pattern: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(pattern)
        .size_limit(MAX_PATTERN_BYTES)
        .dfa_size_limit(MAX_PATTERN_BYTES)
        .build()
}

#[derive(Default)]
pub(super) struct Checking {
    pub(super) problems: Vec<Problem>,
    patterns: HashMap<String, Option<Regex>>,
}

impl Checking {
    pub(super) fn report(&mut self, path: &Path<'_>, kind: ProblemKind, detail: String) {
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(Problem {
                path: path.to_string(),
                kind,
                detail,
            });
        }
    }

    fn invalid(&mut self, path: &Path<'_>, value: &Value, what: &str) {
        let detail = format!("{path} in body {what}");
        self.report(path, ProblemKind::Invalid(value.clone()), detail);
    }

    pub(super) fn value(&mut self, schema: &Value, value: &Value, path: &Path<'_>, depth: usize) {
        if depth > MAX_DEPTH * 2 || self.problems.len() >= MAX_PROBLEMS {
            return;
        }
        if value.is_null() && flag(schema, "nullable") {
            return;
        }
        if let Some(expected) = wrong_type(schema, value) {
            let found = type_name(value);
            self.invalid(
                path,
                &found.into(),
                &format!("must be of type {expected}: \"{found}\""),
            );
            return;
        }
        self.enumeration(schema, value, path);
        match value {
            Value::String(text) => self.string(schema, text, value, path),
            Value::Number(_) => self.number(schema, value, path),
            Value::Array(list) => self.list(schema, list, value, path, depth),
            Value::Object(map) => self.object(schema, map, value, path, depth),
            Value::Null | Value::Bool(_) => {}
        }
        self.junctors(schema, value, path, depth);
    }

    fn enumeration(&mut self, schema: &Value, value: &Value, path: &Path<'_>) {
        let Some(allowed) = schema.get("enum").and_then(Value::as_array) else {
            return;
        };
        if !allowed.iter().any(|one| same(one, value)) {
            let allowed = allowed.iter().map(|one| match one {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            });
            let kind = ProblemKind::Unsupported(value.clone(), allowed.collect());
            self.report(path, kind, String::new());
        }
    }

    fn string(&mut self, schema: &Value, content: &str, value: &Value, path: &Path<'_>) {
        let length = u64::try_from(content.chars().count()).unwrap_or(u64::MAX);
        if let Some(max) = count(schema, "maxLength")
            && length > max
        {
            self.report(path, ProblemKind::TooLong(max), String::new());
        }
        if let Some(min) = count(schema, "minLength")
            && length < min
        {
            self.invalid(path, value, &format!("should be at least {min} chars long"));
        }
        let pattern = text(schema, "pattern");
        if !pattern.is_empty() {
            let compiled = self
                .patterns
                .entry(pattern.to_owned())
                .or_insert_with(|| compile(pattern).ok());
            // A pattern that Go knows and we do not refuses nothing.
            if compiled
                .as_ref()
                .is_some_and(|regex| !regex.is_match(content))
            {
                self.invalid(path, value, &format!("should match '{pattern}'"));
            }
        }
        let format = text(schema, "format");
        if !format::matches(format, content) {
            self.invalid(
                path,
                value,
                &format!("must be of type {format}: {content:?}"),
            );
        }
    }

    fn number(&mut self, schema: &Value, value: &Value, path: &Path<'_>) {
        let number = value.as_f64().unwrap_or(0.0);
        if text(schema, "format") == "int32"
            && value
                .as_i64()
                .is_some_and(|whole| i32::try_from(whole).is_err())
        {
            self.invalid(path, value, "must be of type int32");
        }
        if let Some((text, max)) = bound(schema, "maximum") {
            if flag(schema, "exclusiveMaximum") && number >= max {
                self.invalid(path, value, &format!("should be less than {text}"));
            } else if number > max {
                let what = format!("should be less than or equal to {text}");
                self.invalid(path, value, &what);
            }
        }
        if let Some((text, min)) = bound(schema, "minimum") {
            if flag(schema, "exclusiveMinimum") && number <= min {
                self.invalid(path, value, &format!("should be greater than {text}"));
            } else if number < min {
                let what = format!("should be greater than or equal to {text}");
                self.invalid(path, value, &what);
            }
        }
        if let Some((text, factor)) = bound(schema, "multipleOf")
            && factor > 0.0
        {
            let times = number / factor;
            if (times - times.round()).abs() > f64::EPSILON * times.abs().max(1.0) {
                self.invalid(path, value, &format!("should be a multiple of {text}"));
            }
        }
    }

    fn list(
        &mut self,
        schema: &Value,
        list: &[Value],
        value: &Value,
        path: &Path<'_>,
        depth: usize,
    ) {
        let length = u64::try_from(list.len()).unwrap_or(u64::MAX);
        if let Some(max) = count(schema, "maxItems")
            && length > max
        {
            self.report(path, ProblemKind::TooMany(length, max), String::new());
        }
        if let Some(min) = count(schema, "minItems")
            && length < min
        {
            self.invalid(path, value, &format!("should have at least {min} items"));
        }
        if flag(schema, "uniqueItems") && !unique(list) {
            self.invalid(path, value, "shouldn't contain duplicates");
        }
        match text(schema, "x-kubernetes-list-type") {
            "set" => self.duplicates(list, path, |item| Some(item.clone())),
            "map" => {
                let keys = texts(schema, "x-kubernetes-list-map-keys");
                self.duplicates(list, path, |item| {
                    let item = item.as_object()?;
                    let own = keys
                        .iter()
                        .filter_map(|key| item.get(key).map(|value| (key.clone(), value.clone())));
                    Some(Value::Object(own.collect()))
                });
            }
            _ => {}
        }
        if let Some(items) = schema.get("items") {
            for (index, value) in list.iter().enumerate() {
                self.value(items, value, &path.index(index), depth + 1);
            }
        }
    }

    fn duplicates(
        &mut self,
        list: &[Value],
        path: &Path<'_>,
        key: impl Fn(&Value) -> Option<Value>,
    ) {
        let mut seen = HashSet::new();
        for (index, item) in list.iter().enumerate() {
            if let Some(key) = key(item)
                && !seen.insert(key.to_string())
            {
                let path = path.index(index);
                self.report(&path, ProblemKind::Duplicate(key), String::new());
            }
        }
    }

    fn object(
        &mut self,
        schema: &Value,
        map: &Map<String, Value>,
        value: &Value,
        path: &Path<'_>,
        depth: usize,
    ) {
        let size = u64::try_from(map.len()).unwrap_or(u64::MAX);
        if let Some(max) = count(schema, "maxProperties")
            && size > max
        {
            self.report(path, ProblemKind::TooMany(size, max), String::new());
        }
        if let Some(min) = count(schema, "minProperties")
            && size < min
        {
            let what = format!("should have at least {min} properties");
            self.invalid(path, value, &what);
        }
        for name in texts(schema, "required") {
            if !map.contains_key(&name) {
                self.report(&path.key(&name), ProblemKind::Required, String::new());
            }
        }
        let properties = schema.get("properties").and_then(Value::as_object);
        let additional = schema
            .get("additionalProperties")
            .filter(|one| one.is_object());
        for (name, value) in map {
            // Kubernetes checks the metadata itself.
            if path.is_root() && name == "metadata" {
                continue;
            }
            let inner = properties.and_then(|properties| properties.get(name));
            if let Some(inner) = inner.or(additional) {
                self.value(inner, value, &path.key(name), depth + 1);
            }
        }
    }
}

/// The type that was expected.
fn wrong_type(schema: &Value, value: &Value) -> Option<&'static str> {
    if flag(schema, "x-kubernetes-int-or-string") {
        let right = value.is_string() || whole(value);
        return (!right).then_some("integer,string");
    }
    let (expected, right) = match text(schema, "type") {
        "string" => ("string", value.is_string()),
        "boolean" => ("boolean", value.is_boolean()),
        "number" => ("number", value.is_number()),
        "integer" => ("integer", whole(value)),
        "array" => ("array", value.is_array()),
        "object" => ("object", value.is_object()),
        _ => return None,
    };
    (!right).then_some(expected)
}

fn whole(value: &Value) -> bool {
    value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|number| number.fract() == 0.0)
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) if whole(value) => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// Equal, also as `1` and `1.0`.
fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => left.as_f64() == right.as_f64(),
        _ => left == right,
    }
}

fn unique(list: &[Value]) -> bool {
    let mut seen = HashSet::new();
    list.iter().all(|item| seen.insert(item.to_string()))
}

fn count(schema: &Value, name: &str) -> Option<u64> {
    schema.get(name).and_then(Value::as_u64)
}

/// A bound and its text, which has no needless zeros.
fn bound(schema: &Value, name: &str) -> Option<(String, f64)> {
    let number = schema.get(name)?.as_f64()?;
    let text = json!(number).to_string();
    let text = text.strip_suffix(".0").unwrap_or(&text);
    Some((text.to_owned(), number))
}
