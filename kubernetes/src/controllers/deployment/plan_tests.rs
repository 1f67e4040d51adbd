//! Plans of deployments, against a model of what becomes of them.
use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::{Value, json};
use wharf_types::Timestamp;

use super::plan::{Plan, plan};
use crate::views::{DeploymentView, ReplicaSetView};

const START: i64 = 1_700_000_000;

fn deployment(replicas: i64, surge: Value, unavailable: Value) -> DeploymentView {
    let mut value = json!({
        "metadata": { "name": "web", "namespace": "default", "uid": "web", "generation": 1 },
        "spec": {
            "replicas": replicas,
            "selector": { "matchLabels": { "app": "web" } },
            "template": { "metadata": { "labels": { "app": "web" } }, "spec": { "v": 0 } },
            "strategy": { "type": "RollingUpdate" },
            "revisionHistoryLimit": 2,
            "progressDeadlineSeconds": 600,
        },
    });
    let rolling = &mut value["spec"]["strategy"]["rollingUpdate"];
    rolling["maxSurge"] = surge;
    rolling["maxUnavailable"] = unavailable;
    serde_json::from_value(value).unwrap()
}

/// A deployment and its sets, in which every plan is carried out at once.
struct Model {
    deployment: DeploymentView,
    sets: Vec<ReplicaSetView>,
    now: i64,
}

impl Model {
    fn new(deployment: DeploymentView) -> Self {
        Self {
            deployment,
            sets: Vec::new(),
            now: START,
        }
    }

    fn plan(&self) -> Plan {
        let populated = self.sets.iter().filter(|set| set.status.replicas > 0);
        let populated: BTreeSet<String> = populated.map(|set| set.metadata.uid.clone()).collect();
        plan(
            &self.deployment,
            &self.sets,
            &populated,
            Timestamp::from_secs(self.now),
        )
    }

    /// Carries out a plan. Says whether there was anything to do.
    fn step(&mut self) -> bool {
        self.now += 1;
        let plan = self.plan();
        let idle = plan.create.is_none()
            && plan.updates.is_empty()
            && plan.delete.is_empty()
            && plan.revision.is_none()
            && plan.status == self.deployment.status;
        if let Some(new) = plan.create {
            let mut set: ReplicaSetView = serde_json::from_value(new.value).unwrap();
            set.metadata.uid.clone_from(&new.name);
            set.metadata.creation_timestamp = Some(crate::cluster::time::rfc3339(
                Timestamp::from_secs(self.now),
            ));
            self.sets.push(set);
        }
        for update in plan.updates {
            let uid = &update.after.metadata.uid;
            let set = self
                .sets
                .iter_mut()
                .find(|set| set.metadata.uid == *uid)
                .unwrap();
            *set = update.after;
        }
        self.sets
            .retain(|set| !plan.delete.contains(&set.metadata.name));
        self.deployment.status = plan.status;
        if let Some(revision) = plan.revision {
            let annotations = &mut self.deployment.metadata.annotations;
            annotations.insert(super::revisions::REVISION.to_owned(), revision);
        }
        !idle
    }

    /// Pods follow the size of their sets; those that are deleted are unavailable ones first.
    fn follow(&mut self) {
        for set in &mut self.sets {
            set.status.replicas = set.spec.replicas;
            set.status.available_replicas = set.status.available_replicas.min(set.spec.replicas);
            set.status.ready_replicas = set.status.available_replicas;
        }
    }

    fn make_ready(&mut self, most: i64) {
        let mut left = most;
        for set in &mut self.sets {
            let more = (set.status.replicas - set.status.available_replicas).min(left);
            set.status.available_replicas += more;
            set.status.ready_replicas = set.status.available_replicas;
            left -= more;
        }
    }

    fn total(&self) -> i64 {
        self.sets.iter().map(|set| set.spec.replicas).sum()
    }

    fn available(&self) -> i64 {
        self.sets
            .iter()
            .map(|set| set.status.available_replicas)
            .sum()
    }

    /// Whether sizes are changed in proportion, which looks at no pods.
    fn is_scaling(&self) -> bool {
        let active = self.sets.iter().filter(|set| set.spec.replicas > 0);
        let mut sizes = active.filter_map(super::revisions::desired);
        let wanted = self.deployment.spec.replicas;
        self.deployment.spec.paused || sizes.any(|size| size != wanted)
    }

    fn settle(&mut self) {
        for _ in 0..500 {
            let moved = self.step();
            self.follow();
            self.make_ready(i64::MAX);
            if !moved && !self.step() {
                return;
            }
        }
        panic!("it never comes to rest: {:#?}", self.plan());
    }

    fn sizes(&self) -> Vec<i64> {
        self.sets.iter().map(|set| set.spec.replicas).collect()
    }
}

fn change_template(model: &mut Model, version: i64) {
    let spec = &mut model.deployment.spec.template["spec"];
    if spec["v"] != version {
        spec["v"] = version.into();
        model.deployment.metadata.generation += 1;
    }
}

