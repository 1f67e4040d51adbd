//! Reading blobs without holding them in memory.
//!
//! A local file is read with `preadv2(RWF_NOWAIT)` into reused buffers, on the thread that sends
//! them: what the page cache has needs no other thread. What it does not have is read on a blocking
//! thread. (A mapped file would be as fast, but a truncated one kills the process.)
use std::{
    collections::VecDeque,
    fmt,
    fs::File,
    io,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use futures::{Stream, StreamExt as _, TryStreamExt as _, future, stream::BoxStream};
use object_store::{GetOptions, GetRange, ObjectStore};
use tokio::task::{JoinError, JoinHandle};
use wharf_types::{ByteRange, Digest, Hasher, UploadId};

use super::key;
use crate::Error;

/// The size of a read. Two of them fit into the second-level cache of a small machine.
const BUFFER: usize = 128 * 1024;

/// How many buffers are kept for the next reader.
const IDLE_BUFFERS: usize = 64;

/// A piece of an answer.
#[derive(Clone, Debug)]
pub enum Segment {
    /// Bytes that are not the blob's, such as the headings of a multipart answer.
    Literal(Bytes),
    Range(ByteRange),
}

/// Buffers that go round.
#[derive(Clone, Default)]
pub(super) struct Pool(Arc<Mutex<Vec<Box<[u8]>>>>);

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pool")
    }
}

impl Pool {
    fn take(&self) -> Buffer {
        let idle = self.0.lock().ok().and_then(|mut idle| idle.pop());
        let bytes = idle.unwrap_or_else(|| vec![0; BUFFER].into_boxed_slice());
        Buffer {
            bytes,
            len: 0,
            pool: self.clone(),
        }
    }
}

/// A buffer that returns to its pool when the last reader of its bytes is done.
struct Buffer {
    bytes: Box<[u8]>,
    len: usize,
    pool: Pool,
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if let Ok(mut idle) = self.pool.0.lock()
            && idle.len() < IDLE_BUFFERS
        {
            idle.push(std::mem::take(&mut self.bytes));
        }
    }
}

pub(super) enum Source {
    Inline(Bytes),
    File(Arc<File>, Pool),
    Object(Arc<dyn ObjectStore>, UploadId),
}

type Opening =
    Pin<Box<dyn Future<Output = Result<BoxStream<'static, Result<Bytes, Error>>, Error>> + Send>>;

enum State {
    Idle,
    /// A blocking read of a file.
    Reading(JoinHandle<io::Result<Buffer>>),
    /// A request to the object store.
    Opening(Opening),
    Object(BoxStream<'static, Result<Bytes, Error>>),
    Done,
}

/// What is told when bytes turn out not to be what was pushed.
pub(super) type OnDamage = Box<dyn FnOnce() + Send>;

/// The bytes of an answer, as a stream. It ends with an error if the blob is not what its row says.
pub struct Reader {
    source: Source,
    size: u64,
    segments: VecDeque<Segment>,
    /// What is left of the range that is being sent.
    current: Option<(u64, u64)>,
    state: State,
    verify: Option<(Hasher, Digest)>,
    /// Whether a hole may be waited for on the calling thread: `false` once it cannot.
    nowait: bool,
    on_damage: Option<OnDamage>,
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader")
            .field("size", &self.size)
            .field("segments", &self.segments)
            .finish_non_exhaustive()
    }
}

impl Reader {
    pub(super) fn new(
        source: Source,
        size: u64,
        segments: Vec<Segment>,
        on_damage: OnDamage,
    ) -> Self {
        Self {
            source,
            size,
            segments: segments.into(),
            current: None,
            state: State::Idle,
            verify: None,
            nowait: cfg!(target_os = "linux"),
            on_damage: Some(on_damage),
        }
    }

    /// Hashes while sending and holds the end back unless all of it was right.
    pub(super) fn verifying(mut self, digest: &Digest) -> Self {
        let whole =
            |s: &Segment| matches!(s, Segment::Range(r) if r.first == 0 && r.len() == self.size);
        if self.segments.len() == 1 && self.segments.iter().all(whole) {
            self.verify = Some((Hasher::new(digest.algorithm()), digest.clone()));
        }
        self
    }

