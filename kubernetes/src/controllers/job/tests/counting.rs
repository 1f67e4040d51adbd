//! Whatever pods do and wherever the program stops, each is counted once.
use proptest::prelude::*;

use super::*;

struct World {
    job: JobView,
    pods: Vec<PodView>,
    made: usize,
    now: i64,
    succeeded: i64,
    failed: i64,
    /// The indexes that succeeded.
    indexes: HashSet<i64>,
    end: Option<End>,
}

/// Where the program stops in a pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    Never,
    Acted,
    Entered,
    /// Some finalizers are removed.
    Released,
    /// It does not stop, but cannot remove some finalizers.
    Refused,
}

#[derive(Clone, Copy, Debug)]
enum Turn {
    Succeed(usize),
    Fail(usize),
    Delete(usize),
    /// A pod that was counted is taken away.
    Forget(usize),
    Pass(Stop),
}

fn turns() -> impl Strategy<Value = Vec<Turn>> {
    let at = 0..64usize;
    let stop = prop_oneof![
        4 => Just(Stop::Never),
        1 => Just(Stop::Acted),
        1 => Just(Stop::Entered),
        1 => Just(Stop::Released),
        1 => Just(Stop::Refused),
    ];
    let turn = prop_oneof![
        2 => at.clone().prop_map(Turn::Succeed),
        1 => at.clone().prop_map(Turn::Fail),
        1 => at.clone().prop_map(Turn::Delete),
        1 => at.prop_map(Turn::Forget),
        4 => stop.prop_map(Turn::Pass),
    ];
    proptest::collection::vec(turn, 0..80)
}

impl World {
    fn new(spec: Value) -> Self {
        Self {
            job: job(spec, json!({})),
            pods: Vec::new(),
            made: 0,
            now: NOW,
            succeeded: 0,
            failed: 0,
            indexes: HashSet::new(),
            end: None,
        }
    }

    fn turn(&mut self, turn: Turn) {
        let runs = |pod: &&mut PodView| pod_control::is_active(pod);
        let running: Vec<&mut PodView> = self.pods.iter_mut().filter(runs).collect();
        let count = running.len().max(1);
        let pick = |at: usize| running.into_iter().nth(at % count);
        match turn {
            Turn::Succeed(at) => {
                if let Some(pod) = pick(at) {
                    pod.status.phase = "Succeeded".to_owned();
                    self.succeeded += 1;
                    self.indexes.extend(pods::index(pod));
                }
            }
            Turn::Fail(at) => {
                if let Some(pod) = pick(at) {
                    pod.status.phase = "Failed".to_owned();
                    self.failed += 1;
                }
            }
            Turn::Delete(at) => {
                if let Some(pod) = pick(at) {
                    pod.metadata.deletion_timestamp = Some("2023-11-14T22:00:00Z".to_owned());
                    self.failed += 1;
                }
            }
            Turn::Forget(at) => {
                let ended = |pod: &PodView| !pod_control::is_active(pod) && !pods::is_tracked(pod);
                let found = (0..self.pods.len()).filter(|i| ended(&self.pods[*i]));
                let found: Vec<usize> = found.collect();
                if let Some(i) = found.get(at % found.len().max(1)) {
                    self.pods.remove(*i);
                }
            }
            Turn::Pass(stop) => self.pass(stop),
        }
    }

    fn act(&mut self, step: &Step) -> Done {
        let mut done = Done::default();
        match step {
            Step::Nothing | Step::Wait(_) => {}
            Step::Create(indexes) => {
                for index in indexes {
                    let name = format!("p{}", self.made);
                    self.made += 1;
                    let new = pod(&name, index.unwrap_or(-1), "Running");
                    self.pods.push(serde_json::from_value(new).unwrap());
                }
                done.created = judge::count(indexes.len());
            }
            Step::Remove(gone) => {
                let gone: HashSet<&str> = gone.iter().map(|pod| &*pod.metadata.uid).collect();
                self.pods.retain(|pod| !gone.contains(&*pod.metadata.uid));
                done.deleted = judge::count(gone.len());
            }
            Step::End(ended) => assert!(ended.is_empty(), "nothing fails here"),
        }
        done
    }

