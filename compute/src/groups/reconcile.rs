//! The loop of groups: load, observe, plan, act, save, all in one transaction.
use wharf_storage::{Owner, Read};

use super::{
    Group, Member, Source, Stage, Status, activities,
    plan::{Observed, Step, Why, plan},
};
use crate::{
    Cx, Error, Here, Tx,
    configurations::Configuration,
    ids,
    instances::{self, Instance, OfTemplate},
    launch::Parameters,
    network::Subnet,
    templates,
};

/// How long after a launch that failed the next one is tried.
const RETRY_MS: i64 = 30_000;

/// How many groups are looked at in one go.
const BATCH: usize = 10_000;

/// Takes every group as far as it gets now; whether anything was done.
pub(crate) async fn reconcile_all(cx: &Cx) -> Result<bool, Error> {
    let (now, template) = (cx.store.now(), cx.clone());
    let due = cx.store.meta().read(move |tx| {
        let mut due = Vec::new();
        for stored in tx.open_documents::<Group>(BATCH)? {
            let Owner::Registry(place) = stored.owner else {
                continue;
            };
            let here = template.here(&place);
            let observed = observe(tx, &here, &stored.body)?;
            if !plan(&stored.body, &observed, now).is_empty() {
                due.push((here, stored.name));
            }
        }
        Ok::<_, Error>(due)
    });
    let due = due.await?;
    let any = !due.is_empty();
    for (here, name) in due {
        let done = cx.store.meta().write(move |tx| {
            let tx = Tx {
                tx,
                here: &here,
                now,
            };
            reconcile(&tx, &name)
        });
        done.await?;
    }
    Ok(any)
}

fn observe(tx: &Read<'_>, here: &Here, group: &Group) -> Result<Observed, Error> {
    let mut observed = Observed::new();
    for member in &group.members {
        if let Some(instance) = tx.document::<Instance>(&here.owner, &member.id)? {
            observed.insert(member.id.clone(), instance.body.state);
        }
    }
    Ok(observed)
}

/// Takes one group as far as it gets now.
pub(super) fn reconcile(tx: &Tx<'_>, name: &str) -> Result<(), Error> {
    let Some(stored) = tx.tx.document::<Group>(&tx.here.owner, name)? else {
        return Ok(());
    };
    let mut group = stored.body;
    let observed = observe(tx.tx, tx.here, &group)?;
    for step in plan(&group, &observed, tx.now) {
        if step == Step::Vanish {
            activities::trim(tx, name, 0)?;
            tx.tx.delete_document::<Group>(&tx.here.owner, name)?;
            return Ok(());
        }
        act(tx, &mut group, step)?;
    }
    if group.active() == group.desired as usize {
        group.cause = None;
    }
    activities::trim_to_limit(tx, name)?;
    Ok(tx.tx.put_document(&tx.here.owner, name, &group, tx.now)?)
}

fn act(tx: &Tx<'_>, group: &mut Group, step: Step) -> Result<(), Error> {
    match step {
        Step::MarkUnhealthy(id) => {
            if let Some(member) = group.member_mut(&id) {
                member.healthy = false;
            }
            Ok(())
        }
        Step::Hold(id) => hold(tx, group, &id),
        Step::Proceed(id) => {
            if let Some(member) = group.member_mut(&id) {
                let coming = member.stage.is_coming();
                member.stage = if coming {
                    Stage::PendingProceed
                } else {
                    Stage::TerminatingProceed
                };
                member.actions.clear();
            }
            Ok(())
        }
        Step::Serve(id) => serve(tx, group, &id),
        Step::Leave(id, why) => leave(tx, group, &id, why),
        Step::ShutDown(id) => instances::shut_down(tx, &id),
        Step::Forget(id) => {
            let gone = group.members.iter().position(|member| member.id == id);
            let gone = gone.map(|index| group.members.remove(index));
            let activity = gone.and_then(|member| member.activity);
            over(tx, group, activity.as_deref())
        }
        Step::Settle(id) => {
            if let Some(member) = group.member_mut(&id) {
                member.rebalancing = false;
            }
            Ok(())
        }
        Step::Launch { zone, rebalancing } => launch(tx, group, &zone, rebalancing),
        // The caller's.
        Step::Vanish => Ok(()),
    }
}

