//! Resources: what can be asked of a cluster, built in or defined by a custom resource definition.
use std::sync::Arc;

use serde_json::Value;
use wharf_kubernetes_schema::{Schema, TypeId};

use crate::kinds::{KINDS, Keep, Kind, Scope, Subresource, Verbs, selectable_field};
use crate::store::{Shelf, ShelfSpec, Store};
use crate::{Status, crd, event_from_core, event_to_core, fields, kinds};

/// A resource in one version.
#[derive(Debug)]
pub struct Resource {
    /// Empty for the core group.
    pub group: String,
    pub version: String,
    pub kind: String,
    pub list_kind: String,
    pub plural: String,
    pub singular: String,
    pub short: Vec<String>,
    pub categories: Vec<String>,
    pub scope: Scope,
    pub verbs: Verbs,
    pub subresources: Vec<Subresource>,
    /// Fields that can be selected besides those of the metadata.
    pub fields: Vec<String>,
    /// What is special about it.
    pub what: What,
    pub shelf: Arc<Shelf>,
    /// Where it is kept in another form.
    pub converted: Option<Conversion>,
}

/// How objects are kept in the form of another resource.
#[derive(Clone, Debug)]
pub enum Conversion {
    /// Of kinds that look different.
    Kinds {
        to_stored: fn(&mut Value),
        from_stored: fn(&mut Value),
    },
    /// Of versions that differ only in what they are called: `apiVersion` as it is stored, and as
    /// it is shown.
    Version { stored: String, shown: String },
}

impl Conversion {
    /// Brings an object into the form in which it is kept.
    pub fn to_stored(&self, object: &mut Value) {
        match self {
            Self::Kinds { to_stored, .. } => to_stored(object),
            Self::Version { stored, .. } => fields::set(object, "apiVersion", stored.as_str()),
        }
    }

    /// Brings an object into the form in which it is shown.
    pub fn from_stored(&self, object: &mut Value) {
        match self {
            Self::Kinds { from_stored, .. } => from_stored(object),
            Self::Version { shown, .. } => fields::set(object, "apiVersion", shown.as_str()),
        }
    }
}

/// Where the rules of a resource come from.
#[derive(Clone, Debug)]
pub enum What {
    Builtin(&'static Kind),
    Custom(Arc<Custom>),
}

/// A version of a custom resource.
#[derive(Debug)]
pub struct Custom {
    /// `openAPIV3Schema`, or null.
    pub definition: Value,
    pub schema: Schema,
    pub id: TypeId,
    /// `additionalPrinterColumns`.
    pub columns: Value,
    /// The paths of `subresources.scale`, or null.
    pub scale: Value,
    /// A warning for whoever writes; empty if there is none.
    pub warning: String,
    /// The version in which objects are kept.
    pub stored: String,
    /// Its definition is being deleted: nothing new is made.
    pub terminating: bool,
}

impl Resource {
    /// All that the server has of its own.
    pub fn builtin(store: &Store) -> Vec<Arc<Self>> {
        let rows = KINDS.iter().copied().flatten();
        rows.map(|row| Arc::new(Self::of_kind(row, store)))
            .collect()
    }

    /// Where the built-in resources are kept.
    pub(super) fn shelves() -> Vec<ShelfSpec> {
        let rows = KINDS.iter().copied().flatten();
        rows.map(shelf_of).collect()
    }

    fn of_kind(row: &'static Kind, store: &Store) -> Self {
        let owned = |list: &[&str]| list.iter().map(|&text| text.to_owned()).collect();
        let fields: Vec<String> = owned(row.fields);
        let (_, converted) = kept(row);
        let shelf = store.shelf(&shelf_of(row));
        Self {
            group: row.group.to_owned(),
            version: row.version.to_owned(),
            kind: row.kind.to_owned(),
            list_kind: format!("{}List", row.kind),
            plural: row.plural.to_owned(),
            singular: row.singular.to_owned(),
            short: owned(row.short),
            categories: owned(row.categories),
            scope: row.scope,
            verbs: row.verbs,
            subresources: row.subresources.to_vec(),
            fields,
            what: What::Builtin(row),
            shelf,
            converted,
        }
    }

    /// `apps/v1`, or `v1`.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.clone()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }

    /// `deployments.apps`, or `pods`.
    pub fn qualified(&self) -> String {
        qualified(&self.plural, &self.group)
    }

    pub fn is_namespaced(&self) -> bool {
        self.scope == Scope::Namespaced
    }

    pub fn has(&self, subresource: Subresource) -> bool {
        self.subresources.contains(&subresource)
    }

    /// The `scale` of an object.
    pub(crate) fn scale_of(&self, object: &Value) -> Result<Value, Status> {
        match &self.what {
            What::Builtin(_) => Ok(kinds::scale_of(object)),
            What::Custom(custom) => crd::scale_of(custom, object),
        }
    }

    /// Brings what a `scale` says into the object.
    pub(crate) fn apply_scale(&self, object: &mut Value, scale: &Value) {
        match &self.what {
            What::Builtin(_) => kinds::apply_scale(object, scale),
            What::Custom(custom) => crd::apply_scale(custom, object, scale),
        }
    }

    /// Its row, if it is built in.
    pub fn row(&self) -> Option<&'static Kind> {
        match &self.what {
            What::Builtin(row) => Some(row),
            What::Custom(_) => None,
        }
    }

    /// Its schema, and which type of it it is.
    pub fn schema(&self) -> Option<(&Schema, TypeId)> {
        match &self.what {
            What::Builtin(row) => {
                let schema = Schema::builtin();
                Some((schema, schema.find(row.schema)?))
            }
            What::Custom(custom) => Some((&custom.schema, custom.id)),
        }
    }
}

/// The name of a resource with its group.
pub fn qualified(plural: &str, group: &str) -> String {
    if group.is_empty() {
        plural.to_owned()
    } else {
        format!("{plural}.{group}")
    }
}

fn shelf_of(row: &Kind) -> ShelfSpec {
    ShelfSpec {
        name: kept(row).0,
        durable: row.keep == Keep::Disk,
        // What is kept in the form of another kind is selected by that kind's fields.
        paths: stored_fields(row),
        fields: selectable_field,
    }
}

/// Under which name objects of a kind are kept, and how they get their form.
fn kept(row: &Kind) -> (String, Option<Conversion>) {
    match (row.group, row.version, row.plural) {
        ("events.k8s.io", _, "events") => {
            let conversion = Conversion::Kinds {
                to_stored: event_to_core,
                from_stored: event_from_core,
            };
            ("events".to_owned(), Some(conversion))
        }
        ("autoscaling", "v1", "horizontalpodautoscalers") => {
            let conversion = Conversion::Kinds {
                to_stored: kinds::horizontal_pod_autoscaler_to_v2,
                from_stored: kinds::horizontal_pod_autoscaler_to_v1,
            };
            (qualified(row.plural, row.group), Some(conversion))
        }
        _ => (qualified(row.plural, row.group), None),
    }
}

fn stored_fields(row: &Kind) -> Vec<String> {
    let owner = if row.group == "events.k8s.io" {
        let mut rows = KINDS.iter().copied().flatten();
        rows.find(|other| other.group.is_empty() && other.plural == "events")
    } else {
        None
    };
    let fields = owner.unwrap_or(row).fields;
    fields.iter().map(|&path| path.to_owned()).collect()
}
