//! The kinds of things in a cluster: by which ARNs tags and policies name them, whether they keep a
//! cluster from being deleted, and what goes with it.
use std::collections::BTreeMap;

use wharf_storage::{Document, Owner, Read, Write};
use wharf_types::{Arn, Registry};

use crate::{
    Cx, Error, Place,
    access::{self, AccessEntry},
    addons::Addon,
    capabilities::Capability,
    certificate_authorities::Authority,
    checks, clusters, fargate,
    identity_providers::IdentityProvider,
    insights, nodegroups,
    parts::{self, Part},
    pod_identity::Association,
    subscriptions::{self, Subscription},
};

/// A kind: one row of [`KINDS`].
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// What its ARNs begin with: `nodegroup`, as in `nodegroup/<cluster>/<name>/<uuid>`.
    pub prefix: &'static str,
    /// The member of requests that names one: `nodegroupName`.
    pub member: &'static str,
    /// The ARN of one, by its cluster's place and its own name.
    pub arn: fn(&Read<'_>, &Place, &str) -> Result<Option<String>, Error>,
    /// An error, if one of them keeps its cluster from being deleted.
    pub keeps: fn(&Read<'_>, &Place) -> Result<(), Error>,
    /// Removes all of a cluster that is gone.
    pub forget: fn(&Write<'_>, &Place) -> Result<(), Error>,
}

/// Every kind of things that clusters have in them.
pub const KINDS: &[Kind] = &[
    nodegroups::KIND,
    fargate::KIND,
    part::<Addon>("addon", "addonName"),
    part::<Association>("podidentityassociation", "associationId"),
    part::<Authority>("certificate-authority", "certificateAuthorityId"),
    part::<Capability>("capability", "capabilityName"),
    part::<IdentityProvider>("identityproviderconfig", "identityProviderConfigName"),
    Kind {
        arn: access::entries::arn_of,
        ..part::<AccessEntry>("access-entry", "principalArn")
    },
];

/// What nothing is kept for.
#[expect(
    clippy::unnecessary_wraps,
    reason = "a row has a function that may refuse"
)]
fn keeps_nothing(_tx: &Read<'_>, _at: &Place) -> Result<(), Error> {
    Ok(())
}

/// A kind that goes with its cluster.
const fn part<D: Part>(prefix: &'static str, member: &'static str) -> Kind {
    Kind {
        prefix,
        member,
        arn: parts::arn_of::<D>,
        keeps: keeps_nothing,
        forget: parts::forget::<D>,
    }
}

/// The names of the documents of a kind in a cluster, with the documents: at most `limit` after one.
pub fn within<D: Document>(
    tx: &Read<'_>,
    at: &Place,
    after: &str,
    limit: usize,
) -> Result<Vec<(String, D)>, Error> {
    let prefix = format!("{}/", at.cluster());
    let owner = Owner::Registry(at.registry.clone());
    let found = tx.documents::<D>(&owner, &format!("{prefix}{after}"), limit)?;
    let own = found.into_iter().map_while(|stored| {
        let name = stored.name.strip_prefix(&prefix)?.to_owned();
        Some((name, stored.body))
    });
    Ok(own.collect())
}

/// The names of a cluster's resources of a kind, after one.
pub(crate) async fn names<D: Document + Send + 'static>(
    cx: &Cx,
    registry: &Registry,
    cluster: &str,
    after: String,
    limit: usize,
) -> Result<Vec<String>, Error> {
    let at = Place::of_cluster(registry, cluster);
    let found = cx.store.meta().read(move |tx| {
        clusters::find(tx, &at.registry, &at.name)?;
        within::<D>(tx, &at, &after, limit)
    });
    Ok(found.await?.into_iter().map(|(name, _)| name).collect())
}

/// Demands that nothing keeps a cluster from being deleted.
pub(crate) fn none_left(tx: &Read<'_>, at: &Place) -> Result<(), Error> {
    KINDS.iter().try_for_each(|kind| (kind.keeps)(tx, at))
}

/// Removes what is in a cluster that is gone.
pub(crate) fn forget(tx: &Write<'_>, at: &Place) -> Result<(), Error> {
    insights::forget(tx, at)?;
    KINDS.iter().try_for_each(|kind| (kind.forget)(tx, at))
}

