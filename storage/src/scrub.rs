//! Reads what is stored and compares it with its digest, a little at a time.
use std::time::Duration;

use crate::{
    BlobRow, Error, Store,
    blobs::{Blobs, digest_of},
};

/// How many blobs one round looks at.
const ROUND: usize = 100;

impl Store {
    /// Verifies the blobs that were not looked at for the longest time, if that is longer than
    /// `every`. Returns how many were damaged: they are no longer served.
    pub async fn scrub(&self, every: Duration) -> Result<usize, Error> {
        let before = self.now() - every;
        let mut damaged = 0;
        for row in self
            .meta()
            .read(move |tx| tx.unverified(before, ROUND))
            .await?
        {
            let whole = match self.verify(&row).await {
                Ok(whole) => whole,
                Err(error) => {
                    let error: &dyn std::error::Error = &error;
                    tracing::warn!(error, digest = %row.digest, "a blob could not be verified");
                    continue;
                }
            };
            if whole {
                let (key, now) = (row.key.clone(), self.now());
                self.meta()
                    .write_relaxed(move |tx| tx.blob_verified(&key, now))
                    .await?;
            } else if self.is_still(&row).await? && self.is_mounted().await? {
                self.mark_damaged(&row.key).await;
                damaged += 1;
            }
        }
        Ok(damaged)
    }

    /// Whether a blob's bytes hash to its digest. A failing store is an error, not damage.
    pub(crate) async fn verify(&self, row: &BlobRow) -> Result<bool, Error> {
        let reader = match self
            .blobs
            .reader(row, Blobs::whole(row), false, || {})
            .await
        {
            Ok(reader) => reader,
            Err(Error::Damaged) => return Ok(false),
            Err(e) => return Err(e),
        };
        match digest_of(reader, row.digest.algorithm()).await {
            Ok(digest) => Ok(digest == row.digest),
            Err(Error::Damaged) => Ok(false),
            Err(e) => Err(e),
        }
    }

    /// Whether the store is there at all: blobs of a disk that is not mounted are not damaged.
    pub(crate) async fn is_mounted(&self) -> Result<bool, Error> {
        Ok(self.blobs.marker().await?.is_some())
    }

    /// Whether a row is live: it may have been replaced or collected while it was being read.
    pub(crate) async fn is_still(&self, row: &BlobRow) -> Result<bool, Error> {
        let key = row.key.clone();
        self.meta().read(move |tx| tx.is_live(&key)).await
    }
}