#[test]
fn a_rollout_goes_step_by_step() {
    let mut model = Model::new(deployment(10, json!("25%"), json!("25%")));
    model.settle();
    assert_eq!(model.sizes(), [10]);
    change_template(&mut model, 1);
    // At most 13, at least 8 available.
    model.step();
    assert_eq!(model.sizes(), [8, 3]);
    model.follow();
    model.step();
    assert_eq!(model.sizes(), [8, 5]);
    model.follow();
    model.make_ready(5);
    model.step();
    assert_eq!(model.sizes(), [3, 5]);
    model.settle();
    assert_eq!(model.sizes(), [0, 10]);
}

#[test]
fn a_rollout_that_is_scaled_grows_in_proportion() {
    let mut model = Model::new(deployment(10, json!(3), json!(2)));
    model.settle();
    change_template(&mut model, 1);
    model.step();
    model.follow();
    model.step();
    model.follow();
    assert_eq!(model.sizes(), [8, 5]);
    // The documentation's example: the five more go to the larger set mostly.
    model.deployment.spec.replicas = 15;
    model.deployment.metadata.generation += 1;
    model.step();
    assert_eq!(model.sizes(), [11, 7]);
}

#[test]
fn unhealthy_old_pods_go_first_and_a_deadline_passes_once() {
    let mut model = Model::new(deployment(4, json!(1), json!(0)));
    model.settle();
    change_template(&mut model, 1);
    model.step();
    model.follow();
    assert_eq!(model.sizes(), [4, 1]);
    // The new pod never gets ready; an old one fails.
    model.sets[0].status.available_replicas = 3;
    model.step();
    assert_eq!(model.sizes(), [4, 1]);
    let progress = |model: &Model| {
        let mut conditions = model.deployment.status.conditions.iter();
        let found = conditions
            .find(|condition| condition.r#type == "Progressing")
            .unwrap();
        (found.reason.clone(), found.message.clone())
    };
    assert_eq!(progress(&model).0, "ReplicaSetUpdated");
    let again = model.plan().again.unwrap();
    assert!((595..=601).contains(&again.as_secs()), "{again:?}");
    model.now += 602;
    assert!(model.step());
    let name = model.sets[1].metadata.name.clone();
    let message = format!("ReplicaSet \"{name}\" has timed out progressing.");
    assert_eq!(
        progress(&model),
        ("ProgressDeadlineExceeded".to_owned(), message)
    );
    assert!(!model.step());
    assert_eq!(model.plan().again, None);
}

#[test]
fn only_so_many_old_revisions_are_kept() {
    let mut model = Model::new(deployment(2, json!(1), json!(0)));
    for version in 0..6 {
        change_template(&mut model, version);
        model.settle();
    }
    assert_eq!(model.sets.len(), 3);
    let revision = &model.deployment.metadata.annotations[super::revisions::REVISION];
    assert_eq!(revision, "6");
}

#[derive(Clone, Debug)]
enum Event {
    Scale(i64),
    Template(i64),
    Ready(i64),
    Pause(bool),
    Work,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        1 => (0..12i64).prop_map(Event::Scale),
        1 => (0..4i64).prop_map(Event::Template),
        3 => (1..4i64).prop_map(Event::Ready),
        1 => any::<bool>().prop_map(Event::Pause),
        6 => Just(Event::Work),
    ]
}

proptest! {
    #[test]
    fn limits_hold_whatever_happens_and_all_comes_to_rest(
        surge in 0..4i64,
        unavailable in 0..4i64,
        events in prop::collection::vec(event(), 1..60),
    ) {
        let mut model = Model::new(deployment(5, json!(surge), json!(unavailable)));
        for event in events {
            match event {
                Event::Scale(replicas) => {
                    if model.deployment.spec.replicas != replicas {
                        model.deployment.spec.replicas = replicas;
                        model.deployment.metadata.generation += 1;
                    }
                }
                Event::Template(version) => change_template(&mut model, version),
                Event::Ready(most) => model.make_ready(most),
                Event::Pause(paused) => model.deployment.spec.paused = paused,
                Event::Work => {
                    let (total, available) = (model.total(), model.available());
                    let scaling = model.is_scaling();
                    model.step();
                    let wanted = model.deployment.spec.replicas;
                    // It never goes beyond the limit, though it may come from there.
                    prop_assert!(model.total() <= total.max(wanted + surge));
                    let unavailable = if surge == 0 { unavailable.max(1) } else { unavailable };
                    model.follow();
                    // What is too much already may go.
                    let enough = (wanted - unavailable).max(0);
                    prop_assert!(scaling || model.available() >= available.min(enough));
                }
            }
        }
        model.deployment.spec.paused = false;
        model.settle();
        let wanted = model.deployment.spec.replicas;
        prop_assert_eq!(model.total(), wanted);
        prop_assert_eq!(model.available(), wanted);
        prop_assert!(!model.step());
    }
}
