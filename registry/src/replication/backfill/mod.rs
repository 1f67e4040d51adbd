//! Backfills: what was pushed before there was a rule comes to a destination once.
//!
//! A backfill is a document of the source registry, and so is each of its replications. The worker
//! lists the images, then hands the replications out in windows: those before the window have an
//! outcome, those after it have not begun. A stop therefore knows what is under way.
use std::{collections::BTreeSet, time::Duration};

use serde::{Deserialize, Serialize};
use wharf_storage::{Document, Owner, Read, Stored, Write};
use wharf_types::{Digest, Registry, RepoName, Tag, Timestamp};

use super::{BATCH, Destination, Failure, configuration};
use crate::{Cx, Error};

mod progress;
mod state;

pub(super) use progress::{due, step};
pub use state::{Event, Rejected, State};

/// The most backfills of a registry that are in progress.
pub const MAX_ACTIVE: usize = 10;

/// How long a backfill is shown after its end.
const KEPT: Duration = Duration::from_hours(90 * 24);

/// Why an operation on backfills is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error(
        "Invalid parameter at 'destination' failed to satisfy constraint: 'The destination must be in the replication configuration of the registry'"
    )]
    NotConfigured,
    #[error("A replication backfill is already in progress for the destination Region '{region}'")]
    InProgress { region: String },
    #[error("The registry already has {MAX_ACTIVE} replication backfills in progress")]
    TooMany,
    #[error(
        "The replication backfill with id '{id}' does not exist in the registry with id '{account}'"
    )]
    NotFound { id: String, account: String },
    #[error("The replication backfill with id '{id}' cannot be stopped: its status is {status}")]
    NotRunning { id: String, status: &'static str },
}

/// A backfill. Belongs to the source registry; its name is its id; it is due when it was updated
/// last, for more work or, after its end, for its removal.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Backfill {
    pub destination: Destination,
    pub state: State,
    pub failure: Option<Failure>,
    /// Whether all replications are listed, and their number is known.
    pub is_prepared: bool,
    pub total: u64,
    pub completed: u64,
    pub failed: u64,
    pub failures: BTreeSet<Failure>,
    pub started_ms: i64,
    pub ended_ms: Option<i64>,
    /// How far the listing is: the last repository that is done, and the last image of the next.
    listed: (String, i64),
    /// The repository that is being listed, whose id is never another's.
    #[serde(default)]
    listing: Option<i64>,
    /// The replications that are handed out: from the first to before the second.
    window: (u64, u64),
}

impl Document for Backfill {
    const KIND: &'static str = "replication-backfill";

    fn is_open(&self) -> bool {
        true
    }
}

impl Backfill {
    fn new(destination: Destination, now: Timestamp) -> Self {
        Self {
            destination,
            state: State::Preparing,
            failure: None,
            is_prepared: false,
            total: 0,
            completed: 0,
            failed: 0,
            failures: BTreeSet::new(),
            started_ms: now.as_ms(),
            ended_ms: None,
            listed: (String::new(), 0),
            listing: None,
            window: (0, 0),
        }
    }

    pub const fn started(&self) -> Timestamp {
        Timestamp::from_ms(self.started_ms)
    }

    pub fn ended(&self) -> Option<Timestamp> {
        self.ended_ms.map(Timestamp::from_ms)
    }

    const fn is_under_way(&self) -> bool {
        self.completed + self.failed < self.window.1
    }

    fn is_over(&self, now: Timestamp) -> bool {
        self.ended().is_some_and(|ended| ended + KEPT <= now)
    }

    /// Applies an event, which must be possible.
    fn happen(&mut self, event: Event, now: Timestamp) -> Result<(), Rejected> {
        self.state = self.state.on(event)?;
        if self.state.is_terminal() {
            self.ended_ms = Some(now.as_ms());
        }
        Ok(())
    }

    /// When there is something to do next, if nothing is known of its replications.
    fn due(&self, now: Timestamp) -> Timestamp {
        self.ended().map_or(now, |ended| ended + KEPT)
    }
}

/// What became of a replication of a backfill.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Progress {
    Pending { attempts: u32, due_ms: i64 },
    Complete,
    Failed(Failure),
}

/// A replication of a backfill: an image under one of its tags. Belongs to the source registry; its
/// name is the backfill's id and a number.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Item {
    pub repository: RepoName,
    pub digest: Digest,
    pub tag: Option<Tag>,
    pub progress: Progress,
    /// Why images failed that it names; none if it is no index.
    pub children: Option<BTreeSet<Failure>>,
}

impl Document for Item {
    const KIND: &'static str = "replication-backfill-item";
}

/// What the items of a backfill are called; `i` counts from 0.
fn item_name(id: &str, i: u64) -> String {
    format!("{id}/{i:012}")
}

/// Begins a backfill.
pub async fn start(
    cx: &Cx,
    registry: &Registry,
    destination: Destination,
) -> Result<(String, Backfill), Error> {
    let (owner, registry) = (Owner::Registry(registry.clone()), registry.clone());
    let (id, now) = (new_id(cx.store.now()), cx.store.now());
    let started = cx.store.meta().write(move |tx| {
        let configuration = configuration(tx, &registry)?;
        if !configuration.all_destinations().contains(&&destination) {
            return Err(Error::from(Refused::NotConfigured));
        }
        let mut active = 0;
        for (_, other) in all(tx, &owner)? {
            if other.state.is_terminal() {
                continue;
            }
            active += 1;
            if other.destination.0.region == destination.0.region {
                let region = destination.0.region.to_string();
                return Err(Refused::InProgress { region }.into());
            }
        }
        if active >= MAX_ACTIVE {
            return Err(Refused::TooMany.into());
        }
        let backfill = Backfill::new(destination.clone(), now);
        tx.put_document(&owner, &id, &backfill, now)?;
        Ok((id.clone(), backfill))
    });
    let started = started.await?;
    cx.work.send_replace(());
    Ok(started)
}

