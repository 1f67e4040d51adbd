//! The plan from any state, and stories of groups.
use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{
    plan::{Observed, Step, plan},
    *,
};
use crate::{
    Error,
    chore::tests::{World, world},
    instances::{self, State},
    templates::{Key, New, Spec},
};

fn bare(desired: u32) -> Group {
    Group {
        name: "g".into(),
        uuid: String::new(),
        created_ms: 0,
        min: 0,
        max: 20,
        desired,
        cooldown_secs: 300,
        zones: ["a", "b", "c"].map(str::to_owned).into(),
        subnets: Vec::new(),
        source: Source::Configuration("c".into()),
        health_check: "EC2".into(),
        grace_secs: 0,
        termination_policies: vec!["Default".into()],
        protect_new: false,
        tags: Vec::new(),
        more: Map::new(),
        suspended: Vec::new(),
        hooks: Vec::new(),
        members: Vec::new(),
        deleting: false,
        cause: None,
        last: None,
        retry_ms: 0,
    }
}

fn member(number: usize, zone: &str, stage: Stage, protected: bool) -> Member {
    Member {
        id: format!("i-{number:04}"),
        zone: zone.into(),
        subnet: String::new(),
        instance_type: "t3.small".into(),
        image: String::new(),
        spot: false,
        stage,
        healthy: true,
        user_unhealthy: false,
        protected,
        launched_ms: i64::try_from(number).unwrap(),
        template: None,
        configuration: None,
        rebalancing: false,
        actions: Vec::new(),
        activity: None,
    }
}

/// Does to a group and its instances what a step says, as the loop would.
fn apply(group: &mut Group, observed: &mut Observed, step: Step, fresh: &mut usize) {
    match step {
        Step::MarkUnhealthy(id) => group.member_mut(&id).unwrap().healthy = false,
        Step::Hold(id) => {
            let member = group.member_mut(&id).unwrap();
            member.stage = if member.stage.is_coming() {
                Stage::PendingWait
            } else {
                Stage::TerminatingWait
            };
        }
        Step::Proceed(id) => {
            let member = group.member_mut(&id).unwrap();
            member.stage = if member.stage.is_coming() {
                Stage::PendingProceed
            } else {
                Stage::TerminatingProceed
            };
        }
        Step::Serve(id) => group.member_mut(&id).unwrap().stage = Stage::InService,
        Step::Leave(id, _) => group.member_mut(&id).unwrap().stage = Stage::Terminating,
        Step::ShutDown(id) => drop(observed.insert(id, State::Terminated)),
        Step::Forget(id) => group.members.retain(|member| member.id != id),
        Step::Settle(id) => group.member_mut(&id).unwrap().rebalancing = false,
        Step::Launch { zone, rebalancing } => {
            *fresh += 1;
            let mut new = member(*fresh, &zone, Stage::Pending, false);
            new.rebalancing = rebalancing;
            observed.insert(new.id.clone(), State::Running);
            group.members.push(new);
        }
        Step::Vanish => group.deleting = false,
    }
}

fn stage() -> impl Strategy<Value = Stage> {
    prop_oneof![
        Just(Stage::Pending),
        Just(Stage::PendingProceed),
        Just(Stage::InService),
        Just(Stage::InService),
        Just(Stage::Terminating),
        Just(Stage::TerminatingProceed),
    ]
}

