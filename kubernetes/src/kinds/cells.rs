//! Columns and cells that many kinds share.
use serde_json::Value;

pub(super) use crate::table::{
    cells::{AGE, NAME, integer, text, wide},
    duration::since,
};
use crate::{Column, fields, table::cells::Cell, validation::Quantity};

pub(super) const NONE: &str = "<none>";
pub(super) const UNSET: &str = "<unset>";
pub(super) const UNKNOWN: &str = "<unknown>";

/// What kinds without a printer of their own have in the place of AGE.
pub(crate) const CREATED_AT: Column = Column {
    kind: "date",
    ..text("Created At", |object, _| {
        match fields::text(&object["metadata"], "creationTimestamp") {
            "" => "0001-01-01T00:00:00Z".into(),
            time => time.into(),
        }
    })
};

/// A column of flags.
pub(super) const fn boolean(name: &'static str, cell: Cell) -> Column {
    Column {
        kind: "boolean",
        ..text(name, cell)
    }
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
