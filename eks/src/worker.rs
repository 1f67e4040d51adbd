//! What makes documents true: load, observe, plan, act, save.
//!
//! # Guarantees
//!
//! * A document is acted on by one task at a time, and saved only if nobody changed it meanwhile;
//!   otherwise what was done is done again from what it says now.
//! * A step that fails is tried again after a pause; what is broken does not keep the others waiting.
//!
//! # Assumptions
//!
//! * Every step may run twice.
//!
//! Stopped halfway, a document is still open, and is taken up after the start.
use std::{
    collections::{HashMap, HashSet},
    pin::Pin,
    time::Duration,
};

use tokio::{task, time::Instant};
use wharf_storage::{Document, Owner, Stored, Write};
use wharf_types::Timestamp;

use crate::{
    Cx, Error, Event, Life, Phase, Place, addons::Addon, capabilities::Capability,
    certificate_authorities::Authority, clusters::Cluster, fargate::FargateProfile,
    identity_providers::IdentityProvider, nodegroups::Nodegroup,
};

/// The most documents of a kind that are looked at in a pass.
const BATCH: usize = 256;

/// How long what failed is left alone.
const PAUSE: Duration = Duration::from_secs(1);

/// After how long the worker looks again when nobody told it to.
const IDLE: Duration = Duration::from_mins(1);

/// How long an answer waits for the worker.
const PATIENCE: Duration = Duration::from_secs(3);

/// What is to be done for a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Create,
    Update,
    Delete,
}

/// A document that the worker makes true.
pub trait Living: Document + Clone + PartialEq + std::fmt::Debug + Send + Sync + 'static {
    fn life(&self) -> Life;

    fn set_life(&mut self, life: Life);

    /// Makes the world as the document says. Returns the document as it is to be saved, and what
    /// happened: `Ready` or `Failed`. An error is tried again.
    fn act(
        self,
        cx: Cx,
        at: Place,
        step: Step,
    ) -> impl Future<Output = Result<(Self, Event), Error>> + Send;

    /// Writes what changes together with it, which was saved or removed in the same transaction.
    fn done(&self, tx: &Write<'_>, done: &Done<'_>) -> Result<(), Error>;
}

/// What was done to a document.
#[derive(Clone, Copy, Debug)]
pub struct Done<'a> {
    pub at: &'a Place,
    pub step: Step,
    pub event: Event,
    pub now: Timestamp,
}

/// What to do now for a document in a phase: a step, or to wait until a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Plan {
    Nothing,
    Wait(Timestamp),
    Do(Step),
}

fn plan(life: Life, now: Timestamp, transition: Duration) -> Plan {
    let step = match life.phase {
        Phase::Creating => Step::Create,
        Phase::Updating => Step::Update,
        Phase::Deleting => Step::Delete,
        _ => return Plan::Nothing,
    };
    let due = Timestamp::from_ms(life.since_ms) + transition;
    if due <= now {
        Plan::Do(step)
    } else {
        Plan::Wait(due)
    }
}

type Job = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What a pass found to do.
#[derive(Default)]
struct Pass {
    jobs: Vec<(String, Job)>,
    /// When the first of those is due that have to wait.
    next: Option<Timestamp>,
}

impl Pass {
    async fn collect<D: Living>(&mut self, cx: &Cx, busy: &HashSet<String>) {
        let open = cx.store.meta().read(|tx| tx.open_documents::<D>(BATCH));
        let open: Vec<Stored<D>> = match open.await {
            Ok(open) => open,
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(error, kind = D::KIND, "open documents could not be read");
                self.wait(cx.now() + PAUSE);
                return;
            }
        };
        for stored in open {
            let Owner::Registry(registry) = stored.owner else {
                continue;
            };
            let name = stored.name;
            let at = Place { registry, name };
            let key = format!("{}/{at:?}", D::KIND);
            if busy.contains(&key) {
                continue;
            }
            match plan(stored.body.life(), cx.now(), cx.settings.transition) {
                Plan::Nothing => {}
                Plan::Wait(until) => self.wait(until),
                Plan::Do(step) => {
                    let job = Box::pin(perform(cx.clone(), at, stored.body, step));
                    self.jobs.push((key, job));
                }
            }
        }
    }

    fn wait(&mut self, until: Timestamp) {
        self.next = Some(self.next.map_or(until, |next| next.min(until)));
    }
}

/// Does a step and saves what became of it.
async fn perform<D: Living>(cx: Cx, at: Place, found: D, step: Step) {
    let outcome = found.clone().act(cx.clone(), at.clone(), step).await;
    let saved = match outcome {
        Ok((after, event)) => save(&cx, &at, step, found, after, event).await,
        Err(e) => Err(e),
    };
    if let Err(e) = saved {
        warn::<D>(&e, &at, step);
        tokio::time::sleep(PAUSE).await;
    }
    cx.done.send_replace(());
}

