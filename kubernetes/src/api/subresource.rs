//! What hangs under an object.
use std::collections::BTreeMap;

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use http::Method;
use serde::Deserialize as _;
use serde_json::{Value, json};

use super::ApiServer;
use super::body;
use super::delete;
use super::patch::Patch;
use super::reply::Reply;
use super::route::Target;
use super::serve::Asked;
use crate::about::form;
use crate::authz::Attributes;
use crate::cluster::{Part, Resource};
use crate::store::Object;
use crate::{Status, Subresource, fields, nodes, scheduler};

impl ApiServer {
    pub(super) async fn subresource(
        &self,
        asked: &Asked,
        target: &Target,
        body: Body,
    ) -> Result<Response, Status> {
        let found = named(&target.subresource).filter(|sub| target.resource.has(*sub));
        let Some(sub) = found else {
            return Err(Status::no_such_path());
        };
        match sub {
            Subresource::Status => self.part(asked, target, Part::Status, body).await,
            Subresource::EphemeralContainers => {
                self.part(asked, target, Part::EphemeralContainers, body)
                    .await
            }
            Subresource::Resize => self.part(asked, target, Part::Resize, body).await,
            Subresource::Approval => self.part(asked, target, Part::Approval, body).await,
            Subresource::Finalize => self.part(asked, target, Part::Finalize, body).await,
            Subresource::Scale => self.scale(asked, target, body).await,
            Subresource::Binding => self.binding(asked, target, body).await,
            Subresource::Eviction => self.eviction(asked, target, body).await,
            Subresource::Token => self.token_request(asked, target, body).await,
            Subresource::Log => self.log(asked, target).await,
            Subresource::Exec | Subresource::Attach | Subresource::PortForward => {
                self.stream(asked, target, sub).await
            }
            Subresource::Proxy => {
                Self::object(target)?;
                Err(Status::not_implemented(
                    "wharf does not proxy to nodes, pods and services yet",
                ))
            }
        }
    }

    async fn part(
        &self,
        asked: &Asked,
        target: &Target,
        part: Part,
        body: Body,
    ) -> Result<Response, Status> {
        let headers = &asked.parts.headers;
        let reply = match asked.parts.method {
            Method::GET | Method::HEAD => {
                let object = Self::object(target)?;
                self.one(form(headers)?, asked, target, &object)?
            }
            Method::PUT => {
                self.may_decide(asked, target, part)?;
                let read = body::read(headers, &body::take(body).await?)?;
                self.put(target, part, asked.writer()?, read).await?
            }
            Method::PATCH => {
                self.may_decide(asked, target, part)?;
                let bytes = body::take(body).await?;
                let patch = Patch::read(headers, &asked.query, &target.resource, &bytes)?;
                self.patch(target, part, asked.writer()?, patch).await?
            }
            _ => return Err(Status::method_not_allowed()),
        };
        Ok(reply.into_response())
    }

    /// Who decides on a request for a certificate must be allowed to for its signer.
    fn may_decide(&self, asked: &Asked, target: &Target, part: Part) -> Result<(), Status> {
        const GROUP: &str = "certificates.k8s.io";
        let Resource { plural, group, .. } = &*target.resource;
        let verb = match part {
            Part::Approval => "approve",
            Part::Status => "sign",
            _ => return Ok(()),
        };
        if group != GROUP || plural != "certificatesigningrequests" {
            return Ok(());
        }
        let request = Self::object(target)?.value();
        let signer = fields::text(&request["spec"], "signerName");
        let domain = signer.split('/').next().unwrap_or_default();
        let may = |name: &str| {
            let wanted = Attributes::resource(verb, GROUP, "signers", "", name);
            self.decide(&asked.user, &wanted).is_allowed()
        };
        if may(signer) || may(&format!("{domain}/*")) {
            return Ok(());
        }
        let why = format!("user not permitted to {verb} requests with signerName {signer:?}");
        Err(Status::forbidden(plural, group, &target.name, &why))
    }

