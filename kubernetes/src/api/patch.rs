//! Patches of all four types.
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde_json::Value;
use wharf_kubernetes_schema::{apply, patch};

use super::ApiServer;
use super::body::{self, media_type};
use super::query::Query;
use super::reply::Reply;
use super::route::Target;
use super::write::{Writer, check_kind, written};
use crate::cluster::{Part, Resource, What, Write, Written};
use crate::{Status, Subresource};

/// A patch that was read.
#[derive(Clone, Debug)]
pub(super) enum Patch {
    Json(Value),
    Merge(Value),
    Strategic(Value),
    Apply { config: Value, force: bool },
}

impl Patch {
    pub(super) fn read(
        headers: &HeaderMap,
        query: &Query,
        resource: &Resource,
        body: &Bytes,
    ) -> Result<(Self, Vec<String>), Status> {
        let custom = matches!(resource.what, What::Custom(_));
        let force = query.flag("force");
        Ok(match media_type(headers) {
            "application/json-patch+json" => {
                let read = body::json(body)?;
                (Self::Json(read.value), read.duplicates)
            }
            "application/merge-patch+json" => {
                let read = body::json(body)?;
                (Self::Merge(read.value), read.duplicates)
            }
            "application/strategic-merge-patch+json" if !custom => {
                let read = body::json(body)?;
                (Self::Strategic(read.value), read.duplicates)
            }
            "application/apply-patch+yaml" => {
                if query.get("fieldManager").is_none() {
                    return Err(Status::new(
                        StatusCode::UNPROCESSABLE_ENTITY,
                        "Invalid",
                        "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is required for apply patch",
                    ));
                }
                let read = body::yaml(body)?;
                let config = read.value;
                (Self::Apply { config, force }, read.duplicates)
            }
            _ => {
                let mut types = vec![
                    "application/json-patch+json",
                    "application/merge-patch+json",
                ];
                if !custom {
                    types.push("application/strategic-merge-patch+json");
                }
                types.push("application/apply-patch+yaml");
                return Err(Status::unsupported_media_type(format!(
                    "the body of the request was in an unknown format - accepted media types include: {}",
                    types.join(", ")
                )));
            }
        })
    }
}

impl ApiServer {
    pub(super) async fn patch(
        &self,
        target: &Target,
        part: Part,
        mut writer: Writer,
        patch: (Patch, Vec<String>),
    ) -> Result<Reply, Status> {
        let (patch, duplicates) = patch;
        writer.options.duplicates = duplicates;
        writer.options.applied = matches!(patch, Patch::Apply { .. });
        if let Patch::Apply { config, .. } = &patch {
            check_applied(target, config)?;
            let exists = target
                .resource
                .shelf
                .get(&target.namespace, &target.name)
                .is_some();
            if !exists && part == Part::Main {
                return self.apply_new(target, &writer, config).await;
            }
        }
        let write = writer.write(target, part);
        let user = writer.by.user.clone();
        let done = self.cluster().update_object(&write, |old| {
            let new = self.patched(&write, old, &patch)?;
            self.escalation(&user, target, &new, Some(old))?;
            Ok(new)
        });
        Ok(written(target, done.await?))
    }

    async fn apply_new(
        &self,
        target: &Target,
        writer: &Writer,
        config: &Value,
    ) -> Result<Reply, Status> {
        let write = writer.write(target, Part::Main);
        let new = self.applied(&write, None, config, false)?;
        self.escalation(&writer.by.user, target, &new, None)?;
        let made: Written = self.cluster().create_object(&write, new).await?;
        Ok(written(target, made))
    }

    /// The new state of an object.
    fn patched(&self, write: &Write<'_>, old: &Value, how: &Patch) -> Result<Value, Status> {
        let mut new = old.clone();
        let resource = write.resource;
        match how {
            Patch::Json(operations) => {
                patch::json(&mut new, operations).map_err(|e| refused(&e))?;
            }
            Patch::Merge(merge) => patch::merge(&mut new, merge),
            Patch::Strategic(strategic) => {
                let Some((schema, id)) = resource.schema() else {
                    return Err(Status::unsupported_media_type("there is no schema"));
                };
                patch::strategic(schema, id, &mut new, strategic).map_err(|e| refused(&e))?;
            }
            Patch::Apply { config, force } => {
                return self.applied(write, Some(old), config, *force);
            }
        }
        if !new.is_object() {
            return Err(Status::bad_request("the patched object is no JSON object"));
        }
        check_kind(resource, &new)?;
        let name = new["metadata"]["name"].as_str().unwrap_or_default();
        if !name.is_empty() && name != write.name {
            let text = format!(
                "the name of the object ({name}) does not match the name on the URL ({})",
                write.name
            );
            return Err(Status::bad_request(text));
        }
        Ok(new)
    }

