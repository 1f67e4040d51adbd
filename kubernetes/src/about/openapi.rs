//! `/openapi/v3`: the documents of a cluster, made when somebody asks.
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use serde_json::Value;
use wharf_kubernetes_schema::{Schema, openapi};

use super::discovery::{groups, of_version, verbs};
use super::subresources::Facts;
use crate::cluster::{Resource, Resources, What};

/// What is known of the documents of a cluster.
#[derive(Debug, Default)]
pub(crate) struct Documents {
    index: Mutex<Option<(u64, Arc<Index>)>>,
    /// By group and version; with the hash of what they were made of.
    made: Mutex<HashMap<(String, String), (String, Bytes)>>,
}

/// The documents and their hashes.
#[derive(Debug)]
pub(super) struct Index {
    entries: Vec<Entry>,
    pub(super) body: Bytes,
    pub(super) etag: String,
}

#[derive(Debug)]
struct Entry {
    group: String,
    version: String,
    hash: String,
}

impl Index {
    /// The hash of a document, if there is one.
    pub(super) fn hash(&self, group: &str, version: &str) -> Option<&str> {
        let mut entries = self.entries.iter();
        let found = entries.find(|entry| entry.group == group && entry.version == version);
        found.map(|entry| entry.hash.as_str())
    }

    fn of(resources: &Resources) -> Self {
        let mut entries = Vec::new();
        for group in groups(&resources.all) {
            for version in group.versions {
                entries.push(Entry {
                    group: group.name.to_owned(),
                    version: version.to_owned(),
                    hash: hash(&resources.all, group.name, version),
                });
            }
        }
        let shown = entries
            .iter()
            .map(|entry| (&*entry.group, &*entry.version, &*entry.hash));
        let body = openapi::index(shown).to_string();
        Self {
            etag: openapi::hash(body.as_bytes()),
            body: body.into(),
            entries,
        }
    }
}

/// Documents of built-in resources change only with the program, those of custom ones with their
/// definitions: so the hash is known before the document is made.
fn hash(resources: &[Arc<Resource>], group: &str, version: &str) -> String {
    let mut facts = format!("{} {group}/{version}", env!("CARGO_PKG_VERSION"));
    for resource in of_version(resources, group, version) {
        facts.extend([" ", &resource.plural, " ", &resource.kind]);
        if let What::Custom(custom) = &resource.what {
            facts.push_str(&custom.definition.to_string());
            let subresources = resource.subresources.iter();
            facts.extend(subresources.map(|one| Facts::of(resource, *one).name));
            facts.push_str(if resource.is_namespaced() { "n" } else { "c" });
        }
    }
    openapi::hash(facts.as_bytes())
}

impl Documents {
    /// The index of a generation of the resources. May take long where definitions are large.
    pub(super) fn index(&self, resources: &Resources) -> Arc<Index> {
        let mut kept = self.index.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((generation, index)) = &*kept
            && *generation == resources.generation
        {
            return Arc::clone(index);
        }
        let index = Arc::new(Index::of(resources));
        // Documents of versions that are gone need not be kept.
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        made.retain(|(group, version), (hash, _)| index.hash(group, version) == Some(hash));
        drop(made);
        *kept = Some((resources.generation, Arc::clone(&index)));
        index
    }

    /// The document of a hash. Takes long when it is made.
    pub(super) fn document(
        &self,
        resources: &Resources,
        group: &str,
        version: &str,
        hash: &str,
    ) -> Bytes {
        let key = (group.to_owned(), version.to_owned());
        let lock = || self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((own, bytes)) = lock().get(&key)
            && own == hash
        {
            return bytes.clone();
        }
        let document = make(&resources.all, group, version);
        let bytes = Bytes::from(document.to_string());
        lock().insert(key, (hash.to_owned(), bytes.clone()));
        bytes
    }
}

fn make(resources: &[Arc<Resource>], group: &str, version: &str) -> Value {
    let described: Vec<openapi::Resource> = of_version(resources, group, version)
        .into_iter()
        .map(|resource| describe(resource))
        .collect();
    openapi::document(Schema::builtin(), group, version, &described)
}

fn describe(resource: &Resource) -> openapi::Resource {
    let owned = |verbs: &[&str]| verbs.iter().map(|&verb| verb.to_owned()).collect();
    let subresources = resource.subresources.iter().map(|&subresource| {
        let facts = Facts::of(resource, subresource);
        let (group, version, kind) = facts.kind(resource);
        let own = version.is_empty();
        openapi::Subresource {
            name: facts.name.to_owned(),
            verbs: owned(facts.verbs),
            group: if own { &resource.group } else { group }.to_owned(),
            version: if own { &resource.version } else { version }.to_owned(),
            kind: kind.to_owned(),
            type_name: facts.type_name.map(str::to_owned),
        }
    });
    openapi::Resource {
        kind: resource.kind.clone(),
        plural: resource.plural.clone(),
        namespaced: resource.is_namespaced(),
        verbs: owned(verbs(resource)),
        subresources: subresources.collect(),
        source: match &resource.what {
            What::Builtin(row) => openapi::Source::Table(row.schema.to_owned()),
            What::Custom(custom) => openapi::Source::Custom {
                name: type_name(&resource.group, &resource.version, &resource.kind),
                schema: custom.definition.clone(),
            },
        },
    }
}

/// `com.example.stable.v1.CronTab` of group `stable.example.com`.
pub(crate) fn type_name(group: &str, version: &str, kind: &str) -> String {
    let parts: Vec<&str> = group.rsplit('.').collect();
    format!("{}.{version}.{kind}", parts.join("."))
}