    fn pass(&mut self, stop: Stop) {
        if self.end.is_some() {
            return;
        }
        self.now += 3600;
        let now = Timestamp::from_secs(self.now);
        let (job, all) = (self.job.clone(), self.pods.iter().cloned().map(Arc::new));
        let all: Vec<Arc<PodView>> = all.collect();
        let look = Look {
            job: &job,
            pods: &all,
            failures: backoff::Failures::default(),
            now,
        };
        let judged = judge(&look);
        let step = step(&look, &judged);
        let done = self.act(&step);
        if stop == Stop::Acted {
            return;
        }
        let tracking = track(&look, judged, &step, done);
        self.job.status = tracking.status.clone();
        if stop == Stop::Entered {
            return;
        }
        let some = matches!(stop, Stop::Released | Stop::Refused);
        let release = tracking.release.iter().enumerate();
        let release = release.filter(|(i, _)| !some || i % 2 == 0);
        let released: HashSet<String> = release.map(|(_, pod)| pod.metadata.uid.clone()).collect();
        for pod in &mut self.pods {
            if released.contains(&pod.metadata.uid) {
                pod.metadata.finalizers = Box::default();
            }
        }
        if stop != Stop::Released {
            (self.job.status, self.end) = tracking.settle(&released, now);
        }
    }

    /// The rest goes well.
    fn finish(&mut self) {
        for _ in 0..100 {
            self.pass(Stop::Never);
            if self.end.is_some() {
                return;
            }
            self.turn(Turn::Succeed(0));
            self.pods
                .retain(|pod| !pods::is_terminating(pod) || pods::is_tracked(pod));
        }
    }

    fn check(&self) {
        let status = &self.job.status;
        let uncounted = status.uncounted_terminated_pods.clone().unwrap_or_default();
        let (succeeded, failed) = (uncounted.succeeded.len(), uncounted.failed.len());
        let wanted = if self.job.is_indexed() {
            judge::count(self.indexes.len())
        } else {
            self.succeeded
        };
        assert!(
            status.succeeded + judge::count(succeeded) <= wanted,
            "{status:?}"
        );
        assert!(
            status.failed + judge::count(failed) <= self.failed,
            "{status:?}"
        );
        if self.end.is_some() {
            assert_eq!((status.succeeded, status.failed), (wanted, self.failed));
            assert_eq!((succeeded, failed), (0, 0));
            assert!(self.pods.iter().all(|pod| !pods::is_tracked(pod)));
        }
    }
}

fn play(spec: Value, turns: &[Turn]) {
    let mut world = World::new(spec);
    for turn in turns {
        // What ended after the end is not the job's any more.
        if world.end.is_none() {
            world.turn(*turn);
            world.check();
        }
    }
    world.finish();
    assert!(world.end.is_some(), "{:?}", world.job.status);
    world.check();
}

proptest! {
    #[test]
    fn no_pod_is_lost_or_counted_twice(turns in turns()) {
        play(json!({ "completions": 12, "parallelism": 4, "backoffLimit": 1_000_000 }), &turns);
    }

    #[test]
    fn no_index_is_lost_or_counted_twice(turns in turns()) {
        let more = json!({ "parallelism": 4, "backoffLimit": 1_000_000 });
        play(indexed(9, more), &turns);
    }

    #[test]
    fn indexes_with_limits_of_their_own_count_alike(turns in turns()) {
        let more = json!({
            "parallelism": 3, "backoffLimit": 1_000_000, "backoffLimitPerIndex": 1_000_000,
        });
        play(indexed(7, more), &turns);
    }
}
