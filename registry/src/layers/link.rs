//! Links by which a layer can be downloaded without a login, for an hour.
//!
//! *Guarantees*: a link works for one layer of one repository, and not for another repository that
//! takes its name later. It says nothing about who may do what: that was decided when it was made.
use std::time::Duration;

use wharf_auth::link;
use wharf_storage::{BlobRow, Repository};
use wharf_types::{Digest, RepoName, Timestamp};

use crate::{Caller, Cx, Error, blobs};

/// How long a link works, as with ECR.
pub const VALID: Duration = Duration::from_hours(1);

/// Where a layer can be downloaded.
#[derive(Clone, Debug)]
pub enum Download {
    /// By this path and query of ours.
    Here(String),
    /// By this URL of the bucket.
    Bucket(String),
}

/// Makes a link to a layer that an image names.
pub async fn download(
    cx: &Cx,
    caller: &Caller,
    name: &RepoName,
    digest: &Digest,
) -> Result<Download, Error> {
    let inaccessible = |reason| Error::LayerInaccessible {
        digest: digest.clone(),
        reason,
    };
    let damaged = || inaccessible("its bytes are damaged: push it again");
    let (repository, row) = match blobs::find(cx, caller, name, digest).await {
        Err(Error::BlobUnknown { .. }) if is_damaged(cx, caller, name, digest).await? => {
            return Err(damaged());
        }
        found => found?,
    };
    let (id, layer) = (repository.id, digest.clone());
    let named = cx
        .store
        .meta()
        .read(move |tx| Ok::<_, Error>(!tx.referenced_by(id, &layer, 1)?.is_empty()));
    if !named.await? {
        return Err(inaccessible("it is not associated with an image"));
    }
    match cx.store.probe_blob(&row).await {
        Ok(()) => {}
        Err(wharf_storage::Error::Damaged) => return Err(damaged()),
        Err(e) => return Err(e.into()),
    }
    if cx.redirect
        && let Some(url) = cx.store.presign_blob(&row, VALID).await?
    {
        return Ok(Download::Bucket(url));
    }
    let link = Link::new(cx, &repository, digest);
    Ok(Download::Here(link.path(&repository.name, digest)))
}

async fn is_damaged(
    cx: &Cx,
    caller: &Caller,
    name: &RepoName,
    digest: &Digest,
) -> Result<bool, Error> {
    let repository = crate::repositories::get(cx, &caller.registry, name).await?;
    let digest = digest.clone();
    let damaged = cx
        .store
        .meta()
        .read(move |tx| Ok::<_, Error>(tx.has_damaged_blob(repository.id, &digest)?));
    damaged.await
}

/// What a link says besides the path of its layer.
#[derive(Clone, Debug)]
pub struct Link {
    /// The repository by its id, which never becomes another's.
    pub repository: i64,
    /// In seconds.
    pub expires: i64,
    pub signature: String,
}

/// Why a link does not work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkError {
    Invalid,
    Expired,
}

impl Link {
    fn new(cx: &Cx, repository: &Repository, digest: &Digest) -> Self {
        let (id, expires) = (repository.id, (cx.store.now() + VALID).as_secs());
        let signature = link::sign(&cx.key, &text(id, expires, &repository.name, digest));
        Self {
            repository: id,
            expires,
            signature,
        }
    }

    fn path(&self, name: &RepoName, digest: &Digest) -> String {
        let Self {
            repository,
            expires,
            signature,
        } = self;
        format!(
            "/v2/{name}/blobs/{digest}?repository={repository}&expires={expires}&signature={signature}"
        )
    }

    /// Whether the link was made for this layer and has not expired.
    pub fn verify(&self, cx: &Cx, name: &RepoName, digest: &Digest) -> Result<(), LinkError> {
        let text = text(self.repository, self.expires, name, digest);
        if !link::verify(&cx.key, &text, &self.signature) {
            return Err(LinkError::Invalid);
        }
        if cx.store.now() > Timestamp::from_secs(self.expires) {
            return Err(LinkError::Expired);
        }
        Ok(())
    }

    /// Finds the layer of a link that was verified.
    pub async fn layer(
        &self,
        cx: &Cx,
        name: &RepoName,
        digest: &Digest,
    ) -> Result<(Repository, BlobRow), Error> {
        let (id, name, digest) = (self.repository, name.clone(), digest.clone());
        let found = cx.store.meta().read(move |tx| {
            let unknown = || Error::BlobUnknown {
                digest: digest.clone(),
            };
            let repository = tx.repository_by_id(id)?.ok_or_else(unknown)?;
            let row = tx.blob(id, &digest)?;
            match row {
                Some(row) if repository.name == name => Ok((repository, row)),
                _ => Err(unknown()),
            }
        });
        found.await
    }
}

/// What is signed. No part of it can hold a line break.
fn text(repository: i64, expires: i64, name: &RepoName, digest: &Digest) -> String {
    format!("{repository}\n{expires}\n{name}\n{digest}")
}
