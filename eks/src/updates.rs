//! Updates: what became of requests that change a cluster or something in it.
use serde::{Deserialize, Serialize};
use wharf_storage::{Document, Read, Stored, Write};
use wharf_types::{Registry, Timestamp};

use crate::{Cx, Done, Error, Event, Place, Token, clusters, shape::enums};

/// How many updates of a cluster are remembered: the oldest that has ended goes first.
const MAX_UPDATES: usize = 200;

enums! {
    Status {
        InProgress = "InProgress",
        Failed = "Failed",
        Cancelled = "Cancelled",
        Successful = "Successful",
    }
}

/// What an update changes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Subject {
    /// The cluster itself.
    #[default]
    Cluster,
    Nodegroup(String),
    Addon(String),
    Capability(String),
}

/// An update: a document of the name `cluster/id`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Update {
    pub id: String,
    /// One of the model's `UpdateType`.
    pub kind: String,
    pub status: Status,
    /// Pairs of one of the model's `UpdateParamType` and its value.
    pub params: Vec<(String, String)>,
    pub created_ms: i64,
    pub subject: Subject,
    #[serde(default)]
    pub errors: Vec<Problem>,
    #[serde(default)]
    pub token: Option<Token>,
}

/// Why an update failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// One of the model's `ErrorCode`.
    pub code: String,
    pub message: String,
    #[serde(default)]
    pub resource_ids: Vec<String>,
}

impl Document for Update {
    const KIND: &'static str = "eks-update";
}

