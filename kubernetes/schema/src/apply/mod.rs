//! Server-side apply: who owns which field of an object.
//!
//! Follows [structured merge and diff] and the field managers of the API server, with one
//! difference: ownership written in another version of a kind is compared as if it was of this one,
//! because objects are not converted here.
//!
//! *Guarantees*: pure functions; nothing panics on any JSON; work grows like sorting the input.
//!
//! [structured merge and diff]: https://kubernetes.io/docs/reference/using-api/server-side-apply/
mod conflict;
pub mod fields_v1;
mod last_applied;
mod managed;
mod path;
mod set;
mod typed;
mod update;

use std::sync::LazyLock;

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::patch::{MAX_DEPTH, drop_nulls, size_within};
use crate::{Schema, Shape, TypeId};
use managed::Managed;
use typed::Typed;

pub use conflict::{ApplyError, Conflict};
pub use managed::{Manager, Verb};
pub use path::{Element, Key, Path};
pub use set::Set;
pub use update::update;

/// Who owned the fields of an object that nobody tracked before its first apply.
const BEFORE_FIRST_APPLY: &str = "before-first-apply";

/// A change of an object, as far as ownership is concerned.
#[derive(Clone, Copy, Debug)]
pub struct Change<'a> {
    /// The field manager; empty is `unknown`.
    pub manager: &'a str,
    /// The version of the object's type, such as `apps/v1`.
    pub version: &'a str,
    /// The subresource that is changed; empty for the object itself.
    pub subresource: &'a str,
    pub now: Timestamp,
    /// Fields that this change does not touch whatever it says, with all below them: `status` for
    /// the object itself, and all but `status` for the subresource of that name.
    pub ignored: &'a [Path],
}

impl Change<'_> {
    fn id(&self, operation: Verb) -> Manager {
        Manager {
            name: match self.manager {
                "" => "unknown".to_owned(),
                name => name.to_owned(),
            },
            operation,
            version: match operation {
                Verb::Apply => String::new(),
                Verb::Update => self.version.to_owned(),
            },
            subresource: self.subresource.to_owned(),
        }
    }
}

/// Merges an applied configuration into an object, or makes a new one of it, and records what its
/// manager owns. With `force`, fields of others change hands instead of being conflicts.
///
/// The caller has checked that the kind and name are those of the request. The result has neither
/// defaults nor what the store sets.
pub fn apply(
    schema: &Schema,
    id: TypeId,
    live: Option<&Value>,
    applied: &Value,
    change: &Change<'_>,
    force: bool,
) -> Result<Value, ApplyError> {
    check(live, applied, change)?;
    let root = Shape::Struct(id);
    let typed = Typed {
        schema,
        root: &root,
    };
    let mut old = live.cloned().unwrap_or_else(|| Value::Object(Map::new()));
    let mut managed = managed::decode(take_managed(&mut old))
        .map_err(|why| ApplyError::Failed(format!("failed to decode managed fields: {why}")))?;
    let known = managed.clone();
    if managed.is_empty() && live.is_some() {
        let change = Change {
            manager: BEFORE_FIRST_APPLY,
            ..*change
        };
        let empty = Value::Object(Map::new());
        update::track(&typed, &empty, &old, &mut managed, &change).map_err(|why| {
            ApplyError::Failed(format!(
                "failed to create manager for existing fields: {why}"
            ))
        })?;
    }
    typed.validate(applied).map_err(|why| {
        let name = conflict::name_of(applied);
        ApplyError::Failed(format!(
            "failed to create typed patch object ({name}): {why}"
        ))
    })?;
    let (mut new, managed_after) =
        last_applied::apply(&typed, &old, applied, &managed, change, force)?;
    drop_nulls(schema, id, &mut new);
    last_applied::refresh(&mut new, applied, change.manager);
    let mut managed = managed_after;
    let me = change.id(Verb::Apply);
    let changed = live.is_none() || new != old;
    if let Some(entry) = managed.get_mut(&me) {
        let before = known.get(&me);
        let same = before.is_some_and(|before| before.set == entry.set);
        entry.time = match before {
            Some(before) if same && !changed => before.time,
            _ => Some(change.now),
        };
    }
    put_managed(&mut new, managed);
    Ok(new)
}

fn check(live: Option<&Value>, applied: &Value, change: &Change<'_>) -> Result<(), ApplyError> {
    if !applied.is_object() {
        return Err(ApplyError::Malformed("invalid JSON document".to_owned()));
    }
    let mut objects = live.into_iter().chain([applied]);
    if objects.any(|object| size_within(object, MAX_DEPTH).is_none()) {
        return Err(ApplyError::Malformed("exceeded max depth".to_owned()));
    }
    let version = applied.get("apiVersion").and_then(Value::as_str);
    if version != Some(change.version) {
        return Err(ApplyError::Malformed(format!(
            "Incorrect version specified in apply patch. Specified patch version: {}, expected: {}",
            version.unwrap_or_default(),
            change.version
        )));
    }
    let managed = applied.pointer("/metadata/managedFields");
    if managed.is_some_and(|managed| !managed.is_null()) {
        return Err(ApplyError::Malformed(
            "metadata.managedFields must be nil".to_owned(),
        ));
    }
    Ok(())
}

/// Checks `managedFields` that a client wrote; the error is upstream's text.
pub fn check_managed(entries: &Value) -> Result<(), String> {
    managed::decode(Some(entries.clone())).map(drop)
}

fn take_managed(object: &mut Value) -> Option<Value> {
    let metadata = object.get_mut("metadata")?.as_object_mut()?;
    metadata.remove("managedFields")
}

fn put_managed(object: &mut Value, managed: Managed) {
    let Some(object) = object.as_object_mut() else {
        return;
    };
    if managed.is_empty() {
        return;
    }
    let metadata = object
        .entry("metadata")
        .or_insert_with(|| Value::Object(Map::new()));
    if let Some(metadata) = metadata.as_object_mut() {
        metadata.insert("managedFields".to_owned(), managed::encode(managed));
    }
}

/// Fields of every object that nobody owns.
fn unowned() -> &'static Set {
    static UNOWNED: LazyLock<Set> = LazyLock::new(|| {
        let metadata = [
            "name",
            "namespace",
            "creationTimestamp",
            "selfLink",
            "uid",
            "clusterName",
            "generation",
            "managedFields",
            "resourceVersion",
        ];
        let paths = [["apiVersion"], ["kind"], ["metadata"]].map(|names| Path::fields(&names));
        let metadata = metadata.map(|name| Path::fields(&["metadata", name]));
        paths.iter().chain(&metadata).collect()
    });
    &UNOWNED
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