proptest! {
    #[test]
    fn from_any_state_a_group_gets_what_is_desired_and_then_rests(
        desired in 0_u32..8,
        members in proptest::collection::vec((0_usize..4, stage(), any::<bool>(), 0_u8..4), 0..12),
    ) {
        let mut group = bare(desired);
        let mut observed = Observed::new();
        let mut protected = Vec::new();
        for (number, (zone, stage, safe, seen)) in members.into_iter().enumerate() {
            // "d" is not a zone of the group any more.
            let zone = ["a", "b", "c", "d"][zone];
            let one = member(number, zone, stage, safe);
            let state = [State::Running, State::Running, State::Pending, State::Terminated][usize::from(seen)];
            if safe && stage == Stage::InService && state == State::Running {
                protected.push(one.id.clone());
            }
            observed.insert(one.id.clone(), state);
            group.members.push(one);
        }
        let (now, mut fresh) = (Timestamp::from_secs(1), 100);
        let mut rested = false;
        for _ in 0..200 {
            let steps = plan(&group, &observed, now);
            if steps.is_empty() && observed.values().all(|state| *state != State::Pending) {
                rested = true;
                break;
            }
            for step in steps {
                apply(&mut group, &mut observed, step, &mut fresh);
            }
            for state in observed.values_mut() {
                *state = state.on(instances::Event::Done).unwrap_or(*state);
            }
        }
        prop_assert!(rested, "{:?}", plan(&group, &observed, now));
        prop_assert_eq!(plan(&group, &observed, now), Vec::new());
        for id in &protected {
            let stage = group.member(id).map(|member| member.stage);
            prop_assert_eq!(stage, Some(Stage::InService), "{}", id);
        }
        // Those that are protected stay, whatever is desired.
        let active = group.active();
        let safe = group.members.iter().filter(|m| m.is_active() && m.protected).count();
        prop_assert_eq!(active, safe.max(desired as usize));
        let mut spread: BTreeMap<&str, (usize, usize)> = group.zones.iter().map(|zone| (zone.as_str(), (0, 0))).collect();
        for member in group.members.iter().filter(|m| m.is_active()) {
            let (all, free) = spread.entry(&member.zone).or_default();
            *all += 1;
            *free += usize::from(!member.protected);
        }
        // A zone has at most one more than another, unless its instances are protected.
        let fewest = ["a", "b", "c"].map(|zone| spread[zone].0).into_iter().min().unwrap();
        for (zone, (all, free)) in &spread {
            prop_assert!(*all <= fewest + 1 || *free == 0, "{} {:?}", zone, spread);
            prop_assert!(*zone != "d" || *free == 0, "{:?}", spread);
        }
    }
}

async fn template(world: &World) -> Spec {
    let new = New {
        by: "arn".into(),
        description: None,
        data: serde_json::json!({ "ImageId": "ami-1", "InstanceType": "t3.small" }),
        client_token: None,
    };
    let tags = crate::tags::Tags::new();
    let made = templates::create(&world.cx, &world.place, "nodes".into(), tags, new);
    Spec {
        template: Key::Id(made.await.unwrap().id),
        version: None,
    }
}

async fn group(world: &World, desired: u32, hooks: Vec<HookChanges>) {
    let new = Group {
        source: Source::Template(template(world).await),
        zones: Vec::new(),
        subnets: ["subnet-1", "subnet-2", "subnet-3"]
            .map(str::to_owned)
            .into(),
        tags: vec![Tag {
            key: "eks:cluster-name".into(),
            value: "m11".into(),
            propagate: true,
        }],
        ..bare(desired)
    };
    create(&world.cx, &world.place, new, hooks).await.unwrap();
}

async fn stages(world: &World) -> Vec<Stage> {
    let group = get(&world.cx, &world.place, "g").await.unwrap();
    group.members.iter().map(|member| member.stage).collect()
}

#[tokio::test]
async fn a_group_launches_scales_and_goes() {
    let world = world().await;
    let (cx, place) = (&world.cx, &world.place);
    group(&world, 3, Vec::new()).await;
    world.pass(3).await;
    assert_eq!(stages(&world).await, [Stage::InService; 3]);
    let all = instances::of_group(cx, place, "g").await.unwrap();
    let zones: std::collections::BTreeSet<_> = all.iter().map(|one| one.zone.clone()).collect();
    assert_eq!(zones.len(), 3);
    assert!(
        all.iter()
            .all(|one| one.cluster().as_deref() == Some("m11"))
    );
    set_desired(cx, place, "g", 1, false).await.unwrap();
    world.pass(5).await;
    assert_eq!(stages(&world).await, [Stage::InService]);
    let activities = list_activities(cx, place, Some("g".into())).await.unwrap();
    assert_eq!(activities.len(), 5);
    assert!(
        activities
            .iter()
            .all(|one| one.status == Status::Successful)
    );
    assert!(
        activities[0]
            .description
            .starts_with("Terminating EC2 instance: i-")
    );
    let cause = "a user request explicitly set group desired capacity changing the desired capacity from 3 to 1.";
    assert!(
        activities[0].cause.contains(cause),
        "{}",
        activities[0].cause
    );
    let refused = delete(cx, place, "g", false).await.unwrap_err();
    assert_eq!(refused.code(), Some(crate::Code::InUse));
    delete(cx, place, "g", true).await.unwrap();
    world.pass(5).await;
    assert!(get(cx, place, "g").await.is_err());
    world.pass(2).await;
    let left = instances::list(cx, place).await.unwrap();
    assert!(left.iter().all(|one| one.state == State::Terminated));
    assert_eq!(left.len(), 3);
    world.clock.advance(std::time::Duration::from_hours(1));
    world.pass(1).await;
    assert!(instances::list(cx, place).await.unwrap().is_empty());
}

