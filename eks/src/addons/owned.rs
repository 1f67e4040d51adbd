//! The pod identity associations that belong to add-ons.
use std::collections::BTreeMap;

use wharf_storage::Write;
use wharf_types::Timestamp;

use super::{Addon, PodIdentity, catalogue::CatalogueAddon};
use crate::{
    Error, Place, checks,
    parts::{self, Part as _},
    pod_identity::{self, Association},
};

/// Makes an add-on own what is wanted and nothing else. Associations that are as wanted stay as they
/// are.
pub(super) fn replace(
    tx: &Write<'_>,
    at: &Place,
    addon: &mut Addon,
    known: &CatalogueAddon,
    wanted: &[PodIdentity],
    now: Timestamp,
) -> Result<(), Error> {
    let (registry, cluster) = (&at.registry, at.cluster());
    let owner = addon.arn(registry, cluster);
    let wanted = wanted
        .iter()
        .map(|identity| check(known, identity))
        .collect::<Result<BTreeMap<_, _>, _>>()?;
    let mut missing = wanted.clone();
    addon.associations.clear();
    for found in of(tx, at, &owner)? {
        if missing.get(&found.service_account) == Some(&found.role_arn) {
            missing.remove(&found.service_account);
            addon.associations.push(found.arn(registry, cluster));
        } else {
            parts::remove(tx, &Place::within(registry, cluster, &found.id), &found)?;
        }
    }
    for (service_account, role_arn) in missing {
        let made = Association {
            id: format!("a-{}", parts::letters(17)),
            namespace: addon.namespace.clone(),
            service_account,
            role_arn,
            owner_arn: Some(owner.clone()),
            disable_session_tags: false,
            target_role_arn: None,
            policy: None,
            token: None,
        };
        let place = Place::within(registry, cluster, &made.id);
        pod_identity::add(tx, &place, &made, &BTreeMap::new(), now)?;
        addon.associations.push(made.arn(registry, cluster));
    }
    Ok(())
}

fn check(known: &CatalogueAddon, identity: &PodIdentity) -> Result<(String, String), Error> {
    let account = checks::required_text("serviceAccount", identity.service_account.clone())?;
    let role = checks::required_text("roleArn", identity.role_arn.clone())?;
    checks::role_arn("roleArn", &role)?;
    if known
        .service_account
        .is_some_and(|(name, _)| name == account)
    {
        return Ok((account, role));
    }
    let text = format!(
        "Service account {account} is not supported for pod identity associations of addon {}",
        known.name
    );
    Err(Error::invalid_parameter(text).addon(known.name))
}

/// What an add-on owns.
fn of(tx: &Write<'_>, at: &Place, owner: &str) -> Result<Vec<Association>, Error> {
    let all = pod_identity::all(tx, &at.registry, at.cluster())?;
    let own = |association: &Association| association.owner_arn.as_deref() == Some(owner);
    Ok(all
        .into_iter()
        .map(|stored| stored.body)
        .filter(own)
        .collect())
}

/// Removes what an add-on that is gone owned; what is preserved belongs to nobody.
pub(super) fn release(
    tx: &Write<'_>,
    at: &Place,
    addon: &Addon,
    now: Timestamp,
) -> Result<(), Error> {
    let (registry, cluster) = (&at.registry, at.cluster());
    for mut found in of(tx, at, &addon.arn(registry, cluster))? {
        let place = Place::within(registry, cluster, &found.id);
        if addon.preserve {
            found.owner_arn = None;
            tx.put_document(&place.owner(), &place.name, &found, now)?;
        } else {
            parts::remove(tx, &place, &found)?;
        }
    }
    Ok(())
}
