//! Previews: what a policy would take, worked out beside the requests and kept for a day.
//!
//! A preview is a document of its repository, open until it is complete, and a document for each
//! image that would go, named by its place. The worker clears what an earlier preview left, then
//! writes chunk by chunk, and last says that the preview is complete: begun again after a crash, it
//! ends the same.
use std::time::Duration;

use serde::{Deserialize, Serialize};
use wharf_storage::{Document, Owner, Read, Repository, Store, Stored};
use wharf_types::{Digest, Registry, RepoName, Tag, Timestamp};

use super::{Action, Policy, StorageClass, Taken, apply, plan};
use crate::{Cx, Error, repositories};

/// How long a preview can be looked at.
const LIFE: Duration = Duration::from_hours(24);

/// How many results one transaction writes or removes.
const CHUNK: usize = 500;

/// The most results that are read at once.
const PAGE: usize = 10_000;

/// How many previews are looked up at once.
const OPEN: usize = 100;

/// How long a preview that failed waits for its next attempt.
const RETRY: Duration = Duration::from_secs(30);

/// A preview of a policy, the last one of its repository.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Preview {
    /// The policy's text, as it was given.
    pub text: String,
    /// Tells this preview from earlier ones.
    pub number: u64,
    pub started_ms: i64,
    pub state: PreviewState,
    pub expiring: u64,
    pub archiving: u64,
}

/// How far a preview is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PreviewState {
    InProgress,
    Complete,
    Failed,
}

impl Document for Preview {
    const KIND: &'static str = "lifecycle-preview";

    fn is_open(&self) -> bool {
        self.state == PreviewState::InProgress
    }
}

impl Preview {
    /// Whether its day is over.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        now.since(Timestamp::from_ms(self.started_ms)) >= LIFE
    }
}

/// An image that a preview says would go.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PreviewResult {
    pub digest: Digest,
    pub tags: Vec<Tag>,
    pub pushed_ms: i64,
    pub action: Action,
    pub priority: u32,
    pub archived: bool,
}

impl Document for PreviewResult {
    const KIND: &'static str = "lifecycle-preview-result";
}

impl PreviewResult {
    fn of(taken: Taken) -> Self {
        Self {
            archived: taken.storage_class() == StorageClass::Archive,
            digest: taken.image.digest,
            tags: taken.image.tags,
            pushed_ms: taken.image.pushed.as_ms(),
            action: taken.action,
            priority: taken.priority,
        }
    }

    /// Where the image was kept.
    pub const fn storage_class(&self) -> StorageClass {
        if self.archived {
            StorageClass::Archive
        } else {
            StorageClass::Standard
        }
    }
}

/// A result's name: its place, so that names are in the order of places.
fn place(n: usize) -> String {
    format!("{n:010}")
}

/// Begins a preview of a text, or of the repository's own policy, instead of the last one.
pub async fn start(
    cx: &Cx,
    registry: &Registry,
    name: &RepoName,
    text: Option<String>,
) -> Result<Preview, Error> {
    let (registry, name, now) = (registry.clone(), name.clone(), cx.store.now());
    let started = cx.store.meta().write(move |tx| {
        let repository = repositories::find(tx, &registry, &name)?;
        let text = match &text {
            Some(text) => text.clone(),
            None => super::find(tx, &repository)?.text,
        };
        Policy::parse(&text)?;
        let owner = Owner::Repository(repository.id);
        let last = tx.document::<Preview>(&owner, "")?.map(|last| last.body);
        if let Some(last) = &last
            && last.is_open()
            && !last.is_expired(now)
        {
            return Err(Error::LifecyclePreviewInProgress {
                registry: registry.clone(),
                name: name.clone(),
            });
        }
        let preview = Preview {
            text,
            number: last.map_or(0, |last| last.number) + 1,
            started_ms: now.as_ms(),
            state: PreviewState::InProgress,
            expiring: 0,
            archiving: 0,
        };
        tx.put_document(&owner, "", &preview, now)?;
        Ok(preview)
    });
    let preview = started.await?;
    cx.work.send_replace(());
    Ok(preview)
}

/// Finds a repository's last preview.
pub fn find(tx: &Read<'_>, repository: &Repository) -> Result<Preview, Error> {
    let found = tx.document::<Preview>(&Owner::Repository(repository.id), "")?;
    found
        .map(|found| found.body)
        .ok_or_else(|| Error::LifecyclePreviewNotFound {
            registry: repository.registry.clone(),
            name: repository.name.clone(),
        })
}

