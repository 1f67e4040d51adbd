//! Layers and configs from upstreams: into the store and to a client at once.
//!
//! A download is one task, whoever waits for it. The client that began it is sent what comes as it
//! comes, except for the end: that, and everything to everyone else, is read from the store once the
//! bytes have the right digest and are on the disk. A client that is slower than the upstream is
//! also served from the store then, so that nobody waits for it.
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use bytes::Bytes;
use futures::{Stream, StreamExt as _, stream};
use tokio::sync::{mpsc, watch};
use wharf_storage::{AppendError, FinishError, Reader, Segment, Upload};
use wharf_types::{ByteRange, Digest, Manifest, Registry, RepoName};
use wharf_upstream::{Body, Error as UpstreamError};

use super::{Rule, failed::Failed, flights::Pilot, rules};
use crate::{Cx, Error, blobs};

/// Whose uploads downloads are: no principal's, so nobody else goes on with them.
const OWNER: &str = "pull-through-cache";

/// How many pieces a client may be behind a download.
const AHEAD: usize = 32;

/// How many bytes a client may be behind a download: pieces are as large as a read was.
const AHEAD_BYTES: usize = 1024 * 1024;

/// How many manifests are looked through for a layer's size.
const NAMING: usize = 10;

/// How far a download is.
#[derive(Clone, Debug)]
pub(super) enum Stage {
    /// The upstream has not answered.
    Asking,
    Coming,
    /// It is in the store, or it is not.
    Done(Result<(), Failed>),
}

/// A layer that is on its way.
#[derive(Debug)]
pub struct Layer {
    cx: Cx,
    repository: i64,
    digest: Digest,
    size: u64,
    stage: watch::Receiver<Stage>,
    live: Option<Live>,
}

/// What comes, for the client that began the download.
#[derive(Debug)]
struct Live {
    pieces: mpsc::Receiver<Bytes>,
    behind: Arc<AtomicUsize>,
}

/// The other end of it.
#[derive(Debug)]
struct Feed {
    pieces: mpsc::Sender<Bytes>,
    behind: Arc<AtomicUsize>,
}

fn live() -> (Feed, Live) {
    let (sender, receiver) = mpsc::channel(AHEAD);
    let behind = Arc::default();
    let feed = Feed {
        pieces: sender,
        behind: Arc::clone(&behind),
    };
    let live = Live {
        pieces: receiver,
        behind,
    };
    (feed, live)
}

impl Feed {
    /// Passes a piece on; whether the client keeps up.
    fn pass(&self, piece: &Bytes) -> bool {
        let behind = self.behind.fetch_add(piece.len(), Ordering::Relaxed);
        behind.saturating_add(piece.len()) <= AHEAD_BYTES
            && self.pieces.try_send(piece.clone()).is_ok()
    }
}

impl Live {
    async fn next(&mut self) -> Option<Bytes> {
        let piece = self.pieces.recv().await?;
        self.behind.fetch_sub(piece.len(), Ordering::Relaxed);
        Some(piece)
    }
}

/// A layer that a cached manifest names and its repository lacks.
#[derive(Clone, Debug)]
struct Need {
    registry: Registry,
    name: RepoName,
    repository: i64,
    rule: Rule,
    digest: Digest,
    size: u64,
}

/// Sees to it that a layer is here, if a rule is for its repository and a manifest there names it.
pub async fn fetch_layer(
    cx: &Cx,
    registry: &Registry,
    name: &RepoName,
    digest: &Digest,
) -> Result<(), Error> {
    match layer(cx, registry, name, digest).await? {
        Some(layer) => layer.wait().await,
        None => Ok(()),
    }
}

