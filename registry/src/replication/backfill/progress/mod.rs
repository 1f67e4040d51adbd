//! What the worker does for a backfill: one piece at a time, each harmless when it is done twice.
use std::collections::BTreeSet;

use futures::{StreamExt as _, stream};
use wharf_storage::{ImageStatus, Owner, Read, Repository, Stored, Write};
use wharf_types::{Registry, Timestamp, media};

use super::{Backfill, Event, Item, Progress, Rejected, State, item_name, put};
use crate::{
    Cx, Error,
    replication::{
        BATCH, Destination, Failure, Job, Outcome, configuration,
        replica::backfilled,
        retry::{self, Next},
        worker::Route,
    },
};

/// How many replications one transaction lists or removes, about.
const LISTED: u64 = 500;

/// How many repositories one transaction looks at.
const LOOKED_AT: usize = 1000;

/// The most backfills to a destination that are looked at in one go.
const MAX_DUE: usize = 1000;

/// The backfills to a destination that are due.
pub(in crate::replication) fn due(
    tx: &Read<'_>,
    now: Timestamp,
) -> Result<Vec<Stored<Backfill>>, Error> {
    Ok(tx.due_documents(now, MAX_DUE)?)
}

/// Does a piece of each backfill to a destination that is due; whether there was any.
pub(in crate::replication) async fn step(
    cx: &Cx,
    route: &Route,
    destination: &Destination,
) -> Result<bool, Error> {
    let now = cx.store.now();
    let mut found = cx.store.meta().read(move |tx| due(tx, now)).await?;
    found.retain(|stored| stored.body.destination == *destination);
    for stored in &found {
        if let Owner::Registry(registry) = &stored.owner {
            piece(cx, route, registry, &stored.name).await?;
        }
    }
    Ok(!found.is_empty())
}

/// Does one piece: lists images, hands out a window of replications, ends or removes the backfill.
async fn piece(cx: &Cx, route: &Route, source: &Registry, id: &str) -> Result<(), Error> {
    let now = cx.store.now();
    let piece = Piece {
        source: source.clone(),
        owner: Owner::Registry(source.clone()),
        id: id.to_owned(),
        now,
    };
    let planning = piece.clone();
    let items = cx.store.meta().write(move |tx| planning.plan(tx)).await?;
    let done: Vec<Result<(), Error>> = stream::iter(items)
        .map(|(name, destination, item)| {
            let piece = piece.clone();
            async move {
                let outcome = piece.deliver(cx, route, &destination, &item).await;
                let piece = Piece {
                    now: cx.store.now(),
                    ..piece
                };
                let noted = cx
                    .store
                    .meta()
                    .write(move |tx| piece.note(tx, &name, &outcome));
                noted.await
            }
        })
        .buffer_unordered(route.width())
        .collect()
        .await;
    done.into_iter().collect()
}

/// A backfill at a time.
#[derive(Clone, Debug)]
struct Piece {
    source: Registry,
    owner: Owner,
    id: String,
    now: Timestamp,
}

type Planned = Vec<(String, Destination, Item)>;

impl Piece {
    fn plan(&self, tx: &Write<'_>) -> Result<Planned, Error> {
        let Some(stored) = tx.document::<Backfill>(&self.owner, &self.id)? else {
            return Ok(Vec::new());
        };
        let mut backfill = stored.body;
        let happened = match backfill.state {
            State::Preparing => self.list(tx, &mut backfill)?,
            State::InProgress if !backfill.is_under_way() => {
                let begin = backfill.window.1;
                backfill.window = (begin, backfill.total.min(begin + BATCH as u64));
                (begin == backfill.total).then_some(Event::Finished)
            }
            State::Stopping if !backfill.is_under_way() => Some(Event::Settled),
            State::InProgress | State::Stopping => None,
            State::Complete | State::Failed | State::Stopped => {
                self.remove(tx, &backfill)?;
                return Ok(Vec::new());
            }
        };
        if let Some(event) = happened {
            let impossible = |Rejected { .. }| Error::Store(wharf_storage::Error::Damaged);
            backfill.happen(event, self.now).map_err(impossible)?;
        }
        let items = self.window(tx, &backfill)?;
        let mut due = backfill.due(self.now);
        let waiting = items.iter().filter_map(|(_, item)| match item.progress {
            Progress::Pending { due_ms, .. } => Some(Timestamp::from_ms(due_ms)),
            _ => None,
        });
        if let Some(first) = waiting.min() {
            due = due.max(first);
        }
        put(tx, &self.owner, &self.id, &backfill, due)?;
        let ready = |item: &Item| match item.progress {
            Progress::Pending { due_ms, .. } => due_ms <= self.now.as_ms(),
            _ => false,
        };
        let ready = items.into_iter().filter(|(_, item)| ready(item));
        Ok(ready
            .map(|(name, item)| (name, backfill.destination.clone(), item))
            .collect())
    }

