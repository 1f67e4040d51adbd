//! `JSONPath` as `kubectl` and printer columns use it: `.status.conditions[?(@.type=="Ready")].status`.
use std::borrow::Cow;
use std::cmp::Ordering;

use serde_json::Value;

mod parse;

pub(crate) use parse::parse;

/// A path, ready to be followed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct JsonPath(Vec<Node>);

#[derive(Clone, Debug, PartialEq)]
enum Node {
    Field(String),
    /// Everything within.
    Wildcard,
    /// Everything within, at any depth.
    Recursive,
    Slice(Slice),
    /// The elements for which it holds.
    Filter(Vec<Self>, Comparison),
    Union(Vec<Vec<Self>>),
    /// What stands for itself.
    Literal(Value),
}

/// `[start:end:step]`, or one element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Slice {
    start: i64,
    end: Option<i64>,
    /// The end is only what follows the start.
    one: bool,
    step: i64,
}

#[derive(Clone, Debug, PartialEq)]
enum Comparison {
    Exists,
    Compare(Operator, Vec<Node>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// How many values a step may find.
const MAX_FOUND: usize = 10_000;

type Found<'a> = Vec<Cow<'a, Value>>;

/// There is no such value, or the path does not fit the object.
struct Misfit;

impl JsonPath {
    /// The first value that it leads to.
    pub(crate) fn first<'a>(&self, object: &'a Value) -> Option<Cow<'a, Value>> {
        let found = follow(&self.0, vec![Cow::Borrowed(object)]).ok()?;
        found.into_iter().next()
    }
}

fn follow<'a>(nodes: &[Node], mut found: Found<'a>) -> Result<Found<'a>, Misfit> {
    for node in nodes {
        found = step(node, found)?;
        if found.len() > MAX_FOUND {
            return Err(Misfit);
        }
    }
    Ok(found)
}

fn step<'a>(node: &Node, from: Found<'a>) -> Result<Found<'a>, Misfit> {
    match node {
        Node::Literal(value) => Ok(vec![Cow::Owned(value.clone())]),
        Node::Field(name) => Ok(from
            .into_iter()
            .filter_map(|one| member(one, name))
            .collect()),
        Node::Wildcard => Ok(from.into_iter().flat_map(within).collect()),
        Node::Recursive => {
            let mut all = Vec::new();
            from.into_iter()
                .try_for_each(|one| descend(one, &mut all))?;
            Ok(all)
        }
        Node::Slice(slice) => {
            let mut all = Vec::new();
            for one in from.into_iter().filter(|one| !one.is_null()) {
                all.extend(slice.of(one)?);
            }
            Ok(all)
        }
        Node::Filter(left, comparison) => {
            let mut all = Vec::new();
            for one in from {
                if !one.is_array() {
                    return Err(Misfit);
                }
                for element in within(one) {
                    if holds(left, comparison, &element)? {
                        all.push(element);
                    }
                }
            }
            Ok(all)
        }
        Node::Union(paths) => {
            let mut all = Vec::new();
            for path in paths {
                all.extend(follow(path, from.clone())?);
            }
            Ok(all)
        }
    }
}

fn member<'a>(value: Cow<'a, Value>, name: &str) -> Option<Cow<'a, Value>> {
    match value {
        Cow::Borrowed(value) => value.get(name).map(Cow::Borrowed),
        Cow::Owned(mut value) => value.get_mut(name).map(|one| Cow::Owned(one.take())),
    }
}

/// The members of a map, the elements of a list.
fn within(value: Cow<'_, Value>) -> Found<'_> {
    match value {
        Cow::Borrowed(Value::Array(list)) => list.iter().map(Cow::Borrowed).collect(),
        Cow::Borrowed(Value::Object(map)) => map.values().map(Cow::Borrowed).collect(),
        Cow::Owned(Value::Array(list)) => list.into_iter().map(Cow::Owned).collect(),
        Cow::Owned(Value::Object(map)) => map.into_values().map(Cow::Owned).collect(),
        _ => Vec::new(),
    }
}

fn descend<'a>(value: Cow<'a, Value>, all: &mut Found<'a>) -> Result<(), Misfit> {
    if all.len() > MAX_FOUND {
        return Err(Misfit);
    }
    let inner = within(value.clone());
    if !inner.is_empty() {
        all.push(value);
    }
    inner.into_iter().try_for_each(|one| descend(one, all))
}