/// An update to be.
#[derive(Clone, Debug)]
pub struct NewUpdate {
    pub kind: &'static str,
    pub params: Vec<(&'static str, String)>,
    pub subject: Subject,
    pub token: Option<Token>,
}

/// What a request means: one of the model's `UpdateType`, its parameters, and what changes.
#[derive(Clone, Debug)]
pub struct Wanted<C> {
    pub kind: &'static str,
    pub params: Vec<(&'static str, String)>,
    pub change: C,
}

/// A change that is being made, and its update.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pending<C> {
    pub update: String,
    pub change: C,
}

impl<C> Wanted<C> {
    /// Notes that an update has begun, and what is pending.
    pub(crate) fn begin(
        self,
        tx: &Write<'_>,
        at: &Place,
        (subject, token): (Subject, Option<Token>),
        now: Timestamp,
    ) -> Result<(Update, Pending<C>), Error> {
        let new = NewUpdate {
            kind: self.kind,
            params: self.params,
            subject,
            token,
        };
        let update = begin(tx, at, new, now)?;
        let pending = Pending {
            update: update.id.clone(),
            change: self.change,
        };
        Ok((update, pending))
    }
}

/// The updates of a cluster.
fn of_cluster(tx: &Read<'_>, at: &Place) -> Result<Vec<Stored<Update>>, Error> {
    let prefix = format!("{}/", at.cluster());
    let mut all = tx.documents::<Update>(&at.owner(), &prefix, MAX_UPDATES + 1)?;
    all.retain(|update| update.name.starts_with(&prefix));
    Ok(all)
}

/// Notes that an update of a cluster, or of something in it, has begun.
pub fn begin(tx: &Write<'_>, at: &Place, new: NewUpdate, now: Timestamp) -> Result<Update, Error> {
    let all = of_cluster(tx, at)?;
    if all.len() >= MAX_UPDATES {
        let ended = |update: &&Stored<Update>| update.body.status != Status::InProgress;
        let oldest = all.iter().filter(ended).min_by_key(|u| u.body.created_ms);
        if let Some(oldest) = oldest {
            tx.delete_document::<Update>(&at.owner(), &oldest.name)?;
        }
    }
    let params = new.params.into_iter();
    let update = Update {
        id: uuid::Uuid::new_v4().to_string(),
        kind: new.kind.to_owned(),
        status: Status::InProgress,
        params: params
            .map(|(kind, value)| (kind.to_owned(), value))
            .collect(),
        created_ms: now.as_ms(),
        subject: new.subject,
        errors: Vec::new(),
        token: new.token,
    };
    let place = Place::within(&at.registry, at.cluster(), &update.id);
    tx.put_document(&place.owner(), &place.name, &update, now)?;
    Ok(update)
}

/// Notes how an update ended, together with what it changed.
pub fn end(tx: &Write<'_>, done: &Done<'_>, id: &str) -> Result<(), Error> {
    let status = match done.event {
        Event::Ready => Status::Successful,
        _ => Status::Failed,
    };
    close(tx, done, id, status, None)
}

/// Notes that an update failed, and why.
pub fn fail(tx: &Write<'_>, done: &Done<'_>, id: &str, problem: &Problem) -> Result<(), Error> {
    close(tx, done, id, Status::Failed, Some(problem))
}

fn close(
    tx: &Write<'_>,
    done: &Done<'_>,
    id: &str,
    status: Status,
    problem: Option<&Problem>,
) -> Result<(), Error> {
    let place = Place::within(&done.at.registry, done.at.cluster(), id);
    let Some(found) = tx.document::<Update>(&place.owner(), &place.name)? else {
        return Ok(());
    };
    let mut update = found.body;
    if update.status != Status::InProgress {
        return Ok(());
    }
    update.status = status;
    update.errors.extend(problem.cloned());
    Ok(tx.put_document(&place.owner(), &place.name, &update, done.now)?)
}

/// The update that a request began when it was sent before. Its token on another request is an
/// error.
pub fn repeated(tx: &Read<'_>, at: &Place, token: Option<&Token>) -> Result<Option<Update>, Error> {
    if token.is_none() {
        return Ok(None);
    }
    for update in of_cluster(tx, at)? {
        if Token::repeats(token, update.body.token.as_ref())? {
            return Ok(Some(update.body));
        }
    }
    Ok(None)
}

/// Removes those of a cluster that goes.
pub(crate) fn forget(tx: &Write<'_>, at: &Place) -> Result<(), Error> {
    for update in of_cluster(tx, at)? {
        tx.delete_document::<Update>(&at.owner(), &update.name)?;
    }
    Ok(())
}

/// Finds an update of a cluster, or of the part of it that is named.
pub async fn get(
    cx: &Cx,
    registry: &Registry,
    cluster: &str,
    id: &str,
    subject: Subject,
) -> Result<Update, Error> {
    let at = Place::within(registry, cluster, id);
    let (id, registry, cluster) = (id.to_owned(), registry.clone(), cluster.to_owned());
    let found = cx.store.meta().read(move |tx| {
        clusters::find(tx, &registry, &cluster)?;
        let found = tx.document::<Update>(&at.owner(), &at.name)?;
        let found = found.filter(|found| found.body.subject == subject);
        let missing = || Error::not_found(format!("No update found for ID: {id}"));
        Ok(found.ok_or_else(|| missing().cluster(&cluster))?.body)
    });
    found.await
}

/// The ids of the updates of a cluster, or of the part of it that is named, after one.
pub async fn list(
    cx: &Cx,
    registry: &Registry,
    cluster: &str,
    subject: Subject,
    after: String,
    limit: usize,
) -> Result<Vec<String>, Error> {
    let (registry, cluster) = (registry.clone(), cluster.to_owned());
    let found = cx.store.meta().read(move |tx| {
        clusters::find(tx, &registry, &cluster)?;
        of_cluster(tx, &Place::of_cluster(&registry, &cluster))
    });
    let of = |update: &Stored<Update>| update.body.subject == subject && update.body.id > after;
    let ids = found.await?.into_iter().filter(of);
    Ok(ids.map(|update| update.body.id).take(limit).collect())
}

/// Cancels an update, if it can be: only the rollback of a cluster in EKS Auto Mode could be, and
/// there is none.
pub async fn cancel(
    cx: &Cx,
    registry: &Registry,
    cluster: &str,
    id: &str,
) -> Result<Update, Error> {
    let update = get(cx, registry, cluster, id, Subject::Cluster).await?;
    let text = if update.status == Status::InProgress {
        format!("Update {id} of type {} cannot be cancelled", update.kind)
    } else {
        let status = update.status.as_str();
        format!("Update {id} cannot be cancelled because it is in status {status}")
    };
    Err(Error::invalid_state(text).cluster(cluster))
}
