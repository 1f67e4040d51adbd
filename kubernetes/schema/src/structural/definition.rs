//! Whether a schema is structural, as every schema of a custom resource must be.
use serde_json::{Map, Value, json};

use super::problem::{Problem, ProblemKind};
use super::validate::compile;
use super::{MAX_DEPTH, flag, text, texts, validate};

const TYPES: [&str; 6] = ["array", "boolean", "integer", "number", "object", "string"];
const UNSUPPORTED: [&str; 6] = [
    "id",
    "additionalItems",
    "patternProperties",
    "definitions",
    "dependencies",
    "$ref",
];
const JUNCTORS: [&str; 3] = ["allOf", "anyOf", "oneOf"];
/// What may be said only outside of junctors, and how it must be within.
const OUTSIDE: [(&str, &str); 13] = [
    ("type", "must be empty to be structural"),
    ("additionalProperties", "must be undefined to be structural"),
    ("default", "must be undefined to be structural"),
    ("title", "must be empty to be structural"),
    ("description", "must be empty to be structural"),
    ("nullable", "must be false to be structural"),
    (
        "x-kubernetes-preserve-unknown-fields",
        "must be false to be structural",
    ),
    (
        "x-kubernetes-embedded-resource",
        "must be false to be structural",
    ),
    (
        "x-kubernetes-int-or-string",
        "must be false to be structural",
    ),
    (
        "x-kubernetes-list-map-keys",
        "must be empty to be structural",
    ),
    (
        "x-kubernetes-list-type",
        "must be undefined to be structural",
    ),
    (
        "x-kubernetes-map-type",
        "must be undefined to be structural",
    ),
    ("x-kubernetes-validations", "must be empty to be structural"),
];

