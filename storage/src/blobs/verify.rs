//! Whether an upload's bytes have the digests that a client states.
use std::io::{self, Seek as _, SeekFrom};

use futures::StreamExt as _;
use object_store::ObjectStoreExt as _;
use wharf_types::{Algorithm, Digest, Hasher};

use super::{
    Upload,
    hash::{hash_file, hash_on_thread},
    key,
    upload::Sink,
};
use crate::Error;

impl Upload {
    /// A digest of what came that is not the stated one of its algorithm. What came is read again at
    /// the most once an algorithm.
    pub(super) async fn mismatch(
        &mut self,
        digest: &Digest,
        others: &[Digest],
    ) -> Result<Option<Digest>, Error> {
        let mut known: Vec<Digest> = Vec::new();
        for stated in std::iter::once(digest).chain(others) {
            let algorithm = stated.algorithm();
            let actual = match known.iter().find(|known| known.algorithm() == algorithm) {
                Some(actual) => actual.clone(),
                None => self.actual(algorithm).await?,
            };
            if actual != *stated {
                return Ok(Some(actual));
            }
            known.push(actual);
        }
        Ok(None)
    }

    /// The digest of what came.
    async fn actual(&mut self, algorithm: Algorithm) -> Result<Digest, Error> {
        if algorithm == self.row.algorithm {
            return Ok(self.hasher.clone().finish());
        }
        match &mut self.sink {
            Sink::Head(head) => Ok(Digest::of(algorithm, head)),
            Sink::File(file) => {
                let mut read = file.take().ok_or(Error::Unavailable)?;
                let hashed = tokio::task::spawn_blocking(move || {
                    read.seek(SeekFrom::Start(0))?;
                    let digest = hash_file(&mut read, algorithm)?;
                    Ok::<_, io::Error>((read, digest))
                });
                let (read, digest) = hashed.await.map_err(|_panicked| Error::Unavailable)??;
                *file = Some(read);
                Ok(digest)
            }
            Sink::S3(_) => self.actual_s3(algorithm).await,
        }
    }

    /// Completes the object and reads it back.
    async fn actual_s3(&mut self, algorithm: Algorithm) -> Result<Digest, Error> {
        let path = key::object(&self.row.id);
        self.publish().await?;
        let mut hasher = Hasher::new(algorithm);
        let mut bytes = self.blobs.backend.objects.get(&path).await?.into_stream();
        while let Some(chunk) = bytes.next().await {
            hasher = hash_on_thread(hasher, chunk?).await?;
        }
        Ok(hasher.finish())
    }
}
