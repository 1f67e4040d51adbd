//! Who of AWS may do what in a cluster: its access entries as Kubernetes takes them.
use std::{collections::HashMap, sync::Arc};

use wharf_compute::instances::Instance;
use wharf_kubernetes::{
    authn::{
        MASTERS,
        aws::{Entry, Mode},
    },
    authz::{self, AccessPolicies},
    cluster::AccessSettings,
};
use wharf_storage::Read;

use crate::{
    Cx, Error, Place,
    access::{
        AccessEntry, Scope,
        principals::{self, EntryPrincipal, PrincipalKind},
    },
    clusters::{Cluster, config::AuthenticationMode, find},
    parts,
    running::Running,
};

/// Reads what the documents say now.
pub(super) fn read(
    tx: &Read<'_>,
    at: &Place,
    cluster: &Cluster,
) -> Result<Arc<AccessSettings>, Error> {
    let entries = parts::list::<AccessEntry>(tx, &at.registry, at.cluster(), "", parts::MANY)?;
    let entries: Vec<AccessEntry> = entries.into_iter().map(|stored| stored.body).collect();
    let mut settings = settings(cluster.access.authentication_mode, &entries);
    let creator = &cluster.creator;
    if settings.mode == Mode::ConfigMap
        && cluster.access.bootstrap_cluster_creator_admin_permissions == Some(true)
    {
        // In this mode, whoever made the cluster is its administrator, and no entry shows it.
        let administrator = Entry {
            username: "kubernetes-admin".to_owned(),
            groups: vec![MASTERS.to_owned()],
        };
        let creator = without_path(&principals::canonical(creator));
        settings.entries = HashMap::from([(creator, administrator)]);
        settings.mode = Mode::ApiAndConfigMap;
    }
    Ok(Arc::new(settings))
}

fn settings(mode: Option<AuthenticationMode>, entries: &[AccessEntry]) -> AccessSettings {
    let mode = match mode {
        Some(AuthenticationMode::Api) => Mode::Api,
        Some(AuthenticationMode::ApiAndConfigMap) => Mode::ApiAndConfigMap,
        Some(AuthenticationMode::ConfigMap) | None => Mode::ConfigMap,
    };
    let mut users = HashMap::new();
    let mut policies = Vec::new();
    for entry in entries {
        let principal = without_path(&entry.principal);
        let user = Entry {
            username: entry.username.clone(),
            groups: entry.groups.clone(),
        };
        users.insert(principal.clone(), user);
        // Entries are not looked at in the old mode, nor are their policies.
        if mode != Mode::ConfigMap {
            let own = entry.policies.iter();
            let own = own.map(|(policy, association)| authz::Association {
                policy: policy.clone(),
                scope: match &association.scope {
                    Scope::Cluster => authz::AccessScope::Cluster,
                    Scope::Namespaces(names) => authz::AccessScope::Namespaces(names.clone()),
                },
            });
            policies.push((principal, own.collect()));
        }
    }
    AccessSettings {
        mode,
        entries: users,
        policies: AccessPolicies::new(policies),
    }
}

/// A role's ARN as a session tells it: sessions do not know the path of their role.
fn without_path(principal: &str) -> String {
    match EntryPrincipal::parse(principal) {
        Ok(role) if role.kind == PrincipalKind::Role => {
            format!("arn:aws:iam::{}:role/{}", role.account, role.name)
        }
        _ => principal.to_owned(),
    }
}

/// Brings the access entries of a cluster to its next request.
pub(crate) async fn configure(cx: &Cx, at: &Place) -> Result<(), Error> {
    let place = Place::of_cluster(&at.registry, at.cluster());
    let cluster = cx.store.meta().read(move |tx| {
        let found = find(tx, &place.registry, &place.name)?;
        Ok::<_, Error>(found.body)
    });
    configure_as(cx, at, &cluster.await?).await
}

/// The same for a cluster whose document is about to be this.
pub(crate) async fn configure_as(cx: &Cx, at: &Place, cluster: &Cluster) -> Result<(), Error> {
    let Some(running) = cx.clusters.at(at) else {
        return Ok(());
    };
    let (place, cluster) = (at.clone(), cluster.clone());
    let access = cx.store.meta().read(move |tx| read(tx, &place, &cluster));
    let access = access.await?;
    running
        .cluster()
        .change_settings(|settings| settings.access = access);
    Ok(())
}

/// Whether a machine is let in as a node: by an access entry of its role, or the config map. Where keys
/// are not checked, every machine is.
pub(crate) fn may_join(cx: &Cx, running: &Running, instance: &Instance) -> bool {
    if !cx.clusters.0.access.auth.is_strict() {
        return true;
    }
    let profile = instance.profile.as_deref().unwrap_or_default();
    let role = profile.rsplit('/').next().unwrap_or_default();
    let cluster = running.cluster();
    let settings = cluster.settings();
    let is_role = |arn: &str| arn.rsplit('/').next() == Some(role) && !role.is_empty();
    let mut entries = settings.access.entries.iter();
    let nodes = |entry: &Entry| entry.groups.iter().any(|group| group == "system:nodes");
    if entries.any(|(arn, entry)| is_role(arn) && nodes(entry)) {
        return true;
    }
    let map = cluster.get("configmaps", "kube-system", "aws-auth");
    let map = map.map(|map| map.value());
    let roles = map
        .as_ref()
        .and_then(|map| map["data"]["mapRoles"].as_str());
    let mut words = roles.unwrap_or_default().split_whitespace();
    settings.access.mode != Mode::Api && words.any(|word| is_role(word.trim_matches(['"', '\''])))
}
