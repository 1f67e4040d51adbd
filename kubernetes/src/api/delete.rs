//! Deleting one object or many.
use axum::response::Response;
use serde_json::{Value, json};

use super::ApiServer;
use super::list::{Selection, body};
use super::query::Query;
use super::reply::Reply;
use super::route::Target;
use super::write::Writer;
use crate::Status;
use crate::cluster::{Deletion, Part, Propagation, Resource, Write};

/// What the body and the parameters say of how to delete.
pub(super) fn options(body: &Value, query: &Query) -> Result<Deletion, Status> {
    let text = |value: &Value, name: &str| value[name].as_str().map(str::to_owned);
    let policy = text(body, "propagationPolicy");
    let policy = policy.or_else(|| query.get("propagationPolicy").map(str::to_owned));
    let propagation = match policy.as_deref() {
        Some("Orphan") => Some(Propagation::Orphan),
        Some("Background") => Some(Propagation::Background),
        Some("Foreground") => Some(Propagation::Foreground),
        Some(other) => {
            return Err(Status::bad_request(format!(
                "DeleteOptions.meta.k8s.io \"\" is invalid: propagationPolicy: Unsupported value: {other:?}: supported values: \"Background\", \"Foreground\", \"Orphan\""
            )));
        }
        None => match body["orphanDependents"].as_bool() {
            Some(true) => Some(Propagation::Orphan),
            Some(false) => Some(Propagation::Background),
            None => None,
        },
    };
    let grace = body["gracePeriodSeconds"].as_i64();
    let asked = query.number("gracePeriodSeconds")?;
    let asked = asked.and_then(|secs| i64::try_from(secs).ok());
    let conditions = &body["preconditions"];
    Ok(Deletion {
        grace_secs: grace.or(asked),
        propagation,
        uid: text(conditions, "uid"),
        revision: text(conditions, "resourceVersion"),
    })
}

impl ApiServer {
    pub(super) async fn delete(
        &self,
        target: &Target,
        writer: &Writer,
        how: &Deletion,
    ) -> Result<Reply, Status> {
        let write = writer.write(target, Part::Main);
        let done = self.cluster().delete_object(&write, how).await?;
        let Resource { plural, group, .. } = &*target.resource;
        if !done.gone || is_shown(group, plural) {
            return Ok(Reply::ok(body(&target.resource, &done.object)));
        }
        let mut details = json!({ "name": target.name, "kind": plural, "uid": done.object.uid });
        if !group.is_empty() {
            details["group"] = group.as_str().into();
        }
        Ok(Reply::value(&success(&details)))
    }

    pub(super) async fn delete_collection(
        &self,
        target: &Target,
        query: &Query,
        writer: &Writer,
        how: &Deletion,
    ) -> Result<Response, Status> {
        let selection = Selection::parse(target, query)?;
        let namespace = Some(target.namespace.as_str()).filter(|name| !name.is_empty());
        let mut objects = target.resource.shelf.objects(namespace);
        objects.retain(|object| selection.matches(object));
        for object in &objects {
            let write = Write {
                name: &object.name,
                namespace: &object.namespace,
                ..writer.write(target, Part::Main)
            };
            match self.cluster().delete_object(&write, how).await {
                Err(status) if !status.is_not_found() => return Err(status),
                _gone => {}
            }
        }
        let revision = self.cluster().store().revision();
        let page = super::list::Page {
            objects,
            revision,
            next: None,
            remaining: None,
        };
        Ok(Self::listed(target, page))
    }
}

/// Whether the last state of a deleted object is sent, as of one that only begins to go.
fn is_shown(group: &str, plural: &str) -> bool {
    let shown: &[&str] = match group {
        "" => &[
            "pods",
            "services",
            "namespaces",
            "persistentvolumeclaims",
            "persistentvolumes",
            "serviceaccounts",
            "resourcequotas",
            "podtemplates",
        ],
        "storage.k8s.io" => &[
            "csidrivers",
            "csinodes",
            "storageclasses",
            "volumeattachments",
            "volumeattributesclasses",
        ],
        "resource.k8s.io" => &[
            "deviceclasses",
            "resourceclaims",
            "resourceclaimtemplates",
            "resourceslices",
        ],
        _ => &[],
    };
    shown.contains(&plural)
}

fn success(details: &Value) -> Value {
    json!({
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
        "details": details,
    })
}

/// The answer that says that something was done, and no more.
pub(super) fn done() -> Value {
    let mut status = success(&Value::Null);
    if let Some(members) = status.as_object_mut() {
        members.remove("details");
        members.insert("code".to_owned(), 201.into());
    }
    status
}
