//! Access entries: which principals of IAM a cluster knows, and as whom.
use std::collections::BTreeMap;

use wharf_storage::{Read, Stored, Write};
use wharf_types::{Registry, Timestamp};

use super::{
    entry::{AccessEntry, Association, EntryType, NewEntry, Scope, check_groups, check_username},
    policies, principals,
};
use crate::{
    Cx, Error, Place, Token, checks,
    parts::{self, Part as _, Shown},
    running,
};

/// The most entries of a cluster.
pub const MAX_ENTRIES: usize = 1000;

/// The most policies of an entry.
const MAX_POLICIES: usize = 20;

/// Adds an entry.
pub async fn create(
    cx: &Cx,
    registry: &Registry,
    new: NewEntry,
    token: Option<&str>,
) -> Result<Shown<AccessEntry>, Error> {
    checks::tags(&new.tags)?;
    let token = Token::of(token, &new)?;
    let made = new.entry(token)?;
    let of = Place::of_cluster(registry, &new.cluster);
    let (registry, now) = (registry.clone(), cx.now());
    let created = cx.store.meta().write(move |tx| {
        let cluster = &new.cluster;
        parts::with_access_entries(tx, &registry, cluster)?;
        parts::active(tx, &registry, cluster)?;
        let at = Place::within(&registry, cluster, &made.principal);
        if let Some(found) = tx.document::<AccessEntry>(&at.owner(), &at.name)? {
            if Token::repeats(made.token.as_ref(), found.body.token.as_ref())? {
                return parts::shown(tx, &registry, cluster, found);
            }
            let text = "The specified access entry resource is already in use on this cluster.";
            return Err(Error::in_use(text).cluster(cluster));
        }
        add(tx, &at, &made, &new.tags, now)?;
        parts::show(tx, &registry, cluster, &made.principal)
    });
    let created = created.await?;
    running::access::configure(cx, &of).await?;
    Ok(created)
}

fn add(
    tx: &Write<'_>,
    at: &Place,
    entry: &AccessEntry,
    tags: &BTreeMap<String, String>,
    now: Timestamp,
) -> Result<(), Error> {
    let cluster = at.cluster();
    let all = parts::list::<AccessEntry>(tx, &at.registry, cluster, "", MAX_ENTRIES)?;
    if all.len() >= MAX_ENTRIES {
        let text = format!("Cluster {cluster} cannot have more than {MAX_ENTRIES} access entries.");
        return Err(Error::limit(text).cluster(cluster));
    }
    parts::add(tx, at, entry, tags, now)
}

/// Adds the entry of whoever makes a cluster: its administrator.
pub fn bootstrap(
    tx: &Write<'_>,
    registry: &Registry,
    cluster: &str,
    creator: &str,
    now: Timestamp,
) -> Result<(), Error> {
    let new = NewEntry {
        cluster: cluster.to_owned(),
        principal: principals::canonical(creator),
        ..NewEntry::default()
    };
    let mut entry = new.entry(None)?;
    let association = Association {
        scope: Scope::Cluster,
        associated_ms: now.as_ms(),
        modified_ms: now.as_ms(),
    };
    let policy = policies::arn(policies::CLUSTER_ADMIN);
    entry.policies.insert(policy, association);
    let at = Place::within(registry, cluster, &entry.principal);
    Ok(tx.put_document(&at.owner(), &at.name, &entry, now)?)
}

/// Adds the entry of a role of nodes, if it has none: EKS does so for managed nodes and for Fargate.
/// `of` is the place of the cluster or of what is in it.
/// A role that cannot have one is left alone.
pub fn ensure_node_role(
    tx: &Write<'_>,
    of: &Place,
    role: &str,
    kind: EntryType,
    now: Timestamp,
) -> Result<(), Error> {
    let cluster = of.cluster();
    let new = NewEntry {
        cluster: cluster.to_owned(),
        principal: role.to_owned(),
        kind: Some(kind.as_str().to_owned()),
        ..NewEntry::default()
    };
    let Ok(entry) = new.entry(None) else {
        return Ok(());
    };
    let at = Place::within(&of.registry, cluster, role);
    if tx.document::<AccessEntry>(&at.owner(), &at.name)?.is_none() {
        add(tx, &at, &entry, &BTreeMap::new(), now)?;
    }
    Ok(())
}

/// Finds an entry.
pub async fn get(
    cx: &Cx,
    registry: &Registry,
    cluster: String,
    principal: String,
) -> Result<Shown<AccessEntry>, Error> {
    let registry = registry.clone();
    let found = cx.store.meta().read(move |tx| {
        parts::with_access_entries(tx, &registry, &cluster)?;
        parts::show(tx, &registry, &cluster, &principal)
    });
    found.await
}

/// The entries of a cluster after a principal; with a policy, those that have it.
pub async fn list(
    cx: &Cx,
    registry: &Registry,
    cluster: String,
    policy: Option<String>,
    after: String,
) -> Result<Vec<Stored<AccessEntry>>, Error> {
    if let Some(policy) = &policy {
        policies::check(policy)?;
    }
    let registry = registry.clone();
    let found = cx.store.meta().read(move |tx| {
        parts::with_access_entries(tx, &registry, &cluster)?;
        let mut found: Vec<Stored<AccessEntry>> =
            parts::list(tx, &registry, &cluster, &after, MAX_ENTRIES)?;
        if let Some(policy) = &policy {
            found.retain(|entry| entry.body.policies.contains_key(policy));
        }
        Ok(found)
    });
    found.await
}

