//! Tables: what `kubectl get` prints, made by the server.
use serde_json::Value;
use wharf_types::Timestamp;

pub(crate) mod cells;
mod custom;
pub(crate) mod duration;
pub(crate) mod jsonpath;
mod render;
#[cfg(test)]
mod tests;

pub(crate) use render::table_of_scale;
pub use render::{Include, ListMeta, TableOptions, metadata, metadata_list, table, table_of};

/// What the API says of `metadata.name`.
const NAME_TEXT: &str = "Name must be unique within a namespace. Is required when creating resources, although some resources may allow a client to request the generation of an appropriate name automatically. Name is primarily intended for creation idempotence and configuration definition. Cannot be updated. More info: https://kubernetes.io/docs/concepts/overview/working-with-objects/names#names";

/// What the API says of `metadata.creationTimestamp`.
const AGE_TEXT: &str = "CreationTimestamp is a timestamp representing the server time when this object was created. It is not guaranteed to be set in happens-before order across separate operations. Clients may not set this value. It is represented in RFC3339 form and is in UTC.\n\nPopulated by the system. Read-only. Null for lists. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata";

/// A column of a kind's table.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    pub name: &'static str,
    /// `string`, `integer`, `boolean`, `date`, `number`.
    pub kind: &'static str,
    /// `name` for the column of names, else empty.
    pub format: &'static str,
    /// 0 is always shown, 1 only with `-o wide`.
    pub priority: u8,
    /// The cell of an object, at a time of day.
    pub cell: fn(&Value, Timestamp) -> Value,
}
