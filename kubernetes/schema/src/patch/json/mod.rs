//! JSON patch, RFC 6902, as the API server applies it.
//!
//! Two things differ from the RFC as they do upstream: array indexes may be negative (from the
//! end), and replacing a field that is not there adds it.
use serde_json::{Map, Value};

use super::{MAX_DEPTH, PatchError, size_within};

/// How many operations a patch may have.
const MAX_OPERATIONS: usize = 10_000;

/// How many bytes of JSON all `copy` operations of a patch together may add.
const MAX_COPIED_BYTES: usize = 3 * 1024 * 1024;

/// How many values a patch may put somewhere or, inserting into lists, move aside.
const MAX_SHIFTED: usize = 50_000_000;

/// Applies a JSON patch; an error leaves the target as it was.
pub fn json(target: &mut Value, operations: &Value) -> Result<(), PatchError> {
    let operations = operations.as_array().ok_or_else(|| {
        let kind = super::go::type_name(operations);
        malformed(format!(
            "json: cannot unmarshal {kind} into Go value of type jsonpatch.Patch"
        ))
    })?;
    if operations.len() > MAX_OPERATIONS {
        return Err(PatchError::TooLarge(format!(
            "The allowed maximum operations in a JSON patch is {MAX_OPERATIONS}, got {}",
            operations.len()
        )));
    }
    let operations: Vec<&Map<String, Value>> = operations
        .iter()
        .map(|operation| {
            operation.as_object().ok_or_else(|| {
                let kind = super::go::type_name(operation);
                malformed(format!(
                    "json: cannot unmarshal {kind} into Go value of type jsonpatch.Operation"
                ))
            })
        })
        .collect::<Result<_, _>>()?;
    let mut patching = Patching {
        document: target.clone(),
        copied_bytes: 0,
        shifted: 0,
    };
    for operation in operations {
        patching.apply(operation).map_err(PatchError::Rejected)?;
    }
    *target = patching.document;
    Ok(())
}

fn malformed(text: String) -> PatchError {
    PatchError::Malformed(text)
}

struct Patching {
    document: Value,
    copied_bytes: usize,
    shifted: usize,
}

impl Patching {
    fn apply(&mut self, operation: &Map<String, Value>) -> Result<(), String> {
        let kind = operation.get("op").and_then(Value::as_str);
        let value = operation.get("value").unwrap_or(&Value::Null);
        match kind.unwrap_or("unknown") {
            "add" => self.add("add", path(operation, "path", "add")?, value.clone()),
            "remove" => self
                .remove("remove", path(operation, "path", "remove")?)
                .map(drop),
            "replace" => self.replace(path(operation, "path", "replace")?, value),
            "move" => {
                let from = path(operation, "from", "move")?;
                let moved = self.remove("move", from)?;
                self.add("move", path(operation, "path", "move")?, moved)
            }
            "copy" => {
                let copied = self.copied(path(operation, "from", "copy")?)?;
                self.add("copy", path(operation, "path", "copy")?, copied)
            }
            "test" => self.test(path(operation, "path", "test")?, value),
            other => Err(format!("Unexpected kind: {other}")),
        }
    }

    fn add(&mut self, kind: &str, at: &str, value: Value) -> Result<(), String> {
        // Only insertion can deepen a document.
        self.measure(kind, at, &value)?;
        let (parent, key) = self.parent(kind, at)?;
        let moved = match parent {
            Value::Object(fields) => {
                fields.insert(key, value);
                0
            }
            Value::Array(items) if key == "-" => {
                items.push(value);
                0
            }
            Value::Array(items) => {
                let wrong = |why| format!("error in {kind} for path: '{at}': {why}");
                let i = index(&key, items.len() + 1).map_err(wrong)?;
                items.insert(i, value);
                items.len() - i
            }
            _ => return Err(missing(kind, at)),
        };
        self.shift(moved)
    }

    fn remove(&mut self, kind: &str, at: &str) -> Result<Value, String> {
        let (parent, key) = self.parent(kind, at)?;
        let wrong = |why| format!("error in {kind} for path: '{at}': {why}");
        match parent {
            Value::Object(fields) => fields.remove(&key).ok_or_else(|| {
                wrong(format!(
                    "Unable to remove nonexistent key: {key}: missing value"
                ))
            }),
            Value::Array(items) => {
                let i = index(&key, items.len()).map_err(wrong)?;
                let removed = items.remove(i);
                let moved = items.len() - i;
                self.shift(moved)?;
                Ok(removed)
            }
            _ => Err(missing(kind, at)),
        }
    }

