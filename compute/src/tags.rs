//! Tags of EC2's resources.
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use wharf_storage::{Document, Read};
use wharf_types::Registry;

use crate::{Code, Cx, Error, Here, Tx, ids, instances::Instance, templates::LaunchTemplate};

pub type Tags = BTreeMap<String, String>;

/// The most tags of a resource.
pub const MAX: usize = 50;

/// The most resources that are listed at once.
const LISTED: usize = 10_000;

/// Tags of what has no document of its own: subnets, the VPC, security groups. Named by its id.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Tagged {
    tags: Tags,
}

impl Document for Tagged {
    const KIND: &'static str = "compute-tags";
}

/// What kind of resource an id is of, in EC2's words.
pub fn resource_type(id: &str) -> Option<&'static str> {
    Some(match id.split_once('-')?.0 {
        "i" => "instance",
        "lt" => "launch-template",
        "subnet" => "subnet",
        "vpc" => "vpc",
        "sg" => "security-group",
        "eni" => "network-interface",
        "vol" => "volume",
        "rtb" => "route-table",
        "igw" => "internet-gateway",
        "nat" => "natgateway",
        "ami" => "image",
        _ => return None,
    })
}

/// Checks the tags of a call.
pub(crate) fn check(tags: &Tags) -> Result<(), Error> {
    if tags.len() > MAX {
        let text = format!("More than {MAX} tags specified.");
        return Err(Error::refused(Code::TagLimitExceeded, text));
    }
    for (key, value) in tags {
        let key_length = key.chars().count();
        if !(1..=128).contains(&key_length) || value.chars().count() > 256 {
            return Err(Error::invalid(
                "Tag key must be 1 to 128 characters, tag value at most 256.",
            ));
        }
        if key.starts_with("aws:") {
            return Err(Error::invalid(
                "Tag keys starting with 'aws:' are reserved for internal use",
            ));
        }
    }
    Ok(())
}

/// The tags of a resource without a document of its own.
pub(crate) fn of(tx: &Read<'_>, here: &Here, id: &str) -> Result<Tags, Error> {
    let found = tx.document::<Tagged>(&here.owner, id)?;
    Ok(found.map(|stored| stored.body.tags).unwrap_or_default())
}

/// Changes the tags of a resource.
fn alter(tx: &Tx<'_>, id: &str, change: &dyn Fn(&mut Tags)) -> Result<(), Error> {
    let (write, owner) = (tx.tx, &tx.here.owner);
    let checked = |tags: &mut Tags| -> Result<(), Error> {
        change(tags);
        let own = tags.keys().filter(|key| !key.starts_with("aws:")).count();
        if own > MAX {
            let text = format!("More than {MAX} tags on the resource {id}");
            return Err(Error::refused(Code::TagLimitExceeded, text));
        }
        Ok(())
    };
    if let Some(stored) = write.document::<Instance>(owner, id)? {
        let mut instance = stored.body;
        checked(&mut instance.tags)?;
        return Ok(write.put_document(owner, id, &instance, tx.now)?);
    }
    if let Some(stored) = write.document::<LaunchTemplate>(owner, id)? {
        let mut template = stored.body;
        checked(&mut template.tags)?;
        return Ok(write.put_document(owner, id, &template, tx.now)?);
    }
    let network = tx.here.network();
    let exists = match resource_type(id) {
        Some("subnet") => network.subnet(id).is_some(),
        Some("instance" | "launch-template") | None => false,
        // The others are taken as they are: there is one network, and many names for its parts.
        Some(_) => id
            .split_once('-')
            .is_some_and(|(prefix, _)| ids::is_formed(id, prefix)),
    };
    if !exists {
        let text = format!("The ID '{id}' is not valid");
        return Err(Error::refused(Code::ResourceNotFound, text));
    }
    let mut tags = of(write, tx.here, id)?;
    checked(&mut tags)?;
    if tags.is_empty() {
        write.delete_document::<Tagged>(owner, id)?;
    } else {
        write.put_document(owner, id, &Tagged { tags }, tx.now)?;
    }
    Ok(())
}

/// Sets tags on resources, all or none.
pub async fn create(
    cx: &Cx,
    place: &Registry,
    resources: Vec<String>,
    tags: Tags,
) -> Result<(), Error> {
    check(&tags)?;
    let done = cx.change(place, move |tx| {
        for id in &resources {
            alter(tx, id, &|all| all.extend(tags.clone()))?;
        }
        Ok(())
    });
    done.await
}

/// A tag to remove: with a value, only if it has that.
pub type Removal = (String, Option<String>);

/// Removes tags from resources; without any, all of the user's own.
pub async fn delete(
    cx: &Cx,
    place: &Registry,
    resources: Vec<String>,
    removals: Vec<Removal>,
) -> Result<(), Error> {
    let done = cx.change(place, move |tx| {
        let goes = |key: &String, value: &String| {
            let named = removals
                .iter()
                .any(|(k, v)| k == key && v.as_ref().is_none_or(|v| v == value));
            !key.starts_with("aws:") && (removals.is_empty() || named)
        };
        for id in &resources {
            alter(tx, id, &|all| all.retain(|key, value| !goes(key, value)))?;
        }
        Ok(())
    });
    done.await
}

/// A tag of a resource, by its id.
#[derive(Clone, Debug)]
pub struct TagOf {
    pub resource: String,
    pub key: String,
    pub value: String,
}

/// All tags, by resource and key.
pub async fn all(cx: &Cx, place: &Registry) -> Result<Vec<TagOf>, Error> {
    let found = cx.ask(place, |tx, here| {
        let mut of: Vec<(String, Tags)> = Vec::new();
        let instances = tx.documents::<Instance>(&here.owner, "", LISTED)?;
        of.extend(instances.into_iter().map(|s| (s.name, s.body.tags)));
        let templates = tx.documents::<LaunchTemplate>(&here.owner, "", LISTED)?;
        of.extend(templates.into_iter().map(|s| (s.name, s.body.tags)));
        let others = tx.documents::<Tagged>(&here.owner, "", LISTED)?;
        of.extend(others.into_iter().map(|s| (s.name, s.body.tags)));
        Ok(of)
    });
    let mut all: Vec<TagOf> = Vec::new();
    for (resource, tags) in found.await? {
        all.extend(tags.into_iter().map(|(key, value)| TagOf {
            resource: resource.clone(),
            key,
            value,
        }));
    }
    all.sort_by(|a, b| (&a.resource, &a.key).cmp(&(&b.resource, &b.key)));
    Ok(all)
}

/// The tags of resources without documents of their own.
pub async fn of_many(
    cx: &Cx,
    place: &Registry,
    resources: Vec<String>,
) -> Result<BTreeMap<String, Tags>, Error> {
    let found = cx.ask(place, move |tx, here| {
        let one = |id: String| of(tx, here, &id).map(|tags| (id, tags));
        resources.into_iter().map(one).collect()
    });
    found.await
}