/// Begins to download a layer, or joins who does. `None` if it is here, or nothing says that it
/// could be had.
pub async fn layer(
    cx: &Cx,
    registry: &Registry,
    name: &RepoName,
    digest: &Digest,
) -> Result<Option<Layer>, Error> {
    let Some(need) = need(cx, registry, name, digest).await? else {
        return Ok(None);
    };
    let key = (need.repository, digest.clone());
    let (stage, pilot) = cx.upstreams.layers().join(&key, Stage::Asking);
    let mut layer = Layer {
        cx: cx.clone(),
        repository: need.repository,
        digest: digest.clone(),
        size: need.size,
        stage,
        live: None,
    };
    if let Some(pilot) = pilot {
        let (feed, live) = live();
        layer.live = Some(live);
        let (cx, registry) = (cx.clone(), registry.clone());
        let (name, digest) = (name.clone(), digest.clone());
        tokio::spawn(async move {
            // Another download may have ended since the need was seen.
            let outcome = match self::need(&cx, &registry, &name, &digest).await {
                Ok(Some(need)) => download(&cx, need, feed, &pilot).await,
                Ok(None) => Ok(()),
                Err(e) => Err(e),
            };
            pilot.tell(Stage::Done(outcome.map_err(|e| Failed::of(e, &name))));
        });
    }
    let answered = |stage: &Stage| !matches!(stage, Stage::Asking);
    let stage = match layer.stage.wait_for(answered).await {
        Ok(stage) => stage.clone(),
        Err(_stopped) => Stage::Done(Err(Failed::Unavailable)),
    };
    match stage {
        Stage::Done(Err(Failed::Upstream(UpstreamError::NotFound))) => Ok(None),
        Stage::Done(Err(failed)) => Err(failed.into()),
        Stage::Done(Ok(())) | Stage::Coming | Stage::Asking => Ok(Some(layer)),
    }
}

async fn need(
    cx: &Cx,
    registry: &Registry,
    name: &RepoName,
    digest: &Digest,
) -> Result<Option<Need>, Error> {
    let (registry, name, digest) = (registry.clone(), name.clone(), digest.clone());
    let read = cx.store.meta().read(move |tx| {
        let Some(rule) = rules::matching(tx, &registry, &name)? else {
            return Ok(None);
        };
        let Some(repository) = tx.repository(&registry, &name)? else {
            return Ok(None);
        };
        let repository = repository.id;
        if tx.blob_size(repository, &digest)?.is_some() {
            return Ok(None);
        }
        for by in tx.referenced_by(repository, &digest, NAMING)? {
            let Some(row) = tx.manifest(repository, &by)? else {
                continue;
            };
            let manifest = Manifest::parse(Some(&row.media_type), row.bytes)?;
            let named = manifest.references.iter().find(|r| r.digest == digest);
            if let Some(size) = named.map(|named| named.size) {
                return Ok(Some(Need {
                    registry,
                    name,
                    repository,
                    rule,
                    digest,
                    size,
                }));
            }
        }
        Ok::<_, Error>(None)
    });
    read.await
}

async fn download(
    cx: &Cx,
    need: Need,
    live: Feed,
    pilot: &Pilot<(i64, Digest), Stage>,
) -> Result<(), Error> {
    let unavailable = |_closed| Error::Store(wharf_storage::Error::Unavailable);
    let downloads = cx.upstreams.downloads().acquire().await;
    let _permit = downloads.map_err(unavailable)?;
    let (repository, digest) = (need.repository, need.digest.clone());
    let here = cx
        .store
        .meta()
        .read(move |tx| tx.blob_size(repository, &digest));
    if here.await?.is_some() {
        // The one before was done just now.
        return Ok(());
    }
    if need.size > blobs::MAX_BYTES {
        return Err(Error::TooLarge {
            limit: blobs::MAX_BYTES,
        });
    }
    let client = cx.upstreams.client(&need.registry, &need.rule).await?;
    let name = need.rule.upstream_name(&need.name);
    let name = name.ok_or(UpstreamError::NotFound)?;
    let body = client.blob(&name, &need.digest, need.size).await?;
    let algorithm = need.digest.algorithm();
    let upload = cx.store.begin_upload(need.repository, OWNER, algorithm);
    let mut upload = upload.await?.ok_or(Error::TooManyUploads)?;
    pilot.tell(Stage::Coming);
    match upload
        .append(passing_on(body, live, need.size), need.size)
        .await
    {
        Ok(()) => finish(cx, upload, need).await,
        Err(e) => {
            upload.cancel().await?;
            Err(match e {
                AppendError::Body(e) => e.into(),
                AppendError::TooLong => UpstreamError::Refused("a layer is too long".into()).into(),
                AppendError::Store(e) => e.into(),
            })
        }
    }
}

