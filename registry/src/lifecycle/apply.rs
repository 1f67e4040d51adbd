//! Policies applied to their repositories.
//!
//! # Guarantees
//! * An image goes only if it is, in the transaction that takes it, as it was when the policy was
//!   planned, and if the policy is still the repository's. Whoever comes in between (a pull, a new
//!   tag, an index that names it) keeps it until the next run.
//! * Few images are planned and taken in one transaction; many in chunks, between which others
//!   write.
//!
//! Stopped halfway, a part of the plan is done, the oldest images first, and the next run plans anew.
//!
//! Immutable tags are no protection from a policy, as they are none in ECR: immutability says that a
//! tag never names another image, not that the image is kept. Nothing here moves a tag.
use std::collections::{HashMap, HashSet};

use wharf_storage::{ImageRow, ImageStatus, Owner, Read, Repository, Store, Write};
use wharf_types::{Digest, Tag, Timestamp};

use super::{Action, Image, LifecyclePolicy, Policy, Taken, plan};
use crate::{Error, images};

/// How many images one transaction takes, and the most that a repository may have to be planned on
/// the writer.
pub(super) const CHUNK: usize = 500;

/// The most comparisons of a tag with a filter that are made on the writer.
const COMPARISONS: usize = 100_000;

/// How many images are read at once: all that ECR lets a repository have, for each page costs as
/// much as the first.
const PAGE: usize = 100_000;

/// The most indexes of one image that are looked at.
const INDEXES: usize = 1000;

/// What a policy did to its repository, or would do.
#[derive(Clone, Debug)]
pub struct Evaluation {
    pub repository: Repository,
    pub taken: Vec<Taken>,
    /// How many images were left because they, or what they hang on, had changed.
    pub skipped: usize,
}

/// A repository and its images at one moment, with what its policy takes.
struct Planned {
    evaluation: Evaluation,
    text: String,
    is_small: bool,
}

/// The policy of a repository, as it was given.
pub(super) fn stored(tx: &Read<'_>, repository: i64) -> Result<Option<LifecyclePolicy>, Error> {
    let found = tx.document::<LifecyclePolicy>(&Owner::Repository(repository), "")?;
    Ok(found.map(|found| found.body))
}

/// A repository's images in the order of their first push.
pub(super) fn load(tx: &Read<'_>, repository: i64) -> Result<Vec<Image>, Error> {
    let mut tags: HashMap<Digest, Vec<Tag>> = HashMap::new();
    for (digest, tag) in tx.tagged(repository)? {
        tags.entry(digest).or_default().push(tag);
    }
    let mut named: HashMap<Digest, Vec<Digest>> = HashMap::new();
    for (digest, by) in tx.references_of_images(repository)? {
        named.entry(digest).or_default().push(by);
    }
    let (mut all, mut after) = (Vec::new(), 0);
    loop {
        let rows = tx.images(repository, after, PAGE)?;
        let Some(last) = rows.last() else {
            return Ok(all);
        };
        after = last.id;
        all.extend(rows.into_iter().map(|row| {
            let tags = tags.remove(&row.digest).unwrap_or_default();
            let named_by = named.remove(&row.digest).unwrap_or_default();
            image(row, tags, named_by)
        }));
    }
}

fn image(row: ImageRow, tags: Vec<Tag>, named_by: Vec<Digest>) -> Image {
    Image {
        digest: row.digest,
        tags,
        pushed: row.pushed,
        pulled: row.pulled,
        status: row.status,
        archived: row.archived,
        activated: row.activated,
        subject: row.subject,
        named_by,
    }
}

/// Plans a repository's policy. `None` without one, or without the repository.
fn planned(tx: &Read<'_>, repository: i64, now: Timestamp) -> Result<Option<Planned>, Error> {
    let Some(repository) = tx.repository_by_id(repository)? else {
        return Ok(None);
    };
    let Some(LifecyclePolicy { text, .. }) = stored(tx, repository.id)? else {
        return Ok(None);
    };
    let policy = Policy::parse(&text)?;
    let images = load(tx, repository.id)?;
    let tags: usize = images.iter().map(|image| image.tags.len()).sum();
    Ok(Some(Planned {
        is_small: images.len() <= CHUNK && tags.saturating_mul(policy.filters()) <= COMPARISONS,
        evaluation: Evaluation {
            repository,
            taken: plan(&policy, &images, now),
            skipped: 0,
        },
        text,
    }))
}

/// Finds out what a repository's policy takes now. `None` without a policy.
pub(super) async fn preview(store: &Store, repository: i64) -> Result<Option<Evaluation>, Error> {
    let now = store.now();
    let planned = store.meta().read(move |tx| planned(tx, repository, now));
    Ok(planned.await?.map(|planned| planned.evaluation))
}

