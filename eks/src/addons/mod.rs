//! Add-ons of clusters.
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use wharf_storage::{Document, Write};
use wharf_types::{Registry, Timestamp};

use crate::{
    Cx, Done, Error, Event, Life, Living, Phase, Place, Step, Token, checks,
    clusters::Cluster,
    parts::{self, Part, Shown},
    pods::webhook,
    settled,
    shape::{enums, shapes},
    updates, versions,
};

pub mod catalogue;
mod configuration;
mod objects;
mod owned;
pub mod schema;
mod update;

use catalogue::CatalogueAddon;
pub use update::update;

enums! {
    /// What happens to settings that the cluster has and the add-on would change.
    ResolveConflicts {
        Overwrite = "OVERWRITE",
        None = "NONE",
        Preserve = "PRESERVE",
    }
}

shapes! {
    /// The role of a service account of an add-on.
    PodIdentity { service_account: String, role_arn: String }
    NamespaceConfig { namespace: String }

    /// The request of `CreateAddon`.
    NewAddon {
        cluster_name: String,
        addon_name: String,
        addon_version: String,
        service_account_role_arn: String,
        resolve_conflicts: ResolveConflicts,
        client_request_token: String,
        tags: BTreeMap<String, String>,
        configuration_values: String,
        pod_identity_associations: Vec<PodIdentity>,
        namespace_config: NamespaceConfig,
    }
    /// The request of `UpdateAddon`.
    UpdateAddon {
        cluster_name: String,
        addon_name: String,
        addon_version: String,
        service_account_role_arn: String,
        resolve_conflicts: ResolveConflicts,
        client_request_token: String,
        configuration_values: String,
        pod_identity_associations: Vec<PodIdentity>,
    }
}

/// An add-on of a cluster: a document named by cluster and add-on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Addon {
    pub name: String,
    /// The last part of its ARN.
    pub id: String,
    pub life: Life,
    #[serde(flatten)]
    pub settings: Settings,
    pub namespace: String,
    /// The ARNs of the pod identity associations that it owns.
    #[serde(default)]
    pub associations: Vec<String>,
    /// Whether those stay when it goes.
    #[serde(default)]
    pub preserve: bool,
    #[serde(default)]
    pub token: Option<Token>,
    #[serde(default)]
    pub pending: Option<Pending>,
}

/// What of an add-on an update changes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    pub version: String,
    #[serde(default)]
    pub role_arn: Option<String>,
    #[serde(default)]
    pub configuration: Option<String>,
}

/// The update that is being made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pending {
    pub update: String,
    pub settings: Settings,
}

impl Document for Addon {
    const KIND: &'static str = "eks-addon";

    fn is_open(&self) -> bool {
        self.life.phase.is_open()
    }
}

impl Part for Addon {
    fn missing(cluster: &str, name: &str) -> Error {
        let text = format!("No addon: {name} found in cluster: {cluster}");
        Error::not_found(text).cluster(cluster).addon(name)
    }

    fn arn(&self, registry: &Registry, cluster: &str) -> String {
        crate::arn(
            registry,
            &format!("addon/{cluster}/{}/{}", self.name, self.id),
        )
    }
}

impl Living for Addon {
    fn life(&self) -> Life {
        self.life
    }

    fn set_life(&mut self, life: Life) {
        self.life = life;
    }

    async fn act(mut self, cx: Cx, at: Place, step: Step) -> Result<(Self, Event), Error> {
        if step == Step::Update
            && let Some(pending) = &self.pending
        {
            self.settings = pending.settings.clone();
        }
        objects::follow(&cx, &at, &self, step).await?;
        Ok((self, Event::Ready))
    }

    fn done(&self, tx: &Write<'_>, done: &Done<'_>) -> Result<(), Error> {
        match (done.step, &self.pending) {
            (Step::Update, Some(pending)) => updates::end(tx, done, &pending.update),
            (Step::Delete, _) => {
                owned::release(tx, done.at, self, done.now)?;
                let arn = self.arn(&done.at.registry, done.at.cluster());
                Ok(tx.forget_resource(&arn)?)
            }
            _ => Ok(()),
        }
    }
}

/// The add-on of the catalogue with a name.
pub fn known(name: &str) -> Result<&'static CatalogueAddon, Error> {
    catalogue::find(name).ok_or_else(|| {
        let text = format!("Addon {name} specified is not supported");
        Error::invalid_parameter(text).addon(name)
    })
}

fn unsupported(name: &str) -> Error {
    Error::invalid_parameter("Addon version specified is not supported").addon(name)
}

/// The minor version of a cluster's Kubernetes.
fn minor_of(cluster: &Cluster) -> u32 {
    versions::find(&cluster.version).map_or(0, |version| version.minor)
}

/// The version of an add-on that is asked for, or the default one, if it is for a cluster.
fn version_for(
    addon: &CatalogueAddon,
    asked: Option<&str>,
    minor: u32,
) -> Result<&'static str, Error> {
    let found = match asked {
        None => addon.default_for(minor),
        Some(version) => addon.release(version).filter(|release| release.fits(minor)),
    };
    Ok(found.ok_or_else(|| unsupported(addon.name))?.version)
}

