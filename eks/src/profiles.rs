//! Fargate profiles as a cluster's scheduler takes them.
use std::time::Duration;

use wharf_kubernetes::{
    cluster::Actor,
    fargate::{self, Profile, Selector},
};
use wharf_storage::Read;

use crate::{Cx, Error, Phase, Place, fargate::FargateProfile, parts};

/// How long to wait at most before the pods of a profile are looked at again.
const LOOK: Duration = Duration::from_secs(1);

/// The profiles that select pods now: those that are active, and one that is about to be.
pub(crate) fn read(
    tx: &Read<'_>,
    at: &Place,
    coming: Option<&FargateProfile>,
) -> Result<Vec<Profile>, Error> {
    let all = parts::list::<FargateProfile>(tx, &at.registry, at.cluster(), "", parts::MANY)?;
    let all = all.into_iter().map(|stored| stored.body);
    let is_coming = |one: &FargateProfile| coming.is_some_and(|coming| coming.name == one.name);
    let selecting = all.filter(|one| one.life.phase == Phase::Active || is_coming(one));
    Ok(selecting.map(profile).collect())
}

fn profile(of: FargateProfile) -> Profile {
    let selector = |selector: crate::fargate::Selector| Selector {
        namespace: selector.namespace.unwrap_or_default(),
        labels: selector.labels.unwrap_or_default(),
    };
    Profile {
        name: of.name,
        selectors: of.selectors.into_iter().map(selector).collect(),
        subnets: of.subnets,
        active: true,
    }
}

/// Brings the profiles of a cluster to its next pod.
pub(crate) async fn configure(
    cx: &Cx,
    at: &Place,
    coming: Option<&FargateProfile>,
) -> Result<(), Error> {
    let Some(running) = cx.clusters.at(at) else {
        return Ok(());
    };
    let (place, coming) = (at.clone(), coming.cloned());
    let profiles = cx
        .store
        .meta()
        .read(move |tx| read(tx, &place, coming.as_ref()));
    let profiles = profiles.await?;
    running
        .cluster()
        .change_settings(|settings| settings.fargate = profiles);
    Ok(())
}

/// Deletes the pods of a profile that is no longer active, and returns when they are gone.
pub(crate) async fn empty(cx: &Cx, at: &Place, of: &FargateProfile) -> Result<(), Error> {
    let Some(running) = cx.clusters.at(at) else {
        return Ok(());
    };
    let cluster = running.cluster();
    let by = Actor::system("eks:fargate-manager", "fargate-manager", "fargate-manager");
    let pods = cluster.shelf("pods").map_err(Error::running)?;
    let mut changed = pods.subscribe();
    while fargate::has_pods(cluster, &of.name) {
        changed.borrow_and_update();
        let deleted = fargate::delete_pods(cluster, &of.name, &by).await;
        deleted.map_err(Error::running)?;
        if fargate::has_pods(cluster, &of.name) {
            drop(tokio::time::timeout(LOOK, changed.changed()).await);
        }
    }
    Ok(())
}
