//! How requests and answers look on the wire.
pub(crate) mod json11;
pub(crate) mod query;
