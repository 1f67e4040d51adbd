//! Discovery: which groups, versions and resources there are.
use std::sync::Arc;

use base64::Engine as _;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::subresources::Facts;
use super::versions;
use crate::cluster::{Resource, What};
use crate::{Scope, Subresource, Verbs};

/// A list of resources, all of a cluster.
type Resources = [Arc<Resource>];

/// A group and its versions, the preferred one first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Group<'a> {
    pub(super) name: &'a str,
    pub(super) versions: Vec<&'a str>,
}

/// All groups, the core group first, in the order of the API server.
pub(super) fn groups(resources: &Resources) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    let mut sorted: Vec<&Resource> = resources.iter().map(AsRef::as_ref).collect();
    sorted.sort_by(|a, b| versions::group_order(&a.group).cmp(&versions::group_order(&b.group)));
    for resource in sorted {
        let version = resource.version.as_str();
        match groups.last_mut() {
            Some(group) if group.name == resource.group => {
                if !group.versions.contains(&version) {
                    group.versions.push(version);
                }
            }
            _ => groups.push(Group {
                name: &resource.group,
                versions: vec![version],
            }),
        }
    }
    for group in &mut groups {
        group.versions.sort_by(|a, b| versions::compare(a, b));
    }
    groups
}

/// `/api`: `host` is where the client found the server.
pub(super) fn api_versions(host: &str) -> Value {
    json!({
        "kind": "APIVersions",
        "versions": ["v1"],
        "serverAddressByClientCIDRs": [{ "clientCIDR": "0.0.0.0/0", "serverAddress": host }],
    })
}

/// `/apis`.
pub(super) fn group_list(resources: &Resources) -> Value {
    let groups = groups(resources);
    let named = groups.iter().filter(|group| !group.name.is_empty());
    let shown: Vec<Value> = named.map(show_group).collect();
    json!({ "kind": "APIGroupList", "apiVersion": "v1", "groups": shown })
}

/// `/apis/<group>`, if there is such a group.
pub(super) fn group(resources: &Resources, name: &str) -> Option<Value> {
    let groups = groups(resources);
    let found = groups.iter().find(|group| group.name == name);
    let mut shown = show_group(found.filter(|group| !group.name.is_empty())?);
    shown["kind"] = "APIGroup".into();
    shown["apiVersion"] = "v1".into();
    Some(shown)
}

fn show_group(group: &Group<'_>) -> Value {
    let name = group.name;
    let versions: Vec<Value> = group
        .versions
        .iter()
        .map(|version| json!({ "groupVersion": format!("{name}/{version}"), "version": version }))
        .collect();
    let preferred = versions.first().cloned().unwrap_or_default();
    json!({ "name": name, "versions": versions, "preferredVersion": preferred })
}

/// `/api/v1` and `/apis/<group>/<version>`, if there is such a version.
pub(super) fn resource_list(resources: &Resources, group: &str, version: &str) -> Option<Value> {
    let mut shown = Vec::new();
    for resource in of_version(resources, group, version) {
        shown.push(show_resource(resource));
        for subresource in sorted(&resource.subresources) {
            shown.push(show_subresource(resource, subresource));
        }
    }
    if shown.is_empty() {
        return None;
    }
    let mut list = json!({ "kind": "APIResourceList", "resources": shown });
    if group.is_empty() {
        list["groupVersion"] = version.into();
    } else {
        list["apiVersion"] = "v1".into();
        list["groupVersion"] = format!("{group}/{version}").into();
    }
    Some(list)
}

/// The resources of a version by name.
pub(super) fn of_version<'a>(
    resources: &'a Resources,
    group: &str,
    version: &str,
) -> Vec<&'a Arc<Resource>> {
    let own = |r: &&Arc<Resource>| r.group == group && r.version == version;
    let mut found: Vec<_> = resources.iter().filter(own).collect();
    found.sort_by(|a, b| a.plural.cmp(&b.plural));
    found
}

fn sorted(list: &[Subresource]) -> Vec<Subresource> {
    // The names are those of the kinds, in lower case.
    let mut list = list.to_vec();
    list.sort_by_key(|one| format!("{one:?}"));
    list
}

fn show_resource(resource: &Resource) -> Value {
    let mut shown = json!({
        "name": resource.plural,
        "singularName": resource.singular,
        "namespaced": resource.is_namespaced(),
        "kind": resource.kind,
        "verbs": verbs(resource),
    });
    names(resource, &mut shown);
    if resource.verbs == Verbs::All {
        shown["storageVersionHash"] = storage_hash(resource).into();
    }
    shown
}

fn names(resource: &Resource, shown: &mut Value) {
    for (key, list) in [
        ("shortNames", &resource.short),
        ("categories", &resource.categories),
    ] {
        if !list.is_empty() {
            shown[key] = json!(list);
        }
    }
}

fn show_subresource(resource: &Resource, subresource: Subresource) -> Value {
    let facts = Facts::of(resource, subresource);
    let (group, version, kind) = facts.kind(resource);
    let mut shown = json!({
        "name": format!("{}/{}", resource.plural, facts.name),
        "singularName": "",
        "namespaced": resource.is_namespaced(),
        "kind": kind,
        "verbs": facts.verbs,
    });
    if !group.is_empty() {
        shown["group"] = group.into();
        shown["version"] = version.into();
    }
    shown
}