/// What is wrong with a schema; `path` is where it stands, such as
/// `spec.versions[0].schema.openAPIV3Schema`.
pub fn check_definition(schema: &Value, path: &str) -> Vec<Problem> {
    let mut checking = Checking {
        problems: Vec::new(),
    };
    checking.schema(schema, path, Level::Root, 0);
    checking.problems
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Level {
    Root,
    Field,
    Item,
}

struct Checking {
    problems: Vec<Problem>,
}

impl Checking {
    fn report(&mut self, path: String, kind: ProblemKind, detail: &str) {
        self.problems.push(Problem {
            path,
            kind,
            detail: detail.to_owned(),
        });
    }

    fn forbid(&mut self, path: String, detail: &str) {
        self.report(path, ProblemKind::Forbidden, detail);
    }

    fn schema(&mut self, schema: &Value, path: &str, level: Level, depth: usize) {
        if depth > MAX_DEPTH {
            self.forbid(path.to_owned(), "schema is too deep");
            return;
        }
        for name in UNSUPPORTED.iter().filter(|name| schema.get(name).is_some()) {
            self.forbid(
                format!("{path}.{name}"),
                &format!("{name} is not supported"),
            );
        }
        if flag(schema, "uniqueItems") {
            self.forbid(
                format!("{path}.uniqueItems"),
                "uniqueItems cannot be set to true since the runtime complexity becomes quadratic",
            );
        }
        self.kind(schema, path, level);
        self.extensions(schema, path);
        self.lists(schema, path);
        self.patterns(schema, path);
        self.defaults(schema, path);
        self.children(schema, path, depth);
        self.junctors(schema, schema, path, depth);
    }

    fn kind(&mut self, schema: &Value, path: &str, level: Level) {
        let here = format!("{path}.type");
        let kind = text(schema, "type");
        let open = flag(schema, "x-kubernetes-preserve-unknown-fields");
        let either = flag(schema, "x-kubernetes-int-or-string");
        match (kind, level) {
            ("", Level::Root) => {
                self.report(here, ProblemKind::Required, "must not be empty at the root");
            }
            ("", Level::Item) if !open && !either => {
                self.report(
                    here,
                    ProblemKind::Required,
                    "must not be empty for specified array items",
                );
            }
            ("", Level::Field) if !open && !either => {
                self.report(
                    here,
                    ProblemKind::Required,
                    "must not be empty for specified object fields",
                );
            }
            ("", _) => {}
            (kind, _) if !TYPES.contains(&kind) => {
                let types = TYPES.iter().map(|&name| name.to_owned()).collect();
                self.report(here, ProblemKind::Unsupported(kind.into(), types), "");
            }
            (kind, Level::Root) if kind != "object" => self.report(
                here,
                ProblemKind::Invalid(kind.into()),
                "must be object at the root",
            ),
            (kind, _) if either => self.report(
                here,
                ProblemKind::Invalid(kind.into()),
                "must be empty if x-kubernetes-int-or-string is true",
            ),
            _ => {}
        }
        if level == Level::Root && schema.get("additionalProperties").is_some() {
            let here = format!("{path}.additionalProperties");
            self.forbid(here, "must not be used at the root");
        }
    }

    fn extensions(&mut self, schema: &Value, path: &str) {
        let name = "x-kubernetes-preserve-unknown-fields";
        if schema.get(name) == Some(&Value::Bool(false)) {
            self.report(
                format!("{path}.{name}"),
                ProblemKind::Invalid(false.into()),
                "must be true or undefined",
            );
        }
        if flag(schema, "x-kubernetes-embedded-resource") {
            self.must_be(
                schema,
                path,
                "object",
                "must be object if x-kubernetes-embedded-resource is true",
            );
            if schema.get("properties").is_none() && !flag(schema, name) {
                self.report(
                    format!("{path}.properties"),
                    ProblemKind::Required,
                    "must not be empty if x-kubernetes-embedded-resource is true without \
                     x-kubernetes-preserve-unknown-fields",
                );
            }
        }
        if let Some(kind) = schema.get("x-kubernetes-map-type") {
            let why = "must be object if x-kubernetes-map-type is specified";
            self.must_be(schema, path, "object", why);
            self.one_of(kind, path, "x-kubernetes-map-type", &["atomic", "granular"]);
        }
    }

    fn must_be(&mut self, schema: &Value, path: &str, expected: &str, why: &str) {
        let found = text(schema, "type");
        let kind = match found {
            "" => ProblemKind::Required,
            _ => ProblemKind::Invalid(found.into()),
        };
        if found != expected {
            self.report(format!("{path}.type"), kind, why);
        }
    }

    fn one_of(&mut self, value: &Value, path: &str, name: &str, allowed: &[&str]) {
        if !allowed.iter().any(|one| value == one) {
            let allowed = allowed.iter().map(|&one| one.to_owned()).collect();
            let kind = ProblemKind::Unsupported(value.clone(), allowed);
            self.report(format!("{path}.{name}"), kind, "");
        }
    }

    fn lists(&mut self, schema: &Value, path: &str) {
        let name = "x-kubernetes-list-type";
        let kind = text(schema, name);
        let keys = texts(schema, "x-kubernetes-list-map-keys");
        let here = format!("{path}.{name}");
        let keys_path = format!("{path}.x-kubernetes-list-map-keys");
        if let Some(value) = schema.get(name) {
            let why = "must be array if x-kubernetes-list-type is specified";
            self.must_be(schema, path, "array", why);
            self.one_of(value, path, name, &["atomic", "set", "map"]);
        }
        if !keys.is_empty() && kind != "map" {
            let why = "must be map if x-kubernetes-list-map-keys is non-empty";
            let problem = match kind {
                "" => ProblemKind::Required,
                _ => ProblemKind::Invalid(kind.into()),
            };
            self.report(here, problem, why);
        }
        if kind != "map" {
            return;
        }
        if keys.is_empty() {
            self.report(
                keys_path,
                ProblemKind::Required,
                "must not be empty if x-kubernetes-list-type is map",
            );
            return;
        }
        let Some(items) = schema.get("items") else {
            self.report(
                format!("{path}.items"),
                ProblemKind::Required,
                "must have a schema if x-kubernetes-list-type is map",
            );
            return;
        };
        let properties = items.get("properties").and_then(Value::as_object);
        let known = |key: &String| properties.is_some_and(|one| one.contains_key(key));
        if !keys.iter().all(known) {
            self.report(
                keys_path,
                ProblemKind::Invalid(json!(keys)),
                "entries must all be names of item properties",
            );
        }
    }

    fn patterns(&mut self, schema: &Value, path: &str) {
        let pattern = text(schema, "pattern");
        if let Err(error) = compile(pattern) {
            self.report(
                format!("{path}.pattern"),
                ProblemKind::Invalid(pattern.into()),
                &format!("must be a valid regular expression, but isn't: {error}"),
            );
        }
    }

    fn defaults(&mut self, schema: &Value, path: &str) {
        let Some(default) = schema.get("default") else {
            return;
        };
        for problem in validate(schema, default) {
            let dot = if problem.path.is_empty() || problem.path.starts_with('[') {
                ""
            } else {
                "."
            };
            self.problems.push(Problem {
                path: format!("{path}.default{dot}{}", problem.path),
                ..problem
            });
        }
    }

    fn children(&mut self, schema: &Value, path: &str, depth: usize) {
        let properties = schema.get("properties").and_then(Value::as_object);
        for (name, property) in properties.into_iter().flatten() {
            let here = format!("{path}.properties[{name}]");
            self.schema(property, &here, Level::Field, depth + 1);
        }
        let here = format!("{path}.additionalProperties");
        match schema.get("additionalProperties") {
            Some(_) if properties.is_some_and(|properties| !properties.is_empty()) => {
                self.forbid(
                    here,
                    "additionalProperties and properties are mutual exclusive",
                );
            }
            Some(Value::Bool(false)) => {
                self.forbid(here, "additionalProperties cannot be set to false");
            }
            Some(inner) if inner.is_object() => self.schema(inner, &here, Level::Field, depth + 1),
            _ => {}
        }
        let here = format!("{path}.items");
        match schema.get("items") {
            Some(Value::Array(_)) => {
                self.forbid(here, "items must be a schema object and not an array");
            }
            Some(inner) => self.schema(inner, &here, Level::Item, depth + 1),
            None if text(schema, "type") == "array" => {
                self.report(here, ProblemKind::Required, "must be specified");
            }
            None => {}
        }
    }

    /// What junctors say, beside the schema that must have the same fields outside of them.
    fn junctors(&mut self, outer: &Value, schema: &Value, path: &str, depth: usize) {
        for name in JUNCTORS {
            let list = schema.get(name).and_then(Value::as_array);
            for (index, inner) in list.into_iter().flatten().enumerate() {
                let here = format!("{path}.{name}[{index}]");
                self.within(outer, inner, path, &here, depth + 1);
            }
        }
        if let Some(inner) = schema.get("not") {
            self.within(outer, inner, path, &format!("{path}.not"), depth + 1);
        }
    }

    fn undefined(&mut self, path: String, where_used: &str) {
        let why = format!("because it is defined in {where_used}");
        self.report(path, ProblemKind::Required, &why);
    }

    fn within(&mut self, outer: &Value, inner: &Value, outside: &str, path: &str, depth: usize) {
        if depth > MAX_DEPTH {
            self.forbid(path.to_owned(), "schema is too deep");
            return;
        }
        for (name, why) in OUTSIDE {
            let either = name == "type" && is_int_or_string(outer);
            if inner
                .get(name)
                .is_some_and(|value| *value != Value::Bool(false))
                && !either
            {
                self.forbid(format!("{path}.{name}"), why);
            }
        }
        self.patterns(inner, path);
        let none = Map::new();
        let map = |schema: &Value| -> Map<String, Value> {
            let properties = schema.get("properties").and_then(Value::as_object);
            properties.unwrap_or(&none).clone()
        };
        let known = map(outer);
        for (name, property) in map(inner) {
            let here = format!("{path}.properties[{name}]");
            let there = format!("{outside}.properties[{name}]");
            match known.get(&name) {
                Some(outer) => self.within(outer, &property, &there, &here, depth + 1),
                None => self.undefined(there, &here),
            }
        }
        if let Some(items) = inner.get("items") {
            let (here, there) = (format!("{path}.items"), format!("{outside}.items"));
            match outer.get("items") {
                Some(outer) => self.within(outer, items, &there, &here, depth + 1),
                None => self.undefined(there, &here),
            }
        }
        self.junctors(outer, inner, path, depth);
    }
}

/// Where `anyOf` may repeat that it is an integer or a string.
fn is_int_or_string(schema: &Value) -> bool {
    flag(schema, "x-kubernetes-int-or-string")
}
