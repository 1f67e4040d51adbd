//! Groups come, change and go.
use std::collections::BTreeSet;

use wharf_types::Registry;

use super::{
    Group, HookChanges, MAX, MAX_INSTANCES, PROCESSES, Source, TERMINATION_POLICIES, Tag, hooks,
    reconcile,
};
use crate::{
    Code, Cx, Error, Here, Tx, configurations::Configuration, instance_types, launch::Parameters,
    network, templates,
};

/// The most tags of a group.
const MAX_TAGS: usize = 50;

/// All groups, by name.
pub async fn list(cx: &Cx, place: &Registry) -> Result<Vec<Group>, Error> {
    let found = cx.ask(place, |tx, here| {
        Ok(tx.documents::<Group>(&here.owner, "", MAX)?)
    });
    Ok(found.await?.into_iter().map(|stored| stored.body).collect())
}

/// A group by its name.
pub async fn get(cx: &Cx, place: &Registry, name: &str) -> Result<Group, Error> {
    let name = name.to_owned();
    let found = cx.ask(place, move |tx, here| {
        let found = tx.document::<Group>(&here.owner, &name)?;
        found.ok_or_else(|| missing(&name))
    });
    Ok(found.await?.body)
}

fn missing(name: &str) -> Error {
    let text = format!("AutoScalingGroup name not found - AutoScalingGroup '{name}' not found");
    Error::refused(Code::GroupNotFound, text)
}

/// Changes a group, and begins at once what follows from that.
pub(super) async fn alter<T, F>(
    cx: &Cx,
    place: &Registry,
    name: &str,
    change: F,
) -> Result<T, Error>
where
    T: Send + 'static,
    F: Fn(&Tx<'_>, &mut Group) -> Result<T, Error> + Send + 'static,
{
    let name = name.to_owned();
    let done = cx.change(place, move |tx| {
        let found = tx.tx.document::<Group>(&tx.here.owner, &name)?;
        let mut group = found.ok_or_else(|| missing(&name))?.body;
        if group.deleting {
            let text = format!("AutoScalingGroup '{name}' is pending delete");
            return Err(Error::invalid(text));
        }
        let answer = change(tx, &mut group)?;
        tx.tx.put_document(&tx.here.owner, &name, &group, tx.now)?;
        reconcile::reconcile(tx, &name)?;
        Ok(answer)
    });
    done.await
}

/// Makes a group. Its members and what goes on in it are given to it.
pub async fn create(
    cx: &Cx,
    place: &Registry,
    new: Group,
    new_hooks: Vec<HookChanges>,
) -> Result<(), Error> {
    let done = cx.change(place, move |tx| {
        let (owner, name) = (&tx.here.owner, &new.name);
        if tx.tx.document::<Group>(owner, name)?.is_some() {
            let text = format!(
                "AutoScalingGroup by this name already exists - A group with the name {name} already exists"
            );
            return Err(Error::refused(Code::Exists, text));
        }
        if tx.tx.count_documents::<Group>(owner)? >= MAX {
            let text = format!("The limit of {MAX} Auto Scaling groups is reached.");
            return Err(Error::refused(Code::LimitExceeded, text));
        }
        let now = reconcile::seconds(tx);
        let mut group = Group {
            uuid: uuid::Uuid::new_v4().to_string(),
            created_ms: tx.now.as_ms(),
            cause: Some(format!(
                "At {now} a user request created an AutoScalingGroup changing the desired capacity from 0 to {}.",
                new.desired
            )),
            ..new.clone()
        };
        for hook in &new_hooks {
            hooks::put_in(&mut group, hook.clone())?;
        }
        settle_places(tx.here, &mut group)?;
        check(tx, &group)?;
        tx.tx.put_document(owner, name, &group, tx.now)?;
        reconcile::reconcile(tx, name)
    });
    done.await
}

/// The sizes of a group.
#[derive(Clone, Copy, Debug, Default)]
pub struct Limits {
    pub min: Option<u32>,
    pub max: Option<u32>,
    pub desired: Option<u32>,
}

/// What an update changes; what is absent stays.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    pub limits: Limits,
    pub source: Option<Source>,
    pub zones: Option<Vec<String>>,
    pub subnets: Option<Vec<String>>,
    pub cooldown_secs: Option<u32>,
    pub health_check: Option<String>,
    pub grace_secs: Option<u32>,
    pub termination_policies: Option<Vec<String>>,
    pub protect_new: Option<bool>,
    pub more: serde_json::Map<String, serde_json::Value>,
}