/// Makes an add-on. Answers with how it begins.
pub async fn create(cx: &Cx, registry: &Registry, new: NewAddon) -> Result<Shown<Addon>, Error> {
    let token = Token::of(new.client_request_token.as_deref(), &new)?;
    let cluster = checks::required_text("clusterName", new.cluster_name.clone())?;
    checks::cluster_name(&cluster)?;
    let name = checks::required_text("addonName", new.addon_name.clone())?;
    let addon = known(&name).map_err(|e| e.cluster(&cluster))?;
    let tags = new.tags.clone().unwrap_or_default();
    checks::tags(&tags)?;
    let namespace = namespace(addon, new.namespace_config.as_ref())?;
    check_settings(
        addon,
        new.service_account_role_arn.as_deref(),
        new.configuration_values.as_deref(),
    )?;
    let (at, now) = (Place::within(registry, &cluster, &name), cx.now());
    let place = at.clone();
    let created = cx.store.meta().write(move |tx| {
        let registry = &place.registry;
        let minor = minor_of(&parts::active(tx, registry, &cluster)?);
        if let Some(found) = tx.document::<Addon>(&place.owner(), &place.name)? {
            if Token::repeats(token.as_ref(), found.body.token.as_ref())? {
                return parts::shown(tx, registry, &cluster, found);
            }
            let text = "Addon already exists.";
            return Err(Error::in_use(text).cluster(&cluster).addon(&name));
        }
        let version = version_for(addon, new.addon_version.as_deref(), minor)
            .map_err(|e| e.cluster(&cluster))?;
        let mut made = Addon {
            name: name.clone(),
            id: parts::uuid(),
            life: Life::begin(Phase::Creating, now),
            settings: Settings {
                version: version.to_owned(),
                role_arn: new.service_account_role_arn.clone(),
                configuration: new.configuration_values.clone(),
            },
            namespace: namespace.clone(),
            associations: Vec::new(),
            preserve: false,
            token: token.clone(),
            pending: None,
        };
        let wanted = new.pod_identity_associations.as_deref().unwrap_or_default();
        owned::replace(tx, &place, &mut made, addon, wanted, now)?;
        parts::add(tx, &place, &made, &tags, now)?;
        parts::show(tx, registry, &cluster, &name)
    });
    let created = created.await?;
    settled::<Addon>(cx, &at).await?;
    webhook::configure(cx, &at).await?;
    Ok(created)
}

fn namespace(addon: &CatalogueAddon, config: Option<&NamespaceConfig>) -> Result<String, Error> {
    let Some(namespace) = config.and_then(|config| config.namespace.as_deref()) else {
        return Ok(addon.namespace.to_owned());
    };
    if !parts::is_label(namespace) {
        let text = format!("The namespace {namespace:?} is not a valid RFC 1123 DNS label");
        return Err(Error::invalid_parameter(text).addon(addon.name));
    }
    if namespace != addon.namespace && !addon.moves {
        let text = format!("Addon {} does not support a custom namespace", addon.name);
        return Err(Error::invalid_parameter(text).addon(addon.name));
    }
    Ok(namespace.to_owned())
}

fn check_settings(
    addon: &CatalogueAddon,
    role: Option<&str>,
    values: Option<&str>,
) -> Result<(), Error> {
    if let Some(role) = role {
        checks::length("serviceAccountRoleArn", role, 1, 255)?;
        checks::role_arn("serviceAccountRoleArn", role)?;
    }
    values.map_or(Ok(()), |values| configuration::check(addon, values))
}

/// Finds an add-on.
pub async fn get(
    cx: &Cx,
    registry: &Registry,
    cluster: String,
    name: String,
) -> Result<Shown<Addon>, Error> {
    parts::get(cx, registry, cluster, name).await
}

/// The names of a cluster's add-ons after one.
pub async fn list(
    cx: &Cx,
    registry: &Registry,
    cluster: String,
    after: String,
) -> Result<Vec<String>, Error> {
    let all = parts::all::<Addon>(cx, registry, cluster, after).await?;
    Ok(all.into_iter().map(|found| found.name).collect())
}

/// Asks for the end of an add-on. Preserved, what it runs stays, and EKS no longer knows of it.
pub async fn delete(
    cx: &Cx,
    registry: &Registry,
    cluster: String,
    name: String,
    preserve: bool,
) -> Result<Shown<Addon>, Error> {
    let (at, now) = (Place::within(registry, &cluster, &name), cx.now());
    let place = at.clone();
    let deleted = cx.store.meta().write(move |tx| {
        crate::clusters::find(tx, &place.registry, &cluster)?;
        let mut found = parts::find::<Addon>(tx, &place.registry, &cluster, &name)?.body;
        if found.life.phase != Phase::Deleting {
            found.life = found
                .life
                .on(Event::DeleteRequested, now)
                .map_err(|_rejected| {
                    let text = format!("Addon {name} cannot be deleted now");
                    Error::invalid_request(text).cluster(&cluster).addon(&name)
                })?;
            found.preserve = preserve;
            put(tx, &place, &found, now)?;
        }
        parts::show(tx, &place.registry, &cluster, &name)
    });
    let deleted = deleted.await?;
    settled::<Addon>(cx, &at).await?;
    webhook::configure(cx, &at).await?;
    Ok(deleted)
}

fn put(tx: &Write<'_>, at: &Place, addon: &Addon, now: Timestamp) -> Result<(), Error> {
    Ok(tx.put_document(&at.owner(), &at.name, addon, now)?)
}
