//! Columns and cells that many kinds share.
use serde_json::Value;
use wharf_types::Timestamp;

use crate::{Column, fields, table, validation::Quantity};

pub(super) type Cell = fn(&Value, Timestamp) -> Value;

pub(super) const NONE: &str = "<none>";
pub(super) const UNSET: &str = "<unset>";
pub(super) const UNKNOWN: &str = "<unknown>";

pub(super) const NAME: Column = Column {
    name: "Name",
    kind: "string",
    format: "name",
    priority: 0,
    cell: |object, _| fields::text(&object["metadata"], "name").into(),
};

pub(super) const AGE: Column = text("Age", |object, now| {
    since(&object["metadata"]["creationTimestamp"], now).into()
});

/// What kinds without a printer of their own have in the place of AGE.
pub(super) const CREATED_AT: Column = column("Created At", "date", |object, _| {
    match fields::text(&object["metadata"], "creationTimestamp") {
        "" => "0001-01-01T00:00:00Z".into(),
        time => time.into(),
    }
});

const fn column(name: &'static str, kind: &'static str, cell: Cell) -> Column {
    Column {
        name,
        kind,
        format: "",
        priority: 0,
        cell,
    }
}

pub(super) const fn text(name: &'static str, cell: Cell) -> Column {
    column(name, "string", cell)
}

pub(super) const fn integer(name: &'static str, cell: Cell) -> Column {
    column(name, "integer", cell)
}

pub(super) const fn boolean(name: &'static str, cell: Cell) -> Column {
    column(name, "boolean", cell)
}

/// The same column, only with `-o wide`.
pub(super) const fn wide(column: Column) -> Column {
    Column {
        priority: 1,
        ..column
    }
}

/// How long ago a time was.
pub(super) fn since(time: &Value, now: Timestamp) -> String {
    table::age(time, now)
}

/// Texts of a list, joined; anything else in it is left out.
pub(super) fn join(list: &[Value], separator: &str) -> String {
    let texts: Vec<&str> = list.iter().filter_map(Value::as_str).collect();
    texts.join(separator)
}

/// `fallback` in the place of nothing.
pub(super) fn or(text: &str, fallback: &str) -> Value {
    if text.is_empty() { fallback } else { text }.into()
}

/// A pointer to a text.
pub(super) fn pointer(value: &Value, fallback: &str) -> Value {
    value.as_str().unwrap_or(fallback).into()
}

/// A quantity in its canonical form; `0` where there is none.
pub(super) fn quantity(value: &Value) -> String {
    Quantity::of(value).unwrap_or(Quantity::ZERO).to_string()
}

/// Counts things of a list or map.
pub(super) fn count(value: &Value) -> Value {
    fields::count(value).into()
}

/// Three of them, and how many more there are.
pub(super) fn at_most_three(all: &[String]) -> String {
    match all {
        [] => UNSET.to_owned(),
        [a, b, c, more @ ..] if !more.is_empty() => {
            format!("{a},{b},{c} + {} more...", more.len())
        }
        all => all.join(","),
    }
}