    /// Lists some more images.
    fn list(&self, tx: &Write<'_>, backfill: &mut Backfill) -> Result<Option<Event>, Error> {
        let configuration = configuration(tx, &self.source)?;
        if !configuration
            .all_destinations()
            .contains(&&backfill.destination)
        {
            backfill.failure = Some(Failure::NotConfigured);
            return Ok(Some(Event::Impossible));
        }
        let before = backfill.total;
        for _ in 0..LOOKED_AT {
            let next = tx.repositories(&self.source, &backfill.listed.0, 1)?.pop();
            let Some(repository) = next else {
                backfill.is_prepared = true;
                return Ok(Some(Event::Prepared));
            };
            if backfill.listing != Some(repository.id) {
                // Ids of images go on from repository to repository.
                (backfill.listing, backfill.listed.1) = (Some(repository.id), 0);
            }
            let wanted = configuration.destinations(&repository.name);
            let images = wanted.contains(&&backfill.destination);
            if !(images && self.list_images(tx, &repository, backfill)?) {
                backfill.listed = (repository.name.to_string(), 0);
            }
            if backfill.total - before >= LISTED {
                break;
            }
        }
        Ok(None)
    }

    /// Lists some more images of a repository; whether there were any.
    fn list_images(
        &self,
        tx: &Write<'_>,
        repository: &Repository,
        backfill: &mut Backfill,
    ) -> Result<bool, Error> {
        let images = tx.images(repository.id, backfill.listed.1, BATCH)?;
        let Some(last) = images.last() else {
            return Ok(false);
        };
        backfill.listed.1 = last.id;
        for image in images {
            if image.status != ImageStatus::Active {
                continue;
            }
            let tags = tx.tags_of(repository.id, &image.digest)?;
            let mut names: Vec<_> = tags.into_iter().map(Some).collect();
            if names.is_empty() {
                // What an index names comes with it.
                let by = tx.referenced_by(repository.id, &image.digest, 1)?;
                names.extend(by.is_empty().then_some(None));
            }
            let index = [media::OCI_INDEX, media::DOCKER_LIST].contains(&image.media_type.as_str());
            for tag in names {
                let item = Item {
                    repository: repository.name.clone(),
                    digest: image.digest.clone(),
                    tag,
                    progress: Progress::Pending {
                        attempts: 0,
                        due_ms: self.now.as_ms(),
                    },
                    children: index.then(BTreeSet::new),
                };
                let name = item_name(&self.id, backfill.total);
                tx.put_document(&self.owner, &name, &item, self.now)?;
                backfill.total += 1;
            }
        }
        Ok(true)
    }

    /// The replications of the window that have no outcome.
    fn window(&self, tx: &Read<'_>, backfill: &Backfill) -> Result<Vec<(String, Item)>, Error> {
        let (begin, end) = backfill.window;
        let mut found = Vec::new();
        if backfill.state.is_terminal() {
            return Ok(found);
        }
        for i in begin..end {
            let name = item_name(&self.id, i);
            if let Some(stored) = tx.document::<Item>(&self.owner, &name)?
                && matches!(stored.body.progress, Progress::Pending { .. })
            {
                found.push((name, stored.body));
            }
        }
        Ok(found)
    }