/// The resource of an ARN in this account and region, or why there is none.
fn require(tx: &Read<'_>, registry: &Registry, text: &str) -> Result<(), Error> {
    let arn: Arn = text
        .parse()
        .map_err(|_malformed| Error::bad_request(format!("Invalid ARN: {text}")))?;
    if arn.service != "eks" {
        return Err(Error::bad_request(format!("Invalid ARN: {text}")));
    }
    if is_there(tx, registry, &arn)? {
        return Ok(());
    }
    Err(Error::no_resource(format!(
        "Resource was not found for ARN: {text}"
    )))
}

/// What is wrong with tags is said by operations on tags in words of their own.
fn as_bad_request(e: Error) -> Error {
    match e {
        Error::Refused(refusal) => Error::bad_request(refusal.message),
        e @ (Error::Store(_) | Error::Running(_)) => e,
    }
}

/// Sets tags of what an ARN names.
pub async fn tag(
    cx: &Cx,
    registry: &Registry,
    arn: &str,
    tags: Option<BTreeMap<String, String>>,
) -> Result<(), Error> {
    let tags = tags.filter(|tags| !tags.is_empty());
    let tags = checks::required("tags", tags).map_err(as_bad_request)?;
    checks::tags(&tags).map_err(as_bad_request)?;
    let (registry, arn) = (registry.clone(), arn.to_owned());
    let tagged = cx.store.meta().write(move |tx| {
        require(tx, &registry, &arn)?;
        for (key, value) in &tags {
            tx.tag_resource(&arn, key, value)?;
        }
        checks::tag_count(tx.resource_tags(&arn)?.len()).map_err(as_bad_request)
    });
    tagged.await
}

/// Removes tags of what an ARN names.
pub async fn untag(
    cx: &Cx,
    registry: &Registry,
    arn: &str,
    keys: Option<Vec<String>>,
) -> Result<(), Error> {
    let keys = keys.filter(|keys| !keys.is_empty());
    let keys = checks::required("tagKeys", keys).map_err(as_bad_request)?;
    if keys.len() > checks::MAX_TAGS {
        let text = format!("tagKeys can have up to {} entries", checks::MAX_TAGS);
        return Err(Error::bad_request(text));
    }
    let (registry, arn) = (registry.clone(), arn.to_owned());
    let untagged = cx.store.meta().write(move |tx| {
        require(tx, &registry, &arn)?;
        for key in &keys {
            tx.untag_resource(&arn, key)?;
        }
        Ok(())
    });
    untagged.await
}

/// The tags of what an ARN names.
pub async fn tags(
    cx: &Cx,
    registry: &Registry,
    arn: &str,
) -> Result<BTreeMap<String, String>, Error> {
    let (registry, arn) = (registry.clone(), arn.to_owned());
    let found = cx.store.meta().read(move |tx| {
        require(tx, &registry, &arn)?;
        Ok(tx.resource_tags(&arn)?)
    });
    found.await
}

/// Whether there is what an ARN names.
pub fn is_there(tx: &Read<'_>, registry: &Registry, arn: &Arn) -> Result<bool, Error> {
    let mut parts = arn.resource.split('/');
    let (Some(prefix), Some(cluster)) = (parts.next(), parts.next()) else {
        return Ok(false);
    };
    let at = Place::of_cluster(registry, cluster);
    let text = arn.to_string();
    if prefix == "cluster" {
        let found = tx.document::<clusters::Cluster>(&at.owner(), cluster)?;
        return Ok(found.is_some_and(|found| found.body.arn == text));
    }
    if prefix == subscriptions::PREFIX {
        let found = tx.document::<Subscription>(&at.owner(), cluster)?;
        return Ok(found.is_some_and(|found| found.body.arn(registry) == text));
    }
    let Some(kind) = KINDS.iter().find(|kind| kind.prefix == prefix) else {
        return Ok(false);
    };
    // Some kinds have more in their ARNs than a name: one of the parts is it.
    for name in parts {
        if (kind.arn)(tx, &at, name)?.is_some_and(|found| found == text) {
            return Ok(true);
        }
    }
    Ok(false)
}
