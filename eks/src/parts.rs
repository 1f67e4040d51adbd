//! What belongs to a cluster, each a document named `cluster/name`, which goes with the cluster.
use std::collections::BTreeMap;

use wharf_storage::{Document, Read, Stored, Write};
use wharf_types::{Registry, Timestamp};

use crate::{
    Cx, Error, Place,
    clusters::{self, config::AuthenticationMode},
};

/// A kind of part.
pub trait Part: Document + Clone + Send + 'static {
    /// What is said of one that is not there.
    fn missing(cluster: &str, name: &str) -> Error;

    /// Its ARN, in a cluster.
    fn arn(&self, registry: &Registry, cluster: &str) -> String;
}

/// A part as answers show it.
#[derive(Clone, Debug)]
pub struct Shown<D> {
    pub cluster: String,
    pub arn: String,
    pub body: D,
    pub tags: BTreeMap<String, String>,
    pub created: Timestamp,
    pub updated: Timestamp,
}

/// A part with its tags.
pub fn shown<D: Part>(
    tx: &Read<'_>,
    registry: &Registry,
    cluster: &str,
    stored: Stored<D>,
) -> Result<Shown<D>, Error> {
    let arn = stored.body.arn(registry, cluster);
    Ok(Shown {
        cluster: cluster.to_owned(),
        tags: tx.resource_tags(&arn)?,
        arn,
        body: stored.body,
        created: stored.created,
        updated: stored.updated,
    })
}

/// Finds a part.
pub fn find<D: Part>(
    tx: &Read<'_>,
    registry: &Registry,
    cluster: &str,
    name: &str,
) -> Result<Stored<D>, Error> {
    let at = Place::within(registry, cluster, name);
    let found = tx.document::<D>(&at.owner(), &at.name)?;
    found.ok_or_else(|| D::missing(cluster, name))
}

/// Finds a part to show it.
pub fn show<D: Part>(
    tx: &Read<'_>,
    registry: &Registry,
    cluster: &str,
    name: &str,
) -> Result<Shown<D>, Error> {
    let found = find(tx, registry, cluster, name)?;
    shown(tx, registry, cluster, found)
}

/// Finds a part of a cluster that there is.
pub async fn get<D: Part>(
    cx: &Cx,
    registry: &Registry,
    cluster: String,
    name: String,
) -> Result<Shown<D>, Error> {
    let registry = registry.clone();
    let found = cx.store.meta().read(move |tx| {
        clusters::find(tx, &registry, &cluster)?;
        show(tx, &registry, &cluster, &name)
    });
    found.await
}

/// The parts of a cluster that there is, those after a name only.
pub async fn all<D: Part>(
    cx: &Cx,
    registry: &Registry,
    cluster: String,
    after: String,
) -> Result<Vec<D>, Error> {
    let registry = registry.clone();
    let found = cx.store.meta().read(move |tx| {
        clusters::find(tx, &registry, &cluster)?;
        list::<D>(tx, &registry, &cluster, &after, MANY)
    });
    Ok(found.await?.into_iter().map(|stored| stored.body).collect())
}

/// Stores a new part and its tags.
pub fn add<D: Part>(
    tx: &Write<'_>,
    at: &Place,
    body: &D,
    tags: &BTreeMap<String, String>,
    now: Timestamp,
) -> Result<(), Error> {
    tx.put_document(&at.owner(), &at.name, body, now)?;
    let arn = body.arn(&at.registry, at.cluster());
    for (key, value) in tags {
        tx.tag_resource(&arn, key, value)?;
    }
    Ok(())
}

/// Removes a part and its tags.
pub fn remove<D: Part>(tx: &Write<'_>, at: &Place, body: &D) -> Result<(), Error> {
    tx.delete_document::<D>(&at.owner(), &at.name)?;
    Ok(tx.forget_resource(&body.arn(&at.registry, at.cluster()))?)
}