    /// Removes some of a backfill that is shown no longer, itself last.
    fn remove(&self, tx: &Write<'_>, backfill: &Backfill) -> Result<(), Error> {
        if !backfill.is_over(self.now) {
            let due = backfill.due(self.now);
            return put(tx, &self.owner, &self.id, backfill, due);
        }
        let prefix = format!("{}/", self.id);
        let limit = usize::try_from(LISTED).unwrap_or(BATCH);
        let items = tx.documents::<Item>(&self.owner, &prefix, limit)?;
        let mut items = items
            .iter()
            .filter(|stored| stored.name.starts_with(&prefix))
            .peekable();
        if items.peek().is_none() {
            tx.delete_document::<Backfill>(&self.owner, &self.id)?;
        }
        for item in items {
            tx.delete_document::<Item>(&self.owner, &item.name)?;
        }
        Ok(())
    }

    /// Replicates an image, if it is still what was listed.
    async fn deliver(
        &self,
        cx: &Cx,
        route: &Route,
        destination: &Destination,
        item: &Item,
    ) -> Outcome {
        let (source, sought) = (self.source.clone(), item.clone());
        let looked = cx.store.meta().read(move |tx| {
            let Some(repository) = tx.repository(&source, &sought.repository)? else {
                return Ok::<_, Error>(None);
            };
            if let Some(tag) = &sought.tag
                && tx.tag(repository.id, tag)?.as_ref() != Some(&sought.digest)
            {
                return Ok(None);
            }
            Ok(Some(repository.id))
        });
        match looked.await {
            Ok(Some(repository)) => {
                let job = Job {
                    repository,
                    digest: item.digest.clone(),
                    tags: item.tag.iter().cloned().collect(),
                    destination: destination.0.clone(),
                };
                route.deliver(cx, &job).await
            }
            Ok(None) => Failure::Gone.into(),
            Err(_) => Outcome::Later(Failure::Internal),
        }
    }

    /// Notes what became of a replication, once.
    fn note(&self, tx: &Write<'_>, name: &str, outcome: &Outcome) -> Result<(), Error> {
        let (Some(item), Some(backfill)) = (
            tx.document::<Item>(&self.owner, name)?,
            tx.document::<Backfill>(&self.owner, &self.id)?,
        ) else {
            return Ok(());
        };
        let (due, mut item, mut backfill) = (backfill.updated, item.body, backfill.body);
        let Progress::Pending { attempts, .. } = item.progress else {
            return Ok(());
        };
        item.progress = match retry::next(outcome, attempts, self.now) {
            Next::Again { attempts, due } => Progress::Pending {
                attempts,
                due_ms: due.as_ms(),
            },
            Next::Complete => Progress::Complete,
            Next::Failed(failure) => Progress::Failed(failure),
        };
        let failure = match item.progress {
            Progress::Pending { .. } => {
                return Ok(tx.put_document(&self.owner, name, &item, self.now)?);
            }
            Progress::Complete => None,
            Progress::Failed(failure) => Some(failure),
        };
        if let (Some(children), Outcome::Failed(failed)) = (&mut item.children, outcome) {
            children.extend(&failed.children);
        }
        match failure {
            None => backfill.completed += 1,
            Some(failure) => {
                backfill.failed += 1;
                backfill.failures.insert(failure);
            }
        }
        tx.put_document(&self.owner, name, &item, self.now)?;
        put(tx, &self.owner, &self.id, &backfill, due)?;
        let Some(repository) = tx.repository(&self.source, &item.repository)? else {
            return Ok(());
        };
        if tx.manifest_size(repository.id, &item.digest)?.is_none() {
            return Ok(());
        }
        let image = Owner::Image(repository.id, item.digest);
        backfilled(
            tx,
            &image,
            &backfill.destination,
            item.tag.as_ref(),
            failure,
            self.now,
        )
    }
}

#[cfg(test)]
mod tests;