    async fn scale(&self, asked: &Asked, target: &Target, body: Body) -> Result<Response, Status> {
        let headers = &asked.parts.headers;
        let reply = match asked.parts.method {
            Method::GET | Method::HEAD => {
                let scale = target.resource.scale_of(&Self::object(target)?.value())?;
                return Ok(self
                    .scale_as(form(headers)?, asked, &scale)?
                    .into_response());
            }
            Method::PUT => {
                let read = body::read(headers, &body::take(body).await?)?;
                let given = read.value;
                self.change_scale(target, &asked.writer()?, |_old| Ok(given.clone()))
                    .await?
            }
            Method::PATCH => {
                let bytes = body::take(body).await?;
                let (patch, _) = Patch::read(headers, &asked.query, &target.resource, &bytes)?;
                let change = |old: &Value| Self::patched_scale(old, &patch);
                self.change_scale(target, &asked.writer()?, change).await?
            }
            _ => return Err(Status::method_not_allowed()),
        };
        Ok(reply.into_response())
    }

    /// A scheduler says where a pod runs.
    async fn binding(
        &self,
        asked: &Asked,
        target: &Target,
        body: Body,
    ) -> Result<Response, Status> {
        only_post(asked)?;
        let read = body::read(&asked.parts.headers, &body::take(body).await?)?;
        let node = read.value["target"]["name"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        if node.is_empty() {
            return Err(Status::bad_request("target.name: Required value"));
        }
        let texts = |key: &str| BTreeMap::deserialize(&read.value["metadata"][key]);
        let binding = scheduler::Binding {
            uid: fields::text(&read.value["metadata"], "uid").to_owned(),
            node,
            labels: texts("labels").unwrap_or_default(),
            annotations: texts("annotations").unwrap_or_default(),
        };
        let writer = asked.writer()?;
        let write = writer.write(target, Part::Binding);
        scheduler::bind_as(self.cluster(), &write, &binding).await?;
        Ok(Reply::value(&delete::done()).created().into_response())
    }

    async fn eviction(
        &self,
        asked: &Asked,
        target: &Target,
        body: Body,
    ) -> Result<Response, Status> {
        only_post(asked)?;
        let bytes = body::take(body).await?;
        let read = body::read(&asked.parts.headers, &bytes)?;
        let kind = read.value["kind"].as_str().unwrap_or("Eviction");
        if kind != "Eviction" {
            return Err(Status::bad_request(format!(
                "{kind} cannot be handled as a Eviction"
            )));
        }
        let pod = Self::object(target)?;
        let options = &read.value["deleteOptions"];
        let how = delete::options(options, &asked.query)?;
        let mut writer = asked.writer()?;
        writer.options.dry_run |= options["dryRun"][0] == "All";
        if !writer.options.dry_run
            && let Some(budget) = nodes::take_room(self.cluster(), &pod, &writer.by).await?
        {
            return Err(no_room(&budget));
        }
        self.delete(target, &writer, &how).await?;
        Ok(Reply::value(&delete::done()).created().into_response())
    }

    async fn token_request(
        &self,
        asked: &Asked,
        target: &Target,
        body: Body,
    ) -> Result<Response, Status> {
        only_post(asked)?;
        let read = body::read(&asked.parts.headers, &body::take(body).await?)?;
        let answer = self.mint(target, &read.value)?;
        Ok(answer.created().into_response())
    }
}

fn named(name: &str) -> Option<Subresource> {
    Some(match name {
        "status" => Subresource::Status,
        "scale" => Subresource::Scale,
        "log" => Subresource::Log,
        "exec" => Subresource::Exec,
        "attach" => Subresource::Attach,
        "portforward" => Subresource::PortForward,
        "proxy" => Subresource::Proxy,
        "eviction" => Subresource::Eviction,
        "binding" => Subresource::Binding,
        "ephemeralcontainers" => Subresource::EphemeralContainers,
        "resize" => Subresource::Resize,
        "token" => Subresource::Token,
        "finalize" => Subresource::Finalize,
        "approval" => Subresource::Approval,
        _ => return None,
    })
}

/// A budget that lets no pod go now.
fn no_room(budget: &Object) -> Status {
    let value = budget.value();
    let number = |name| fields::integer(&value["status"], name);
    let text = format!(
        "The disruption budget {} needs {} healthy pods and has {} currently",
        budget.name,
        number("desiredHealthy"),
        number("currentHealthy")
    );
    let why = "Cannot evict pod as it would violate the pod's disruption budget.";
    let mut status = Status::too_many_requests(why, 0);
    status.details = json!({ "causes": [{ "reason": "DisruptionBudget", "message": text }] });
    status
}

fn only_post(asked: &Asked) -> Result<(), Status> {
    if asked.parts.method == Method::POST {
        Ok(())
    } else {
        Err(Status::method_not_allowed())
    }
}