/// The first parts of a cluster in the order of their names, those after a name only.
pub fn list<D: Document>(
    tx: &Read<'_>,
    registry: &Registry,
    cluster: &str,
    after: &str,
    limit: usize,
) -> Result<Vec<Stored<D>>, Error> {
    let prefix = Place::within(registry, cluster, "");
    let after = format!("{}{after}", prefix.name);
    let mut found = tx.documents::<D>(&prefix.owner(), &after, limit)?;
    found.retain(|stored| stored.name.starts_with(&prefix.name));
    Ok(found)
}

/// The name of a part within its cluster.
pub fn name_in<'a, D>(stored: &'a Stored<D>, cluster: &str) -> &'a str {
    let rest = stored.name.strip_prefix(cluster);
    rest.and_then(|rest| rest.strip_prefix('/'))
        .unwrap_or_default()
}

/// The most parts of a kind that a cluster can have.
pub const MANY: usize = 6000;

/// Removes the parts of a kind with their cluster.
pub fn forget<D: Part>(tx: &Write<'_>, at: &Place) -> Result<(), Error> {
    for stored in list::<D>(tx, &at.registry, at.cluster(), "", MANY)? {
        let place = Place {
            registry: at.registry.clone(),
            name: stored.name,
        };
        remove(tx, &place, &stored.body)?;
    }
    Ok(())
}

/// The ARN of the part with a name, for who asks whether there is one.
pub fn arn_of<D: Part>(tx: &Read<'_>, at: &Place, name: &str) -> Result<Option<String>, Error> {
    let place = Place::within(&at.registry, at.cluster(), name);
    let found = tx.document::<D>(&place.owner(), &place.name)?;
    Ok(found.map(|found| found.body.arn(&at.registry, at.cluster())))
}

/// Demands a cluster that takes access entries.
pub fn with_access_entries(tx: &Read<'_>, registry: &Registry, cluster: &str) -> Result<(), Error> {
    let found = clusters::find(tx, registry, cluster)?.body;
    if found.access.authentication_mode == Some(AuthenticationMode::ConfigMap) {
        let text = "The cluster's authentication mode must be set to one of [API, API_AND_CONFIG_MAP] to perform this operation.";
        return Err(Error::invalid_request(text).cluster(cluster));
    }
    Ok(())
}

/// Demands a cluster that something can be added to.
pub fn active(
    tx: &Read<'_>,
    registry: &Registry,
    cluster: &str,
) -> Result<clusters::Cluster, Error> {
    let found = clusters::find(tx, registry, cluster)?.body;
    found.require_active()?;
    Ok(found)
}

/// A random id such as ARNs end in.
pub fn uuid() -> String {
    uuid::Uuid::new_v4().to_string()
}

/// Random lower case letters and digits.
pub fn letters(count: usize) -> String {
    const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let (first, second) = (uuid::Uuid::new_v4(), uuid::Uuid::new_v4());
    let bytes = first.into_bytes().into_iter().chain(second.into_bytes());
    // Six bits of a UUID are not random: those of bytes 6 and 8.
    let random = bytes.enumerate().filter(|(i, _)| !matches!(i % 16, 6 | 8));
    let letter = |(_, byte): (usize, u8)| {
        let index = usize::from(byte & 31);
        ALPHABET
            .get(index)
            .map_or('a', |letter| char::from(*letter))
    };
    random.map(letter).take(count).collect()
}

/// A DNS label of RFC 1123, as names of namespaces are.
pub fn is_label(text: &str) -> bool {
    let edge = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let bytes = text.as_bytes();
    bytes.len() <= 63
        && edge(bytes.first())
        && edge(bytes.last())
        && bytes
            .iter()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-')
}

/// A DNS subdomain of RFC 1123, as names of service accounts are.
pub fn is_subdomain(text: &str) -> bool {
    text.len() <= 253 && text.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_their_forms() {
        for (text, label, subdomain) in [
            ("web", true, true),
            ("a.b", false, true),
            ("-a", false, false),
            ("A", false, false),
            ("", false, false),
            ("a..b", false, false),
        ] {
            assert_eq!(
                (is_label(text), is_subdomain(text)),
                (label, subdomain),
                "{text}"
            );
        }
        let id = letters(17);
        assert!(id.len() == 17 && id != letters(17), "{id}");
    }
}
