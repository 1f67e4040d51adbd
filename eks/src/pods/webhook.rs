//! Which service accounts are associated with a role, for the pods that are made with them.
use std::collections::BTreeSet;

use wharf_storage::Read;

use crate::{Cx, Error, Place, pod_identity};

/// Namespaces and names of the service accounts that have an association.
pub(crate) fn read(tx: &Read<'_>, at: &Place) -> Result<BTreeSet<(String, String)>, Error> {
    let all = pod_identity::all(tx, &at.registry, at.cluster())?;
    let all = all.into_iter().map(|stored| stored.body);
    Ok(all
        .map(|association| (association.namespace, association.service_account))
        .collect())
}

/// Brings the associations of a cluster to its next pod.
pub(crate) async fn configure(cx: &Cx, at: &Place) -> Result<(), Error> {
    let Some(running) = cx.clusters.at(at) else {
        return Ok(());
    };
    let place = at.clone();
    // On the writer: what is set last is what was written last.
    let set = cx.store.meta().write(move |tx| {
        let found = read(tx, &place)?;
        running
            .cluster()
            .change_settings(|settings| settings.pod_identities = found);
        Ok::<_, Error>(())
    });
    set.await
}
