//! Fargate profiles: which pods run on Fargate. Documents of the name `cluster/profile`.
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use wharf_storage::{Document, Read, Write};
use wharf_types::{Registry, Timestamp};

use crate::{
    Cx, Done, Error, Event, Life, Phase, Place, Step, Token,
    access::{EntryType, entries},
    act, arn, checks,
    clusters::{self, Cluster, ids},
    resources, settled,
    shape::shapes,
};

/// The most profiles of a cluster.
pub const MAX_PROFILES: usize = 10;

/// The most selectors of a profile, and the most labels of a selector.
const MAX_SELECTORS: usize = 5;

/// What the ids of public subnets begin with. Nothing else is known of subnets: there is no EC2.
const PUBLIC: &str = "subnet-public";

shapes! {
    /// Which pods: those of a namespace that have all of these labels.
    Selector { namespace: String, labels: BTreeMap<String, String> }
    /// The request of `CreateFargateProfile`.
    NewProfile {
        fargate_profile_name: String,
        cluster_name: String,
        pod_execution_role_arn: String,
        subnets: Vec<String>,
        selectors: Vec<Selector>,
        client_request_token: String,
        tags: BTreeMap<String, String>,
    }
}

/// A Fargate profile.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FargateProfile {
    pub name: String,
    pub cluster: String,
    pub arn: String,
    pub created_ms: i64,
    pub life: Life,
    pub pod_execution_role: String,
    pub subnets: Vec<String>,
    pub selectors: Vec<Selector>,
    pub token: Option<Token>,
}

impl Document for FargateProfile {
    const KIND: &'static str = "eks-fargate-profile";

    fn is_open(&self) -> bool {
        self.life.phase.is_open()
    }
}

impl crate::Living for FargateProfile {
    fn life(&self) -> Life {
        self.life
    }

    fn set_life(&mut self, life: Life) {
        self.life = life;
    }

    async fn act(self, cx: Cx, at: Place, step: Step) -> Result<(Self, Event), Error> {
        match step {
            Step::Create => act::create_profile(&cx, &at, &self).await?,
            // Profiles never change.
            Step::Update => {}
            Step::Delete => act::delete_profile(&cx, &at, &self).await?,
        }
        Ok((self, Event::Ready))
    }

    fn done(&self, tx: &Write<'_>, done: &Done<'_>) -> Result<(), Error> {
        if done.step == Step::Delete {
            tx.forget_resource(&self.arn)?;
        }
        Ok(())
    }
}

/// A profile and its tags.
pub type Shown = (FargateProfile, BTreeMap<String, String>);

fn shown(tx: &Read<'_>, profile: FargateProfile) -> Result<Shown, Error> {
    let tags = tx.resource_tags(&profile.arn)?;
    Ok((profile, tags))
}

/// Makes a profile. Answers with how it begins.
pub async fn create(cx: &Cx, registry: &Registry, new: NewProfile) -> Result<Shown, Error> {
    let token = Token::of(new.client_request_token.as_deref(), &new)?;
    let cluster = checks::required_text("clusterName", new.cluster_name.clone())?;
    let name = checks::required_text("fargateProfileName", new.fargate_profile_name.clone())?;
    check(&name, &new).map_err(|e| e.cluster(&cluster).fargate_profile(&name))?;
    let (at, now) = (Place::within(registry, &cluster, &name), cx.now());
    let place = at.clone();
    let created = cx.store.meta().write(move |tx| {
        let cluster = clusters::find(tx, &place.registry, place.cluster())?.body;
        let named = |e: Error| e.cluster(place.cluster()).fargate_profile(&name);
        let all = resources::within::<FargateProfile>(tx, &place, "", MAX_PROFILES)?;
        for (other, found) in &all {
            let repeats = Token::repeats(token.as_ref(), found.token.as_ref()).map_err(named)?;
            if *other == name && repeats {
                return shown(tx, found.clone());
            }
        }
        admit(&cluster, &name, &all).map_err(named)?;
        let profile = fresh(&place, &name, &cluster, &new, token.clone(), now);
        tx.put_document(&place.owner(), &place.name, &profile, now)?;
        let role = &profile.pod_execution_role;
        entries::ensure_node_role(tx, &place, role, EntryType::FargateLinux, now)?;
        for (key, value) in new.tags.iter().flatten() {
            tx.tag_resource(&profile.arn, key, value)?;
        }
        shown(tx, profile)
    });
    let created = created.await?;
    settled::<FargateProfile>(cx, &at).await?;
    Ok(created)
}

