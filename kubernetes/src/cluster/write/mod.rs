//! The one way to change an object: fields, defaults, admission, validation, ownership, commit.
mod create;
mod delete;
mod metadata;
#[cfg(test)]
mod tests;
mod update;

use std::sync::Arc;

pub use delete::{Deleted, Deletion, Propagation};
use serde_json::Value;
use wharf_kubernetes_schema::apply;

use super::{Actor, Cluster, Resource, What};
use crate::store::{Object, Refused};
use crate::{Errors, Status, Subresource, crd};

/// What a change is about, who makes it, and how.
#[derive(Clone, Debug)]
pub struct Write<'a> {
    pub resource: &'a Arc<Resource>,
    /// Empty for what belongs to the cluster.
    pub namespace: &'a str,
    /// Empty if the object says it.
    pub name: &'a str,
    pub part: Part,
    pub by: &'a Actor,
    pub options: Options,
}

/// Which part of an object a change is for; the rest stays as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// All but the status, where that is a part of its own.
    Main,
    Status,
    /// A pod gets its node.
    Binding,
    /// Of a namespace.
    Finalize,
    EphemeralContainers,
    Resize,
    /// Of a certificate signing request.
    Approval,
}

impl Part {
    /// The name in ownership of fields.
    const fn subresource(self) -> &'static str {
        match self {
            Self::Main | Self::Binding => "",
            Self::Status => "status",
            Self::Finalize => "finalize",
            Self::EphemeralContainers => "ephemeralcontainers",
            Self::Resize => "resize",
            Self::Approval => "approval",
        }
    }
}

/// How a change is made.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Everything but storing.
    pub dry_run: bool,
    pub validation: FieldValidation,
    /// Fields that were twice in the body, as texts.
    pub duplicates: Vec<String>,
    /// The change came from an applied configuration, which has set the ownership already.
    pub applied: bool,
}

/// What to do with fields that the schema does not have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FieldValidation {
    #[default]
    Ignore,
    Warn,
    Strict,
}

/// A change that was made.
#[derive(Clone, Debug)]
pub struct Written {
    pub object: Arc<Object>,
    pub warnings: Vec<String>,
    /// Whether there was none before.
    pub created: bool,
}

impl Cluster {
    /// Tells the refusal of the store in the words of the API.
    fn refused(write: &Write<'_>, name: &str, refused: Refused) -> Status {
        let Resource { plural, group, .. } = &**write.resource;
        match refused {
            Refused::Exists(_) => Status::already_exists(plural, group, name),
            Refused::Changed(Some(_)) => Status::modified(plural, group, name),
            Refused::Changed(None) => Status::not_found(plural, group, name),
            Refused::Storage(e) => Status::internal(Refused::Storage(e)),
            Refused::Closed => Status::unavailable("the cluster is being shut down"),
        }
    }
}

/// Records who owns which fields after a change that is no apply.
fn track(write: &Write<'_>, old: Option<&Value>, new: &mut Value, now: wharf_types::Timestamp) {
    let Some((schema, id)) = write.resource.schema() else {
        return;
    };
    let version = write.resource.api_version();
    let now = jiff::Timestamp::from_second(now.as_secs()).unwrap_or_default();
    let status = [apply::Path::fields(&["status"])];
    let spec = [
        apply::Path::fields(&["spec"]),
        apply::Path::fields(&["metadata"]),
    ];
    let ignored: &[apply::Path] = match write.part {
        Part::Main if write.resource.has(Subresource::Status) => &status,
        Part::Status => &spec,
        _ => &[],
    };
    let change = apply::Change {
        manager: &write.by.manager,
        version: &version,
        subresource: write.part.subresource(),
        now,
        ignored,
    };
    apply::update(schema, id, old, new, &change);
}

fn check(write: &Write<'_>, name: &str, errors: &Errors) -> Result<(), Status> {
    if errors.is_empty() {
        return Ok(());
    }
    let Resource { kind, group, .. } = &**write.resource;
    Err(Status::invalid(kind, group, name, errors))
}

fn validate(resource: &Resource, object: &Value, errors: &mut Errors) {
    match &resource.what {
        What::Builtin(row) => (row.validate)(object, errors),
        What::Custom(custom) => crd::validate(custom, object, errors),
    }
}

/// The object as it is written: in the form in which it is kept.
fn to_stored(resource: &Resource, mut object: Value) -> Value {
    if let Some(conversion) = &resource.converted {
        conversion.to_stored(&mut object);
    }
    object
}

/// An object in the form of a resource.
pub(crate) fn in_form(resource: &Resource, object: &Object) -> Value {
    let mut value = object.value();
    if let Some(conversion) = &resource.converted {
        conversion.from_stored(&mut value);
    }
    value
}
