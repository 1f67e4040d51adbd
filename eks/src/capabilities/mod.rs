//! Capabilities of clusters: ACK, KRO and Argo CD.
//!
//! They are kept and shown. Nothing runs them here, and their health says so.
use serde::{Deserialize, Serialize};
use wharf_storage::{Document, Write};
use wharf_types::{Registry, Timestamp};

use crate::{
    Cx, Done, Error, Event, Life, Living, Phase, Place, Step, Token, checks,
    parts::{self, Part, Shown},
    settled,
    shape::enums,
    updates::{self, NewUpdate, Subject, Update},
};

pub mod config;

use config::{Configuration, NewCapability, UpdateCapability};

enums! {
    CapabilityType { Ack = "ACK", Kro = "KRO", ArgoCd = "ARGOCD" }
    /// What becomes of what it manages when it goes.
    Propagation { Retain = "RETAIN" }
}

/// What its health says.
pub const NOT_RUN: &str = "This server keeps the capability but does not run its controllers: resources of its kinds are not reconciled.";

/// A capability: a document named by cluster and capability.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Capability {
    pub name: String,
    /// The last part of its ARN.
    pub id: String,
    pub life: Life,
    pub kind: CapabilityType,
    pub role_arn: String,
    pub configuration: Configuration,
    #[serde(default)]
    pub token: Option<Token>,
    #[serde(default)]
    pub pending: Option<Pending>,
}

/// The update that is being made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pending {
    pub update: String,
    pub role_arn: String,
    pub configuration: Configuration,
}

impl Document for Capability {
    const KIND: &'static str = "eks-capability";

    fn is_open(&self) -> bool {
        self.life.phase.is_open()
    }
}

impl Part for Capability {
    fn missing(cluster: &str, name: &str) -> Error {
        let text = format!("No capability found with name: {name} in cluster: {cluster}");
        Error::not_found(text).cluster(cluster)
    }

    fn arn(&self, registry: &Registry, cluster: &str) -> String {
        let kind = self.kind.as_str().to_ascii_lowercase();
        let Self { name, id, .. } = self;
        crate::arn(
            registry,
            &format!("capability/{cluster}/{kind}/{name}/{id}"),
        )
    }
}

impl Living for Capability {
    fn life(&self) -> Life {
        self.life
    }

    fn set_life(&mut self, life: Life) {
        self.life = life;
    }

    async fn act(mut self, _cx: Cx, _at: Place, step: Step) -> Result<(Self, Event), Error> {
        if step == Step::Update
            && let Some(pending) = self.pending.clone()
        {
            self.role_arn = pending.role_arn;
            self.configuration = pending.configuration;
        }
        Ok((self, Event::Ready))
    }

    fn done(&self, tx: &Write<'_>, done: &Done<'_>) -> Result<(), Error> {
        match (done.step, &self.pending) {
            (Step::Update, Some(pending)) => updates::end(tx, done, &pending.update),
            (Step::Delete, _) => {
                let arn = self.arn(&done.at.registry, done.at.cluster());
                Ok(tx.forget_resource(&arn)?)
            }
            _ => Ok(()),
        }
    }
}

/// Makes a capability. Answers with how it begins.
pub async fn create(
    cx: &Cx,
    registry: &Registry,
    new: NewCapability,
) -> Result<Shown<Capability>, Error> {
    let token = Token::of(new.client_request_token.as_deref(), &new)?;
    let cluster_name = checks::required_text("clusterName", new.cluster_name.clone())?;
    let name = checks::required_text("capabilityName", new.capability_name.clone())?;
    checks::named("capabilityName", &name, 100)?;
    let kind = checks::required("type", new.kind)?;
    let role = checks::required_text("roleArn", new.role_arn.clone())?;
    checks::role_arn("roleArn", &role)?;
    checks::required("deletePropagationPolicy", new.delete_propagation_policy)?;
    let tags = new.tags.clone().unwrap_or_default();
    checks::tags(&tags)?;
    let configuration = config::of_new(kind, new.configuration)?;
    let (at, now) = (Place::within(registry, &cluster_name, &name), cx.now());
    let made = Capability {
        name: name.clone(),
        id: parts::uuid(),
        life: Life::begin(Phase::Creating, now),
        kind,
        role_arn: role,
        configuration,
        token,
        pending: None,
    };
    let place = at.clone();
    let created = cx.store.meta().write(move |tx| {
        let registry = &place.registry;
        parts::active(tx, registry, &cluster_name)?;
        for found in parts::list::<Capability>(tx, registry, &cluster_name, "", parts::MANY)? {
            let other = &found.body;
            if Token::repeats(made.token.as_ref(), other.token.as_ref())? {
                return parts::shown(tx, registry, &cluster_name, found);
            }
            if other.name == made.name {
                let text = format!(
                    "Capability already exists with name {name} and cluster name {cluster_name}"
                );
                return Err(Error::in_use(text).cluster(&cluster_name));
            }
            if other.kind == made.kind {
                let kind = made.kind.as_str();
                let text =
                    format!("Cluster {cluster_name} already has a capability of type {kind}");
                return Err(Error::in_use(text).cluster(&cluster_name));
            }
        }
        parts::add(tx, &place, &made, &tags, now)?;
        parts::show(tx, registry, &cluster_name, &name)
    });
    let created = created.await?;
    settled::<Capability>(cx, &at).await?;
    Ok(created)
}

