//! Reading one object or many.
use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use futures::stream;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::ApiServer;
use super::list_options;
use super::permit::selectable;
use super::query::Query;
use super::reply::Reply;
use super::route::Target;
use crate::cluster::{Resource, in_form};
use crate::selector::{FieldSelector, LabelSelector};
use crate::store::{Listed, Object};
use crate::{Status, metrics};

/// Which objects of a list or watch are meant.
#[derive(Clone, Debug)]
pub(super) struct Selection {
    pub(super) labels: LabelSelector,
    pub(super) fields: FieldSelector,
    /// Of this namespace; none for all.
    pub(super) namespace: Option<String>,
    /// Of this name.
    pub(super) name: Option<String>,
}

impl Selection {
    pub(super) fn parse(target: &Target, query: &Query) -> Result<Self, Status> {
        let text = |name| query.get(name).unwrap_or_default();
        let namespace = &target.namespace;
        Ok(Self {
            labels: LabelSelector::parse(text("labelSelector"))?,
            fields: FieldSelector::parse(text("fieldSelector"), &selectable(target))?,
            namespace: (!namespace.is_empty()).then(|| namespace.clone()),
            name: (!target.name.is_empty()).then(|| target.name.clone()),
        })
    }

    pub(super) fn matches(&self, object: &Object) -> bool {
        let here = self
            .namespace
            .as_ref()
            .is_none_or(|own| *own == object.namespace);
        let named = self.name.as_ref().is_none_or(|own| *own == object.name);
        here && named && self.labels.matches(&object.labels) && self.fields.matches(object)
    }
}

/// Some objects of a list, and how to go on.
#[derive(Clone, Debug)]
pub(super) struct Page {
    pub(super) objects: Vec<Arc<Object>>,
    pub(super) revision: u64,
    pub(super) next: Option<String>,
    pub(super) remaining: Option<usize>,
}

/// Where a list goes on.
#[derive(Serialize, Deserialize)]
struct Continue {
    /// Of which state; none for that of now.
    rv: Option<u64>,
    namespace: String,
    name: String,
}

/// The JSON of an object in the form of its resource.
pub(super) fn body(resource: &Resource, object: &Object) -> Bytes {
    if resource.converted.is_some() {
        return in_form(resource, object).to_string().into();
    }
    object.body()
}

impl ApiServer {
    pub(super) fn object(target: &Target) -> Result<Arc<Object>, Status> {
        let Resource {
            plural,
            group,
            shelf,
            ..
        } = &*target.resource;
        let found = shelf.get(&target.namespace, &target.name);
        found.ok_or_else(|| Status::not_found(plural, group, &target.name))
    }

    /// The objects that a list asks for.
    pub(super) fn page(&self, target: &Target, query: &Query) -> Result<Page, Status> {
        list_options::check_list(query)?;
        let selection = Selection::parse(target, query)?;
        let limit = query.number("limit")?.unwrap_or(0);
        let from = query.get("continue").map(unpack).transpose()?;
        let Listed {
            mut objects,
            revision,
        } = self.state(target, query, from.as_ref())?;
        if let Some(from) = &from {
            let last = (from.namespace.as_str(), from.name.as_str());
            objects.retain(|o| (o.namespace.as_str(), o.name.as_str()) > last);
        }
        objects.retain(|object| selection.matches(object));
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let all = objects.len();
        let mut page = Page {
            objects,
            revision,
            next: None,
            remaining: None,
        };
        if limit > 0 && all > limit {
            page.objects.truncate(limit);
            page.next = page.objects.last().map(|last| {
                pack(&Continue {
                    rv: Some(revision),
                    namespace: last.namespace.clone(),
                    name: last.name.clone(),
                })
            });
            let plain = selection.labels.is_empty() && selection.fields.is_empty();
            page.remaining = plain.then_some(all - limit);
        }
        Ok(page)
    }

    /// All objects, as they are or were.
    fn state(
        &self,
        target: &Target,
        query: &Query,
        from: Option<&Continue>,
    ) -> Result<Listed, Status> {
        let shelf = &target.resource.shelf;
        let namespace = Some(target.namespace.as_str()).filter(|name| !name.is_empty());
        let wanted = query.number("resourceVersion")?;
        if let Some(wanted) = wanted
            && wanted > self.cluster().store().revision().max(shelf.last())
        {
            return Err(too_large(wanted, self.cluster().store().revision()));
        }
        let exact = query.get("resourceVersionMatch") == Some("Exact");
        let at = match (from, wanted) {
            (Some(Continue { rv: Some(at), .. }), _) => *at,
            (None, Some(wanted)) if exact => wanted,
            _ if target.resource.group == metrics::GROUP => {
                return Ok(self.measured(target, namespace));
            }
            _ => return Ok(self.cluster().store().list(shelf, namespace)),
        };
        shelf.list_at(namespace, at).map_err(|old| match from {
            Some(from) => interrupted(from),
            None => Status::expired(format!("too old resource version: {at} ({})", old.oldest)),
        })
    }

