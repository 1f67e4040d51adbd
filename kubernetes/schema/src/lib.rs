//! What the types of Kubernetes look like: one table for everything that needs one.
//!
//! Protobuf decoding, strategic merge, server-side apply, field validation, OpenAPI and explain
//! read only this. Pure functions over JSON; the schemas of custom resources are of the same type.

pub mod apply;
mod builtin;
pub mod fields;
pub mod openapi;
pub mod patch;
mod path;
pub mod proto;
pub mod quantity;
pub mod structural;
#[cfg(test)]
mod testing;
mod time;
mod types;

pub use types::{Field, GroupVersionKind, ListKind, MergeStrategy, Schema, Shape, Type, TypeId};
