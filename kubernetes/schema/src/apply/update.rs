//! How ownership changes with an object.
use std::sync::LazyLock;

use serde_json::{Map, Value};

use super::conflict::Conflict;
use super::managed::{self, Entry, Managed};
use super::typed::{Comparison, Typed};
use super::{Change, Path, Set, Verb, put_managed, take_managed, unowned};
use crate::patch::{MAX_DEPTH, size_within};
use crate::{Schema, Shape, TypeId};

/// Ownership itself, which a change is not asked about.
static MANAGED: LazyLock<Path> = LazyLock::new(|| Path::fields(&["metadata", "managedFields"]));

/// Records who owns what after an ordinary create (`old` is none), update or patch.
///
/// `managedFields` that came with the new object replace the recorded ones; an empty list, or one
/// empty entry, resets them. Invalid ones are ignored, as upstream does; see
/// [`check_managed`](super::check_managed). Like upstream this never fails: an object that cannot be
/// tracked loses its `managedFields`.
pub fn update(
    schema: &Schema,
    id: TypeId,
    old: Option<&Value>,
    new: &mut Value,
    change: &Change<'_>,
) {
    let root = Shape::Struct(id);
    let typed = Typed {
        schema,
        root: &root,
    };
    let given = take_managed(new);
    let recorded = old.and_then(|old| old.pointer("/metadata/managedFields"));
    let mut managed = starting_point(given, recorded, change);
    let untracked = managed.is_empty() && old.is_some();
    // Ownership is a little deeper than what is owned.
    let fits = |old: &Value| size_within(old, MAX_DEPTH + 8).is_some();
    if untracked || !old.is_none_or(fits) || size_within(new, MAX_DEPTH).is_none() {
        return;
    }
    let nothing = Value::Object(Map::new());
    let before = old.unwrap_or(&nothing);
    if track(&typed, before, new, &mut managed, change).is_ok() {
        put_managed(new, managed);
    }
}

fn starting_point(given: Option<Value>, recorded: Option<&Value>, change: &Change<'_>) -> Managed {
    if given.as_ref() == recorded {
        return managed::decode_heads(given).unwrap_or_default();
    }
    let recorded = || managed::decode_heads(recorded.cloned()).unwrap_or_default();
    // Clients of subresources cannot set them.
    if !change.subresource.is_empty() {
        return recorded();
    }
    let resets = match given.as_ref().and_then(Value::as_array).map(Vec::as_slice) {
        Some([]) => true,
        Some([Value::Object(entry)]) => entry.is_empty(),
        _ => false,
    };
    if resets {
        return Managed::new();
    }
    match managed::decode(given) {
        Ok(managed) if !managed.is_empty() => managed,
        // Clients that do not know them leave them out.
        _ => recorded(),
    }
}

/// Gives a manager what it changed or added, and takes that from the others.
pub(super) fn track(
    typed: &Typed<'_>,
    old: &Value,
    new: &Value,
    managed: &mut Managed,
    change: &Change<'_>,
) -> Result<(), String> {
    let compared = compare(typed, old, new, change)?;
    let mut changed = compared.modified.union(&compared.added);
    let id = change.id(Verb::Update);
    for (manager, entry) in managed.iter_mut() {
        if *manager == id {
            entry.read();
        } else {
            entry.read_for(&[&changed, &compared.removed]);
        }
        typed.reconcile(&mut entry.set);
        entry.set.subtract(&changed);
        entry.set.subtract(&compared.removed);
    }
    managed.retain(|_, entry| !entry.is_empty());
    changed.subtract(unowned());
    if !changed.is_empty() {
        let before = managed.remove(&id).map(|entry| entry.set);
        let entry = Entry {
            version: change.version.to_owned(),
            set: before.unwrap_or_default().union(&changed),
            time: Some(change.now),
            unread: None,
        };
        managed.insert(id, entry);
    }
    managed::cap(managed);
    Ok(())
}

/// Merges what is applied, and gives its manager what it says. Conflicts unless `force`.
pub(super) fn apply(
    typed: &Typed<'_>,
    live: &Value,
    applied: &Value,
    managed: &Managed,
    change: &Change<'_>,
    force: bool,
) -> Result<(Value, Managed), Failure> {
    let mut managed = managed.clone();
    reconcile(typed, &mut managed);
    let merged = typed.merge(live.clone(), applied)?;
    let id = change.id(Verb::Apply);
    let ignored: Set = change.ignored.iter().collect();
    let mut set = typed.fields(applied)?;
    set.subtract_below(&ignored);
    let entry = Entry {
        version: change.version.to_owned(),
        set,
        time: None,
        unread: None,
    };
    let last = managed.insert(id.clone(), entry).map(|entry| entry.set);
    let new = match last {
        Some(last) if !last.is_empty() => prune(typed, merged, &managed, &last)?,
        _ => merged,
    };
    let compared = compare(typed, live, &new, change)?;
    let changed = compared.modified.union(&compared.added);
    let mut conflicts = Vec::new();
    for (manager, entry) in managed.iter_mut().filter(|(manager, _)| **manager != id) {
        let lost = entry.set.intersection(&changed);
        conflicts.extend(lost.paths().into_iter().map(|path| Conflict {
            manager: manager.clone(),
            path,
        }));
        entry.set.subtract(&lost);
        entry.set.subtract(&compared.removed);
    }
    if !force && !conflicts.is_empty() {
        return Err(Failure::Conflicts(conflicts));
    }
    if let Some(entry) = managed.get_mut(&id) {
        entry.set.subtract(unowned());
    }
    managed.retain(|_, entry| !entry.set.is_empty());
    Ok((new, managed))
}

/// Why nothing was applied.
pub(super) enum Failure {
    Conflicts(Vec<Conflict>),
    Other(String),
}

impl From<String> for Failure {
    fn from(why: String) -> Self {
        Self::Other(why)
    }
}

/// Removes what the manager applied last time, does not apply now, and nobody else owns.
fn prune(typed: &Typed<'_>, merged: Value, managed: &Managed, last: &Set) -> Result<Value, String> {
    let fields = |object: &Value| -> Result<Set, String> {
        Ok(typed.with_named_fields(&typed.fields(object)?))
    };
    let last = typed.with_named_fields(last);
    let owned = managed
        .values()
        .fold(Set::default(), |all, entry| all.union(&entry.set));
    let owned = typed.with_named_fields(&owned);
    if last.difference(&owned).is_empty() {
        return Ok(merged);
    }
    let merged = &merged;
    let all = fields(merged)?;
    // What others own comes back,
    let kept = fields(&typed.without(merged, &last))?.union(&owned);
    let pruned = typed.without(merged, &all.difference(&kept));
    // and so does what nobody, and this manager never, owned.
    let gone = all.difference(&fields(&pruned)?).intersection(&last);
    Ok(typed.without(merged, &gone))
}

fn compare(
    typed: &Typed<'_>,
    old: &Value,
    new: &Value,
    change: &Change<'_>,
) -> Result<Comparison, String> {
    let mut compared = typed
        .compare(old, new)
        .map_err(|why| format!("failed to compare objects: {why}"))?;
    let ignored: Set = change.ignored.iter().chain([&*MANAGED]).collect();
    for set in [
        &mut compared.removed,
        &mut compared.modified,
        &mut compared.added,
    ] {
        set.subtract_below(&ignored);
    }
    Ok(compared)
}

/// Ownership as the schema, which may have changed since, is now.
fn reconcile(typed: &Typed<'_>, managed: &mut Managed) {
    for entry in managed.values_mut() {
        typed.reconcile(&mut entry.set);
    }
}
