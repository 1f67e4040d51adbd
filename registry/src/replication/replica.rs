//! The replicas of an image: one document a destination, which is the job and its status.
use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use wharf_storage::{Document, Owner, Read, Repository, Stored, Write};
use wharf_types::{Digest, Registry, Tag, Timestamp};

use super::{
    Destination, Outcome, configuration,
    retry::{self, Next},
};
use crate::Error;

/// Why a replication failed: ECR's `failureCode`, for which it has no list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Failure {
    /// A tag that cannot be moved names another image at the destination.
    TagImmutable,
    /// The image has as many tags at the destination, or names as many others, as one may.
    Limit,
    /// The destination's registry policy, or the other server, does not permit it.
    Denied,
    /// The image is archived.
    Archived,
    /// The image is not in the source repository any more.
    Gone,
    /// A layer is not in the source repository, or damaged.
    LayersMissing,
    /// An image that the index names failed.
    Child,
    /// The other server cannot be reached.
    Unavailable,
    /// The other server does not accept the image.
    Rejected,
    /// The other server's credentials are those of another registry.
    OtherRegistry,
    /// No rule names the destination any more.
    NotConfigured,
    /// This server failed; the log has the cause.
    Internal,
}

impl Failure {
    /// The code on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TagImmutable => "ImageTagAlreadyExists",
            Self::Limit => "LimitExceeded",
            Self::Denied => "AccessDenied",
            Self::Archived => "ImageArchived",
            Self::Gone => "ImageNotFound",
            Self::LayersMissing => "LayersNotFound",
            Self::Child => "ReferencedImageFailed",
            Self::Unavailable => "DestinationUnavailable",
            Self::Rejected => "DestinationRejectedImage",
            Self::OtherRegistry => "DestinationRegistryMismatch",
            Self::NotConfigured => "DestinationNotConfigured",
            Self::Internal => "InternalError",
        }
    }
}

/// How far a replication is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Status {
    InProgress,
    Complete,
    Failed(Failure),
}

impl Status {
    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InProgress => "IN_PROGRESS",
            Self::Complete => "COMPLETE",
            Self::Failed(_) => "FAILED",
        }
    }
}

/// A replica of an image. Belongs to the image; its name is the destination; it is due when it was
/// updated last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replica {
    pub status: Status,
    /// What is to name the image there, as far as it names it here.
    pub(super) tags: BTreeSet<Tag>,
    pub(super) attempts: u32,
    /// How many pushes asked for it: one that comes while a replication is under way asks again.
    pub(super) pushes: u64,
}

impl Document for Replica {
    const KIND: &'static str = "replica";

    fn is_open(&self) -> bool {
        self.status == Status::InProgress
    }
}

/// Leaves a job for each destination of an image that is pushed, in the transaction of the push.
pub fn pushed(
    tx: &Write<'_>,
    repository: &Repository,
    digest: &Digest,
    tags: &[Tag],
    now: Timestamp,
) -> Result<(), Error> {
    let configuration = configuration(tx, &repository.registry)?;
    let owner = Owner::Image(repository.id, digest.clone());
    for destination in configuration.destinations(&repository.name) {
        let name = destination.to_string();
        let before = tx.document::<Replica>(&owner, &name)?;
        // Tags of a push before that did not arrive are tried again.
        let (mut all, pushes) =
            before.map_or_else(Default::default, |d| (d.body.tags, d.body.pushes));
        all.extend(tags.iter().cloned());
        let replica = Replica {
            status: Status::InProgress,
            tags: all,
            attempts: 0,
            pushes: pushes + 1,
        };
        tx.put_document(&owner, &name, &replica, now)?;
    }
    Ok(())
}

/// The replicas of an image, by destination.
pub fn replicas(
    tx: &Read<'_>,
    repository: i64,
    digest: &Digest,
) -> Result<Vec<(Registry, Status)>, Error> {
    let owner = Owner::Image(repository, digest.clone());
    let mut found = Vec::new();
    let mut after = String::new();
    loop {
        let page = tx.documents::<Replica>(&owner, &after, super::BATCH)?;
        let Some(last) = page.last() else {
            return Ok(found);
        };
        after.clone_from(&last.name);
        for Stored { name, body, .. } in page {
            let Destination(registry) = name.parse().map_err(wharf_storage::Error::from)?;
            found.push((registry, body.status));
        }
    }
}

