//! Policy documents as they are written.
use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error as _, MapAccess, Visitor},
};

use super::{
    Effect, Kind, MAX_CHARS, Malformed, Names, Policy, Statement,
    condition::Condition,
    pattern::{Pattern, Syntax},
    principals::{Element, Principals},
};

/// The version in which `${…}` means something.
const WITH_VARIABLES: &str = "2012-10-17";
const WITHOUT_VARIABLES: &str = "2008-10-17";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct Document {
    version: Option<String>,
    #[serde(rename = "Id")]
    _id: Option<String>,
    statement: OneOrMany<Written>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct Written {
    #[serde(rename = "Sid")]
    _sid: Option<String>,
    effect: Effect,
    principal: Option<Element>,
    not_principal: Option<Element>,
    action: Option<OneOrMany<String>>,
    not_action: Option<OneOrMany<String>>,
    resource: Option<OneOrMany<String>>,
    not_resource: Option<OneOrMany<String>>,
    #[serde(default)]
    condition: Pairs<Pairs<OneOrMany<Scalar>>>,
}

/// A value, or a list of them.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum OneOrMany<T> {
    One(T),
    Many(Vec<T>),
}

impl<T> OneOrMany<T> {
    pub(super) fn list(self) -> Vec<T> {
        match self {
            Self::One(one) => vec![one],
            Self::Many(many) => many,
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Scalar {
    Bool(bool),
    Number(serde_json::Number),
    Text(String),
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(value) => value.fmt(f),
            Self::Number(value) => value.fmt(f),
            Self::Text(value) => value.fmt(f),
        }
    }
}

/// An object in which no name comes twice: of two conditions, one would be lost.
#[derive(Debug)]
struct Pairs<T>(Vec<(String, T)>);

impl<T> Default for Pairs<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Pairs<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader<T>(std::marker::PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Reader<T> {
            type Value = Pairs<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs<T>, A::Error> {
                let mut pairs: Vec<(String, T)> = Vec::new();
                while let Some((name, value)) = map.next_entry()? {
                    if pairs.iter().any(|(known, _)| *known == name) {
                        return Err(A::Error::custom(format!("{name:?} is there twice")));
                    }
                    pairs.push((name, value));
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(Reader(std::marker::PhantomData))
    }
}

fn malformed(text: impl Into<String>) -> Malformed {
    Malformed(text.into())
}

pub(super) fn parse(text: &str, kind: Kind) -> Result<Policy, Malformed> {
    if text.chars().count() > MAX_CHARS {
        return Err(malformed(format!(
            "it is longer than {MAX_CHARS} characters"
        )));
    }
    let document: Document = serde_json::from_str(text).map_err(|e| malformed(e.to_string()))?;
    if !has_named_members(text) {
        return Err(malformed("its statements are not objects"));
    }
    let variables = match document.version.as_deref() {
        Some(WITH_VARIABLES) => true,
        Some(WITHOUT_VARIABLES) | None => false,
        Some(_) => {
            return Err(malformed(
                "its Version is neither 2008-10-17 nor 2012-10-17",
            ));
        }
    };
    let written = document.statement.list();
    if written.is_empty() {
        return Err(malformed("it has no statement"));
    }
    let read = |(number, written): (usize, Written)| {
        written
            .read(kind, variables)
            .map_err(|problem| malformed(format!("statement {}: {problem}", number + 1)))
    };
    let statements = written.into_iter().enumerate().map(read);
    Ok(Policy {
        statements: statements.collect::<Result<_, _>>()?,
    })
}

/// serde reads lists as structures too.
fn has_named_members(text: &str) -> bool {
    let document: serde_json::Value = serde_json::from_str(text).unwrap_or_default();
    let statements = match document.get("Statement") {
        Some(serde_json::Value::Array(list)) => list.iter().collect(),
        Some(one) => vec![one],
        None => return false,
    };
    let principal = |statement: &serde_json::Value| {
        let elements = ["Principal", "NotPrincipal"].map(|name| statement.get(name));
        elements.into_iter().flatten().all(|e| !e.is_array())
    };
    statements.iter().all(|s| s.is_object() && principal(s))
}

impl Written {
    fn read(self, kind: Kind, variables: bool) -> Result<Statement, &'static str> {
        let principals = match (kind, self.principal, self.not_principal) {
            (Kind::Identity, None, None) => None,
            (Kind::Identity, ..) => return Err("a policy of a user has no Principal"),
            (_, Some(element), None) => Some((element, false)),
            // IAM: elsewhere it would let in whoever is not thought of.
            (_, None, Some(_)) if self.effect == Effect::Allow => {
                return Err("NotPrincipal is for statements that deny");
            }
            (_, None, Some(element)) => Some((element, true)),
            _ => return Err("there must be either Principal or NotPrincipal"),
        };
        let principals = principals
            .map(|(element, negated)| {
                Principals::new(element, negated).ok_or("a principal is none of IAM")
            })
            .transpose()?;
        let (actions, not) = either(self.action, self.not_action)
            .ok_or("there must be either Action or NotAction")?;
        for action in &actions {
            if !is_action(action, kind) {
                return Err("an action is none that a policy of this kind can be about");
            }
        }
        // The resource of a repository's policy is the repository, and ECR lets nobody say so.
        let resources = match (kind, self.resource, self.not_resource) {
            (Kind::Repository | Kind::PublicRepository | Kind::Trust, None, None) => None,
            (Kind::Trust, ..) => return Err("a policy of a role has no Resource"),
            (Kind::Repository | Kind::PublicRepository, ..) => {
                return Err("a policy of a repository has no Resource");
            }
            (_, one, other) => {
                Some(either(one, other).ok_or("there must be either Resource or NotResource")?)
            }
        };
        let is_resource = |text: &String| text == "*" || text.starts_with("arn:");
        if let Some((texts, _)) = &resources
            && !texts.iter().all(is_resource)
        {
            return Err("a resource is neither an ARN nor *");
        }
        let mut conditions = Vec::new();
        for (operator, keys) in self.condition.0 {
            for (key, values) in keys.0 {
                let values: Vec<_> = values.list().iter().map(ToString::to_string).collect();
                let condition = Condition::new(&operator, &key, &values, variables);
                conditions.push(condition.ok_or("a condition cannot be read")?);
            }
        }
        let syntax = |variables| Syntax {
            wildcards: true,
            variables,
        };
        let folded = actions.iter().map(|action| action.to_ascii_lowercase());
        Ok(Statement {
            effect: self.effect,
            principals,
            actions: Names {
                negated: not,
                patterns: folded
                    .map(|text| Pattern::new(&text, syntax(false)))
                    .collect(),
            },
            resources: resources.map(|(texts, negated)| Names {
                negated,
                patterns: texts
                    .iter()
                    .map(|text| Pattern::new(text, syntax(variables)))
                    .collect(),
            }),
            conditions,
        })
    }
}

/// The one of an element and its negation that is there, and whether it is the negation.
fn either(
    element: Option<OneOrMany<String>>,
    negation: Option<OneOrMany<String>>,
) -> Option<(Vec<String>, bool)> {
    let (list, negated) = match (element, negation) {
        (Some(element), None) => (element.list(), false),
        (None, Some(negation)) => (negation.list(), true),
        _ => return None,
    };
    (!list.is_empty()).then_some((list, negated))
}

/// `*` or `<service>:<name>`. A policy of ECR's own is about ECR, that of a public repository about
/// ECR Public, and who may log in is not a repository's business.
fn is_action(text: &str, kind: Kind) -> bool {
    let name = |name: &str| {
        !name.is_empty()
            && name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "*?".contains(c))
    };
    let folded = text.to_ascii_lowercase();
    let service = |c: char| c.is_ascii_alphanumeric() || c == '-';
    match (kind, folded.split_once(':')) {
        (_, None) => text == "*",
        (Kind::Identity, Some((vendor, action))) => {
            !vendor.is_empty() && vendor.chars().all(service) && name(action)
        }
        (Kind::Trust, Some((vendor, action))) => vendor == "sts" && name(action),
        (_, Some((vendor, action))) => {
            let own = if kind == Kind::PublicRepository {
                "ecr-public"
            } else {
                "ecr"
            };
            vendor == own && name(action) && action != "getauthorizationtoken"
        }
    }
}
