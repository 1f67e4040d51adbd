//! Custom resources: from their definitions to resources, and what is asked of their objects.
//!
//! A definition becomes a resource for each version that is served, once its names are accepted.
//! Objects are kept in the version that is to be stored; versions differ only in what they are
//! called: webhooks that convert are stored and not called.
mod build;
mod controller;
mod names;
mod objects;
mod problems;
mod scale;
#[cfg(test)]
mod tests;
mod warnings;

pub(crate) use build::load;
pub(crate) use controller::{begin_deletion, run};
pub(crate) use objects::{default, validate, validate_update};
pub(crate) use problems::report;
pub(crate) use scale::{apply_scale, scale_of};
pub(crate) use warnings::warnings;

/// The resource of the definitions themselves.
const DEFINITIONS: &str = "customresourcedefinitions.apiextensions.k8s.io";