fn fresh(
    at: &Place,
    name: &str,
    cluster: &Cluster,
    new: &NewProfile,
    token: Option<Token>,
    now: Timestamp,
) -> FargateProfile {
    let uid = uuid::Uuid::new_v4();
    let resource = format!("fargateprofile/{}/{name}/{uid}", cluster.name);
    let given = new.subnets.clone().filter(|subnets| !subnets.is_empty());
    FargateProfile {
        name: name.to_owned(),
        cluster: cluster.name.clone(),
        arn: arn(&at.registry, &resource),
        created_ms: now.as_ms(),
        life: Life::begin(Phase::Creating, now),
        pod_execution_role: new.pod_execution_role_arn.clone().unwrap_or_default(),
        subnets: given.unwrap_or_else(|| cluster.vpc.subnet_ids.clone()),
        selectors: new.selectors.clone().unwrap_or_default(),
        token,
    }
}

/// Checks what of a request can be checked without its cluster.
fn check(name: &str, new: &NewProfile) -> Result<(), Error> {
    let refused = |text: &str| Err(Error::invalid_parameter(text));
    checks::named("fargateProfileName", name, 100)?;
    if name.starts_with("eks-") {
        return refused("fargateProfileName must not begin with eks-, which is reserved");
    }
    let role = checks::required_text("podExecutionRoleArn", new.pod_execution_role_arn.clone())?;
    checks::role_arn("podExecutionRoleArn", &role)?;
    let subnets = new.subnets.as_deref().unwrap_or_default();
    ids("subnets", subnets, 32)?;
    if let Some(public) = subnets.iter().find(|id| id.starts_with(PUBLIC)) {
        let text = format!("Subnet {public} provided in Fargate Profile is not a private subnet");
        return refused(&text);
    }
    let selectors = new.selectors.as_deref().unwrap_or_default();
    if selectors.is_empty() {
        return refused("Fargate Profile requires at least one selector.");
    }
    if selectors.len() > MAX_SELECTORS {
        return refused("Fargate Profile can have up to 5 selectors.");
    }
    selectors.iter().try_for_each(check_selector)?;
    checks::tags(new.tags.as_ref().unwrap_or(&BTreeMap::new()))
}

fn check_selector(selector: &Selector) -> Result<(), Error> {
    let refused = |text: &str| Err(Error::invalid_parameter(text));
    let namespace = selector.namespace.as_deref().unwrap_or_default();
    if namespace.is_empty() {
        return refused(
            "Fargate Profile must have at least one selector with at least one namespace value.",
        );
    }
    // Wildcards stand for any number of characters and for one.
    let word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-*?".contains(&b);
    if namespace.len() > 63 || !namespace.bytes().all(word) {
        return refused(&format!(
            "The namespace {namespace} of a selector is not valid"
        ));
    }
    let labels = selector.labels.iter().flatten();
    if labels.clone().count() > MAX_SELECTORS {
        return refused("Request contains Selector with more than 5 Label pairs");
    }
    for (key, value) in labels {
        checks::length("The key of a label", key, 1, 253 + 1 + 63)?;
        checks::length("The value of a label", value, 0, 63)?;
    }
    Ok(())
}