async fn finish(cx: &Cx, upload: Upload, need: Need) -> Result<(), Error> {
    let finished = upload.finish(need.digest, cx.store.now(), cx.store.lease());
    match finished.await {
        Ok(_committed) => Ok(()),
        Err(FinishError::Mismatch(actual)) => {
            let why = format!("a layer has the digest {actual} instead of its own");
            Err(UpstreamError::Refused(why).into())
        }
        Err(FinishError::Gone) => Err(UpstreamError::NotFound.into()),
        Err(FinishError::Store(e)) => Err(e.into()),
    }
}

/// What comes, for the store; and to a client too, all but the end of it.
fn passing_on(
    body: Body,
    live: Feed,
    size: u64,
) -> impl Stream<Item = Result<Bytes, UpstreamError>> + Send {
    let start = (body, Some(live), 0);
    stream::try_unfold(start, move |(mut body, mut live, mut passed)| async move {
        let Some(chunk) = body.chunk().await? else {
            return Ok(None);
        };
        passed += chunk.len() as u64;
        // Whoever is too slow, has gone, or has all but the end goes on from the store.
        let goes_on = passed < size && live.as_ref().is_some_and(|live| live.pass(&chunk));
        if !goes_on {
            live = None;
        }
        Ok(Some((chunk, (body, live, passed))))
    })
}

impl Layer {
    /// The size that its manifest says; that of what is sent, or the sending breaks off.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Waits until it is in the store.
    pub async fn wait(mut self) -> Result<(), Error> {
        self.done().await
    }

    async fn done(&mut self) -> Result<(), Error> {
        let done = |stage: &Stage| matches!(stage, Stage::Done(_));
        match self.stage.wait_for(done).await.as_deref() {
            Ok(Stage::Done(outcome)) => Ok(outcome.clone()?),
            _ => Err(Failed::Unavailable.into()),
        }
    }

    /// Its bytes. They end with an error before the last of them if they are not the right ones.
    pub fn stream(self) -> impl Stream<Item = Result<Bytes, Error>> + Send {
        let tail = Tail {
            layer: self,
            sent: 0,
            stored: None,
        };
        stream::try_unfold(tail, |mut tail| async move {
            let chunk = tail.next().await?;
            Ok(chunk.map(|chunk| (chunk, tail)))
        })
    }

    /// What follows after so many bytes, from the store.
    async fn rest(&self, sent: u64) -> Result<Reader, Error> {
        let (repository, wanted) = (self.repository, self.digest.clone());
        let found = self
            .cx
            .store
            .meta()
            .read(move |tx| tx.blob(repository, &wanted));
        let row = found.await?.ok_or_else(|| Error::BlobUnknown {
            digest: self.digest.clone(),
        })?;
        let rest = (sent < self.size).then(|| {
            Segment::Range(ByteRange {
                first: sent,
                last: self.size - 1,
            })
        });
        Ok(self.cx.store.read_blob(&row, Vec::from_iter(rest)).await?)
    }
}

/// A layer that is being sent.
struct Tail {
    layer: Layer,
    sent: u64,
    /// The rest of it, once all of it has been verified.
    stored: Option<Reader>,
}

impl Tail {
    async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        if let Some(stored) = &mut self.stored {
            return Ok(stored.next().await.transpose()?);
        }
        if let Some(live) = &mut self.layer.live {
            if let Some(chunk) = live.next().await {
                self.sent += chunk.len() as u64;
                return Ok(Some(chunk));
            }
            self.layer.live = None;
        }
        self.layer.done().await?;
        let mut stored = self.layer.rest(self.sent).await?;
        let first = stored.next().await.transpose()?;
        self.stored = Some(stored);
        Ok(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_client_may_be_so_many_bytes_behind_however_large_the_pieces() {
        let (feed, mut live) = live();
        let half = Bytes::from(vec![0; AHEAD_BYTES / 2]);
        assert!(feed.pass(&half) && feed.pass(&half));
        assert_eq!(live.next().await.unwrap().len(), half.len());
        assert!(feed.pass(&half), "there is room again");
        assert!(!feed.pass(&half), "there is none");
    }
}
