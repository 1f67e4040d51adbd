//! What a definition defines.
use std::cmp::Ordering;
use std::sync::Arc;

use serde_json::{Value, json};
use wharf_kubernetes_schema::{Schema, TypeId, structural};

use super::DEFINITIONS;
use super::names::{ESTABLISHED, TERMINATING, is_true};
use crate::about::{compare_versions, type_name};
use crate::cluster::{Cluster, Conversion, Custom, Resource, What, qualified};
use crate::store::{Object, Shelf, ShelfSpec, Store};
use crate::{Scope, Subresource, Verbs, fields, selectable_field};

/// Makes the resources of all established definitions known. Blocks.
pub(crate) fn load(cluster: &Cluster) {
    let definitions = cluster.list(DEFINITIONS, None);
    let all = definitions.iter();
    let all = all.flat_map(|definition| resources(cluster.store(), &definition.value(), false));
    install(cluster, all.collect());
}

/// Makes these the custom resources of a cluster.
pub(super) fn install(cluster: &Cluster, mut custom: Vec<Arc<Resource>>) {
    custom.sort_by(|a, b| order(a, b));
    let known = cluster.resources();
    let old = known.all.iter().filter(|resource| resource.row().is_none());
    if old.clone().count() == custom.len() && old.zip(&custom).all(|(a, b)| Arc::ptr_eq(a, b)) {
        return;
    }
    cluster.change_resources(|all| {
        all.retain(|resource| resource.row().is_some());
        all.append(&mut custom);
    });
}

/// The preferred version of a resource comes first.
fn order(a: &Resource, b: &Resource) -> Ordering {
    let name = |r: &Resource| (r.group.clone(), r.plural.clone());
    let names = name(a).cmp(&name(b));
    names.then_with(|| compare_versions(&a.version, &b.version))
}

/// The resources of a definition: none before it is established, unless it is about to be.
pub(super) fn resources(store: &Store, definition: &Value, soon: bool) -> Vec<Arc<Resource>> {
    if !soon && !is_true(definition, ESTABLISHED) {
        return Vec::new();
    }
    let spec = &definition["spec"];
    let versions = fields::list(spec, "versions");
    let stored = versions.iter().find(|one| fields::flag(one, "storage"));
    let Some(stored) = stored else {
        return Vec::new();
    };
    let group = fields::text(spec, "group");
    let plural = fields::text(&definition["status"]["acceptedNames"], "plural");
    let shelf = store.shelf(&ShelfSpec {
        name: qualified(plural, group),
        durable: true,
        paths: selectable(stored),
        fields: selectable_field,
    });
    let served = versions.iter().filter(|one| fields::flag(one, "served"));
    let one = |version| {
        let stored = fields::text(stored, "name");
        Arc::new(resource(definition, version, stored, Arc::clone(&shelf)))
    };
    served.map(one).collect()
}

fn resource(definition: &Value, version: &Value, stored: &str, shelf: Arc<Shelf>) -> Resource {
    let spec = &definition["spec"];
    let names = &definition["status"]["acceptedNames"];
    let owned = |value: &Value, key: &str| fields::text(value, key).to_owned();
    let texts = |key: &str| {
        let list = fields::list(names, key).iter();
        list.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let (group, own) = (owned(spec, "group"), owned(version, "name"));
    let kind = owned(names, "kind");
    let schema = version["schema"]["openAPIV3Schema"].clone();
    let (types, id) = types(&schema, &type_name(&group, &own, &kind));
    let scale = version["subresources"]["scale"].clone();
    let mut subresources = Vec::new();
    if !version["subresources"]["status"].is_null() {
        subresources.push(Subresource::Status);
    }
    if !scale.is_null() {
        subresources.push(Subresource::Scale);
    }
    // Objects may be there in any version in which they ever were stored.
    let several = fields::list(spec, "versions").len() > 1
        || fields::list(&definition["status"], "storedVersions").len() > 1;
    let converted = several.then(|| Conversion::Version {
        stored: format!("{group}/{stored}"),
        shown: format!("{group}/{own}"),
    });
    Resource {
        list_kind: owned(names, "listKind"),
        plural: owned(names, "plural"),
        singular: owned(names, "singular"),
        short: texts("shortNames"),
        categories: texts("categories"),
        scope: match fields::text(spec, "scope") {
            "Cluster" => Scope::Cluster,
            _ => Scope::Namespaced,
        },
        verbs: Verbs::All,
        subresources,
        fields: selectable(version),
        what: What::Custom(Arc::new(Custom {
            definition: schema,
            schema: types,
            id,
            columns: version["additionalPrinterColumns"].clone(),
            scale,
            warning: deprecation(&group, &own, &kind, version),
            stored: stored.to_owned(),
            terminating: is_true(definition, TERMINATING),
        })),
        shelf,
        converted,
        group,
        version: own,
        kind,
    }
}

/// The types of a schema. One that is not understood keeps everything: it was accepted once.
fn types(schema: &Value, name: &str) -> (Schema, TypeId) {
    let known = structural::convert(schema, name);
    let open = json!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true });
    let known = known.or_else(|why| {
        tracing::warn!(
            name,
            ?why,
            "the schema of a custom resource is not understood"
        );
        structural::convert(&open, name)
    });
    known.unwrap_or_else(|_never| {
        let mut schema = Schema::default();
        let id = schema.insert(wharf_kubernetes_schema::Type {
            name: name.to_owned(),
            open: true,
            ..wharf_kubernetes_schema::Type::default()
        });
        (schema, id)
    })
}

fn selectable(version: &Value) -> Vec<String> {
    let list = fields::list(version, "selectableFields").iter();
    let paths = list.map(|field| fields::text(field, "jsonPath"));
    paths
        .map(|path| path.strip_prefix('.').unwrap_or(path).to_owned())
        .collect()
}

fn deprecation(group: &str, version: &str, kind: &str, of: &Value) -> String {
    if !fields::flag(of, "deprecated") {
        return String::new();
    }
    match fields::text(of, "deprecationWarning") {
        "" => format!("{group}/{version} {kind} is deprecated"),
        given => given.to_owned(),
    }
}

/// A definition as it was when its resources were made.
#[derive(Debug, Default)]
pub(super) struct Built {
    pub(super) revision: u64,
    pub(super) resources: Vec<Arc<Resource>>,
}

impl Built {
    /// Makes the resources anew if the definition is another one by now.
    pub(super) fn refresh(&mut self, store: &Store, definition: &Object) {
        if self.revision != definition.revision {
            self.revision = definition.revision;
            self.resources = resources(store, &definition.value(), false);
        }
    }
}