/// Changes a group.
pub async fn update(cx: &Cx, place: &Registry, name: &str, changes: Changes) -> Result<(), Error> {
    alter(cx, place, name, move |tx, group| {
        let changes = changes.clone();
        resize(tx, group, changes.limits)?;
        let subnets = changes.subnets.is_some();
        if let Some(source) = changes.source {
            group.source = source;
        }
        if let Some(zones) = changes.zones {
            group.zones = zones;
        }
        if let Some(subnets) = changes.subnets {
            group.subnets = subnets;
        }
        if let Some(secs) = changes.cooldown_secs {
            group.cooldown_secs = secs;
        }
        if let Some(check) = changes.health_check {
            group.health_check = check;
        }
        if let Some(secs) = changes.grace_secs {
            group.grace_secs = secs;
        }
        if let Some(policies) = changes.termination_policies {
            group.termination_policies = policies;
        }
        if let Some(protect) = changes.protect_new {
            group.protect_new = protect;
        }
        group.more.extend(changes.more);
        group.retry_ms = 0;
        if subnets {
            group.zones.clear();
        }
        settle_places(tx.here, group)?;
        check(tx, group)
    })
    .await
}

/// New limits, and the capacity that fits in them.
fn resize(tx: &Tx<'_>, group: &mut Group, limits: Limits) -> Result<(), Error> {
    let (old, now) = (group.desired, reconcile::seconds(tx));
    group.min = limits.min.unwrap_or(group.min);
    group.max = limits.max.unwrap_or(group.max);
    if group.min > group.max {
        return Err(Error::invalid(
            "Max bound must be greater than or equal to min bound",
        ));
    }
    group.desired = limits.desired.unwrap_or(old.clamp(group.min, group.max));
    if group.desired != old {
        group.cause = Some(format!(
            "At {now} a user request update of AutoScalingGroup constraints to min: {}, max: {}, desired: {} changing the desired capacity from {old} to {}.",
            group.min, group.max, group.desired, group.desired
        ));
    }
    Ok(())
}

/// The zones of a group follow from its subnets, if it has any.
fn settle_places(here: &Here, group: &mut Group) -> Result<(), Error> {
    let network = here.network();
    let mut zones: BTreeSet<String> = group.zones.drain(..).collect();
    for id in &group.subnets {
        let subnet = network
            .subnet(id)
            .ok_or_else(|| Error::invalid(format!("The subnet ID '{id}' does not exist")))?;
        zones.insert(subnet.zone.name);
    }
    for zone in &zones {
        if network::zone_id(&here.place.region, zone).is_none() {
            let text = format!("Invalid availability zones: [{zone}]");
            return Err(Error::invalid(text));
        }
    }
    if zones.is_empty() {
        return Err(Error::invalid(
            "At least one Availability Zone or VPC Subnet is required.",
        ));
    }
    group.zones = zones.into_iter().collect();
    Ok(())
}

fn check(tx: &Tx<'_>, group: &Group) -> Result<(), Error> {
    let Group {
        min, max, desired, ..
    } = *group;
    if min > max {
        return Err(Error::invalid(
            "Max bound must be greater than or equal to min bound",
        ));
    }
    if desired < min || desired > max {
        return Err(Error::invalid(format!(
            "Desired capacity:{desired} must be between the specified min size:{min} and max size:{max}"
        )));
    }
    if max > MAX_INSTANCES {
        let text = format!("A group here has at most {MAX_INSTANCES} instances.");
        return Err(Error::refused(Code::LimitExceeded, text));
    }
    if group.tags.len() > MAX_TAGS {
        let text = format!("A group has at most {MAX_TAGS} tags.");
        return Err(Error::refused(Code::LimitExceeded, text));
    }
    for policy in &group.termination_policies {
        if !TERMINATION_POLICIES.contains(&policy.as_str()) {
            let text = format!("Invalid termination policy: {policy}");
            return Err(Error::invalid(text));
        }
    }
    check_source(tx, &group.source)
}

