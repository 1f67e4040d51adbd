//! To a registry on this server: links and rows, and not one byte.
use std::collections::BTreeSet;

use wharf_storage::{NewManifest, Repository, Write};
use wharf_types::{Digest, Role, Tag, Timestamp};

use super::{
    CrossAccount, Failed, Failure, Job, Outcome, may_replicate,
    parcel::{self, Parcel, manifest},
};
use crate::{
    Cx, Error, References,
    images::MAX_TAGS,
    repositories::{self, Purpose},
};

/// Brings an image to a registry on this server.
pub(super) async fn deliver(
    cx: &Cx,
    cross_account: CrossAccount,
    job: &Job,
) -> Result<Outcome, Error> {
    let (wanted, destination) = (job.clone(), job.destination.clone());
    let looked = cx.store.meta().read(move |tx| {
        let parcel = parcel::parcel(tx, &wanted)?;
        if let Ok(Parcel { source, .. }) = &parcel
            && source.registry.account != destination.account
            && cross_account == CrossAccount::ByPolicy
            && !may_replicate(tx, &source.registry, &destination)?
        {
            return Ok::<_, Error>(Err(Failure::Denied));
        }
        Ok(parcel)
    });
    let parcel = match looked.await? {
        Ok(parcel) => parcel,
        Err(failure) => return Ok(failure.into()),
    };
    let mut failures = BTreeSet::new();
    for child in parcel.children {
        let child = Job {
            digest: child,
            tags: Vec::new(),
            ..job.clone()
        };
        match copy(cx, child).await? {
            Outcome::Complete => {}
            Outcome::Failed(failed) => failures.extend([failed.failure]),
            later @ Outcome::Later(_) => return Ok(later),
        }
    }
    if failures.is_empty() {
        return copy(cx, job.clone()).await;
    }
    Ok(Outcome::Failed(Failed {
        failure: Failure::Child,
        children: failures,
    }))
}

/// Copies one manifest whose children are there.
async fn copy(cx: &Cx, job: Job) -> Result<Outcome, Error> {
    let references = cx.references;
    let (now, lease) = (cx.store.now(), cx.store.lease());
    let copied = cx.store.meta().write(move |tx| {
        let outcome = Copy {
            tx,
            job: &job,
            references,
            now,
            lease,
        }
        .run()?;
        Ok(outcome.err().unwrap_or(Outcome::Complete))
    });
    copied.await
}

struct Copy<'a> {
    tx: &'a Write<'a>,
    job: &'a Job,
    references: References,
    now: Timestamp,
    lease: Timestamp,
}

impl Copy<'_> {
    /// What fails is found before anything is changed, except for a tag among others.
    fn run(&self) -> Result<Result<(), Outcome>, Error> {
        let Self { tx, job, .. } = *self;
        let Some(source) = tx.repository_by_id(job.repository)? else {
            return Ok(Err(Failure::Gone.into()));
        };
        let manifest = match manifest(tx, source.id, &job.digest)? {
            Ok(manifest) => manifest,
            Err(failure) => return Ok(Err(failure.into())),
        };
        let mut blobs = Vec::new();
        for reference in &manifest.references {
            if reference.role == Role::Child
                && tx.manifest_size(source.id, &reference.digest)?.is_some()
            {
                continue;
            }
            if tx.blob_size(source.id, &reference.digest)?.is_some() {
                blobs.push(&reference.digest);
            } else if reference.required && self.references == References::Strict {
                // A damaged layer is healed by a push.
                return Ok(Err(Outcome::Later(Failure::LayersMissing)));
            }
        }
        let there = tx.repository(&job.destination, &source.name)?;
        let (free, refused) = self.tags(there.as_ref())?;
        if let Some(failure) = refused
            && free.is_empty()
        {
            return Ok(Err(failure.into()));
        }
        let there = self.repository(there, &source)?;
        for digest in blobs {
            tx.link_blob(there.id, digest, self.lease)?;
        }
        tx.put_manifest(&NewManifest {
            repository: there.id,
            digest: &job.digest,
            manifest: &manifest,
            now: self.now,
        })?;
        for tag in &free {
            tx.put_tag(there.id, tag, &job.digest)?;
        }
        Ok(refused.map_or(Ok(()), |failure| Err(failure.into())))
    }

    fn repository(
        &self,
        there: Option<Repository>,
        source: &Repository,
    ) -> Result<Repository, Error> {
        let Self { tx, job, now, .. } = *self;
        if let Some(there) = there {
            return Ok(there);
        }
        let registry = &job.destination;
        repositories::for_purpose(tx, registry, &source.name, Purpose::Replication, now)
    }

    /// The tags that name the image and may name it at the destination; and why others may not.
    fn tags(&self, there: Option<&Repository>) -> Result<(Vec<Tag>, Option<Failure>), Error> {
        let Self { tx, job, .. } = *self;
        let tags = parcel::tags(tx, job)?;
        let Some(there) = there else {
            return Ok((tags, None));
        };
        let (mut free, mut refused) = (Vec::new(), None);
        let mut count = tx.count_tags_of(there.id, &job.digest)?;
        for tag in tags {
            let before: Option<Digest> = tx.tag(there.id, &tag)?;
            if before.as_ref() == Some(&job.digest) {
                free.push(tag);
            } else if before.is_some() && repositories::is_immutable(there, tag.as_str()) {
                refused = Some(Failure::TagImmutable);
            } else if count >= MAX_TAGS {
                refused = Some(Failure::Limit);
            } else {
                count += 1;
                free.push(tag);
            }
        }
        Ok((free, refused))
    }
}