fn warn<D: Living>(error: &Error, at: &Place, step: Step) {
    let error: &dyn std::error::Error = error;
    tracing::warn!(
        error,
        kind = D::KIND,
        name = at.name,
        ?step,
        "a step failed"
    );
}

async fn save<D: Living>(
    cx: &Cx,
    at: &Place,
    step: Step,
    found: D,
    after: D,
    event: Event,
) -> Result<(), Error> {
    let (at, now) = (at.clone(), cx.now());
    let saved = cx.store.meta().write(move |tx| {
        let owner = at.owner();
        let done = Done {
            at: &at,
            step,
            event,
            now,
        };
        let current = tx.document::<D>(&owner, &at.name)?;
        if current.is_none_or(|current| current.body != found) {
            return Ok(());
        }
        if step == Step::Delete && event == Event::Ready {
            tx.delete_document::<D>(&owner, &at.name)?;
            return after.done(tx, &done);
        }
        let Ok(life) = after.life().on(event, now) else {
            tracing::error!(kind = D::KIND, name = at.name, ?event, "cannot happen now");
            return Ok(());
        };
        let mut after = after.clone();
        after.set_life(life);
        tx.put_document(&owner, &at.name, &after, now)?;
        after.done(tx, &done)
    });
    saved.await
}

/// Makes documents true for as long as the server runs.
pub async fn run(cx: Cx) {
    let mut work = cx.work.subscribe();
    let mut tasks = task::JoinSet::new();
    let mut keys: HashMap<task::Id, String> = HashMap::new();
    loop {
        work.borrow_and_update();
        let busy: HashSet<String> = keys.values().cloned().collect();
        let mut pass = Pass::default();
        pass.collect::<Cluster>(&cx, &busy).await;
        pass.collect::<Nodegroup>(&cx, &busy).await;
        pass.collect::<FargateProfile>(&cx, &busy).await;
        pass.collect::<Addon>(&cx, &busy).await;
        pass.collect::<Authority>(&cx, &busy).await;
        pass.collect::<Capability>(&cx, &busy).await;
        pass.collect::<IdentityProvider>(&cx, &busy).await;
        for (key, job) in pass.jobs {
            keys.insert(tasks.spawn(job).id(), key);
        }
        let wait = pass.next.map_or(IDLE, |next| next.since(cx.now()));
        let until = Instant::now() + wait.clamp(Duration::from_millis(1), IDLE);
        tokio::select! {
            changed = work.changed() => if changed.is_err() { return; },
            Some(ended) = tasks.join_next_with_id() => match ended {
                Ok((id, ())) => drop(keys.remove(&id)),
                // Who keeps this one begins it anew.
                Err(e) if e.is_panic() => std::panic::resume_unwind(e.into_panic()),
                Err(e) => drop(keys.remove(&e.id())),
            },
            () = tokio::time::sleep_until(until) => {}
        }
    }
}

/// Tells the worker, and waits for it: until a document is no longer open, or is gone. If states are
/// meant to last, or it takes too long, the caller goes on.
pub async fn settled<D: Living>(cx: &Cx, at: &Place) -> Result<(), Error> {
    let mut done = cx.done.subscribe();
    cx.work.send_replace(());
    if !cx.settings.transition.is_zero() {
        return Ok(());
    }
    let until = Instant::now() + PATIENCE;
    loop {
        done.borrow_and_update();
        let place = at.clone();
        let read = cx.store.meta().read(move |tx| {
            let found = tx.document::<D>(&place.owner(), &place.name)?;
            Ok::<_, Error>(found.is_some_and(|found| found.body.is_open()))
        });
        if !read.await? {
            return Ok(());
        }
        match tokio::time::timeout_at(until, done.changed()).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) | Err(_) => return Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_due_when_its_phase_has_lasted() {
        let (then, long) = (Timestamp::from_secs(10), Duration::from_secs(2));
        let life = |phase| Life::begin(phase, then);
        let steps = [
            (Phase::Creating, Step::Create),
            (Phase::Updating, Step::Update),
            (Phase::Deleting, Step::Delete),
        ];
        for (phase, step) in steps {
            assert_eq!(plan(life(phase), then, Duration::ZERO), Plan::Do(step));
            assert_eq!(plan(life(phase), then, long), Plan::Wait(then + long));
            assert_eq!(plan(life(phase), then + long, long), Plan::Do(step));
        }
        for phase in [Phase::Active, Phase::CreateFailed, Phase::Pending] {
            assert_eq!(plan(life(phase), then + long, long), Plan::Nothing);
        }
    }
}
