//! Managed node groups: documents of the name `cluster/nodegroup`.
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use wharf_storage::{Document, Read, Write};
use wharf_types::Registry;

use crate::{
    Cx, Done, Error, Event, Life, Phase, Place, Step, Token, act, clusters, resources, settled,
    updates::{self, Problem},
};

mod change;
mod check;
pub mod config;
mod create;

pub use change::{Change, Pending, update_config, update_version};
use config::{
    AmiType, CapacityType, GroupUpdateConfig, LaunchTemplate, RemoteAccess, RepairConfig, Taint,
    WarmPool,
};
pub use create::create;

/// The most node groups of a cluster.
pub const MAX_NODEGROUPS: usize = 30;

/// A managed node group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Nodegroup {
    pub name: String,
    pub cluster: String,
    pub arn: String,
    /// What its ARN and its Auto Scaling group end with: a UUID.
    pub uid: String,
    pub created_ms: i64,
    pub modified_ms: i64,
    pub life: Life,
    /// Like `1.34`.
    pub version: String,
    /// The release of its machine image, like `1.34.1-20251112`.
    pub release: String,
    pub capacity: CapacityType,
    pub scaling: Scaling,
    pub instance_types: Vec<String>,
    pub subnets: Vec<String>,
    pub remote_access: Option<RemoteAccess>,
    pub remote_access_security_group: Option<String>,
    pub ami_type: AmiType,
    pub node_role: String,
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    #[serde(default)]
    pub taints: Vec<Taint>,
    /// In GiB; a launch template has its own.
    pub disk_size: Option<i64>,
    pub update_config: GroupUpdateConfig,
    pub repair: Option<RepairConfig>,
    pub launch_template: Option<LaunchTemplate>,
    pub warm_pool: Option<WarmPool>,
    #[serde(default)]
    pub issues: Vec<Problem>,
    pub token: Option<Token>,
    /// The change that is being made, while it is `UPDATING`.
    #[serde(default)]
    pub pending: Option<Pending>,
    /// The update that was made last.
    #[serde(default)]
    pub last_update: Option<String>,
    /// Why the update that was made last failed, if it did.
    #[serde(default)]
    pub last_problem: Option<Problem>,
}

/// How many nodes there are to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scaling {
    pub min: i64,
    pub max: i64,
    pub desired: i64,
}

impl Document for Nodegroup {
    const KIND: &'static str = "eks-nodegroup";

    fn is_open(&self) -> bool {
        self.life.phase.is_open()
    }
}

impl Nodegroup {
    /// The name of its Auto Scaling group.
    pub fn auto_scaling_group(&self) -> String {
        format!("eks-{}-{}", self.name, self.uid)
    }
}

impl crate::Living for Nodegroup {
    fn life(&self) -> Life {
        self.life
    }

    fn set_life(&mut self, life: Life) {
        self.life = life;
    }

    async fn act(mut self, cx: Cx, at: Place, step: Step) -> Result<(Self, Event), Error> {
        match step {
            Step::Create => act::create_nodegroup(&cx, &at, &self).await?,
            Step::Update => {
                if let Some(pending) = self.pending.take() {
                    let before = self.clone();
                    pending.change.apply(&mut self);
                    self.modified_ms = cx.now().as_ms();
                    let failed = pending.change.act(&cx, &at, &before, &self).await?;
                    if failed.is_some() {
                        self = before;
                    }
                    self.last_problem = failed;
                    self.last_update = Some(pending.update);
                }
            }
            Step::Delete => act::delete_nodegroup(&cx, &at, &self).await?,
        }
        Ok((self, Event::Ready))
    }

    fn done(&self, tx: &Write<'_>, done: &Done<'_>) -> Result<(), Error> {
        match done.step {
            Step::Create => Ok(()),
            Step::Update => match &self.last_update {
                Some(update) => match &self.last_problem {
                    // The node group itself is as good as before.
                    Some(problem) => updates::fail(tx, done, update, problem),
                    None => updates::end(tx, done, update),
                },
                None => Ok(()),
            },
            Step::Delete => {
                if let Some(pending) = &self.pending {
                    let event = Event::Failed;
                    updates::end(tx, &Done { event, ..*done }, &pending.update)?;
                }
                Ok(tx.forget_resource(&self.arn)?)
            }
        }
    }
}

/// A node group and its tags.
pub type Shown = (Nodegroup, BTreeMap<String, String>);

fn shown(tx: &Read<'_>, nodegroup: Nodegroup) -> Result<Shown, Error> {
    let tags = tx.resource_tags(&nodegroup.arn)?;
    Ok((nodegroup, tags))
}

/// Finds a node group of a cluster that there is, or says that there is none.
pub fn find(tx: &Read<'_>, at: &Place, name: &str) -> Result<Nodegroup, Error> {
    clusters::find(tx, &at.registry, at.cluster())?;
    let found = tx.document::<Nodegroup>(&at.owner(), &at.name)?;
    let missing = || {
        let text = format!("No node group found for name: {name}.");
        Error::not_found(text).cluster(at.cluster()).nodegroup(name)
    };
    Ok(found.ok_or_else(missing)?.body)
}

/// Finds a node group.
pub async fn get(cx: &Cx, registry: &Registry, cluster: &str, name: &str) -> Result<Shown, Error> {
    let (at, name) = (Place::within(registry, cluster, name), name.to_owned());
    let meta = cx.store.meta();
    let found = meta.read(move |tx| shown(tx, find(tx, &at, &name)?));
    found.await
}

/// The names of a cluster's node groups after one.
pub async fn list(
    cx: &Cx,
    registry: &Registry,
    cluster: &str,
    after: String,
    limit: usize,
) -> Result<Vec<String>, Error> {
    resources::names::<Nodegroup>(cx, registry, cluster, after, limit).await
}

/// Asks for the end of a node group.
pub async fn delete(
    cx: &Cx,
    registry: &Registry,
    cluster: &str,
    name: &str,
) -> Result<Shown, Error> {
    let (at, now) = (Place::within(registry, cluster, name), cx.now());
    let (place, name) = (at.clone(), name.to_owned());
    let deleted = cx.store.meta().write(move |tx| {
        let mut nodegroup = find(tx, &place, &name)?;
        if nodegroup.life.phase != Phase::Deleting {
            let refused = |_rejected| Error::in_use("Nodegroup cannot be deleted now");
            let life = nodegroup.life.on(Event::DeleteRequested, now);
            nodegroup.life = life.map_err(refused)?;
            tx.put_document(&place.owner(), &place.name, &nodegroup, now)?;
        }
        shown(tx, nodegroup)
    });
    let deleted = deleted.await?;
    settled::<Nodegroup>(cx, &at).await?;
    Ok(deleted)
}

/// The row of node groups among the things in clusters.
pub(crate) const KIND: resources::Kind = resources::Kind {
    prefix: "nodegroup",
    member: "nodegroupName",
    arn: |tx, at, name| {
        let at = Place::within(&at.registry, at.cluster(), name);
        let found = tx.document::<Nodegroup>(&at.owner(), &at.name)?;
        Ok(found.map(|found| found.body.arn))
    },
    keeps: |tx, at| {
        let first = resources::within::<Nodegroup>(tx, at, "", 1)?;
        let Some((name, _)) = first.first() else {
            return Ok(());
        };
        let refused = Error::in_use("Cluster has nodegroups attached");
        Err(refused.cluster(at.cluster()).nodegroup(name))
    },
    // A cluster that has any is not deleted.
    forget: |_, _| Ok(()),
};