/// Applies a repository's policy. `None` without one.
pub async fn evaluate(store: &Store, repository: i64) -> Result<Option<Evaluation>, Error> {
    let now = store.now();
    let plan = store.meta().read(move |tx| planned(tx, repository, now));
    match plan.await? {
        None => Ok(None),
        Some(plan) if plan.evaluation.taken.is_empty() => {
            let text = plan.text;
            let noted = store
                .meta()
                .write_relaxed(move |tx| note(tx, repository, &text, now));
            noted.await?;
            Ok(Some(plan.evaluation))
        }
        Some(plan) if plan.is_small => at_once(store, repository, now).await,
        Some(plan) => in_chunks(store, plan, now).await.map(Some),
    }
}

/// Plans and acts in one transaction.
async fn at_once(
    store: &Store,
    repository: i64,
    now: Timestamp,
) -> Result<Option<Evaluation>, Error> {
    let done = store.meta().write(move |tx| {
        let Some(plan) = planned(tx, repository, now)? else {
            return Ok(None);
        };
        let Planned {
            mut evaluation,
            text,
            ..
        } = plan;
        let mut left = HashSet::new();
        act(tx, repository, &evaluation.taken, &mut left, now)?;
        note(tx, repository, &text, now)?;
        evaluation.leave(&left);
        Ok::<_, Error>(Some(evaluation))
    });
    done.await
}

/// Acts on a plan in several transactions.
async fn in_chunks(store: &Store, plan: Planned, now: Timestamp) -> Result<Evaluation, Error> {
    let Planned {
        mut evaluation,
        text,
        ..
    } = plan;
    let repository = evaluation.repository.id;
    let mut left: HashSet<Digest> = HashSet::new();
    for chunk in evaluation.taken.chunks(CHUNK) {
        let (chunk, text, before) = (chunk.to_vec(), text.clone(), left.clone());
        let done = store.meta().write(move |tx| {
            let mut left = before.clone();
            let is_current = stored(tx, repository)?.is_some_and(|policy| policy.text == text);
            if is_current {
                act(tx, repository, &chunk, &mut left, now)?;
            } else {
                left.extend(chunk.iter().map(|taken| taken.image.digest.clone()));
            }
            Ok::<_, Error>(left)
        });
        left = done.await?;
    }
    evaluation.leave(&left);
    let noted = store
        .meta()
        .write_relaxed(move |tx| note(tx, repository, &text, now));
    noted.await?;
    Ok(evaluation)
}

impl Evaluation {
    fn leave(&mut self, left: &HashSet<Digest>) {
        self.taken
            .retain(|taken| !left.contains(&taken.image.digest));
        self.skipped = left.len();
    }
}

/// Takes what still is what was planned; what is not is added to `left`.
fn act(
    tx: &Write<'_>,
    repository: i64,
    planned: &[Taken],
    left: &mut HashSet<Digest>,
    now: Timestamp,
) -> Result<(), Error> {
    let Some(repository) = tx.repository_by_id(repository)? else {
        left.extend(planned.iter().map(|taken| taken.image.digest.clone()));
        return Ok(());
    };
    for taken in planned {
        let digest = &taken.image.digest;
        let stays_with = taken.follows.as_ref().is_some_and(|on| left.contains(on));
        let done = !stays_with
            && is_unchanged(tx, repository.id, &taken.image)?
            && match taken.action {
                Action::Expire => expire(tx, &repository, digest)?,
                Action::Transition => archive(tx, repository.id, digest, now)?,
            };
        if !done {
            left.insert(digest.clone());
        }
    }
    Ok(())
}

fn is_unchanged(tx: &Read<'_>, repository: i64, planned: &Image) -> Result<bool, Error> {
    let Some(row) = tx.image(repository, &planned.digest)? else {
        return Ok(false);
    };
    let tags = tx.tags_of(repository, &planned.digest)?;
    Ok(image(row, tags, planned.named_by.clone()) == *planned)
}

fn expire(tx: &Write<'_>, repository: &Repository, digest: &Digest) -> Result<bool, Error> {
    match images::delete_image(tx, repository, digest) {
        Ok(()) => Ok(true),
        Err(Error::ManifestReferenced { .. } | Error::ManifestUnknown) => Ok(false),
        Err(e) => Err(e),
    }
}

fn archive(
    tx: &Write<'_>,
    repository: i64,
    digest: &Digest,
    now: Timestamp,
) -> Result<bool, Error> {
    let indexes = tx.referenced_by(repository, digest, INDEXES)?;
    for index in &indexes {
        let index = tx.image(repository, index)?;
        if index.is_some_and(|index| index.status != ImageStatus::Archived) {
            return Ok(false);
        }
    }
    if indexes.len() == INDEXES {
        return Ok(false);
    }
    tx.set_image_status(repository, digest, ImageStatus::Archived, now)?;
    Ok(true)
}

/// Notes that a policy was applied, if it is still the repository's.
fn note(tx: &Write<'_>, repository: i64, text: &str, now: Timestamp) -> Result<(), Error> {
    if let Some(policy) = stored(tx, repository)?
        && policy.text == text
    {
        let noted = LifecyclePolicy {
            evaluated_ms: Some(now.as_ms()),
            ..policy
        };
        tx.put_document(&Owner::Repository(repository), "", &noted, now)?;
    }
    Ok(())
}
