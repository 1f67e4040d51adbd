//! How requests and answers look on the wire.
pub(crate) mod ec2;
pub(crate) mod form;
pub(crate) mod json11;
pub(crate) mod query;
pub(crate) mod rest_json;