#[tokio::test]
async fn an_instance_that_is_terminated_is_replaced() {
    let world = world().await;
    let (cx, place) = (&world.cx, &world.place);
    group(&world, 1, Vec::new()).await;
    world.pass(3).await;
    let first = get(cx, place, "g").await.unwrap().members[0].id.clone();
    instances::terminate(cx, place, vec![first.clone()])
        .await
        .unwrap();
    world.pass(6).await;
    let members = get(cx, place, "g").await.unwrap().members;
    assert_eq!(members.len(), 1);
    assert_ne!(members[0].id, first);
    let activities = list_activities(cx, place, Some("g".into())).await.unwrap();
    assert!(activities.iter().any(|one| one.cause.ends_with(
        "an instance was taken out of service in response to an EC2 health check indicating it has been terminated or stopped."
    )));
}

#[tokio::test]
async fn the_end_of_an_instance_waits_until_it_is_drained() {
    let world = world().await;
    let (cx, place) = (&world.cx, &world.place);
    let hook = Hook::drain();
    let drain = HookChanges {
        name: hook.name.clone(),
        launching: Some(false),
        timeout_secs: Some(hook.timeout_secs),
        default: Some(hook.default),
        ..HookChanges::default()
    };
    group(&world, 2, vec![drain]).await;
    world.pass(3).await;
    set_desired(cx, place, "g", 0, false).await.unwrap();
    world.pass(3).await;
    assert_eq!(stages(&world).await, [Stage::TerminatingWait; 2]);
    let waits = waiting(cx, place, Hook::DRAIN).await.unwrap();
    let first = waits[0].instance.clone();
    let which = (Hook::DRAIN.to_owned(), Which::Instance(first));
    complete(cx, place, "g", which.clone(), Outcome::Continue)
        .await
        .unwrap();
    let again = complete(cx, place, "g", which, Outcome::Continue).await;
    assert!(matches!(again, Err(Error::Refused { .. })));
    world.pass(4).await;
    assert_eq!(stages(&world).await, [Stage::TerminatingWait]);
    // Nobody drains the other one.
    world
        .clock
        .advance(std::time::Duration::from_secs(u64::from(DRAIN)));
    world.pass(4).await;
    assert!(stages(&world).await.is_empty());
}

#[tokio::test]
async fn members_are_terminated_detached_and_set_aside() {
    let world = world().await;
    let (cx, place) = (&world.cx, &world.place);
    group(&world, 4, Vec::new()).await;
    world.pass(3).await;
    let ids: Vec<String> = get(cx, place, "g")
        .await
        .unwrap()
        .members
        .into_iter()
        .map(|m| m.id)
        .collect();
    let ended = terminate(cx, place, &ids[0], true).await.unwrap();
    assert!(ended.cause.ends_with("was taken out of service in response to a user request, shrinking the capacity from 4 to 3."));
    detach(cx, place, "g", vec![ids[1].clone()], true)
        .await
        .unwrap();
    enter_standby(cx, place, "g", vec![ids[2].clone()], true)
        .await
        .unwrap();
    world.pass(4).await;
    let found = get(cx, place, "g").await.unwrap();
    assert_eq!((found.desired, found.members.len()), (1, 2));
    exit_standby(cx, place, "g", vec![ids[2].clone()])
        .await
        .unwrap();
    attach(cx, place, "g", vec![ids[1].clone()]).await.unwrap();
    world.pass(2).await;
    assert_eq!(stages(&world).await, [Stage::InService; 3]);
    let refused = set_desired(cx, place, "g", 21, false).await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "New SetDesiredCapacity value 21 is above max value 20 for the AutoScalingGroup."
    );
}
