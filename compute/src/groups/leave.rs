//! Members that are ended, taken in, let go or set aside because a user says so.
use std::collections::BTreeSet;

use wharf_types::Registry;

use super::{
    Activity, Group, Stage, Status, activities,
    capacity::{group_of, not_of},
    change::alter,
    reconcile,
};
use crate::{
    Code, Cx, Error, Tx,
    instances::{self, Instance, State},
};

/// Ends a member; with `decrement` the group gets smaller, without it another one comes.
pub async fn terminate(
    cx: &Cx,
    place: &Registry,
    id: &str,
    decrement: bool,
) -> Result<Activity, Error> {
    let group = group_of(cx, place, id).await?.name;
    let id = id.to_owned();
    alter(cx, place, &group, move |tx, group| {
        let name = group.name.clone();
        let member = group.member(&id).ok_or_else(|| not_of(&id, &name))?;
        if member.stage.is_leaving() {
            let text = format!("Instance {id} is already terminating");
            return Err(Error::refused(Code::Scaling, text));
        }
        let counts = member.is_active();
        let now = reconcile::seconds(tx);
        let mut cause = format!(
            "At {now} instance {id} was taken out of service in response to a user request"
        );
        if decrement && counts {
            let before = group.desired;
            shrink(group)?;
            cause = format!(
                "{cause}, shrinking the capacity from {before} to {}",
                group.desired
            );
        }
        cause.push('.');
        let begun = reconcile::begin_to_leave(tx, group, &id, &cause)?;
        begun.ok_or_else(|| not_of(&id, &name))
    })
    .await
}

/// One less, if the group may be that small.
fn shrink(group: &mut Group) -> Result<(), Error> {
    if group.desired <= group.min {
        return Err(Error::invalid(format!(
            "Currently, desiredSize equals minSize ({}). Terminating instance without replacement will violate group's min size constraint. Either set shouldDecrementDesiredCapacity flag to false or lower group's min size.",
            group.min
        )));
    }
    group.desired -= 1;
    Ok(())
}

/// Checks that all instances of a call are members in a stage.
fn members_in(group: &Group, ids: &[String], stage: Stage) -> Result<(), Error> {
    if ids.is_empty() {
        return Err(Error::invalid("At least one instance ID is required."));
    }
    if ids.iter().collect::<BTreeSet<_>>().len() != ids.len() {
        return Err(Error::invalid("An instance ID is given twice."));
    }
    for id in ids {
        let member = group.member(id).ok_or_else(|| not_of(id, &group.name))?;
        if member.stage != stage {
            return Err(Error::invalid(format!(
                "The instance {id} is not in {}.",
                stage.as_str()
            )));
        }
    }
    Ok(())
}

/// Fails if the group would get smaller than it may.
fn shrink_by(group: &mut Group, count: usize) -> Result<(), Error> {
    let count = u32::try_from(count).unwrap_or(u32::MAX);
    match group.desired.checked_sub(count) {
        Some(desired) if desired >= group.min => {
            group.desired = desired;
            Ok(())
        }
        _ => Err(Error::invalid(format!(
            "AutoScalingGroup {} has min-size={}, max-size={}, and desired-size={}. To place into standby or detach {count} instance(s), please update the AutoScalingGroup sizes appropriately.",
            group.name, group.min, group.max, group.desired
        ))),
    }
}

/// Lets members go that run on without the group.
pub async fn detach(
    cx: &Cx,
    place: &Registry,
    group: &str,
    ids: Vec<String>,
    decrement: bool,
) -> Result<Vec<Activity>, Error> {
    alter(cx, place, group, move |tx, group| {
        members_in(group, &ids, Stage::InService)?;
        let before = group.desired;
        if decrement {
            shrink_by(group, ids.len())?;
        }
        let mut done = Vec::new();
        for id in &ids {
            let what = (id.as_str(), "was detached", "Detaching EC2 instance");
            let activity = moved(tx, group, what, (before, group.desired), Status::InProgress)?;
            activities::proceed(tx, &group.name, Some(&activity.id), Status::Successful)?;
            group.members.retain(|member| member.id != *id);
            if let Some(stored) = tx.tx.document::<Instance>(&tx.here.owner, id)? {
                let mut instance = stored.body;
                instance.group = None;
                instance.tags.remove(instances::GROUP_TAG);
                tx.tx.put_document(&tx.here.owner, id, &instance, tx.now)?;
            }
            done.push(activity);
        }
        Ok(done)
    })
    .await
}

/// Records that a member was moved because a user said so.
fn moved(
    tx: &Tx<'_>,
    group: &Group,
    (id, how, what): (&str, &str, &str),
    (before, after): (u32, u32),
    status: Status,
) -> Result<Activity, Error> {
    let member = group.member(id).ok_or_else(|| not_of(id, &group.name))?;
    let now = reconcile::seconds(tx);
    let mut cause = format!("At {now} instance {id} {how} in response to a user request");
    match after.cmp(&before) {
        std::cmp::Ordering::Less => {
            cause = format!("{cause}, shrinking the capacity from {before} to {after}");
        }
        std::cmp::Ordering::Greater => {
            cause = format!("{cause}, increasing the capacity from {before} to {after}");
        }
        std::cmp::Ordering::Equal => {}
    }
    cause.push('.');
    let mut activity = activities::begin(tx, group, member, what, &cause)?;
    if status == Status::PreInService {
        activity.status = status;
        activity.progress = 30;
    }
    Ok(activity)
}

