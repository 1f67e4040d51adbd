//! Inputs of the query protocols: names with dots, values that are texts.
//!
//! A form becomes the JSON of the operation's input: its type says which texts are numbers and
//! booleans, and which names are lists. What has another type is refused, by name.
use std::{borrow::Cow, collections::BTreeMap};

use serde_json::{Map, Value};

use crate::Exception;

/// How deep names go.
const MAX_DEPTH: usize = 24;

/// How lists are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lists {
    /// `Names.member.1`, in the query protocol.
    Member,
    /// `Name.1`, in that of EC2.
    Flat,
}

/// What is below a name.
#[derive(Default)]
struct Node<'a> {
    value: Option<Cow<'a, str>>,
    parts: BTreeMap<String, Self>,
}

/// A form as the JSON of an input with a shape, as [`crate::shape::of`] has it.
pub(crate) fn input(body: &[u8], shape: &Value, lists: Lists) -> Result<Value, Exception> {
    let mut root = Node::default();
    for (name, value) in form_urlencoded::parse(body) {
        let mut node = &mut root;
        for (depth, part) in name.split('.').enumerate() {
            if depth >= MAX_DEPTH {
                return Err(malformed(lists, &name, "the name is too deep"));
            }
            node = node.parts.entry(part.to_owned()).or_default();
        }
        node.value = Some(value);
    }
    typed(&root, shape, lists, "")
}

fn malformed(lists: Lists, path: &str, what: &str) -> Exception {
    let kind = match lists {
        Lists::Member => "MalformedInput",
        Lists::Flat => "InvalidParameterValue",
    };
    let path: String = path.chars().take(200).collect();
    Exception::client(kind, format!("Invalid value for parameter {path}: {what}"))
}

fn typed(node: &Node<'_>, shape: &Value, lists: Lists, path: &str) -> Result<Value, Exception> {
    let kind = shape["type"].as_str().unwrap_or("any");
    match kind {
        "structure" => {
            let mut members = Map::new();
            for (name, part) in &node.parts {
                if let Some(shape) = shape["members"].get(name) {
                    let below = below(path, name);
                    members.insert(name.clone(), typed(part, shape, lists, &below)?);
                }
            }
            Ok(Value::Object(members))
        }
        "list" => {
            let node = match lists {
                Lists::Member => node.parts.get("member"),
                Lists::Flat => Some(node),
            };
            let items = items(node).ok_or_else(|| malformed(lists, path, "it is not a list"))?;
            let one = |(number, item): (u32, &Node<'_>)| {
                typed(item, &shape["member"], lists, &format!("{path}.{number}"))
            };
            items.into_iter().map(one).collect()
        }
        "any" | "map" => Ok(any(node, lists)),
        scalar => {
            let Some(text) = &node.value else {
                return Err(malformed(lists, path, "it is not a plain value"));
            };
            let value = match scalar {
                "integer" => text.trim().parse::<i64>().ok().map(Value::from),
                "double" => text.trim().parse::<f64>().ok().map(Value::from),
                "boolean" if text.eq_ignore_ascii_case("true") => Some(Value::Bool(true)),
                "boolean" if text.eq_ignore_ascii_case("false") => Some(Value::Bool(false)),
                "boolean" => None,
                _ => Some(Value::from(text.as_ref())),
            };
            value.ok_or_else(|| malformed(lists, path, &format!("it must be of type {scalar}")))
        }
    }
}

fn below(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

/// The items of a list by their numbers; `None` if something else is there.
fn items<'n, 'a>(node: Option<&'n Node<'a>>) -> Option<Vec<(u32, &'n Node<'a>)>> {
    let Some(node) = node else {
        return Some(Vec::new());
    };
    let numbered = node
        .parts
        .iter()
        .map(|(name, item)| Some((name.parse::<u32>().ok()?, item)));
    let mut items: Vec<(u32, &Node<'_>)> = numbered.collect::<Option<_>>()?;
    items.sort_by_key(|(number, _)| *number);
    Some(items)
}

/// A value whose type nobody knows: lists, objects and texts as the names say.
fn any(node: &Node<'_>, lists: Lists) -> Value {
    if node.parts.is_empty() {
        return Value::from(node.value.as_deref().unwrap_or_default());
    }
    let of_list = match lists {
        Lists::Member if node.parts.len() == 1 => node.parts.get("member"),
        Lists::Member => None,
        Lists::Flat => Some(node),
    };
    if let Some(items) = of_list.and_then(|node| items(Some(node))) {
        return items.iter().map(|(_, item)| any(item, lists)).collect();
    }
    let members = node.parts.iter();
    Value::Object(
        members
            .map(|(name, part)| (name.clone(), any(part, lists)))
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shape() -> Value {
        let tag = json!({ "type": "structure", "members": {
            "Key": { "type": "string" }, "PropagateAtLaunch": { "type": "boolean" } } });
        json!({ "type": "structure", "members": {
            "Names": { "type": "list", "member": { "type": "string" } },
            "Tags": { "type": "list", "member": tag },
            "MinSize": { "type": "integer" },
            "Policy": { "type": "any" },
        }})
    }

    #[test]
    fn names_with_members_are_lists_and_types_are_those_of_the_input() {
        let form = b"Action=X&Version=1&Names.member.2=b&Names.member.10=c&Names.member.1=a\
            &Tags.member.1.Key=k&Tags.member.1.PropagateAtLaunch=true&MinSize=3\
            &Policy.Overrides.member.1.InstanceType=t3.small&Policy.Spot=5";
        let expected = json!({
            "Names": ["a", "b", "c"],
            "Tags": [{ "Key": "k", "PropagateAtLaunch": true }],
            "MinSize": 3,
            "Policy": { "Overrides": [{ "InstanceType": "t3.small" }], "Spot": "5" },
        });
        let read = input(form, &shape(), Lists::Member).unwrap();
        assert_eq!(read, expected);
        let flat = b"Names.1=a&Names.2=b&Tags.1.Key=k&MinSize=0&Policy.A.1.B=x";
        let expected = json!({
            "Names": ["a", "b"], "Tags": [{ "Key": "k" }], "MinSize": 0,
            "Policy": { "A": [{ "B": "x" }] },
        });
        assert_eq!(input(flat, &shape(), Lists::Flat).unwrap(), expected);
        // boto3 sends an empty list so.
        let empty = input(b"Names=", &shape(), Lists::Member).unwrap();
        assert_eq!(empty, json!({ "Names": [] }));
    }

    #[test]
    fn what_has_another_type_is_refused_by_name() {
        for (form, name) in [
            ("MinSize=x", "MinSize"),
            ("MinSize.1=1", "MinSize"),
            (
                "Tags.member.1.PropagateAtLaunch=yes",
                "Tags.1.PropagateAtLaunch",
            ),
            ("Names.member.x=1", "Names"),
        ] {
            let refused = input(form.as_bytes(), &shape(), Lists::Member).unwrap_err();
            assert_eq!(refused.kind, "MalformedInput");
            assert!(refused.message.contains(name), "{}", refused.message);
        }
        let deep = format!("{}=1", ["a"; 30].join("."));
        assert!(input(deep.as_bytes(), &shape(), Lists::Member).is_err());
    }
}
