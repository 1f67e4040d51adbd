//! Field selectors: `metadata.name=a,status.phase!=Running`.
use crate::Status;
use crate::kinds::{core_event_field, selectable_field};
use crate::store::{Object, Shelf};

/// What of a resource can be selected.
#[derive(Clone, Copy, Debug)]
pub struct Selectable<'a> {
    pub group: &'a str,
    pub kind: &'a str,
    pub namespaced: bool,
    /// Defined by a custom resource definition.
    pub custom: bool,
    /// Besides the metadata.
    pub fields: &'a [String],
    pub shelf: &'a Shelf,
}

/// Which fields an object must have. All terms count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldSelector(Vec<Term>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Term {
    place: Place,
    value: String,
    negated: bool,
}

/// Where the value of a field is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    Name,
    Namespace,
    /// In [`Object::fields`].
    Noted(usize),
    /// The shelf does not note it: the object must be read.
    Read(String),
}

impl FieldSelector {
    /// Reads a `fieldSelector`; the empty one takes everything.
    pub fn parse(text: &str, of: &Selectable<'_>) -> Result<Self, Status> {
        let mut parts = split(text);
        parts.sort_unstable();
        let mut terms = Vec::new();
        for part in parts.into_iter().filter(|part| !part.is_empty()) {
            let Some((path, negated, value)) = split_term(part) else {
                return Err(Status::bad_request(format!(
                    "invalid selector: '{text}'; can't understand '{part}'"
                )));
            };
            terms.push((path, negated, unescape(value)?));
        }
        let terms = terms.into_iter().map(|(path, negated, value)| {
            let place = place(path, of)?;
            Ok(Term {
                place,
                value,
                negated,
            })
        });
        terms.collect::<Result<_, _>>().map(Self)
    }

    /// Whether it takes everything.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn matches(&self, object: &Object) -> bool {
        self.0.iter().all(|term| {
            let same = match &term.place {
                Place::Name => object.name == term.value,
                Place::Namespace => object.namespace == term.value,
                Place::Noted(index) => object.fields.get(*index).unwrap_or_default() == term.value,
                Place::Read(path) => selectable_field(&object.value(), path) == term.value,
            };
            same != term.negated
        })
    }

    /// The only name that an object can have.
    pub fn name(&self) -> Option<&str> {
        self.exact(&Place::Name)
    }

    /// The only namespace in which an object can be.
    pub fn namespace(&self) -> Option<&str> {
        self.exact(&Place::Namespace)
    }

    fn exact(&self, place: &Place) -> Option<&str> {
        let term = self.0.iter().find(|term| term.place == *place)?;
        (!term.negated).then_some(term.value.as_str())
    }
}

/// The terms between commas that are not escaped.
fn split(text: &str) -> Vec<&str> {
    let mut escaped = false;
    text.split(|c| {
        let ends = c == ',' && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    })
    .collect()
}

/// The field, whether it must differ, and the value.
fn split_term(term: &str) -> Option<(&str, bool, &str)> {
    let (index, found) = term
        .char_indices()
        .find(|(index, c)| *c == '=' || term.split_at(*index).1.starts_with("!="))?;
    let (path, rest) = term.split_at(index);
    if found == '!' {
        return Some((path, true, rest.strip_prefix("!=")?));
    }
    let value = rest.strip_prefix("==").or_else(|| rest.strip_prefix('='))?;
    Some((path, false, value))
}

fn unescape(text: &str) -> Result<String, Status> {
    let refuse = |why: String| {
        Err(Status::bad_request(format!(
            "invalid field selector: {why}"
        )))
    };
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match c {
            '\\' => match rest.next() {
                Some(c @ ('\\' | ',' | '=')) => plain.push(c),
                Some(c) => return refuse(format!("invalid escape sequence: \\{c}")),
                None => return refuse("invalid escape sequence: \\".to_owned()),
            },
            // Go prints the number of the character.
            ',' | '=' => {
                let number = u32::from(c);
                return refuse(format!("unescaped character in value: {number}"));
            }
            _ => plain.push(c),
        }
    }
    Ok(plain)
}

/// Clients of old call the node of a pod its host.
const HOST: (&str, &str) = ("spec.host", "spec.nodeName");

fn place(path: &str, of: &Selectable<'_>) -> Result<Place, Status> {
    let known = of.fields.iter().any(|field| field == path);
    let stored = match path {
        "metadata.name" => return Ok(Place::Name),
        // The kinds that say what can be selected say that they have no namespace; for the others
        // it is just empty.
        "metadata.namespace" if of.namespaced || is_plain(of) => return Ok(Place::Namespace),
        _ if path == HOST.0 && (of.group, of.kind) == ("", "Pod") => HOST.1.to_owned(),
        _ if !known => return Err(Status::bad_request(unknown(path, of))),
        _ if of.group == "events.k8s.io" => {
            core_event_field(path).unwrap_or_else(|| path.to_owned())
        }
        _ => path.to_owned(),
    };
    let noted = of.shelf.field(&stored).map(Place::Noted);
    Ok(noted.unwrap_or(Place::Read(stored)))
}

/// Whether only the metadata of a built-in kind can be selected.
fn is_plain(of: &Selectable<'_>) -> bool {
    of.fields.is_empty() && !of.custom
}

fn unknown(path: &str, of: &Selectable<'_>) -> String {
    if (of.group, of.kind) == ("batch", "Job") {
        return format!("field label {path:?} not supported for Job");
    }
    if is_plain(of) {
        let names = "\"metadata.name\", \"metadata.namespace\"";
        return format!("{path:?} is not a known field selector: only {names}");
    }
    format!("field label not supported: {path}")
}