/// Ids are in the order of their backfills' starts.
fn new_id(now: Timestamp) -> String {
    let random = uuid::Uuid::new_v4().into_bytes();
    let mut tail = [0; 10];
    tail.iter_mut()
        .zip(random)
        .for_each(|(to, byte)| *to = byte);
    let ms = u64::try_from(now.as_ms()).unwrap_or_default();
    uuid::Builder::from_unix_timestamp_millis(ms, &tail)
        .into_uuid()
        .to_string()
}

fn all(tx: &Read<'_>, owner: &Owner) -> Result<Vec<(String, Backfill)>, Error> {
    let mut found: Vec<(String, Backfill)> = Vec::new();
    loop {
        let after = found.last().map_or("", |(id, _)| id.as_str());
        let page = tx.documents::<Backfill>(owner, after, BATCH)?;
        if page.is_empty() {
            return Ok(found);
        }
        found.extend(page.into_iter().map(|stored| (stored.name, stored.body)));
    }
}

/// Ends a backfill; what is under way goes on to its end.
pub async fn stop(cx: &Cx, registry: &Registry, id: &str) -> Result<Backfill, Error> {
    let (registry, id, now) = (registry.clone(), id.to_lowercase(), cx.store.now());
    let stopped = cx.store.meta().write(move |tx| {
        let Stored {
            body: mut backfill,
            updated,
            ..
        } = find(tx, &registry, &id, now)?;
        let event = Event::StopRequested {
            under_way: backfill.is_under_way(),
        };
        backfill
            .happen(event, now)
            .map_err(|rejected| Refused::NotRunning {
                id: id.clone(),
                status: rejected.state.as_str(),
            })?;
        let due = if backfill.state.is_terminal() {
            backfill.due(now)
        } else {
            updated
        };
        tx.put_document(&Owner::Registry(registry.clone()), &id, &backfill, due)?;
        Ok(backfill)
    });
    stopped.await
}

/// Finds a backfill that is still shown.
fn find(
    tx: &Read<'_>,
    registry: &Registry,
    id: &str,
    now: Timestamp,
) -> Result<Stored<Backfill>, Error> {
    let found = tx.document::<Backfill>(&Owner::Registry(registry.clone()), id)?;
    let missing = || Refused::NotFound {
        id: id.to_owned(),
        account: registry.account.to_string(),
    };
    Ok(found
        .filter(|stored| !stored.body.is_over(now))
        .ok_or_else(missing)?)
}

/// A registry's backfills in the order of their starts, those after an id only.
pub async fn list(
    cx: &Cx,
    registry: &Registry,
    after: String,
    limit: usize,
) -> Result<Vec<(String, Backfill)>, Error> {
    let (owner, now) = (Owner::Registry(registry.clone()), cx.store.now());
    let listed = cx.store.meta().read(move |tx| {
        let mut found = all(tx, &owner)?;
        found.retain(|(id, backfill)| *id > after && !backfill.is_over(now));
        found.truncate(limit);
        Ok(found)
    });
    listed.await
}

/// Which results of a backfill are asked for.
#[derive(Clone, Debug)]
pub struct Results {
    /// Only those with this outcome: whether they are complete.
    pub complete: Option<bool>,
    /// Only those after the one of this name.
    pub after: String,
    pub limit: usize,
}

/// A backfill and, after its end, its results with their names.
pub async fn results(
    cx: &Cx,
    registry: &Registry,
    id: &str,
    wanted: Results,
) -> Result<(Backfill, Vec<(String, Item)>), Error> {
    let (registry, id, now) = (registry.clone(), id.to_lowercase(), cx.store.now());
    let read = cx.store.meta().read(move |tx| {
        let backfill = find(tx, &registry, &id, now)?.body;
        let mut found = Vec::new();
        if !backfill.state.is_terminal() {
            return Ok((backfill, found));
        }
        let (owner, end) = (Owner::Registry(registry), item_name(&id, backfill.window.1));
        let mut after = if wanted.after.is_empty() {
            format!("{id}/")
        } else {
            wanted.after
        };
        while found.len() < wanted.limit {
            let page = tx.documents::<Item>(&owner, &after, wanted.limit)?;
            let Some(last) = page.last() else { break };
            after.clone_from(&last.name);
            let shown = |item: &Item| match item.progress {
                Progress::Pending { .. } => false,
                Progress::Complete => wanted.complete != Some(false),
                Progress::Failed(_) => wanted.complete != Some(true),
            };
            let before_end = page.into_iter().filter(|stored| stored.name < end);
            found.extend(
                before_end
                    .filter(|s| shown(&s.body))
                    .map(|s| (s.name, s.body)),
            );
            if after >= end {
                break;
            }
        }
        found.truncate(wanted.limit);
        Ok((backfill, found))
    });
    read.await
}

/// Stores a backfill, due at a time.
fn put(
    tx: &Write<'_>,
    owner: &Owner,
    id: &str,
    backfill: &Backfill,
    due: Timestamp,
) -> Result<(), Error> {
    Ok(tx.put_document(owner, id, backfill, due)?)
}