    /// Opens the first range of an object now, so that its size is known before any header is sent.
    pub(super) async fn opened(mut self) -> Result<Self, Error> {
        if let Source::Object(store, key) = &self.source
            && let Some(Segment::Range(range)) = self
                .segments
                .iter()
                .find(|s| matches!(s, Segment::Range(_)))
        {
            let stream = open_object(
                Arc::clone(store),
                key.clone(),
                range.first..range.last + 1,
                self.size,
            )
            .await?;
            if matches!(self.segments.front(), Some(Segment::Range(_))) {
                let Some(Segment::Range(range)) = self.segments.pop_front() else {
                    return Ok(self);
                };
                self.current = Some((range.first, range.len()));
                self.state = State::Object(stream);
            }
        }
        Ok(self)
    }

    fn damaged(&mut self, what: &'static str) -> Error {
        tracing::error!(what, "a stored blob is damaged; the answer is cut off");
        if let Some(tell) = self.on_damage.take() {
            tell();
        }
        self.state = State::Done;
        Error::Damaged
    }

    /// Takes `chunk` as the next bytes of the current range.
    fn advance(&mut self, chunk: Bytes) -> Result<Bytes, Error> {
        let Some((offset, left)) = self.current else {
            return Err(Error::Unavailable);
        };
        let len = chunk.len() as u64;
        if len == 0 || len > left {
            return Err(self.damaged("it is shorter or longer than it should be"));
        }
        self.current = (len < left).then_some((offset + len, left - len));
        if let Some((hasher, _)) = &mut self.verify {
            hasher.update(&chunk);
            if self.current.is_none()
                && let Some((hasher, digest)) = self.verify.take()
                && hasher.finish() != digest
            {
                return Err(self.damaged("its digest is another"));
            }
        }
        Ok(chunk)
    }

    /// Begins to fetch what comes next. `Ready` if it is there already.
    fn fetch(&mut self, offset: u64, left: u64) -> Poll<Result<Bytes, Error>> {
        match &self.source {
            Source::Inline(bytes) => {
                let start = usize::try_from(offset)
                    .unwrap_or(usize::MAX)
                    .min(bytes.len());
                let end = start
                    .saturating_add(usize::try_from(left).unwrap_or(usize::MAX))
                    .min(bytes.len());
                Poll::Ready(Ok(bytes.slice(start..end)))
            }
            Source::File(file, pool) => {
                let mut buffer = pool.take();
                let want = usize::try_from(left).unwrap_or(BUFFER).min(BUFFER);
                if self.nowait {
                    match read_cached(file, &mut buffer, want, offset) {
                        Ok(true) => return Poll::Ready(Ok(Bytes::from_owner(buffer))),
                        Ok(false) => {}
                        Err(_unsupported) => self.nowait = false,
                    }
                }
                let file = Arc::clone(file);
                self.state = State::Reading(tokio::task::spawn_blocking(move || {
                    read_blocking(&file, &mut buffer, want, offset)?;
                    Ok(buffer)
                }));
                Poll::Pending
            }
            Source::Object(store, key) => {
                let opening = open_object(
                    Arc::clone(store),
                    key.clone(),
                    offset..offset + left,
                    self.size,
                );
                self.state = State::Opening(Box::pin(opening));
                Poll::Pending
            }
        }
    }

