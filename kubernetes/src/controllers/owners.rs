//! Who controls an object: adoption and release by selector.
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::Key;
use super::garbage::drop_finalizer;
use crate::cluster::{Actor, Cluster, Part, Reference};
use crate::store::Object;
use crate::validation::Selector;
use crate::views::{Meta, OwnerReference};
use crate::{Status, fields};

/// An object that controls others.
#[derive(Clone, Debug)]
pub(crate) struct Owner {
    /// Such as `deployments.apps`.
    pub resource: &'static str,
    pub api_version: &'static str,
    pub kind: &'static str,
    pub namespace: String,
    pub name: String,
    pub uid: String,
    pub deleting: bool,
    /// A finalizer that it puts on what it adopts, and takes from what it releases.
    pub finalizer: Option<&'static str>,
}

impl Owner {
    pub(crate) fn of(
        resource: &'static str,
        api_version: &'static str,
        kind: &'static str,
        object: &Object,
    ) -> Self {
        Self {
            resource,
            api_version,
            kind,
            namespace: object.namespace.clone(),
            name: object.name.clone(),
            uid: object.uid.clone(),
            deleting: object.deleting,
            finalizer: None,
        }
    }

    /// The owner reference of what it controls.
    pub(crate) fn to_json(&self) -> Value {
        json!({
            "apiVersion": self.api_version,
            "kind": self.kind,
            "name": self.name,
            "uid": self.uid,
            "controller": true,
            "blockOwnerDeletion": true,
        })
    }

    /// What its events are about.
    pub(crate) fn reference(&self) -> Reference {
        Reference {
            api_version: self.api_version.to_owned(),
            kind: self.kind.to_owned(),
            namespace: self.namespace.clone(),
            name: self.name.clone(),
            uid: self.uid.clone(),
            field_path: String::new(),
        }
    }
}

/// What an owner does about an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    /// It is its own.
    Keep,
    /// Its labels no longer fit.
    Release,
    /// Nobody has it, and its labels fit.
    Adopt,
    /// It is none of its business.
    Ignore,
}

/// Decides about an object. `matches` is whether the owner's selector takes it.
pub(crate) fn claim(owner: &Owner, object: &Meta, matches: bool) -> Claim {
    match object.controller() {
        Some(controller) if controller.uid != owner.uid => Claim::Ignore,
        Some(_) if matches => Claim::Keep,
        Some(_) if owner.deleting => Claim::Ignore,
        Some(_) => Claim::Release,
        None if owner.deleting || !matches || object.is_deleting() => Claim::Ignore,
        None => Claim::Adopt,
    }
}

/// Whether a selector takes an object.
pub(crate) fn selects(selector: Selector<'_>, object: &Object) -> bool {
    selector.matches(&labels(object))
}

/// The objects of a resource whose selector takes an object of their namespace. An empty one takes none.
pub(crate) fn fitting<V>(
    cluster: &Cluster,
    resource: &str,
    object: &Object,
    selector: impl Fn(&V) -> Option<Selector<'_>>,
) -> Vec<Key>
where
    V: DeserializeOwned + Default + Send + Sync + 'static,
{
    let labels = labels(object);
    let all = cluster.list(resource, Some(&object.namespace));
    let fits = |owner: &&Arc<Object>| {
        let view = owner.view::<V>();
        selector(&view).is_some_and(|selector| !selector.is_empty() && selector.matches(&labels))
    };
    all.iter()
        .filter(fits)
        .map(|owner| Key::of(owner))
        .collect()
}

/// The labels of an object as they are in JSON.
pub(crate) fn labels(object: &Object) -> Value {
    let pairs = object.labels.iter();
    pairs
        .map(|(key, value)| (key.clone(), Value::from(value.as_str())))
        .collect()
}

/// The key under which an index keeps an object: its controller, or that it has none.
pub(crate) fn owner_term(namespace: &str, controller: Option<&OwnerReference>) -> Vec<String> {
    vec![controller.map_or_else(|| orphans(namespace), |owner| owner.uid.clone())]
}

/// The term of objects of a namespace that nobody controls.
pub(crate) fn orphans(namespace: &str) -> String {
    // No uid has a slash.
    format!("/{namespace}")
}

/// Acts on a claim. The answer is the object if it is the owner's now.
pub(crate) async fn settle(
    cluster: &Cluster,
    by: &Actor,
    owner: &Owner,
    resource: &str,
    object: Arc<Object>,
    claim: Claim,
) -> Result<Option<Arc<Object>>, Status> {
    match claim {
        Claim::Keep => Ok(Some(object)),
        Claim::Ignore => Ok(None),
        Claim::Release => {
            release(cluster, by, owner, resource, &object).await?;
            Ok(None)
        }
        Claim::Adopt => adopt(cluster, by, owner, resource, &object).await,
    }
}

async fn adopt(
    cluster: &Cluster,
    by: &Actor,
    owner: &Owner,
    resource: &str,
    object: &Object,
) -> Result<Option<Arc<Object>>, Status> {
    let fresh = cluster.get(owner.resource, &owner.namespace, &owner.name);
    if !fresh.is_some_and(|fresh| fresh.uid == owner.uid && !fresh.deleting) {
        return Ok(None);
    }
    let change = |value: &mut Value| {
        let owners = &mut value["metadata"]["ownerReferences"];
        if owners.is_null() {
            *owners = json!([]);
        }
        let Some(owners) = owners.as_array_mut() else {
            return Ok(());
        };
        if !owners.iter().any(|other| other["controller"] == true) {
            owners.push(owner.to_json());
            if let Some(finalizer) = owner.finalizer {
                add_finalizer(value, finalizer);
            }
        }
        Ok(())
    };
    let (namespace, name) = (&object.namespace, &object.name);
    let adopted = cluster.modify(resource, namespace, name, Part::Main, by, change);
    match adopted.await {
        Ok(object) if is_controlled(&object, &owner.uid) => Ok(Some(object)),
        Ok(_other_was_faster) => Ok(None),
        Err(status) if status.is_not_found() => Ok(None),
        Err(status) => Err(status),
    }
}

fn is_controlled(object: &Object, uid: &str) -> bool {
    let value = object.value();
    let owners = value["metadata"]["ownerReferences"].as_array();
    let mut owners = owners.into_iter().flatten();
    owners.any(|owner| owner["uid"] == uid && owner["controller"] == true)
}

async fn release(
    cluster: &Cluster,
    by: &Actor,
    owner: &Owner,
    resource: &str,
    object: &Object,
) -> Result<(), Status> {
    let change = |value: &mut Value| {
        if let Some(owners) = value["metadata"]["ownerReferences"].as_array_mut() {
            owners.retain(|other| other["uid"] != owner.uid.as_str());
        }
        if let Some(finalizer) = owner.finalizer {
            drop_finalizer(value, finalizer);
        }
        Ok(())
    };
    let (namespace, name) = (&object.namespace, &object.name);
    let released = cluster.modify(resource, namespace, name, Part::Main, by, change);
    match released.await {
        Err(status) if !status.is_not_found() => Err(status),
        _ => Ok(()),
    }
}

fn add_finalizer(object: &mut Value, finalizer: &str) {
    let mut list = fields::list(&object["metadata"], "finalizers").to_vec();
    if !list.iter().any(|own| own == finalizer) {
        list.push(finalizer.into());
        object["metadata"]["finalizers"] = list.into();
    }
}
