//! All policies, one repository after another: now and then, or when someone asks.
use std::{collections::BTreeSet, time::Duration};

use tokio::time::{Instant, MissedTickBehavior};
use wharf_storage::{Error as StoreError, Repository, Store};
use wharf_types::{RepoName, Timestamp};

use super::{Action, Evaluation, LifecyclePolicy, Taken, apply};
use crate::Error;

/// How many policies are looked up at once.
const PAGE: usize = 100;

/// The most images that a report names.
const NAMED: usize = 10_000;

/// How long after the start policies are applied first.
const FIRST: Duration = Duration::from_mins(1);

/// A clock that jumped this far ahead is not believed at once: days would seem to have passed.
const JUMP: Duration = Duration::from_hours(1);

/// Whether images go, or are only named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Apply,
    DryRun,
}

/// What policies did, or would do.
#[derive(Clone, Debug, Default)]
pub struct Swept {
    /// The first of the images that went.
    pub named: Vec<(Repository, Taken)>,
    pub repositories: u64,
    pub expired: u64,
    pub archived: u64,
    /// Those that had changed when their turn came: the next run looks at them again.
    pub skipped: u64,
    /// The repositories whose policy could not be applied, and why.
    pub failed: Vec<(Repository, String)>,
    /// Names that were asked for and have no policy.
    pub missing: BTreeSet<RepoName>,
}

impl Swept {
    fn add(&mut self, done: Evaluation) {
        self.repositories += 1;
        self.skipped += u64::try_from(done.skipped).unwrap_or(u64::MAX);
        for taken in done.taken {
            match taken.action {
                Action::Expire => self.expired += 1,
                Action::Transition => self.archived += 1,
            }
            if self.named.len() < NAMED {
                self.named.push((done.repository.clone(), taken));
            }
        }
    }
}

/// Applies the policies of all repositories, or of those with these names in whatever registry. One
/// that cannot be applied does not keep the others from it.
pub async fn sweep(store: &Store, names: BTreeSet<RepoName>, mode: Mode) -> Result<Swept, Error> {
    let mut swept = Swept {
        missing: names.clone(),
        ..Swept::default()
    };
    let mut after = None;
    loop {
        let page = store
            .meta()
            .read(move |tx| {
                let policies = tx.all_documents::<LifecyclePolicy>(after.as_ref(), PAGE)?;
                let last = policies.last().map(|policy| policy.owner.clone());
                let mut repositories = Vec::new();
                for policy in policies {
                    if let wharf_storage::Owner::Repository(id) = policy.owner {
                        repositories.extend(tx.repository_by_id(id)?);
                    }
                }
                Ok::<_, Error>(last.map(|last| (last, repositories)))
            })
            .await?;
        let Some((last, repositories)) = page else {
            return Ok(swept);
        };
        after = Some(last);
        for repository in repositories {
            if names.is_empty() || names.contains(&repository.name) {
                swept.missing.remove(&repository.name);
                one(store, repository, mode, &mut swept).await?;
            }
        }
    }
}

async fn one(
    store: &Store,
    repository: Repository,
    mode: Mode,
    swept: &mut Swept,
) -> Result<(), Error> {
    let done = match mode {
        Mode::Apply => apply::evaluate(store, repository.id).await,
        Mode::DryRun => apply::preview(store, repository.id).await,
    };
    match done {
        Ok(done) => done.into_iter().for_each(|done| swept.add(done)),
        // Nothing can be done for any repository.
        Err(Error::Store(error @ (StoreError::Full | StoreError::Unavailable))) => {
            return Err(error.into());
        }
        Err(error) => swept.failed.push((repository, chain(&error))),
    }
    Ok(())
}

/// An error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// Applies all policies every so often.
#[expect(clippy::infinite_loop, reason = "ends with its task")]
pub(super) async fn every(store: &Store, interval: Duration) {
    tokio::time::sleep(FIRST.min(interval)).await;
    let mut ticks = tokio::time::interval(interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut last: Option<(Instant, Timestamp)> = None;
    loop {
        ticks.tick().await;
        let (tick, now) = (Instant::now(), store.now());
        let jumped = |(then_tick, then)| now.since(then) > (tick - then_tick) + JUMP;
        if last.replace((tick, now)).is_some_and(jumped) {
            tracing::warn!("the clock jumped ahead: lifecycle policies wait for another round");
            continue;
        }
        match sweep(store, BTreeSet::new(), Mode::Apply).await {
            Ok(swept) => log(&swept),
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(error, "lifecycle policies could not be applied");
            }
        }
    }
}

fn log(swept: &Swept) {
    for (repository, reason) in &swept.failed {
        tracing::warn!(repo = %repository.name, reason, "a lifecycle policy could not be applied");
    }
    let Swept {
        repositories,
        expired,
        archived,
        skipped,
        ..
    } = *swept;
    if repositories > 0 {
        tracing::info!(
            repositories,
            expired,
            archived,
            skipped,
            "applied lifecycle policies"
        );
    }
}