    fn poll_state(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Error>>> {
        loop {
            match &mut self.state {
                State::Done => return Poll::Ready(None),
                State::Reading(task) => {
                    let read = ready!(Pin::new(task).poll(cx));
                    self.state = State::Idle;
                    return Poll::Ready(Some(self.read(read)));
                }
                State::Opening(opening) => match ready!(opening.as_mut().poll(cx)) {
                    Ok(stream) => self.state = State::Object(stream),
                    Err(e) => {
                        self.state = State::Done;
                        return Poll::Ready(Some(Err(e)));
                    }
                },
                State::Object(stream) => {
                    let chunk = ready!(stream.poll_next_unpin(cx));
                    return Poll::Ready(Some(self.received(chunk)));
                }
                State::Idle => match self.current {
                    None => match self.segments.pop_front() {
                        None => return Poll::Ready(None),
                        Some(Segment::Literal(bytes)) => return Poll::Ready(Some(Ok(bytes))),
                        Some(Segment::Range(range)) => {
                            self.current = Some((range.first, range.len()));
                        }
                    },
                    Some((offset, left)) => {
                        if let Poll::Ready(chunk) = self.fetch(offset, left) {
                            return Poll::Ready(Some(chunk.and_then(|chunk| self.advance(chunk))));
                        }
                    }
                },
            }
        }
    }

    /// Takes what a blocking read of a file came to.
    fn read(&mut self, read: Result<io::Result<Buffer>, JoinError>) -> Result<Bytes, Error> {
        match read {
            Ok(Ok(buffer)) => self.advance(Bytes::from_owner(buffer)),
            Ok(Err(e)) => {
                self.state = State::Done;
                metrics::counter!("wharf_blob_unreadable_total").increment(1);
                Err(e.into())
            }
            Err(_cancelled) => Err(Error::Unavailable),
        }
    }

    /// Takes what came from the object store; the end before the end of the range is damage.
    fn received(&mut self, chunk: Option<Result<Bytes, Error>>) -> Result<Bytes, Error> {
        let Some(chunk) = chunk else {
            return Err(self.damaged("its object ended early"));
        };
        let chunk = chunk.inspect_err(|_| self.state = State::Done)?;
        let chunk = self.advance(chunk)?;
        if self.current.is_none() {
            self.state = State::Idle;
        }
        Ok(chunk)
    }
}

impl Stream for Reader {
    type Item = Result<Bytes, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_state(cx)
    }
}

async fn open_object(
    store: Arc<dyn ObjectStore>,
    key: UploadId,
    range: std::ops::Range<u64>,
    size: u64,
) -> Result<BoxStream<'static, Result<Bytes, Error>>, Error> {
    let options = GetOptions {
        range: Some(GetRange::Bounded(range)),
        ..GetOptions::default()
    };
    let found = match store.get_opts(&key::object(&key), options).await {
        Ok(found) => found,
        Err(object_store::Error::NotFound { .. }) => return Err(Error::Damaged),
        Err(e) => return Err(e.into()),
    };
    if found.meta.size != size {
        return Err(Error::Damaged);
    }
    Ok(found
        .into_stream()
        .map_err(Error::from)
        .try_filter(|chunk| future::ready(!chunk.is_empty()))
        .boxed())
}

/// Reads what the page cache has; `false` if it has nothing of it.
#[cfg(target_os = "linux")]
fn read_cached(file: &File, buffer: &mut Buffer, want: usize, offset: u64) -> io::Result<bool> {
    let slice = buffer.bytes.get_mut(..want).unwrap_or_default();
    let mut slices = [io::IoSliceMut::new(slice)];
    match rustix::io::preadv2(
        file,
        &mut slices,
        offset,
        rustix::io::ReadWriteFlags::NOWAIT,
    ) {
        Ok(0) | Err(rustix::io::Errno::AGAIN) => Ok(false),
        Ok(n) => {
            buffer.len = n;
            Ok(true)
        }
        Err(e) => Err(e.into()),
    }
}

#[cfg(not(target_os = "linux"))]
fn read_cached(_: &File, _: &mut Buffer, _: usize, _: u64) -> io::Result<bool> {
    Ok(false)
}

/// Reads at least one byte unless the file ends here.
fn read_blocking(file: &File, buffer: &mut Buffer, want: usize, offset: u64) -> io::Result<()> {
    use std::os::unix::fs::FileExt as _;
    let slice = buffer.bytes.get_mut(..want).unwrap_or_default();
    loop {
        match file.read_at(slice, offset) {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            read => {
                buffer.len = read?;
                return Ok(());
            }
        }
    }
}
