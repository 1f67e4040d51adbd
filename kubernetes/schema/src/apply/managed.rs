//! The entries of `metadata.managedFields`.
use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::fields_v1;
use super::set::Set;

/// How many entries of operation `Update` an object may have.
const MAX_UPDATERS: usize = 10;

/// Whoever owns what the oldest of too many managers owned.
const ANCIENT: &str = "ancient-changes";

/// How a manager changes objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verb {
    Apply,
    Update,
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Apply => "Apply",
            Self::Update => "Update",
        })
    }
}

/// Who owns fields.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Manager {
    pub name: String,
    pub operation: Verb,
    /// Such as `apps/v1`; empty for appliers, who are the same in all versions.
    pub version: String,
    /// Empty for the object itself.
    pub subresource: String,
}

/// `"kubectl" with subresource "scale" using apps/v1`, as in conflicts.
impl fmt::Display for Manager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.name)?;
        if !self.subresource.is_empty() {
            write!(f, " with subresource {:?}", self.subresource)?;
        }
        if self.operation == Verb::Update {
            write!(f, " using {}", self.version)?;
        }
        Ok(())
    }
}

/// What a manager owns.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    pub(super) version: String,
    pub(super) set: Set,
    pub(super) time: Option<Timestamp>,
    /// The set as JSON that was not read: then `set` is empty.
    pub(super) unread: Option<Value>,
}

impl Entry {
    pub(super) fn is_empty(&self) -> bool {
        self.unread.is_none() && self.set.is_empty()
    }

    /// Reads the set if a change may be about it.
    pub(super) fn read_for(&mut self, changed: &[&Set]) {
        let about = |fields: &Value| changed.iter().any(|set| fields_v1::meet(fields, set));
        if self.unread.as_ref().is_some_and(about) {
            self.read();
        }
    }

    /// Reads the set.
    pub(super) fn read(&mut self) {
        if let Some(fields) = self.unread.take() {
            // We wrote it.
            self.set = fields_v1::decode(&fields).unwrap_or_default();
        }
    }
}

pub(super) type Managed = BTreeMap<Manager, Entry>;

/// Reads `managedFields`; null and nothing are none.
pub(super) fn decode(entries: Option<Value>) -> Result<Managed, String> {
    let mut managed = decode_heads(entries)?;
    for entry in managed.values_mut() {
        if let Some(fields) = entry.unread.take() {
            entry.set =
                fields_v1::decode(&fields).map_err(|why| format!("error decoding set: {why}"))?;
        }
    }
    Ok(managed)
}

/// Reads `managedFields` that we wrote, and of their sets none.
pub(super) fn decode_heads(entries: Option<Value>) -> Result<Managed, String> {
    let entries = match entries {
        None | Some(Value::Null) => return Ok(Managed::new()),
        Some(Value::Array(entries)) => entries,
        Some(_) => return Err("managedFields must be a list".to_owned()),
    };
    let mut managed = Managed::new();
    for (i, mut entry) in entries.into_iter().enumerate() {
        let fields = entry.get_mut("fieldsV1").map(Value::take);
        let text = |name: &str| entry.get(name).and_then(Value::as_str).unwrap_or_default();
        let operation = match text("operation") {
            "Apply" => Verb::Apply,
            "Update" => Verb::Update,
            _ => return Err("operation must be `Apply` or `Update`".to_owned()),
        };
        let version = text("apiVersion").to_owned();
        if version.is_empty() {
            return Err("apiVersion must not be empty".to_owned());
        }
        match text("fieldsType") {
            "FieldsV1" => {}
            "" => return Err(format!("missing fieldsType in managed fields entry {i}")),
            other => {
                return Err(format!(
                    "invalid fieldsType {other:?} in managed fields entry {i}"
                ));
            }
        }
        let time = match text("time") {
            "" => None,
            time => Some(
                time.parse()
                    .map_err(|why| format!("cannot parse time {time:?}: {why}"))?,
            ),
        };
        let manager = Manager {
            name: text("manager").to_owned(),
            operation,
            version: match operation {
                Verb::Apply => String::new(),
                Verb::Update => version.clone(),
            },
            subresource: text("subresource").to_owned(),
        };
        let entry = Entry {
            version,
            set: Set::default(),
            time,
            unread: fields.filter(|fields| *fields != json!({}) && !fields.is_null()),
        };
        managed.insert(manager, entry);
    }
    Ok(managed)
}

/// Writes `managedFields`: appliers first, then by age and name.
pub(super) fn encode(managed: Managed) -> Value {
    let seconds = |entry: &Entry| entry.time.map_or(0, Timestamp::as_second);
    let mut entries: Vec<(Manager, Entry)> = managed.into_iter().collect();
    entries.sort_by(|(p, a), (q, b)| {
        (p.operation.cmp(&q.operation))
            .then_with(|| seconds(a).cmp(&seconds(b)))
            .then_with(|| p.name.cmp(&q.name))
            .then_with(|| a.version.cmp(&b.version))
            .then_with(|| p.subresource.cmp(&q.subresource))
    });
    entries.into_iter().map(encode_entry).collect()
}

fn encode_entry((manager, entry): (Manager, Entry)) -> Value {
    let mut object = Map::new();
    let mut put = |name: &str, text: &str| {
        if !text.is_empty() {
            object.insert(name.to_owned(), Value::from(text));
        }
    };
    put("manager", &manager.name);
    put("operation", &manager.operation.to_string());
    put("apiVersion", &entry.version);
    if let Some(time) = entry.time {
        put("time", &time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
    }
    put("fieldsType", "FieldsV1");
    put("subresource", &manager.subresource);
    let fields = entry
        .unread
        .unwrap_or_else(|| fields_v1::encode(&entry.set));
    object.insert("fieldsV1".to_owned(), fields);
    Value::Object(object)
}

/// Merges the oldest updaters of a version into one until there are few enough.
pub(super) fn cap(managed: &mut Managed) {
    if managed.len() <= MAX_UPDATERS {
        return;
    }
    managed.values_mut().for_each(Entry::read);
    let mut updaters: Vec<(i64, Manager)> = managed
        .iter()
        .filter(|(manager, _)| manager.operation == Verb::Update)
        .map(|(manager, entry)| (entry.time.map_or(0, Timestamp::as_second), manager.clone()))
        .collect();
    updaters.sort_unstable();
    let mut left = updaters.len();
    let mut first: BTreeMap<String, Manager> = BTreeMap::new();
    for (_, manager) in updaters {
        if left <= MAX_UPDATERS {
            return;
        }
        let Some(oldest) = first.get(&manager.version) else {
            first.insert(manager.version.clone(), manager);
            continue;
        };
        let bucket = Manager {
            name: ANCIENT.to_owned(),
            operation: Verb::Update,
            version: manager.version.clone(),
            subresource: String::new(),
        };
        if bucket == manager {
            // A bucket that is not the oldest of its version takes the oldest in.
            let Some(old) = managed.remove(oldest) else {
                continue;
            };
            if let Some(entry) = managed.get_mut(&bucket) {
                entry.set = std::mem::take(&mut entry.set).union(&old.set);
            }
            first.insert(manager.version.clone(), bucket);
            left -= 1;
            continue;
        }
        if !managed.contains_key(&bucket)
            && let Some(entry) = managed.remove(oldest)
        {
            managed.insert(bucket.clone(), entry);
        }
        if let Some(Entry { set, time, .. }) = managed.remove(&manager)
            && let Some(entry) = managed.get_mut(&bucket)
        {
            entry.set = set.union(&entry.set);
            entry.time = time;
        }
        left -= 1;
    }
}
