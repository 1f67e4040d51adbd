//! How objects come from client-side to server-side apply of kubectl, and back.
use serde_json::{Map, Value};

use super::conflict::ApplyError;
use super::fields_v1::escaped;
use super::managed::Managed;
use super::typed::Typed;
use super::update::{self, Failure};
use super::{Change, Set};
use crate::patch::{MAX_DEPTH, size_within};

const ANNOTATION: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Only this manager takes over from client-side apply, and keeps its annotation.
const KUBECTL: &str = "kubectl";

/// How many bytes the annotations of an object may have.
const MAX_ANNOTATIONS_BYTES: usize = 256 * 1024;

/// Applies. For kubectl, fields that it applied from the client, and that nobody changed since, are
/// no conflicts.
pub(super) fn apply(
    typed: &Typed<'_>,
    live: &Value,
    applied: &Value,
    managed: &Managed,
    change: &Change<'_>,
    force: bool,
) -> Result<(Value, Managed), ApplyError> {
    let failed = |failure| match failure {
        Failure::Conflicts(conflicts) => ApplyError::Conflicts(conflicts),
        Failure::Other(why) => ApplyError::Failed(why),
    };
    let first = update::apply(typed, live, applied, managed, change, force);
    let conflicts = match first {
        Err(Failure::Conflicts(conflicts)) if change.manager == KUBECTL => conflicts,
        other => return other.map_err(failed),
    };
    let allowed = applied_before(typed, live, change).unwrap_or_default();
    let left: Vec<_> = conflicts
        .into_iter()
        .filter(|conflict| !allowed.has(&conflict.path))
        .collect();
    if !left.is_empty() {
        return Err(ApplyError::Conflicts(left));
    }
    update::apply(typed, live, applied, managed, change, true).map_err(failed)
}

/// What the annotation says and the object still has.
fn applied_before(typed: &Typed<'_>, live: &Value, change: &Change<'_>) -> Option<Set> {
    let text = annotation(live)?;
    let applied: Value = serde_json::from_str(text).ok()?;
    if applied.get("apiVersion").and_then(Value::as_str) != Some(change.version) {
        return None;
    }
    size_within(&applied, MAX_DEPTH)?;
    typed.validate(&applied).ok()?;
    let mut fields = typed.fields(&applied).ok()?;
    let compared = typed.compare(&applied, live).ok()?;
    for differing in [&compared.modified, &compared.added, &compared.removed] {
        fields.subtract(differing);
    }
    Some(fields)
}

fn annotation(object: &Value) -> Option<&str> {
    let annotations = object.get("metadata")?.get("annotations")?;
    let text = annotations.get(ANNOTATION)?.as_str()?;
    (!text.is_empty()).then_some(text)
}

/// Writes what kubectl applied into the annotation of client-side apply, if there is one.
pub(super) fn refresh(object: &mut Value, applied: &Value, manager: &str) {
    if manager != KUBECTL || annotation(object).is_none() {
        return;
    }
    let mut applied = applied.clone();
    if let Some(annotations) = annotations(&mut applied) {
        annotations.remove(ANNOTATION);
    }
    if annotations(&mut applied).is_some_and(|annotations| annotations.is_empty())
        && let Some(metadata) = applied.get_mut("metadata").and_then(Value::as_object_mut)
    {
        metadata.remove("annotations");
    }
    let text = format!("{}\n", escaped(&applied.to_string()));
    let Some(annotations) = annotations(object) else {
        return;
    };
    annotations.insert(ANNOTATION.to_owned(), Value::from(text));
    let bytes: usize = annotations
        .iter()
        .map(|(name, value)| name.len() + value.as_str().map_or(0, str::len))
        .sum();
    if bytes > MAX_ANNOTATIONS_BYTES {
        annotations.remove(ANNOTATION);
    }
}

fn annotations(object: &mut Value) -> Option<&mut Map<String, Value>> {
    let metadata = object.get_mut("metadata")?;
    metadata.get_mut("annotations")?.as_object_mut()
}