/// Whether a cluster can have one more profile now.
fn admit(cluster: &Cluster, name: &str, all: &[(String, FargateProfile)]) -> Result<(), Error> {
    cluster.require_active()?;
    if all.iter().any(|(other, _)| other == name) {
        let text = "A Fargate Profile already exists with this name in this cluster.";
        return Err(Error::invalid_request(text));
    }
    // One at a time comes or goes.
    if let Some((other, found)) = all.iter().find(|(_, found)| found.is_open()) {
        let text = format!(
            "Cannot create Fargate Profile {name} because cluster {} currently has Fargate profile {other} in status {}",
            cluster.name,
            found.life.phase.as_str()
        );
        return Err(Error::invalid_request(text));
    }
    if all.len() >= MAX_PROFILES {
        let text = format!("Fargate profile limit exceeded for cluster: {MAX_PROFILES} profiles");
        return Err(Error::limit(text));
    }
    Ok(())
}

/// Finds a profile of a cluster that there is, or says that there is none.
pub fn find(tx: &Read<'_>, at: &Place, name: &str) -> Result<FargateProfile, Error> {
    clusters::find(tx, &at.registry, at.cluster())?;
    let found = tx.document::<FargateProfile>(&at.owner(), &at.name)?;
    let missing = || {
        let text = format!("No Fargate Profile found with name: {name}.");
        Error::not_found(text)
            .cluster(at.cluster())
            .fargate_profile(name)
    };
    Ok(found.ok_or_else(missing)?.body)
}

/// Finds a profile.
pub async fn get(cx: &Cx, registry: &Registry, cluster: &str, name: &str) -> Result<Shown, Error> {
    let (at, name) = (Place::within(registry, cluster, name), name.to_owned());
    let meta = cx.store.meta();
    let found = meta.read(move |tx| shown(tx, find(tx, &at, &name)?));
    found.await
}

/// The names of a cluster's profiles after one.
pub async fn list(
    cx: &Cx,
    registry: &Registry,
    cluster: &str,
    after: String,
    limit: usize,
) -> Result<Vec<String>, Error> {
    resources::names::<FargateProfile>(cx, registry, cluster, after, limit).await
}

/// Asks for the end of a profile, of which a cluster has one at a time.
pub async fn delete(
    cx: &Cx,
    registry: &Registry,
    cluster: &str,
    name: &str,
) -> Result<Shown, Error> {
    let (at, now) = (Place::within(registry, cluster, name), cx.now());
    let (place, name) = (at.clone(), name.to_owned());
    let deleted = cx.store.meta().write(move |tx| {
        let mut profile = find(tx, &place, &name)?;
        let cluster = place.cluster();
        let all = resources::within::<FargateProfile>(tx, &place, "", MAX_PROFILES)?;
        let deleting = |found: &FargateProfile| found.life.phase == Phase::Deleting;
        if let Some((other, _)) = all.iter().find(|(_, found)| deleting(found)) {
            let text = format!(
                "Cannot delete Fargate Profile {name} because cluster {cluster} currently has Fargate profile {other} in status DELETING"
            );
            return Err(Error::in_use(text).cluster(cluster));
        }
        let refused = |_rejected| Error::in_use("Fargate Profile cannot be deleted now");
        let life = profile.life.on(Event::DeleteRequested, now);
        profile.life = life.map_err(refused)?;
        tx.put_document(&place.owner(), &place.name, &profile, now)?;
        shown(tx, profile)
    });
    let deleted = deleted.await?;
    settled::<FargateProfile>(cx, &at).await?;
    Ok(deleted)
}

/// The row of profiles among the things in clusters.
pub(crate) const KIND: resources::Kind = resources::Kind {
    prefix: "fargateprofile",
    member: "fargateProfileName",
    arn: |tx, at, name| {
        let at = Place::within(&at.registry, at.cluster(), name);
        let found = tx.document::<FargateProfile>(&at.owner(), &at.name)?;
        Ok(found.map(|found| found.body.arn))
    },
    keeps: |tx, at| {
        let cluster = at.cluster();
        let all = resources::within::<FargateProfile>(tx, at, "", 1)?;
        let Some((name, found)) = all.first() else {
            return Ok(());
        };
        let status = found.life.phase.as_str();
        let text = format!(
            "Cannot delete because cluster {cluster} currently has Fargate profile {name} in status {status}"
        );
        Err(Error::in_use(text).cluster(cluster))
    },
    // A cluster that has any is not deleted.
    forget: |_, _| Ok(()),
};