/// Ends an activity that changed the capacity.
fn over(tx: &Tx<'_>, group: &mut Group, activity: Option<&str>) -> Result<(), Error> {
    activities::proceed(tx, &group.name, activity, Status::Successful)?;
    if let Some(id) = activity {
        group.last = Some((tx.now.as_ms(), id.to_owned()));
    }
    Ok(())
}

fn hold(tx: &Tx<'_>, group: &mut Group, id: &str) -> Result<(), Error> {
    let (hooks, name) = (group.hooks.clone(), group.name.clone());
    let Some(member) = group.member_mut(id) else {
        return Ok(());
    };
    let launching = member.stage == Stage::Pending;
    member.stage = if launching {
        Stage::PendingWait
    } else {
        Stage::TerminatingWait
    };
    let of_kind = hooks.iter().filter(|hook| hook.launching == launching);
    member.actions = of_kind.map(|hook| hook.begin(tx.now)).collect();
    let activity = member.activity.clone();
    activities::proceed(tx, &name, activity.as_deref(), Status::MidLifecycleAction)
}

fn serve(tx: &Tx<'_>, group: &mut Group, id: &str) -> Result<(), Error> {
    let Some(member) = group.member_mut(id) else {
        return Ok(());
    };
    member.stage = Stage::InService;
    let activity = member.activity.take();
    over(tx, group, activity.as_deref())
}

/// Begins the end of a member.
pub(super) fn leave(tx: &Tx<'_>, group: &mut Group, id: &str, why: Why) -> Result<(), Error> {
    let now = seconds(tx);
    let before = group.active();
    let Some(member) = group.member(id) else {
        return Ok(());
    };
    let cause = match why {
        Why::Excess => {
            let reason = match &group.cause {
                Some(cause) => format!("{cause}  "),
                None => String::new(),
            };
            format!(
                "{reason}At {now} an instance was taken out of service in response to a difference between desired and actual capacity, shrinking the capacity from {before} to {}.  At {now} instance {id} was selected for termination.",
                before.saturating_sub(1)
            )
        }
        Why::Unhealthy if member.user_unhealthy => format!(
            "At {now} an instance was taken out of service in response to a user health-check."
        ),
        Why::Unhealthy => format!(
            "At {now} an instance was taken out of service in response to an EC2 health check indicating it has been terminated or stopped."
        ),
        Why::Abandoned => format!(
            "At {now} an instance was taken out of service in response to a launch failure."
        ),
        Why::Deleted => format!(
            "At {now} a user request force deleted AutoScaling group changing the desired capacity from {} to 0.  At {now} an instance was taken out of service in response to a difference between desired and actual capacity, shrinking the capacity from {before} to {}.  At {now} instance {id} was selected for termination.",
            group.desired,
            before.saturating_sub(1)
        ),
    };
    begin_to_leave(tx, group, id, &cause).map(drop)
}

/// Begins the end of a member for a cause.
pub(super) fn begin_to_leave(
    tx: &Tx<'_>,
    group: &mut Group,
    id: &str,
    cause: &str,
) -> Result<Option<activities::Activity>, Error> {
    let Some(member) = group.member(id).cloned() else {
        return Ok(None);
    };
    // What was going on, which is the launch, does not end well.
    activities::proceed(
        tx,
        &group.name,
        member.activity.as_deref(),
        Status::Cancelled,
    )?;
    let begun = activities::begin(tx, group, &member, "Terminating EC2 instance", cause)?;
    if let Some(member) = group.member_mut(id) {
        member.stage = Stage::Terminating;
        member.actions.clear();
        member.activity = Some(begun.id.clone());
        member.rebalancing = false;
    }
    Ok(Some(begun))
}

/// The time as causes have it, in whole seconds.
pub(super) fn seconds(tx: &Tx<'_>) -> String {
    wharf_types::Timestamp::from_secs(tx.now.as_secs()).to_string()
}