/// Notes what became of an attempt that was made for the state `seen`.
pub(super) fn attempted(
    tx: &Write<'_>,
    owner: &Owner,
    name: &str,
    seen: &Replica,
    outcome: &Outcome,
    now: Timestamp,
) -> Result<(), Error> {
    let Some(Stored { body: replica, .. }) = tx.document::<Replica>(owner, name)? else {
        return Ok(()); // The image was deleted meanwhile.
    };
    // The number of pushes is not enough: it begins anew with an image that was deleted.
    if replica != *seen || !replica.is_open() {
        return Ok(()); // It was pushed again, and is due.
    }
    let (replica, due) = match retry::next(outcome, replica.attempts, now) {
        Next::Again { attempts, due } => (
            Replica {
                attempts,
                ..replica
            },
            due,
        ),
        Next::Complete => (
            Replica {
                status: Status::Complete,
                tags: BTreeSet::new(),
                ..replica
            },
            now,
        ),
        Next::Failed(failure) => (
            Replica {
                status: Status::Failed(failure),
                ..replica
            },
            now,
        ),
    };
    tx.put_document(owner, name, &replica, due)?;
    Ok(())
}

/// Notes what became of an image of a backfill under one of its tags.
pub(super) fn backfilled(
    tx: &Write<'_>,
    owner: &Owner,
    destination: &Destination,
    tag: Option<&Tag>,
    failure: Option<Failure>,
    now: Timestamp,
) -> Result<(), Error> {
    let name = destination.to_string();
    let before = tx.document::<Replica>(owner, &name)?;
    let mut replica = before.map_or_else(Replica::none, |stored| stored.body);
    if replica.pushes > 0 && replica.is_open() {
        return Ok(()); // A push of it is under way.
    }
    if let Some(failure) = failure {
        replica.tags.extend(tag.cloned());
        replica.status = Status::Failed(failure);
    } else {
        replica.tags.retain(|kept| Some(kept) != tag);
        // Other tags may have failed before.
        if replica.tags.is_empty() {
            replica.status = Status::Complete;
        }
    }
    Ok(tx.put_document(owner, &name, &replica, now)?)
}

impl Replica {
    /// One that nobody asked for by a push.
    const fn none() -> Self {
        Self {
            status: Status::InProgress,
            tags: BTreeSet::new(),
            attempts: 0,
            pushes: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use wharf_storage::Meta;

    use super::*;

    // The tags of the second push did not go with the attempt for the first one.
    #[tokio::test]
    async fn an_image_deleted_and_pushed_again_under_way_is_replicated_again() {
        let dir = tempfile::tempdir().unwrap();
        let meta = Meta::open(&dir.path().join("m.db"), false).unwrap();
        meta.write(|tx| {
            let (owner, now) = (
                Owner::Image(1, Digest::sha256(b"")),
                Timestamp::from_secs(1),
            );
            let pushed = |tag: &str| Replica {
                tags: BTreeSet::from([tag.parse().unwrap()]),
                pushes: 1,
                ..Replica::none()
            };
            let found = |tx: &Write<'_>| {
                let found = tx.document::<Replica>(&owner, "to")?;
                Ok::<_, Error>(found.unwrap().body)
            };
            tx.put_document(&owner, "to", &pushed("one"), now)?;
            let seen = found(tx)?;
            tx.delete_document::<Replica>(&owner, "to")?;
            attempted(tx, &owner, "to", &seen, &Outcome::Complete, now)?;
            assert!(tx.document::<Replica>(&owner, "to")?.is_none());
            tx.put_document(&owner, "to", &pushed("two"), now)?;
            attempted(tx, &owner, "to", &seen, &Outcome::Complete, now)?;
            assert_eq!(found(tx)?, pushed("two"));
            let seen = found(tx)?;
            attempted(tx, &owner, "to", &seen, &Outcome::Complete, now)?;
            assert_eq!(found(tx)?.status, Status::Complete);
            Ok::<_, Error>(())
        })
        .await
        .unwrap();
    }
}
