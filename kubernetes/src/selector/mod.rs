//! Selectors of requests: which objects a list or a watch is about.
mod fields;
mod labels;
mod lexer;
#[cfg(test)]
mod tests;

pub use fields::{FieldSelector, Selectable};
pub use labels::LabelSelector;