/// A preview's results with their places, those after a place only that `wanted` says, at most
/// `limit`.
pub fn results(
    tx: &Read<'_>,
    repository: &Repository,
    after: &str,
    limit: usize,
    wanted: impl Fn(&PreviewResult) -> bool,
) -> Result<Vec<(String, PreviewResult)>, Error> {
    let owner = Owner::Repository(repository.id);
    let (mut after, mut found) = (after.to_owned(), Vec::new());
    let page = limit.clamp(CHUNK, PAGE);
    while found.len() < limit {
        let page = tx.documents::<PreviewResult>(&owner, &after, page)?;
        let Some(last) = page.last() else { break };
        after.clone_from(&last.name);
        let page = page.into_iter().filter(|stored| wanted(&stored.body));
        found.extend(page.map(|stored| (stored.name, stored.body)));
    }
    found.truncate(limit);
    Ok(found)
}

/// Completes previews as they are asked for.
#[expect(clippy::infinite_loop, reason = "ends with its task")]
pub(super) async fn work(cx: &Cx) {
    let mut asked = cx.work.subscribe();
    loop {
        // Marked as seen before it is looked for: what comes while this works wakes it again.
        asked.borrow_and_update();
        if let Err(error) = complete_all(&cx.store).await {
            let error: &dyn std::error::Error = &error;
            tracing::warn!(error, "a preview of a lifecycle policy could not be made");
        }
        // The sender is in `cx`, so it is there.
        drop(tokio::time::timeout(RETRY, asked.changed()).await);
    }
}

/// Completes all that are open. One that cannot be made does not keep the others from it, and is left
/// for the next attempt.
async fn complete_all(store: &Store) -> Result<(), Error> {
    loop {
        let open = store
            .meta()
            .read(|tx| tx.open_documents::<Preview>(OPEN))
            .await?;
        let all = open.len() < OPEN;
        let mut outcome = Ok(());
        for preview in open {
            if let Err(error) = complete(store, &preview).await {
                postpone(store, preview).await?;
                outcome = Err(error);
            }
        }
        outcome?;
        if all {
            return Ok(());
        }
    }
}

/// Puts a preview behind the others.
async fn postpone(store: &Store, preview: Stored<Preview>) -> Result<(), Error> {
    let Owner::Repository(repository) = preview.owner else {
        return Ok(());
    };
    finish(store, repository, preview.body).await
}

/// Works a preview out and stores it.
async fn complete(store: &Store, preview: &Stored<Preview>) -> Result<(), Error> {
    let (Owner::Repository(repository), mut preview) = (&preview.owner, preview.body.clone())
    else {
        return Ok(());
    };
    let repository = *repository;
    while clear(store, repository, preview.number).await? {}
    let (text, now) = (preview.text.clone(), store.now());
    let planned = store.meta().read(move |tx| {
        let policy = Policy::parse(&text)?;
        Ok(plan(&policy, &apply::load(tx, repository)?, now))
    });
    let taken = match planned.await {
        Ok(taken) => taken,
        Err(Error::LifecyclePolicyInvalid(_)) => {
            preview.state = PreviewState::Failed;
            return finish(store, repository, preview).await;
        }
        Err(error) => return Err(error),
    };
    for (n, chunk) in taken.chunks(CHUNK).enumerate() {
        let results: Vec<(String, PreviewResult)> = chunk
            .iter()
            .enumerate()
            .map(|(i, taken)| (place(n * CHUNK + i), PreviewResult::of(taken.clone())))
            .collect();
        let number = preview.number;
        let written = store.meta().write(move |tx| {
            if is_wanted(tx, repository, number)? {
                for (place, result) in &results {
                    tx.put_document(&Owner::Repository(repository), place, result, now)?;
                }
            }
            Ok::<_, Error>(())
        });
        written.await?;
    }
    let count = |action| taken.iter().filter(|t| t.action == action).count() as u64;
    preview.expiring = count(Action::Expire);
    preview.archiving = count(Action::Transition);
    preview.state = PreviewState::Complete;
    finish(store, repository, preview).await
}

/// Whether a preview is still to be worked out.
fn is_wanted(tx: &Read<'_>, repository: i64, number: u64) -> Result<bool, Error> {
    let found = tx.document::<Preview>(&Owner::Repository(repository), "")?;
    Ok(found.is_some_and(|found| found.body.number == number && found.body.is_open()))
}

/// Removes some of the results that are there; whether there were any.
async fn clear(store: &Store, repository: i64, number: u64) -> Result<bool, Error> {
    let cleared = store.meta().write(move |tx| {
        let owner = Owner::Repository(repository);
        if !is_wanted(tx, repository, number)? {
            return Ok(false);
        }
        let left = tx.documents::<PreviewResult>(&owner, "", CHUNK)?;
        for result in &left {
            tx.delete_document::<PreviewResult>(&owner, &result.name)?;
        }
        Ok::<_, Error>(!left.is_empty())
    });
    cleared.await
}

/// Stores what has become of a preview, if it is still wanted.
async fn finish(store: &Store, repository: i64, preview: Preview) -> Result<(), Error> {
    let now = store.now();
    let finished = store.meta().write(move |tx| {
        if is_wanted(tx, repository, preview.number)? {
            tx.put_document(&Owner::Repository(repository), "", &preview, now)?;
        }
        Ok::<_, Error>(())
    });
    finished.await
}
