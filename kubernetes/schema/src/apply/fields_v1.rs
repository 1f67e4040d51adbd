//! Sets of fields as JSON: the format `FieldsV1` of `managedFields`.
//!
//! <https://kubernetes.io/docs/reference/using-api/server-side-apply/>
use std::sync::Arc;

use serde_json::{Map, Value};

use super::path::{Element, Key};
use super::set::{Node, Set};
use crate::patch::MAX_DEPTH;

/// Writes a set. Its fields are put into the object in canonical order.
pub fn encode(set: &Set) -> Value {
    Value::Object(encode_below(set))
}

fn encode_below(set: &Set) -> Map<String, Value> {
    let mut object = Map::new();
    for (element, node) in set.nodes() {
        let mut below = Map::new();
        if node.member && !node.children.is_empty() {
            below.insert(".".to_owned(), Value::Object(Map::new()));
        }
        below.extend(encode_below(&node.children));
        object.insert(text(element), Value::Object(below));
    }
    object
}

fn text(element: &Element) -> String {
    match element {
        Element::Field(name) => format!("f:{name}"),
        Element::Keys(keys) => {
            let keys: Vec<String> = keys
                .iter()
                .map(|(name, value)| format!("{}:{}", Value::from(name.as_str()), value.0))
                .collect();
            format!("k:{{{}}}", escaped(&keys.join(",")))
        }
        Element::Value(value) => format!("v:{}", escaped(&value.0.to_string())),
        Element::Index(index) => format!("i:{index}"),
    }
}

/// Go's JSON escapes what means something in HTML.
pub(super) fn escaped(json: &str) -> String {
    json.replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026")
}

/// Reads a set. Elements of kinds that nobody knows are dropped, as upstream does.
pub fn decode(fields: &Value) -> Result<Set, String> {
    Ok(decode_below(fields, MAX_DEPTH)?.children)
}

/// Whether a set that [`encode`] wrote may have anything of another one.
pub(super) fn meet(fields: &Value, set: &Set) -> bool {
    set.nodes().any(|(element, node)| {
        let below = fields.get(text(element));
        below.is_some_and(|below| node.member || meet(below, &node.children))
    })
}

fn decode_below(fields: &Value, levels: usize) -> Result<Node, String> {
    let Value::Object(fields) = fields else {
        return Err("expect { or n".to_owned());
    };
    let levels = levels.checked_sub(1).ok_or("exceeded max depth")?;
    let mut nodes = Vec::with_capacity(fields.len());
    let mut member = false;
    for (name, below) in fields {
        if name == "." {
            member = true;
        } else if let Some(element) = parse(name)? {
            nodes.push((Arc::new(element), decode_below(below, levels)?));
        }
    }
    let children: Set = nodes.into_iter().collect();
    // A leaf is a member without saying so.
    member |= children.is_empty();
    Ok(Node { member, children })
}

fn parse(name: &str) -> Result<Option<Element>, String> {
    let wrong = |why: &str| format!("parsing key as path element: {why}: {name}");
    let Some((kind, rest)) = name.split_once(':') else {
        return Err(wrong("missing colon"));
    };
    let element = match kind {
        "f" => Element::Field(rest.to_owned()),
        "v" => {
            let value = serde_json::from_str(rest).map_err(|e| wrong(&e.to_string()))?;
            Element::Value(Key(value))
        }
        "k" => {
            let keys: Map<String, Value> =
                serde_json::from_str(rest).map_err(|e| wrong(&e.to_string()))?;
            let mut keys: Vec<(String, Key)> = keys
                .into_iter()
                .map(|(name, key)| (name, Key(key)))
                .collect();
            keys.sort_unstable();
            Element::Keys(keys)
        }
        "i" => Element::Index(rest.parse().ok().ok_or_else(|| wrong("invalid index"))?),
        _ if kind.chars().count() == 1 => return Ok(None),
        _ => return Err(wrong("missing colon")),
    };
    Ok(Some(element))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn sets_are_written_and_read() {
        let fields = json!({
            "f:metadata": {"f:labels": {".": {}, "f:app": {}}, "f:finalizers": {"v:\"x\\u003cy\"": {}}},
            "f:spec": {"f:ports": {"k:{\"port\":80,\"protocol\":\"TCP\"}": {".": {}, "f:port": {}}}, "i:3": {}},
        });
        let set = decode(&fields).unwrap();
        assert_eq!(encode(&set), fields);
        let paths: Vec<String> = set.paths().iter().map(ToString::to_string).collect();
        assert_eq!(
            paths,
            [
                ".metadata.labels",
                ".metadata.finalizers[=\"x<y\"]",
                ".metadata.labels.app",
                ".spec[3]",
                ".spec.ports[port=80,protocol=\"TCP\"]",
                ".spec.ports[port=80,protocol=\"TCP\"].port",
            ]
        );
    }

    #[test]
    fn what_is_no_set_is_refused() {
        for fields in [
            json!({"x": {}}),
            json!({"v:{": {}}),
            json!({"i:x": {}}),
            json!([]),
            json!({"f:a": 1}),
        ] {
            assert!(decode(&fields).is_err(), "{fields}");
        }
        assert!(decode(&json!({"z:new": {"f:a": {}}})).unwrap().is_empty());
    }
}