    fn applied(
        &self,
        write: &Write<'_>,
        live: Option<&Value>,
        config: &Value,
        force: bool,
    ) -> Result<Value, Status> {
        let resource = write.resource;
        let Some((schema, id)) = resource.schema() else {
            return Err(Status::unsupported_media_type("there is no schema"));
        };
        let version = resource.api_version();
        let status = [apply::Path::fields(&["status"])];
        let rest = [
            apply::Path::fields(&["spec"]),
            apply::Path::fields(&["metadata"]),
        ];
        let (subresource, ignored): (&str, &[apply::Path]) = match write.part {
            Part::Status => ("status", &rest),
            _ if resource.has(Subresource::Status) => ("", &status),
            _ => ("", &[]),
        };
        let now = jiff::Timestamp::from_second(self.cluster().now().as_secs());
        let change = apply::Change {
            manager: &write.by.manager,
            version: &version,
            subresource,
            now: now.unwrap_or_default(),
            ignored,
        };
        apply::apply(schema, id, live, config, &change, force).map_err(|e| {
            let code = StatusCode::from_u16(e.code()).unwrap_or(StatusCode::BAD_REQUEST);
            let mut status = Status::new(code, e.reason(), e.to_string());
            let causes = e.causes();
            if !causes.is_null() {
                status.details = serde_json::json!({ "causes": causes });
            }
            status
        })
    }

    /// Changes the `scale` of an object.
    pub(super) async fn change_scale(
        &self,
        target: &Target,
        writer: &Writer,
        change: impl Fn(&Value) -> Result<Value, Status> + Send + Sync,
    ) -> Result<Reply, Status> {
        let write = writer.write(target, Part::Main);
        let done = self.cluster().update_object(&write, |old| {
            let scale = change(&target.resource.scale_of(old)?)?;
            let mut new = old.clone();
            let wanted = &scale["metadata"]["resourceVersion"];
            if let Some(wanted) = wanted.as_str() {
                new["metadata"]["resourceVersion"] = wanted.into();
            }
            target.resource.apply_scale(&mut new, &scale);
            Ok(new)
        });
        let done = done.await?;
        let scale = target.resource.scale_of(&done.object.value())?;
        Ok(Reply::value(&scale).warn(done.warnings))
    }

    /// A patch of the `scale` itself.
    pub(super) fn patched_scale(scale: &Value, how: &Patch) -> Result<Value, Status> {
        let mut new = scale.clone();
        match how {
            Patch::Json(operations) => {
                patch::json(&mut new, operations).map_err(|e| refused(&e))?;
            }
            // It has no lists: both merges are the same.
            Patch::Merge(merge) | Patch::Strategic(merge) => patch::merge(&mut new, merge),
            Patch::Apply { config, .. } => {
                new["spec"]["replicas"] = config["spec"]["replicas"].clone();
            }
        }
        Ok(new)
    }
}

fn check_applied(target: &Target, config: &Value) -> Result<(), Status> {
    let Resource { kind, .. } = &*target.resource;
    let given = config["kind"].as_str().unwrap_or_default();
    if given != kind {
        return Err(Status::bad_request(format!(
            "the kind in the data ({given}) does not match the expected kind ({kind})"
        )));
    }
    let name = config["metadata"]["name"].as_str().unwrap_or_default();
    if !name.is_empty() && name != target.name {
        return Err(Status::bad_request(format!(
            "the name of the object ({name}) does not match the name on the URL ({})",
            target.name
        )));
    }
    Ok(())
}

fn refused(e: &patch::PatchError) -> Status {
    tracing::debug!(cause = e.cause(), "a patch was refused");
    let code = StatusCode::from_u16(e.code()).unwrap_or(StatusCode::BAD_REQUEST);
    Status::new(code, e.reason(), e.to_string())
}
