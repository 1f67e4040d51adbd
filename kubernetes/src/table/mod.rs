//! Tables: what `kubectl get` prints, made by the server.
use serde_json::Value;
use wharf_types::Timestamp;

pub(crate) mod cells;
pub(crate) mod duration;

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