impl Slice {
    fn of(self, list: Cow<'_, Value>) -> Result<Found<'_>, Misfit> {
        let Value::Array(elements) = &*list else {
            return Err(Misfit);
        };
        let length = i64::try_from(elements.len()).map_err(|_too_long| Misfit)?;
        let from_end = |index: i64| if index < 0 { index + length } else { index };
        let start = from_end(self.start);
        let end = match self.end {
            // The last element is followed by none.
            Some(0) if self.one => length,
            Some(end) => from_end(end),
            None => length,
        };
        if start == end {
            return Ok(Vec::new());
        }
        let fits = (0..length).contains(&start) && (start..=length).contains(&end);
        let (true, Ok(step)) = (fits && self.step > 0, usize::try_from(self.step)) else {
            return Err(Misfit);
        };
        let (skip, take) = (usize::try_from(start), usize::try_from(end - start));
        let (Ok(skip), Ok(take)) = (skip, take) else {
            return Err(Misfit);
        };
        let all = within(list).into_iter();
        Ok(all.skip(skip).take(take).step_by(step).collect())
    }
}

fn holds(left: &[Node], comparison: &Comparison, element: &Value) -> Result<bool, Misfit> {
    let start = || vec![Cow::Borrowed(element)];
    let lefts = follow(left, start());
    let Comparison::Compare(operator, right) = comparison else {
        return Ok(lefts.is_ok_and(|found| !found.is_empty()));
    };
    let (lefts, rights) = (lefts?, follow(right, start())?);
    match (lefts.as_slice(), rights.as_slice()) {
        ([], _) | (_, []) => Ok(false),
        ([left], [right]) => operator.holds(left, right),
        _ => Err(Misfit),
    }
}

impl Operator {
    fn holds(self, left: &Value, right: &Value) -> Result<bool, Misfit> {
        let order = match (left, right) {
            (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
            (Value::Number(a), Value::Number(b)) if a.is_f64() == b.is_f64() => {
                let (a, b) = (a.as_f64(), b.as_f64());
                a.zip(b).and_then(|(a, b)| a.partial_cmp(&b))
            }
            (Value::Bool(a), Value::Bool(b)) => {
                // Flags are the same or not, never less.
                match self {
                    Self::Equal | Self::NotEqual => Some(a.cmp(b)),
                    _ => None,
                }
            }
            _ => None,
        };
        let order = order.ok_or(Misfit)?;
        Ok(match self {
            Self::Equal => order == Ordering::Equal,
            Self::NotEqual => order != Ordering::Equal,
            Self::Less => order == Ordering::Less,
            Self::LessOrEqual => order != Ordering::Greater,
            Self::Greater => order == Ordering::Greater,
            Self::GreaterOrEqual => order != Ordering::Less,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn first(path: &str, object: &Value) -> Option<Value> {
        parse(path).unwrap().first(object).map(Cow::into_owned)
    }

    #[test]
    fn paths_lead_where_the_documentation_says() {
        let object = json!({
            "metadata": { "annotations": { "example.com/a": "x" } },
            "spec": { "list": [1, 2, 3, 4], "flag": true, "text": "t" },
            "status": { "conditions": [
                { "type": "Synced", "status": "False" },
                { "type": "Ready", "status": "True", "count": 3 },
            ] },
        });
        for (path, wanted) in [
            (".spec.text", json!("t")),
            ("$.spec.text", json!("t")),
            (".spec['text']", json!("t")),
            (".spec.list[0]", json!(1)),
            (".spec.list[-1]", json!(4)),
            (".spec.list[1:3]", json!(2)),
            (".spec.list[-2:]", json!(3)),
            (".spec.list[*]", json!(1)),
            (".spec.list[::2]", json!(1)),
            (".spec.list[3,0]", json!(4)),
            (".spec.*", json!(true)),
            (".metadata.annotations['example\\.com/a']", json!("x")),
            (".metadata.annotations.example\\.com/a", json!("x")),
            (
                ".status.conditions[?(@.type==\"Ready\")].status",
                json!("True"),
            ),
            (
                ".status.conditions[?(@.type == 'Ready')].status",
                json!("True"),
            ),
            (
                ".status.conditions[?(@.type!='Ready')].status",
                json!("False"),
            ),
            (".status.conditions[?(@.count)].type", json!("Ready")),
            (".status.conditions[?(@.count>=3)].type", json!("Ready")),
            ("..status.conditions[0].type", json!("Synced")),
        ] {
            assert_eq!(first(path, &object), Some(wanted), "{path}");
        }
        for path in [
            ".spec.none.deeper",
            ".spec.list[7]",
            ".spec.text[0]",
            ".status.conditions[?(@.type==\"Nope\")].status",
            ".status.conditions[?(@.type==3)].status",
            ".spec[?(@.a==1)]",
        ] {
            assert_eq!(first(path, &object), None, "{path}");
        }
    }

    #[test]
    fn what_is_no_path_is_refused() {
        for path in [".a[", ".a[x]", ".a[?(@.b==1]", "#a", "a(", ".a['x]"] {
            assert!(parse(path).is_err(), "{path}");
        }
    }
}
