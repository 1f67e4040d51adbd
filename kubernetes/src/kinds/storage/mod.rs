//! Group `storage.k8s.io`: one file a kind, one row below.
use super::Kind;

mod csidriver;
mod csinode;
mod csistoragecapacity;
mod storageclass;
#[cfg(test)]
mod tests;
mod volumeattachment;
mod volumeattributesclass;

pub(crate) use storageclass::is_default as is_default_class;

const GROUP: &str = "storage.k8s.io";

pub(super) const ROWS: &[Kind] = &[
    storageclass::ROW,
    volumeattachment::ROW,
    csidriver::ROW,
    csinode::ROW,
    csistoragecapacity::ROW,
    volumeattributesclass::ROW,
];
