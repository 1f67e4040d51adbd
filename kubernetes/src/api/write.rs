//! Making and replacing objects.
use serde_json::Value;

use super::ApiServer;
use super::body::Read;
use super::list::body;
use super::query::Query;
use super::reply::Reply;
use super::route::Target;
use crate::Status;
use crate::authn::User;
use crate::authz::rbac;
use crate::cluster::{Actor, Options, Part, Resource, Write, Written};

/// Who writes, and how.
#[derive(Clone, Debug)]
pub(super) struct Writer {
    pub(super) by: Actor,
    pub(super) options: Options,
}

impl Writer {
    pub(super) fn of(user: &User, agent: &str, query: &Query) -> Result<Self, Status> {
        let manager = match query.get("fieldManager") {
            Some(manager) if manager.len() > 128 => {
                return Err(Status::bad_request(
                    "fieldManager: Too long: may not be more than 128 bytes",
                ));
            }
            Some(manager) => manager.to_owned(),
            None => agent.split('/').next().unwrap_or_default().to_owned(),
        };
        Ok(Self {
            by: Actor {
                user: user.clone(),
                manager,
                component: String::new(),
                host: String::new(),
            },
            options: Options {
                dry_run: query.dry_run()?,
                validation: query.validation()?,
                ..Options::default()
            },
        })
    }

    pub(super) fn write<'a>(&'a self, target: &'a Target, part: Part) -> Write<'a> {
        Write {
            resource: &target.resource,
            namespace: &target.namespace,
            name: &target.name,
            part,
            by: &self.by,
            options: self.options.clone(),
        }
    }
}

/// What is sent back of a change.
pub(super) fn written(target: &Target, written: Written) -> Reply {
    let reply = Reply::ok(body(&target.resource, &written.object)).warn(written.warnings);
    if written.created {
        reply.created()
    } else {
        reply
    }
}

impl ApiServer {
    pub(super) async fn post(
        &self,
        target: &Target,
        mut writer: Writer,
        read: Read,
    ) -> Result<Reply, Status> {
        let resource = &target.resource;
        if resource.is_namespaced() && target.namespace.is_empty() {
            let text = "an empty namespace may not be set during creation";
            return Err(Status::bad_request(text));
        }
        check_kind(resource, &read.value)?;
        if read.value["metadata"]["resourceVersion"]
            .as_str()
            .is_some_and(|v| !v.is_empty())
        {
            let text = "resourceVersion should not be set on objects to be created";
            return Err(Status::bad_request(text));
        }
        self.escalation(&writer.by.user, target, &read.value, None)?;
        writer.options.duplicates = read.duplicates;
        let made = writer.write(target, Part::Main);
        let made = self.cluster().create_object(&made, read.value).await?;
        Ok(written(target, made))
    }

    pub(super) async fn put(
        &self,
        target: &Target,
        part: Part,
        mut writer: Writer,
        read: Read,
    ) -> Result<Reply, Status> {
        check_kind(&target.resource, &read.value)?;
        writer.options.duplicates = read.duplicates;
        let (new, user) = (read.value, writer.by.user.clone());
        let write = writer.write(target, part);
        let done = self.cluster().update_object(&write, |old| {
            self.escalation(&user, target, &new, Some(old))?;
            Ok(new.clone())
        });
        Ok(written(target, done.await?))
    }

    /// Nobody may give away what he does not have.
    pub(super) fn escalation(
        &self,
        user: &User,
        target: &Target,
        new: &Value,
        old: Option<&Value>,
    ) -> Result<(), Status> {
        let Resource { group, plural, .. } = &*target.resource;
        if group != "rbac.authorization.k8s.io" {
            return Ok(());
        }
        if old.is_some_and(|old| rbac::changes_only_gc_fields(new, old)) {
            return Ok(());
        }
        let namespace = &target.namespace;
        self.with_authorizer(|authorizer| match plural.as_str() {
            "roles" | "clusterroles" => {
                let Some(role) = rbac::ClusterRole::from_object(new) else {
                    return Ok(());
                };
                let old = old.and_then(rbac::ClusterRole::from_object);
                rbac::check_role(authorizer, user, plural, namespace, &role, old.as_ref())
            }
            "rolebindings" | "clusterrolebindings" => {
                let Some(binding) = rbac::Binding::from_object(new) else {
                    return Ok(());
                };
                let name = new["metadata"]["name"].as_str().unwrap_or_default();
                let role = &binding.role;
                rbac::check_binding(authorizer, user, plural, namespace, name, role)
            }
            _ => Ok(()),
        })
    }
}

/// The kind and version of a body must be those of the path, where they are given.
pub(super) fn check_kind(resource: &Resource, value: &Value) -> Result<(), Status> {
    let text = |name: &str| value[name].as_str().unwrap_or_default();
    let (version, kind) = (text("apiVersion"), text("kind"));
    let expected = resource.api_version();
    if !version.is_empty() && version != expected {
        return Err(Status::bad_request(format!(
            "the API version in the data ({version}) does not match the expected API version ({expected})"
        )));
    }
    if !kind.is_empty() && kind != resource.kind {
        let (version, wanted) = (&resource.version, &resource.kind);
        return Err(Status::bad_request(format!(
            "{kind} in version {version:?} cannot be handled as a {wanted}"
        )));
    }
    Ok(())
}
