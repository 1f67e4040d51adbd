//! How many instances there are to be, and how they are.
use wharf_types::{Registry, Timestamp};

use super::{Group, Member, change::alter, reconcile};
use crate::{Code, Cx, Error, Tx, groups::change};

/// Sets the desired capacity. With `honor_cooldown`, not while the group rests from the last change.
pub async fn set_desired(
    cx: &Cx,
    place: &Registry,
    group: &str,
    desired: u32,
    honor_cooldown: bool,
) -> Result<(), Error> {
    alter(cx, place, group, move |tx, group| {
        let Group { min, max, .. } = *group;
        if desired > max {
            return Err(Error::invalid(format!(
                "New SetDesiredCapacity value {desired} is above max value {max} for the AutoScalingGroup."
            )));
        }
        if desired < min {
            return Err(Error::invalid(format!(
                "New SetDesiredCapacity value {desired} is below min value {min} for the AutoScalingGroup."
            )));
        }
        if honor_cooldown {
            rested(tx, group)?;
        }
        if desired != group.desired {
            group.cause = Some(format!(
                "At {} a user request explicitly set group desired capacity changing the desired capacity from {} to {desired}.",
                reconcile::seconds(tx),
                group.desired
            ));
        }
        group.desired = desired;
        group.retry_ms = 0;
        Ok(())
    })
    .await
}

/// Demands that no activity goes on, and that the cooldown after the last is over.
fn rested(tx: &Tx<'_>, group: &Group) -> Result<(), Error> {
    let open = group.members.iter().find_map(|m| m.activity.clone());
    let last = group.last.as_ref().filter(|(ended, _)| {
        let rest = std::time::Duration::from_secs(u64::from(group.cooldown_secs));
        tx.now < Timestamp::from_ms(*ended) + rest
    });
    let busy = open.or_else(|| last.map(|(_, id)| id.clone()));
    match busy {
        None => Ok(()),
        Some(id) => Err(Error::refused(
            Code::Scaling,
            format!("Scaling activity {id} is in progress and blocks this action"),
        )),
    }
}

/// Protects members from being picked when the group gets smaller, or not.
pub async fn set_protection(
    cx: &Cx,
    place: &Registry,
    group: &str,
    instances: Vec<String>,
    protected: bool,
) -> Result<(), Error> {
    alter(cx, place, group, move |_tx, group| {
        for id in &instances {
            let name = group.name.clone();
            let member = group.member_mut(id).ok_or_else(|| not_of(id, &name))?;
            member.protected = protected;
        }
        Ok(())
    })
    .await
}

pub(super) fn not_of(id: &str, group: &str) -> Error {
    Error::invalid(format!(
        "The instance {id} is not part of Auto Scaling group {group}."
    ))
}

/// Finds the group of an instance.
pub(super) async fn group_of(cx: &Cx, place: &Registry, id: &str) -> Result<Group, Error> {
    let groups = change::list(cx, place).await?;
    let found = groups.into_iter().find(|group| group.member(id).is_some());
    found.ok_or_else(|| {
        Error::invalid(format!(
            "Instance Id not found - No managed instance found for instance ID: {id}"
        ))
    })
}

/// Says how a member is. One that is not healthy is replaced; with `respect_grace`, not before its
/// grace period is over.
pub async fn set_health(
    cx: &Cx,
    place: &Registry,
    id: &str,
    healthy: bool,
    respect_grace: bool,
) -> Result<(), Error> {
    let group = group_of(cx, place, id).await?.name;
    let id = id.to_owned();
    alter(cx, place, &group, move |tx, group| {
        let (grace, name) = (group.grace_secs, group.name.clone());
        let member = group.member_mut(&id).ok_or_else(|| not_of(&id, &name))?;
        if healthy || !respect_grace || !is_new(member, grace, tx.now) {
            member.healthy = healthy;
            member.user_unhealthy = !healthy;
        }
        Ok(())
    })
    .await
}

/// Whether a member is in its grace period.
fn is_new(member: &Member, grace_secs: u32, now: Timestamp) -> bool {
    let grace = std::time::Duration::from_secs(u64::from(grace_secs));
    now < Timestamp::from_ms(member.launched_ms) + grace
}