/// Sets members aside: they run, and count for nothing.
pub async fn enter_standby(
    cx: &Cx,
    place: &Registry,
    group: &str,
    ids: Vec<String>,
    decrement: bool,
) -> Result<Vec<Activity>, Error> {
    alter(cx, place, group, move |tx, group| {
        members_in(group, &ids, Stage::InService)?;
        let before = group.desired;
        if decrement {
            shrink_by(group, ids.len())?;
        }
        let mut done = Vec::new();
        for id in &ids {
            let what = (
                id.as_str(),
                "was moved to standby",
                "Moving EC2 instance to Standby",
            );
            let activity = moved(tx, group, what, (before, group.desired), Status::InProgress)?;
            activities::proceed(tx, &group.name, Some(&activity.id), Status::Successful)?;
            if let Some(member) = group.member_mut(id) {
                member.stage = Stage::Standby;
            }
            done.push(activity);
        }
        Ok(done)
    })
    .await
}

/// Brings members back that were set aside: the group gets larger by them.
pub async fn exit_standby(
    cx: &Cx,
    place: &Registry,
    group: &str,
    ids: Vec<String>,
) -> Result<Vec<Activity>, Error> {
    alter(cx, place, group, move |tx, group| {
        members_in(group, &ids, Stage::Standby)?;
        let before = group.desired;
        group.desired += u32::try_from(ids.len()).unwrap_or(u32::MAX);
        if group.desired > group.max {
            return Err(too_large(group, ids.len()));
        }
        let mut done = Vec::new();
        for id in &ids {
            let what = (
                id.as_str(),
                "was moved out of standby",
                "Moving EC2 instance out of Standby",
            );
            let sizes = (before, group.desired);
            let activity = moved(tx, group, what, sizes, Status::PreInService)?;
            if let Some(member) = group.member_mut(id) {
                // It is launched once more, as far as hooks are concerned.
                member.stage = Stage::Pending;
                member.activity = Some(activity.id.clone());
            }
            done.push(activity);
        }
        Ok(done)
    })
    .await
}

fn too_large(group: &Group, count: usize) -> Error {
    Error::invalid(format!(
        "AutoScalingGroup {} has min-size={}, max-size={}, and desired-size={}. To attach {count} instance(s), please update the AutoScalingGroup sizes appropriately.",
        group.name, group.min, group.max, group.desired
    ))
}

/// Takes running instances into a group, which gets larger by them.
pub async fn attach(cx: &Cx, place: &Registry, group: &str, ids: Vec<String>) -> Result<(), Error> {
    alter(cx, place, group, move |tx, group| {
        let before = group.desired;
        let count = u32::try_from(ids.len()).unwrap_or(u32::MAX);
        if before.saturating_add(count) > group.max {
            return Err(too_large(group, ids.len()));
        }
        for id in &ids {
            attach_one(tx, group, id)?;
        }
        Ok(())
    })
    .await
}

fn attach_one(tx: &Tx<'_>, group: &mut Group, id: &str) -> Result<(), Error> {
    let stored = tx.tx.document::<Instance>(&tx.here.owner, id)?;
    let Some(mut instance) = stored.map(|stored| stored.body) else {
        return Err(Error::invalid(format!("Invalid Instance ID(s): [{id}]")));
    };
    if instance.state != State::Running {
        let text = format!(
            "Instance {id} is not in correct state. Instance(s) must be in 'running' state."
        );
        return Err(Error::invalid(text));
    }
    if let Some(other) = &instance.group {
        let text = format!("Instance {id} is already part of AutoScalingGroup:{other}");
        return Err(Error::invalid(text));
    }
    if !group.zones.contains(&instance.zone) {
        let text = format!(
            "Invalid Availability Zone: The instance {id} is in {}, which is not of the group.",
            instance.zone
        );
        return Err(Error::invalid(text));
    }
    instance.group = Some(group.name.clone());
    let (key, name) = (instances::GROUP_TAG.to_owned(), group.name.clone());
    instance.tags.insert(key, name);
    tx.tx.put_document(&tx.here.owner, id, &instance, tx.now)?;
    group.desired += 1;
    let mut member = reconcile::member(group, &instance, None);
    let now = reconcile::seconds(tx);
    let cause = format!(
        "At {now} an instance was attached in response to a user request, increasing the capacity from {} to {}.",
        group.desired - 1,
        group.desired
    );
    let what = "Attaching an existing EC2 instance";
    member.activity = Some(activities::begin(tx, group, &member, what, &cause)?.id);
    group.members.push(member);
    Ok(())
}