/// Finds a capability.
pub async fn get(
    cx: &Cx,
    registry: &Registry,
    cluster: String,
    name: String,
) -> Result<Shown<Capability>, Error> {
    parts::get(cx, registry, cluster, name).await
}

/// The capabilities of a cluster after a name.
pub async fn list(
    cx: &Cx,
    registry: &Registry,
    name: String,
    after: String,
) -> Result<Vec<Shown<Capability>>, Error> {
    let registry = registry.clone();
    let found = cx.store.meta().read(move |tx| {
        crate::clusters::find(tx, &registry, &name)?;
        let all = parts::list(tx, &registry, &name, &after, parts::MANY)?;
        let shown = all
            .into_iter()
            .map(|stored| parts::shown(tx, &registry, &name, stored));
        shown.collect()
    });
    found.await
}

/// Changes a capability. What is not named stays as it is.
pub async fn update(
    cx: &Cx,
    registry: &Registry,
    change: UpdateCapability,
) -> Result<Update, Error> {
    let token = Token::of(change.client_request_token.as_deref(), &change)?;
    let cluster = checks::required_text("clusterName", change.cluster_name.clone())?;
    let name = checks::required_text("capabilityName", change.capability_name.clone())?;
    if let Some(role) = &change.role_arn {
        checks::role_arn("roleArn", role)?;
    }
    let (at, now) = (Place::within(registry, &cluster, &name), cx.now());
    let place = at.clone();
    let updated = cx.store.meta().write(move |tx| {
        crate::clusters::find(tx, &place.registry, &cluster)?;
        let mut found = parts::find::<Capability>(tx, &place.registry, &cluster, &name)?.body;
        if let Some(known) = updates::repeated(tx, &place, token.as_ref())? {
            return Ok::<_, Error>(known);
        }
        let mut configuration = found.configuration.clone();
        let params = config::change(found.kind, &mut configuration, &change)?;
        request(&mut found, Event::UpdateRequested, &cluster, now)?;
        let new = NewUpdate {
            kind: "CapabilityUpdate",
            params,
            subject: Subject::Capability(name.clone()),
            token: token.clone(),
        };
        let begun = updates::begin(tx, &place, new, now)?;
        let role_arn = change.role_arn.as_ref().unwrap_or(&found.role_arn);
        found.pending = Some(Pending {
            update: begun.id.clone(),
            role_arn: role_arn.clone(),
            configuration,
        });
        tx.put_document(&place.owner(), &place.name, &found, now)?;
        Ok(begun)
    });
    let updated = updated.await?;
    settled::<Capability>(cx, &at).await?;
    Ok(updated)
}

fn request(
    capability: &mut Capability,
    event: Event,
    cluster: &str,
    now: Timestamp,
) -> Result<(), Error> {
    capability.life = capability.life.on(event, now).map_err(|rejected| {
        let (name, status) = (&capability.name, rejected.phase.as_str());
        let text = format!("Capability {name} cannot be changed while it is in status {status}");
        Error::in_use(text).cluster(cluster)
    })?;
    Ok(())
}

/// Asks for the end of a capability.
pub async fn delete(
    cx: &Cx,
    registry: &Registry,
    cluster: String,
    name: String,
) -> Result<Shown<Capability>, Error> {
    let (at, now) = (Place::within(registry, &cluster, &name), cx.now());
    let place = at.clone();
    let deleted = cx.store.meta().write(move |tx| {
        crate::clusters::find(tx, &place.registry, &cluster)?;
        let mut found = parts::find::<Capability>(tx, &place.registry, &cluster, &name)?.body;
        request(&mut found, Event::DeleteRequested, &cluster, now)?;
        tx.put_document(&place.owner(), &place.name, &found, now)?;
        parts::show(tx, &place.registry, &cluster, &name)
    });
    let deleted = deleted.await?;
    settled::<Capability>(cx, &at).await?;
    Ok(deleted)
}