    /// What was measured, which is nowhere kept.
    fn measured(&self, target: &Target, namespace: Option<&str>) -> Listed {
        let Resource { plural, shelf, .. } = &*target.resource;
        let revision = self.cluster().store().revision();
        let all = metrics::objects(self.cluster(), plural, namespace);
        let objects = all.into_iter().map(|one| Arc::new(shelf.measured(&one)));
        Listed {
            objects: objects.collect(),
            revision,
        }
    }

    /// An object that is kept, or what was measured of one.
    pub(super) fn read(&self, target: &Target) -> Result<Arc<Object>, Status> {
        let Resource {
            plural,
            group,
            shelf,
            ..
        } = &*target.resource;
        if group != metrics::GROUP {
            return Self::object(target);
        }
        let kind = if plural == "nodes" {
            "nodemetrics"
        } else {
            "podmetrics"
        };
        let name = if target.namespace.is_empty() {
            target.name.clone()
        } else {
            format!("{}/{}", target.namespace, target.name)
        };
        let found = metrics::object(self.cluster(), plural, &target.namespace, &target.name);
        let found = found.ok_or_else(|| Status::not_found(kind, group, &name))?;
        Ok(Arc::new(shelf.measured(&found)))
    }

    /// A list as JSON, made while it is sent.
    pub(super) fn listed(target: &Target, page: Page) -> Response {
        let resource = Arc::clone(&target.resource);
        let mut metadata = json!({ "resourceVersion": page.revision.to_string() });
        if let Some(next) = &page.next {
            metadata["continue"] = next.as_str().into();
        }
        if let Some(remaining) = page.remaining {
            metadata["remainingItemCount"] = remaining.into();
        }
        let (kind, version) = (&resource.list_kind, resource.api_version());
        let head = format!(
            "{{\"kind\":{kind:?},\"apiVersion\":{version:?},\"metadata\":{metadata},\"items\":["
        );
        let mut parts = Parts {
            resource,
            objects: page.objects.into_iter(),
            part: Some(head.into_bytes()),
            first: true,
        };
        let first = parts.next().unwrap_or_default();
        if parts.part.is_none() {
            return Reply::ok(first).into_response();
        }
        let parts = std::iter::once(first).chain(parts);
        let parts = stream::iter(parts.map(Ok::<_, Infallible>));
        Reply::ok(Bytes::new()).with_body(Body::from_stream(parts))
    }
}

/// How much of a list is made at once.
const PART: usize = 64 * 1024;

/// The text of a list, from some objects to the next.
struct Parts {
    resource: Arc<Resource>,
    objects: std::vec::IntoIter<Arc<Object>>,
    /// What is next; none after the end.
    part: Option<Vec<u8>>,
    first: bool,
}

impl Iterator for Parts {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        let mut part = self.part.take()?;
        while part.len() < PART {
            let Some(object) = self.objects.next() else {
                part.extend_from_slice(b"]}\n");
                return Some(part.into());
            };
            if !std::mem::take(&mut self.first) {
                part.push(b',');
            }
            part.extend_from_slice(&body(&self.resource, &object));
        }
        self.part = Some(Vec::with_capacity(PART + PART / 8));
        Some(part.into())
    }
}

/// The revision has not come yet.
pub(super) fn too_large(wanted: u64, current: u64) -> Status {
    let text = format!("Too large resource version: {wanted}, current: {current}");
    Status {
        details: json!({
            "causes": [{ "reason": "ResourceVersionTooLarge", "message": "Too large resource version" }],
            "retryAfterSeconds": 1,
        }),
        ..Status::new(StatusCode::GATEWAY_TIMEOUT, "Timeout", text)
    }
}

/// The rest of a list can only be shown as it is now, which a client must want.
fn interrupted(from: &Continue) -> Status {
    let text = "The provided continue parameter is too old to display a consistent list result. You must start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.";
    Status {
        go_on: Some(pack(&Continue {
            rv: None,
            namespace: from.namespace.clone(),
            name: from.name.clone(),
        })),
        ..Status::expired(text)
    }
}

fn pack(token: &Continue) -> String {
    let json = serde_json::to_vec(token).unwrap_or_default();
    URL_SAFE_NO_PAD.encode(json)
}

fn unpack(token: &str) -> Result<Continue, Status> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok();
    let read = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    read.ok_or_else(|| Status::bad_request("continue key is not valid"))
}
