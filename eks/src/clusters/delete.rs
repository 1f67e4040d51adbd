//! The end of a cluster.
use wharf_storage::{Read, Write};
use wharf_types::Registry;

use super::{Cluster, find, put};
use crate::{Cx, Error, Event, Phase, Place, resources, settled, updates};

/// Asks for the end of a cluster that has no node groups and Fargate profiles.
pub async fn delete(cx: &Cx, registry: &Registry, name: &str) -> Result<super::Shown, Error> {
    let (at, now) = (Place::of_cluster(registry, name), cx.now());
    let place = at.clone();
    let deleted = cx.store.meta().write(move |tx| {
        let name = &place.name;
        let mut cluster = find(tx, &place.registry, name)?.body;
        if cluster.is_connected() {
            let text = "Connected clusters are removed with DeregisterCluster";
            return Err(Error::invalid_request(text).cluster(name));
        }
        if cluster.life.phase == Phase::Deleting {
            return super::shown(tx, cluster);
        }
        deletable(tx, &place, &cluster)?;
        cluster.life = cluster
            .life
            .on(Event::DeleteRequested, now)
            .map_err(|_rejected| in_progress(name))?;
        put(tx, &place, &cluster, now)?;
        super::shown(tx, cluster)
    });
    let deleted = deleted.await?;
    settled::<Cluster>(cx, &at).await?;
    Ok(deleted)
}

fn in_progress(name: &str) -> Error {
    let text = format!("Cannot delete because cluster {name} currently has an update in progress");
    Error::in_use(text).cluster(name)
}

fn deletable(tx: &Read<'_>, at: &Place, cluster: &Cluster) -> Result<(), Error> {
    let name = &cluster.name;
    if cluster.deletion_protection {
        let text =
            format!("Cluster {name} has deletion protection enabled, so it cannot be deleted");
        return Err(Error::invalid_request(text).cluster(name));
    }
    resources::none_left(tx, at)?;
    if cluster.life.phase == Phase::Updating {
        return Err(in_progress(name));
    }
    Ok(())
}

/// Removes what was only there for a cluster that is gone.
pub(super) fn forget(tx: &Write<'_>, at: &Place, cluster: &Cluster) -> Result<(), Error> {
    tx.forget_resource(&cluster.arn)?;
    updates::forget(tx, at)?;
    resources::forget(tx, at)
}
