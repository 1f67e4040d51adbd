//! Changes of an add-on.
use wharf_types::Registry;

use super::{
    Addon, Pending, Settings, UpdateAddon, check_settings, known, minor_of, owned, put, version_for,
};
use crate::{
    Cx, Error, Event, Place, Token, checks, parts,
    pods::webhook,
    settled,
    updates::{self, NewUpdate, Subject, Update},
};

/// Changes an add-on. What is not named stays as it is.
pub async fn update(cx: &Cx, registry: &Registry, change: UpdateAddon) -> Result<Update, Error> {
    let token = Token::of(change.client_request_token.as_deref(), &change)?;
    let cluster = checks::required_text("clusterName", change.cluster_name.clone())?;
    checks::cluster_name(&cluster)?;
    let name = checks::required_text("addonName", change.addon_name.clone())?;
    let (at, now) = (Place::within(registry, &cluster, &name), cx.now());
    let place = at.clone();
    let updated = cx.store.meta().write(move |tx| {
        let registry = &place.registry;
        let of = |e: Error| e.cluster(&cluster);
        let minor = minor_of(&parts::active(tx, registry, &cluster)?);
        let mut found = parts::find::<Addon>(tx, registry, &cluster, &name)?.body;
        if let Some(known) = updates::repeated(tx, &place, token.as_ref())? {
            return Ok::<_, Error>(known);
        }
        let addon = known(&name).map_err(of)?;
        check_settings(
            addon,
            change.service_account_role_arn.as_deref(),
            change.configuration_values.as_deref(),
        )
        .map_err(of)?;
        let asked = change.addon_version.as_deref();
        // What is there stays, even if it is no longer for the version of the cluster.
        let version = match asked {
            Some(_) => version_for(addon, asked, minor).map_err(of)?.to_owned(),
            None => found.settings.version.clone(),
        };
        found.life = found
            .life
            .on(Event::UpdateRequested, now)
            .map_err(|_rejected| {
                let status = found.life.phase.as_str();
                let text =
                    format!("Addon {name} cannot be updated as it is currently in {status} state");
                Error::in_use(text).cluster(&cluster).addon(&name)
            })?;
        if let Some(wanted) = &change.pod_identity_associations {
            owned::replace(tx, &place, &mut found, addon, wanted, now)?;
        }
        let new = NewUpdate {
            kind: "AddonUpdate",
            params: params(&change)?,
            subject: Subject::Addon(name.clone()),
            token: token.clone(),
        };
        let begun = updates::begin(tx, &place, new, now)?;
        let old = &found.settings;
        let settings = Settings {
            version,
            role_arn: change
                .service_account_role_arn
                .clone()
                .or_else(|| old.role_arn.clone()),
            configuration: change
                .configuration_values
                .clone()
                .or_else(|| old.configuration.clone()),
        };
        found.pending = Some(Pending {
            update: begun.id.clone(),
            settings,
        });
        put(tx, &place, &found, now)?;
        Ok(begun)
    });
    let updated = updated.await?;
    settled::<Addon>(cx, &at).await?;
    webhook::configure(cx, &at).await?;
    Ok(updated)
}

fn params(change: &UpdateAddon) -> Result<Vec<(&'static str, String)>, Error> {
    let associations = change.pod_identity_associations.as_ref();
    let associations = associations.map(serde_json::to_string).transpose();
    let all = [
        ("AddonVersion", change.addon_version.clone()),
        (
            "ServiceAccountRoleArn",
            change.service_account_role_arn.clone(),
        ),
        (
            "ResolveConflicts",
            change.resolve_conflicts.map(|how| how.as_str().to_owned()),
        ),
        ("ConfigurationValues", change.configuration_values.clone()),
        (
            "PodIdentityAssociations",
            associations.map_err(wharf_storage::Error::from)?,
        ),
    ];
    let given = all
        .into_iter()
        .filter_map(|(kind, value)| Some((kind, value?)));
    Ok(given.collect())
}