    fn replace(&mut self, at: &str, value: &Value) -> Result<(), String> {
        if at.is_empty() {
            if !value.is_object() && !value.is_array() {
                return Err("replace operation value must be object or array".to_owned());
            }
            self.document = value.clone();
            return Ok(());
        }
        self.measure("replace", at, value)?;
        match self.parent("replace", at)? {
            (Value::Array(items), key) => {
                let i = index(&key, items.len()).ok().ok_or_else(|| {
                    format!(
                        "replace operation does not apply: doc is missing key: {at}: missing value"
                    )
                })?;
                // Removing and adding again would move what follows; the slot is set in place.
                let slot = items.get_mut(i).ok_or_else(|| missing("replace", at))?;
                *slot = value.clone();
                Ok(())
            }
            (Value::Object(fields), key) => {
                fields.insert(key, value.clone());
                Ok(())
            }
            _ => Err(missing("replace", at)),
        }
    }

    fn copied(&mut self, from: &str) -> Result<Value, String> {
        let (parent, key) = self.parent("copy", from)?;
        let value = get(parent, &key)
            .map_err(|why| format!("error in copy for from: '{from}': {why}"))?
            .cloned()
            .unwrap_or(Value::Null);
        self.copied_bytes += value.to_string().len();
        if self.copied_bytes > MAX_COPIED_BYTES {
            return Err(format!(
                "Unable to complete the copy, the accumulated size increase of copy is {}, exceeding the limit {MAX_COPIED_BYTES}",
                self.copied_bytes
            ));
        }
        Ok(value)
    }

    fn test(&mut self, at: &str, expected: &Value) -> Result<(), String> {
        let failed = || format!("testing value {at} failed: test failed");
        if at.is_empty() {
            return if self.document == *expected {
                Ok(())
            } else {
                Err(failed())
            };
        }
        let (parent, key) = self.parent("test", at)?;
        let actual = get(parent, &key)
            .map_err(|why| format!("error in test for path: '{at}': {why}"))?
            .unwrap_or(&Value::Null);
        if actual == expected {
            Ok(())
        } else {
            Err(failed())
        }
    }

    /// What holds the value of a path, and its key in there.
    fn parent(&mut self, kind: &str, at: &str) -> Result<(&mut Value, String), String> {
        let gone = || missing(kind, at);
        let (_, rest) = at.split_once('/').ok_or_else(gone)?;
        let mut value = &mut self.document;
        let mut tokens = rest.split('/').peekable();
        while let Some(token) = tokens.next() {
            let key = token.replace("~1", "/").replace("~0", "~");
            if tokens.peek().is_none() {
                return Ok((value, key));
            }
            value = match value {
                Value::Object(fields) => fields.get_mut(&key).ok_or_else(gone)?,
                Value::Array(items) => {
                    let i = index(&key, items.len()).ok().ok_or_else(gone)?;
                    items.get_mut(i).ok_or_else(gone)?
                }
                _ => return Err(gone()),
            };
        }
        Err(gone())
    }

    fn measure(&mut self, kind: &str, at: &str, value: &Value) -> Result<(), String> {
        let levels = MAX_DEPTH.saturating_sub(at.matches('/').count());
        let size = size_within(value, levels)
            .filter(|_| levels > 0)
            .ok_or_else(|| format!("error in {kind} for path: '{at}': exceeded max depth"))?;
        self.shift(size)
    }

    fn shift(&mut self, elements: usize) -> Result<(), String> {
        self.shifted += elements;
        if self.shifted > MAX_SHIFTED {
            return Err("the patch moves too many list elements".to_owned());
        }
        Ok(())
    }
}

fn path<'a>(operation: &'a Map<String, Value>, name: &str, kind: &str) -> Result<&'a str, String> {
    operation.get(name).and_then(Value::as_str).ok_or_else(|| {
        format!(
            "{kind} operation failed to decode {name}: operation missing {name} field: missing value"
        )
    })
}

fn missing(kind: &str, at: &str) -> String {
    format!("{kind} operation does not apply: doc is missing path: \"{at}\": missing value")
}

/// A missing field is no error, a missing element is.
fn get<'a>(parent: &'a Value, key: &str) -> Result<Option<&'a Value>, String> {
    match parent {
        Value::Object(fields) => Ok(fields.get(key)),
        Value::Array(items) => Ok(items.get(index(key, items.len())?)),
        _ => Ok(None),
    }
}

/// An index below `len`; a negative one counts from the end.
fn index(key: &str, len: usize) -> Result<usize, String> {
    let wanted: i64 = key
        .parse()
        .ok()
        .ok_or_else(|| format!("value was not a proper array index: '{key}'"))?;
    let position = if wanted < 0 {
        usize::try_from(wanted.unsigned_abs())
            .ok()
            .and_then(|back| len.checked_sub(back))
    } else {
        usize::try_from(wanted).ok().filter(|i| *i < len)
    };
    position.ok_or_else(|| {
        format!("Unable to access invalid index: {wanted}: invalid index referenced")
    })
}

#[cfg(test)]
mod tests;