/// The ARN of the entry with an id, or for a principal, for who asks whether there is one.
pub fn arn_of(tx: &Read<'_>, at: &Place, name: &str) -> Result<Option<String>, Error> {
    let all = all(tx, &at.registry, at.cluster())?;
    let own = |entry: &AccessEntry| entry.id == name || entry.principal == name;
    let found = all.into_iter().find(own);
    Ok(found.map(|entry| entry.arn(&at.registry, at.cluster())))
}

/// All entries of a cluster, for whoever authorizes its callers.
pub fn all(tx: &Read<'_>, registry: &Registry, cluster: &str) -> Result<Vec<AccessEntry>, Error> {
    let found = parts::list::<AccessEntry>(tx, registry, cluster, "", MAX_ENTRIES)?;
    Ok(found.into_iter().map(|stored| stored.body).collect())
}

/// Changes an entry in one transaction.
async fn change<F>(
    cx: &Cx,
    registry: &Registry,
    cluster: String,
    principal: String,
    change: F,
) -> Result<Shown<AccessEntry>, Error>
where
    F: Fn(&mut AccessEntry, Timestamp) -> Result<(), Error> + Send + 'static,
{
    let of = Place::of_cluster(registry, &cluster);
    let (registry, now) = (registry.clone(), cx.now());
    let changed = cx.store.meta().write(move |tx| {
        parts::with_access_entries(tx, &registry, &cluster)?;
        let mut found = parts::find::<AccessEntry>(tx, &registry, &cluster, &principal)?;
        change(&mut found.body, now)?;
        tx.put_document(&found.owner, &found.name, &found.body, now)?;
        found.updated = now;
        parts::shown(tx, &registry, &cluster, found)
    });
    let changed = changed.await?;
    running::access::configure(cx, &of).await?;
    Ok(changed)
}

/// What an update may change; what is `None` stays as it is.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    pub username: Option<String>,
    pub groups: Option<Vec<String>>,
}

/// Changes user name and groups.
pub async fn update(
    cx: &Cx,
    registry: &Registry,
    cluster: String,
    principal: String,
    changes: Changes,
) -> Result<Shown<AccessEntry>, Error> {
    change(cx, registry, cluster, principal, move |entry, _now| {
        let any = changes.username.is_some() || changes.groups.is_some();
        if any && entry.kind != EntryType::Standard {
            return Err(Error::invalid_request(format!(
                "The username and kubernetesGroups of an access entry of type {} cannot be changed.",
                entry.kind.as_str()
            )));
        }
        if let Some(username) = &changes.username {
            check_username(username)?;
            entry.username.clone_from(username);
        }
        if let Some(groups) = &changes.groups {
            check_groups(groups)?;
            entry.groups.clone_from(groups);
        }
        Ok(())
    })
    .await
}

/// Associates a policy with an entry; again, it changes where it holds.
pub async fn associate(
    cx: &Cx,
    registry: &Registry,
    cluster: String,
    principal: String,
    policy: String,
    scope: Scope,
) -> Result<Shown<AccessEntry>, Error> {
    policies::check(&policy)?;
    change(cx, registry, cluster, principal, move |entry, now| {
        if !entry.kind.takes_policies() {
            return Err(Error::invalid_request(format!(
                "Access policies cannot be associated with an access entry of type {}.",
                entry.kind.as_str()
            )));
        }
        let found = entry.policies.get(&policy);
        if found.is_none() && entry.policies.len() >= MAX_POLICIES {
            return Err(Error::invalid_request(format!(
                "An access entry cannot have more than {MAX_POLICIES} access policies."
            )));
        }
        let association = Association {
            scope: scope.clone(),
            associated_ms: found.map_or(now.as_ms(), |found| found.associated_ms),
            modified_ms: now.as_ms(),
        };
        entry.policies.insert(policy.clone(), association);
        Ok(())
    })
    .await
}

/// Takes a policy from an entry.
pub async fn disassociate(
    cx: &Cx,
    registry: &Registry,
    cluster: String,
    principal: String,
    policy: String,
) -> Result<(), Error> {
    let changed = change(
        cx,
        registry,
        cluster,
        principal,
        move |entry, _now| match entry.policies.remove(&policy) {
            Some(_) => Ok(()),
            None => Err(Error::not_found(
                "The specified policyArn could not be found on the access entry. You can view its policies with 'list-associated-access-policies'.",
            )),
        },
    );
    changed.await.map(drop)
}

/// Removes an entry.
pub async fn delete(
    cx: &Cx,
    registry: &Registry,
    cluster: String,
    principal: String,
) -> Result<(), Error> {
    let of = Place::of_cluster(registry, &cluster);
    let registry = registry.clone();
    let deleted = cx.store.meta().write(move |tx| {
        parts::with_access_entries(tx, &registry, &cluster)?;
        let found = parts::find::<AccessEntry>(tx, &registry, &cluster, &principal)?;
        let at = Place::within(&registry, &cluster, &principal);
        parts::remove(tx, &at, &found.body)
    });
    deleted.await?;
    running::access::configure(cx, &of).await
}
