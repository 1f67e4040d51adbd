//! Whether an applied object conforms to its schema; the texts are upstream's.
use std::collections::BTreeSet;

use serde_json::Value;

use super::{Kind, Typed, element_error};
use crate::apply::path::Element;
use crate::patch::go::{source, type_name};
use crate::{ListKind, Shape};

/// How many problems an answer lists.
const MAX_PROBLEMS: usize = 100;

struct Validation<'a> {
    typed: Typed<'a>,
    /// Steps to where the walk is.
    path: Vec<String>,
    problems: Vec<String>,
}

impl Typed<'_> {
    /// What is wrong with an object: unknown fields, wrong types, elements twice or without a key.
    pub(in crate::apply) fn validate(&self, value: &Value) -> Result<(), String> {
        let mut validation = Validation {
            typed: *self,
            path: Vec::new(),
            problems: Vec::new(),
        };
        validation.value(self.root, value);
        match validation.problems.as_slice() {
            [] => Ok(()),
            [one] => Err(one.clone()),
            several => Err(format!("errors:\n  {}", several.join("\n  "))),
        }
    }
}

impl<'a> Validation<'a> {
    fn problem(&mut self, text: &str) {
        if self.problems.len() < MAX_PROBLEMS {
            let path = self.path.concat();
            self.problems.push(if path.is_empty() {
                text.to_owned()
            } else {
                format!("{path}: {text}")
            });
        }
    }

    fn value(&mut self, shape: &'a Shape, value: &Value) {
        if value.is_null() {
            return;
        }
        let kind = self.typed.kind(shape, Some(value));
        match (kind, value) {
            (Kind::Scalar, _) => self.scalar(shape, value),
            (Kind::List(element, list), Value::Array(items)) => self.items(element, list, items),
            (Kind::List(..), _) => {
                self.problem(&format!(
                    "expected list, got &{{{}}}",
                    crate::patch::go::shown(value)
                ));
            }
            (Kind::Map(element, _), Value::Object(fields)) => {
                for (name, field) in fields {
                    self.below(format!(".{name}"), element, field);
                }
            }
            (Kind::Struct(ty), Value::Object(fields)) => {
                for (name, field) in fields {
                    match ty.field(name) {
                        Some(known) => self.below(format!(".{name}"), &known.shape, field),
                        None if ty.open => {}
                        None => {
                            self.path.push(format!(".{name}"));
                            self.problem("field not declared in schema");
                            self.path.pop();
                        }
                    }
                }
            }
            (Kind::Map(..) | Kind::Struct(_), _) => {
                self.problem(&format!(
                    "expected map, got &{{{}}}",
                    crate::patch::go::shown(value)
                ));
            }
        }
    }

    fn below(&mut self, step: String, shape: &'a Shape, value: &Value) {
        self.path.push(step);
        self.value(shape, value);
        self.path.pop();
    }

    fn items(&mut self, shape: &'a Shape, kind: &ListKind, items: &[Value]) {
        let mut seen: BTreeSet<Element> = BTreeSet::new();
        for (i, item) in items.iter().enumerate() {
            if *kind == ListKind::Atomic {
                self.below(format!("[{i}]"), shape, item);
                continue;
            }
            match self.typed.element(shape, kind, item) {
                Err(why) => return self.problem(&element_error(kind, i, why)),
                Ok(element) => {
                    let step = element.to_string();
                    if !seen.insert(element) {
                        self.problem(&format!("duplicate entries for key {step}"));
                    }
                    self.below(step, shape, item);
                }
            }
        }
    }

    fn scalar(&mut self, shape: &Shape, value: &Value) {
        match shape {
            Shape::Int32 | Shape::Int64 | Shape::Number if !value.is_number() => {
                let got = type_name(value);
                self.problem(&format!("expected numeric (int or float), got {got}"));
            }
            Shape::String | Shape::Bytes if !value.is_string() => {
                let got = source(value);
                self.problem(&format!(
                    "expected string, got &value.valueUnstructured{{Value:{got}}}"
                ));
            }
            Shape::Bool if !value.is_boolean() => {
                let got = crate::patch::go::shown(value);
                self.problem(&format!("expected boolean, got &{{{got}}}"));
            }
            _ if value.is_array() || value.is_object() => {
                let got = crate::patch::go::shown(value);
                self.problem(&format!("expected any scalar, got &{{{got}}}"));
            }
            _ => {}
        }
    }
}