/// What can be done with a resource, sorted.
pub(crate) fn verbs(resource: &Resource) -> &'static [&'static str] {
    match (
        resource.verbs,
        resource.group.as_str(),
        resource.plural.as_str(),
    ) {
        (Verbs::Review, ..) => &["create"],
        (Verbs::Read, "", "componentstatuses") | (Verbs::Read, "metrics.k8s.io", _) => {
            &["get", "list"]
        }
        (Verbs::Read, ..) => &["get", "list", "watch"],
        (Verbs::All, "", "namespaces") => &[
            "create", "delete", "get", "list", "patch", "update", "watch",
        ],
        (Verbs::All, ..) => &[
            "create",
            "delete",
            "deletecollection",
            "get",
            "list",
            "patch",
            "update",
            "watch",
        ],
    }
}

/// A text that changes with the version in which objects are kept.
fn storage_hash(resource: &Resource) -> String {
    let (group, version) = match (&resource.what, resource.group.as_str()) {
        (_, "events.k8s.io") => ("", "v1"),
        (_, "autoscaling") => ("autoscaling", "v2"),
        (What::Custom(custom), group) => (group, custom.stored.as_str()),
        (What::Builtin(_), group) => (group, resource.version.as_str()),
    };
    let kind = format!("{group}/{version}/{}", resource.kind);
    let hash = Sha256::digest(kind.as_bytes());
    base64::engine::general_purpose::STANDARD.encode(hash.get(..8).unwrap_or_default())
}

/// Which version of `apidiscovery.k8s.io` a client asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aggregated {
    V2,
    V2beta1,
}

impl Aggregated {
    const fn version(self) -> &'static str {
        match self {
            Self::V2 => "v2",
            Self::V2beta1 => "v2beta1",
        }
    }

    /// The type of the answer.
    pub fn content_type(self) -> String {
        let version = self.version();
        format!("application/json;g=apidiscovery.k8s.io;v={version};as=APIGroupDiscoveryList")
    }
}

/// `/api` of the aggregated form: the core group.
pub(super) fn aggregated_core(resources: &Resources, form: Aggregated) -> Value {
    aggregated(resources, form, str::is_empty)
}

/// `/apis` of the aggregated form: all groups but the core group.
pub(super) fn aggregated_groups(resources: &Resources, form: Aggregated) -> Value {
    aggregated(resources, form, |name| !name.is_empty())
}

fn aggregated(resources: &Resources, form: Aggregated, take: fn(&str) -> bool) -> Value {
    let groups = groups(resources).into_iter();
    let items: Vec<Value> = groups
        .filter(|group| take(group.name))
        .map(|group| {
            let mut metadata = json!({ "creationTimestamp": null });
            if !group.name.is_empty() {
                metadata["name"] = group.name.into();
            }
            let versions = group.versions.iter();
            let versions: Vec<Value> = versions
                .map(|version| aggregated_version(resources, group.name, version))
                .collect();
            json!({ "metadata": metadata, "versions": versions })
        })
        .collect();
    json!({
        "kind": "APIGroupDiscoveryList",
        "apiVersion": format!("apidiscovery.k8s.io/{}", form.version()),
        "metadata": {},
        "items": items,
    })
}

fn aggregated_version(resources: &Resources, group: &str, version: &str) -> Value {
    let list = of_version(resources, group, version).into_iter();
    let list: Vec<Value> = list
        .map(|resource| {
            let mut shown = json!({
                "resource": resource.plural,
                "responseKind": response_kind(resource, ("", "", &resource.kind)),
                "scope": match resource.scope {
                    Scope::Namespaced => "Namespaced",
                    Scope::Cluster => "Cluster",
                },
                "singularResource": resource.singular,
                "verbs": verbs(resource),
            });
            names(resource, &mut shown);
            let subresources = sorted(&resource.subresources).into_iter();
            let subresources: Vec<Value> = subresources
                .map(|subresource| {
                    let facts = Facts::of(resource, subresource);
                    json!({
                        "subresource": facts.name,
                        "responseKind": response_kind(resource, facts.kind(resource)),
                        "verbs": facts.verbs,
                    })
                })
                .collect();
            if !subresources.is_empty() {
                shown["subresources"] = subresources.into();
            }
            shown
        })
        .collect();
    json!({ "version": version, "resources": list, "freshness": "Current" })
}

/// Built-in kinds leave out group and version where they are those of the list; others do not.
fn response_kind(resource: &Resource, kind: (&str, &str, &str)) -> Value {
    let (group, version, kind) = kind;
    let (group, version) = match &resource.what {
        What::Custom(_) if version.is_empty() => (&*resource.group, &*resource.version),
        _ => (group, version),
    };
    let mut shown = Map::new();
    for (key, value) in [("group", group), ("version", version), ("kind", kind)] {
        shown.insert(key.to_owned(), value.into());
    }
    shown.into()
}
