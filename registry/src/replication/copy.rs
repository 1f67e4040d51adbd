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
    scanning,
};

/// Brings an image to a registry on this server.
pub(super) async fn deliver(
    cx: &Cx,
    cross_account: CrossAccount,
    job: &Job,
) -> Result<Outcome, Error> {
    let (asking, wanted) = (cx.clone(), job.clone());
    let looked = cx.store.meta().read(move |tx| {
        let parcel = parcel::parcel(tx, &wanted)?;
        // Asked at once, so that an index fails for this and not for its children.
        if let Ok(Parcel { source, .. }) = &parcel
            && !may_replicate(tx, &asking, cross_account, source, &wanted.destination)?
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
        match copy(cx, cross_account, child).await? {
            Outcome::Complete => {}
            Outcome::Failed(failed) => failures.extend([failed.failure]),
            later @ Outcome::Later(_) => return Ok(later),
        }
    }
    if failures.is_empty() {
        return copy(cx, cross_account, job.clone()).await;
    }
    Ok(Outcome::Failed(Failed {
        failure: Failure::Child,
        children: failures,
    }))
}

/// Copies one manifest whose children are there.
async fn copy(cx: &Cx, cross_account: CrossAccount, job: Job) -> Result<Outcome, Error> {
    let (context, now, lease) = (cx.clone(), cx.store.now(), cx.store.lease());
    let copied = cx.store.meta().write(move |tx| {
        let copy = Copy {
            tx,
            cx: &context,
            cross_account,
            job: &job,
            now,
            lease,
        };
        copy.run()
    });
    let Copied { refused, scan } = match copied.await? {
        Ok(copied) => copied,
        Err(outcome) => return Ok(outcome),
    };
    if scan {
        cx.work.send_replace(());
    }
    Ok(refused.map_or(Outcome::Complete, Outcome::from))
}

/// What became of a manifest that is there now.
struct Copied {
    /// Why not all of its tags are.
    refused: Option<Failure>,
    /// Whether it is to be scanned.
    scan: bool,
}

struct Copy<'a> {
    tx: &'a Write<'a>,
    cx: &'a Cx,
    cross_account: CrossAccount,
    job: &'a Job,
    now: Timestamp,
    lease: Timestamp,
}

impl Copy<'_> {
    /// What fails is found before anything is changed, except for a tag among others.
    fn run(&self) -> Result<Result<Copied, Outcome>, Error> {
        let Self { tx, cx, job, .. } = *self;
        let Some(source) = tx.repository_by_id(job.repository)? else {
            return Ok(Err(Failure::Gone.into()));
        };
        if !may_replicate(tx, cx, self.cross_account, &source, &job.destination)? {
            return Ok(Err(Failure::Denied.into()));
        }
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
            } else if reference.required && cx.references == References::Strict {
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
        let mut changed = tx.put_manifest(&NewManifest {
            repository: there.id,
            digest: &job.digest,
            manifest: &manifest,
            now: self.now,
        })?;
        for tag in &free {
            changed |= tx.tag(there.id, tag)?.as_ref() != Some(&job.digest);
            tx.put_tag(there.id, tag, &job.digest)?;
        }
        // What the destination does with what is pushed to it.
        let scan = changed && scanning::pushed(tx, &there, &job.digest, self.now)?;
        Ok(Ok(Copied { refused, scan }))
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