/// Demands that instances can be launched with a source.
fn check_source(tx: &Tx<'_>, source: &Source) -> Result<(), Error> {
    let not_valid = |e: Error| match e {
        Error::Refused { ref message, .. } => Error::invalid(format!(
            "You must use a valid fully-formed launch template. {message}"
        )),
        Error::Store(_) => e,
    };
    let (spec, mixed) = match source {
        Source::Configuration(name) => {
            let found = tx.tx.document::<Configuration>(&tx.here.owner, name)?;
            return match found {
                Some(_) => Ok(()),
                None => Err(Error::invalid("Launch configuration name not found - null")),
            };
        }
        Source::Template(spec) => (spec, None),
        Source::Mixed(mixed) => (&mixed.template, Some(mixed)),
    };
    let (_, version) = templates::resolve(tx.tx, tx.here, spec).map_err(not_valid)?;
    let parameters = Parameters::from_data(&version.data);
    if parameters.image.is_none() {
        return Err(not_valid(Error::invalid(
            "The request must contain the parameter ImageId",
        )));
    }
    let types = mixed
        .map(|mixed| mixed.types.as_slice())
        .unwrap_or_default();
    let own = types.is_empty().then(|| parameters.type_name().to_owned());
    for name in types.iter().chain(&own) {
        if instance_types::find(name).is_none() {
            let text = format!("Invalid value '{name}' for InstanceType.");
            return Err(not_valid(Error::invalid(text)));
        }
    }
    Ok(())
}

/// Removes a group: at once if it is empty, else only by force, with all its instances.
pub async fn delete(cx: &Cx, place: &Registry, name: &str, force: bool) -> Result<(), Error> {
    let name = name.to_owned();
    let done = cx.change(place, move |tx| {
        let found = tx.tx.document::<Group>(&tx.here.owner, &name)?;
        let mut group = found.ok_or_else(|| missing(&name))?.body;
        if !group.members.is_empty() && !force {
            return Err(Error::refused(
                Code::InUse,
                "You cannot delete an AutoScalingGroup while there are instances or pending Spot instance request(s) still in the group.",
            ));
        }
        group.deleting = true;
        tx.tx.put_document(&tx.here.owner, &name, &group, tx.now)?;
        reconcile::reconcile(tx, &name)
    });
    done.await
}

/// Which way processes of a group are changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProcessChange {
    Suspend,
    Resume,
}

/// Suspends or resumes processes; without names, all of them.
pub async fn change_processes(
    cx: &Cx,
    place: &Registry,
    name: &str,
    change: ProcessChange,
    processes: Vec<String>,
) -> Result<(), Error> {
    for process in &processes {
        if !PROCESSES.contains(&process.as_str()) {
            let text = format!("'{process}' is not a valid Scaling Process");
            return Err(Error::invalid(text));
        }
    }
    let processes = if processes.is_empty() {
        PROCESSES
            .iter()
            .map(|&process| process.to_owned())
            .collect()
    } else {
        processes
    };
    alter(cx, place, name, move |_tx, group| {
        group.suspended.retain(|one| !processes.contains(one));
        if change == ProcessChange::Suspend {
            group.suspended.extend(processes.iter().cloned());
            group.suspended.sort();
            group.suspended.dedup();
        }
        Ok(())
    })
    .await
}

/// A tag of a group that is set or removed.
#[derive(Clone, Debug)]
pub struct TagChange {
    pub group: String,
    pub key: String,
    /// The tag that there is to be; none removes it.
    pub tag: Option<Tag>,
}

/// Sets and removes tags of groups, all or none.
pub async fn change_tags(cx: &Cx, place: &Registry, changes: Vec<TagChange>) -> Result<(), Error> {
    let done = cx.change(place, move |tx| {
        for change in &changes {
            let found = tx.tx.document::<Group>(&tx.here.owner, &change.group)?;
            let mut group = found.ok_or_else(|| missing(&change.group))?.body;
            group.tags.retain(|tag| tag.key != change.key);
            group.tags.extend(change.tag.clone());
            group.tags.sort_by(|a, b| a.key.cmp(&b.key));
            if group.tags.len() > MAX_TAGS {
                let text = format!("A group has at most {MAX_TAGS} tags.");
                return Err(Error::refused(Code::LimitExceeded, text));
            }
            let name = &change.group;
            tx.tx.put_document(&tx.here.owner, name, &group, tx.now)?;
        }
        Ok(())
    });
    done.await
}