fn launch(tx: &Tx<'_>, group: &mut Group, zone: &str, rebalancing: bool) -> Result<(), Error> {
    if tx.now.as_ms() < group.retry_ms {
        return Ok(());
    }
    let now = seconds(tx);
    let before = group.active();
    let cause = if rebalancing {
        format!(
            "At {now} instances were launched to balance instances in zones {} with other zones resulting in more than desired number of instances in the group.  At {now} an instance was started in response to a difference between desired and actual capacity, increasing the capacity from {before} to {}.",
            group.zones.join(" "),
            before + 1
        )
    } else {
        let reason = group.cause.as_ref();
        let reason = reason.map(|cause| format!("{cause}  ")).unwrap_or_default();
        format!(
            "{reason}At {now} an instance was started in response to a difference between desired and actual capacity, increasing the capacity from {before} to {}.",
            group.desired
        )
    };
    match instance(tx, group, zone) {
        Ok((instance, configuration)) => {
            let mut member = member(group, &instance, configuration);
            member.rebalancing = rebalancing;
            let begun =
                activities::begin(tx, group, &member, "Launching a new EC2 instance", &cause)?;
            member.activity = Some(begun.id);
            group.members.push(member);
            Ok(())
        }
        Err(Error::Refused { message, .. }) => {
            group.retry_ms = tx.now.as_ms() + RETRY_MS;
            activities::failed(tx, group, &cause, &message)
        }
        Err(e) => Err(e),
    }
}

/// An instance as a member that comes.
pub(super) fn member(group: &Group, instance: &Instance, configuration: Option<String>) -> Member {
    Member {
        id: instance.id.clone(),
        zone: instance.zone.clone(),
        subnet: instance.subnet.clone(),
        instance_type: instance.instance_type.clone(),
        image: instance.image.clone(),
        spot: instance.spot,
        stage: Stage::Pending,
        healthy: true,
        user_unhealthy: false,
        protected: group.protect_new,
        launched_ms: instance.launched_ms,
        template: instance.template.clone(),
        configuration,
        rebalancing: false,
        actions: Vec::new(),
        activity: None,
    }
}

/// Launches an instance as the group's source says.
fn instance(tx: &Tx<'_>, group: &Group, zone: &str) -> Result<(Instance, Option<String>), Error> {
    let (mut parameters, mut template, mut configuration) = (Parameters::default(), None, None);
    match &group.source {
        Source::Configuration(name) => {
            let found = tx.tx.document::<Configuration>(&tx.here.owner, name)?;
            let Some(found) = found else {
                let text = format!("Launch configuration {name} not found.");
                return Err(Error::invalid(text));
            };
            parameters = found.body.parameters();
            configuration = Some(name.clone());
        }
        Source::Template(spec) | Source::Mixed(super::Mixed { template: spec, .. }) => {
            let (found, version) = templates::resolve(tx.tx, tx.here, spec)?;
            parameters = parameters.with(Parameters::from_data(&version.data));
            template = Some(OfTemplate {
                id: found.id,
                name: found.name,
                version: version.number,
            });
        }
    }
    if let Source::Mixed(mixed) = &group.source {
        if let Some(first) = mixed.types.first() {
            parameters.instance_type = Some(first.clone());
        }
        parameters.spot = mixed.wants_spot(group);
    }
    for tag in group.tags.iter().filter(|tag| tag.propagate) {
        parameters.tags.insert(tag.key.clone(), tag.value.clone());
    }
    let subnet = subnet(tx.here, group, zone)
        .ok_or_else(|| Error::invalid(format!("The zone {zone} has no subnet of the group.")))?;
    // A template's subnet and address are of one instance, not of a group's.
    parameters.address = None;
    let new = instances::New {
        parameters,
        subnet,
        template,
        group: Some(group.name.clone()),
        reservation: ids::random("r"),
        client_token: None,
    };
    Ok((instances::launch(tx, &new, 0)?, configuration))
}

/// The subnet of the group in a zone; that with the fewest of its members where there are several.
fn subnet(here: &Here, group: &Group, zone: &str) -> Option<Subnet> {
    let network = here.network();
    if group.subnets.is_empty() {
        return network.subnet_in(zone);
    }
    let found = group.subnets.iter().filter_map(|id| network.subnet(id));
    let in_zone = found.filter(|subnet| subnet.zone.name == zone);
    in_zone.min_by_key(|subnet| {
        let of_subnet = |m: &&Member| m.is_active() && m.subnet == subnet.id;
        group.members.iter().filter(of_subnet).count()
    })
}

impl super::Mixed {
    /// Whether the next instance is to be a spot instance.
    fn wants_spot(&self, group: &Group) -> bool {
        let active = group.members.iter().filter(|m| m.is_active());
        let (spot, plain): (Vec<&Member>, Vec<_>) = active.partition(|m| m.spot);
        let base = self.base as usize;
        if plain.len() < base {
            return false;
        }
        let above = (plain.len() - base) + spot.len() + 1;
        // Parts of an instance are rounded up in favour of on-demand ones.
        let wanted = (above * self.above_base as usize).div_ceil(100);
        plain.len() - base >= wanted
    }
}
