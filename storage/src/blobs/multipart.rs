//! An upload on its way to S3: parts of 8 MiB straight to the blob's final key.
use std::{collections::BTreeMap, io::Write as _, path::PathBuf, sync::Arc};

use bytes::Bytes;
use object_store::{
    ObjectStore, ObjectStoreExt as _, PutPayload,
    multipart::{MultipartStore, PartId},
    path::Path as ObjectPath,
};
use tokio::{sync::Semaphore, task::JoinSet};

use crate::Error;

/// The size of every part but the last. S3 wants at least 5 MiB and at most 10,000 parts.
const PART: usize = 8 * 1024 * 1024;

/// How many parts of one upload are under way at once.
const AHEAD: usize = 2;

/// Parts that are sent and bytes that are not yet.
pub(super) struct Parts {
    pub(super) path: ObjectPath,
    pub(super) objects: Arc<dyn ObjectStore>,
    pub(super) store: Arc<dyn MultipartStore>,
    pub(super) permits: Arc<Semaphore>,
    /// The multipart upload, once there is more than one part.
    pub(super) multipart: Option<String>,
    pub(super) sent: BTreeMap<usize, String>,
    next: usize,
    tail: Vec<Bytes>,
    tail_len: usize,
    sending: JoinSet<Result<(usize, PartId), Error>>,
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parts")
            .field("path", &self.path)
            .field("sent", &self.sent.len())
            .finish_non_exhaustive()
    }
}

impl Parts {
    pub(super) fn new(
        path: ObjectPath,
        objects: Arc<dyn ObjectStore>,
        store: Arc<dyn MultipartStore>,
        permits: Arc<Semaphore>,
    ) -> Self {
        Self {
            path,
            objects,
            store,
            permits,
            multipart: None,
            sent: BTreeMap::new(),
            next: 0,
            tail: Vec::new(),
            tail_len: 0,
            sending: JoinSet::new(),
        }
    }

    /// Goes on where an earlier request stopped.
    pub(super) fn resume(&mut self, multipart: Option<String>, sent: Vec<String>, tail: Vec<u8>) {
        self.multipart = multipart;
        self.next = sent.len();
        self.sent = sent.into_iter().enumerate().collect();
        self.tail_len = tail.len();
        self.tail = vec![Bytes::from(tail)];
    }

    /// How many bytes a session has that has just been resumed.
    pub(super) const fn size(&self) -> u64 {
        (self.next * PART + self.tail_len) as u64
    }

    /// Whether the next bytes make a first part, so that a multipart upload must be begun and noted.
    pub(super) const fn must_begin(&self) -> bool {
        self.multipart.is_none() && self.tail_len >= PART
    }

    /// Begins the multipart upload. Its id is in the session's row before any part is sent: what is
    /// not noted can never be aborted.
    pub(super) async fn begin(&mut self) -> Result<String, Error> {
        let id = self.store.create_multipart(&self.path).await?;
        self.multipart = Some(id.clone());
        Ok(id)
    }

    pub(super) fn push(&mut self, chunks: Vec<Bytes>) {
        self.tail_len += chunks.iter().map(Bytes::len).sum::<usize>();
        self.tail.extend(chunks);
    }

    /// Sends every whole part that there is; waits while too many are under way.
    pub(super) async fn send(&mut self) -> Result<(), Error> {
        while self.tail_len >= PART
            && let Some(id) = self.multipart.clone()
        {
            let part = self.cut();
            if self.sending.len() >= AHEAD {
                self.wait_for_one().await?;
            }
            let permit = Arc::clone(&self.permits)
                .acquire_owned()
                .await
                .map_err(|_closed| Error::Unavailable)?;
            let (store, path, index) = (Arc::clone(&self.store), self.path.clone(), self.next);
            self.next += 1;
            self.sending.spawn(async move {
                let _permit = permit;
                let sent = store.put_part(&path, &id, index, part).await?;
                Ok((index, sent))
            });
        }
        Ok(())
    }

    fn cut(&mut self) -> PutPayload {
        let mut part = Vec::new();
        let mut missing = PART;
        let mut rest = std::mem::take(&mut self.tail).into_iter();
        for mut chunk in rest.by_ref() {
            let taken = chunk.split_to(chunk.len().min(missing));
            missing -= taken.len();
            part.push(taken);
            if missing == 0 {
                if !chunk.is_empty() {
                    self.tail.push(chunk);
                }
                break;
            }
        }
        self.tail.extend(rest);
        self.tail_len -= PART - missing;
        part.into_iter().collect()
    }

    async fn wait_for_one(&mut self) -> Result<(), Error> {
        if let Some(done) = self.sending.join_next().await {
            let (index, part) = done.map_err(|_panicked| Error::Unavailable)??;
            self.sent.insert(index, part.content_id);
        }
        Ok(())
    }

    /// Stops what is under way: a part that arrives after the abort would stay.
    pub(super) async fn abandon(&mut self) {
        self.sending.shutdown().await;
    }

    /// Waits for what is under way.
    pub(super) async fn settle(&mut self) -> Result<(), Error> {
        while !self.sending.is_empty() {
            self.wait_for_one().await?;
        }
        Ok(())
    }

    /// Writes the bytes that are not yet a part to a local file, for the next request.
    pub(super) async fn save_tail(&self, to: PathBuf) -> Result<(), Error> {
        let tail = self.tail.clone();
        let saved = tokio::task::spawn_blocking(move || {
            let mut file = super::backend::open_options()
                .write(true)
                .create(true)
                .truncate(true)
                .open(to)?;
            tail.iter().try_for_each(|chunk| file.write_all(chunk))
        });
        Ok(saved.await.map_err(|_panicked| Error::Unavailable)??)
    }

    /// Makes the object whole. Every part is known to have arrived.
    pub(super) async fn complete(mut self) -> Result<(), Error> {
        self.settle().await?;
        let rest: PutPayload = std::mem::take(&mut self.tail).into_iter().collect();
        let Some(id) = &self.multipart else {
            self.objects.put(&self.path, rest).await?;
            return Ok(());
        };
        if rest.content_length() > 0 {
            let part = self.store.put_part(&self.path, id, self.next, rest).await?;
            self.sent.insert(self.next, part.content_id);
            self.next += 1;
        }
        if self.sent.len() != self.next {
            return Err(Error::Unavailable);
        }
        let parts = self
            .sent
            .into_values()
            .map(|content_id| PartId { content_id })
            .collect();
        self.store.complete_multipart(&self.path, id, parts).await?;
        Ok(())
    }
}
