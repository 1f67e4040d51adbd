//! What the types of Kubernetes look like: one table for everything that needs one.
//!
//! Protobuf decoding, strategic merge, server-side apply, field validation, OpenAPI and explain
//! read only this. Pure functions over JSON; the schemas of custom resources are of the same type.

pub mod apply;
pub mod patch;
#[cfg(test)]
mod testing;
mod types;

pub use types::{Field, ListKind, MergeStrategy, Schema, Shape, Type, TypeId};
