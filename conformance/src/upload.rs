//! Every way to upload a blob:
//! <https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pushing-blobs>.
use std::ops::Range;

use bytes::Bytes;
use wharf_types::{Algorithm, Digest, RepoName};

use crate::{
    client::{Answer, Stop, Verdict},
    cx::{Cx, blob_path, uploads_path},
    data::Blob,
};

/// The least chunk that the cases send, in bytes.
const MIN_CHUNK: usize = 1024;
/// The largest least chunk that they are willing to send: object stores want 5 MiB.
const MAX_CHUNK: usize = 16 * 1024 * 1024;

/// How a blob is uploaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// POST, then PUT with everything.
    PostPut,
    /// POST with everything.
    PostOnly,
    /// POST, one PATCH without a range, PUT.
    Stream,
    /// The same without a length, as Docker does it.
    StreamUnsized,
    /// POST, PATCH with a range for each chunk, PUT.
    Chunks(Last, Order),
}

/// Which request brings the last chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Last {
    Patch,
    Put,
}

/// Whether each chunk is preceded by one that does not fit there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Right,
    WrongFirst,
}

/// How an upload ended.
#[derive(Debug)]
pub(crate) struct Closed {
    pub(crate) answer: Answer,
    /// Whether POST alone was not enough, as the registry may demand.
    pub(crate) fell_back: bool,
}

impl Cx<'_> {
    /// Starts an upload and tells where it goes on.
    pub(crate) async fn start(&self, repo: &RepoName) -> Result<String, Stop> {
        let answer = self.post(&uploads_path(repo)).send().await?;
        answer.expect(202)?.location()
    }

    /// The size of the chunks to send, as the registry wants them.
    pub(crate) async fn chunk(&self) -> Result<usize, Stop> {
        if let Some(known) = self.run().chunk.get() {
            return Ok(*known);
        }
        let answer = self.post(&uploads_path(self.repo())).send().await?;
        let location = answer.expect(202)?.location()?;
        let header = answer.header("oci-chunk-min-length").unwrap_or("0");
        let demanded: usize = header.parse().map_err(|_no_number| {
            answer.fail(format!("OCI-Chunk-Min-Length {header:?} is no number"))
        })?;
        self.clean(location);
        if demanded > MAX_CHUNK {
            return Err(Stop::skip(format!(
                "chunks must have {demanded} bytes or more"
            )));
        }
        Ok(*self.run().chunk.get_or_init(|| demanded.max(MIN_CHUNK)))
    }

    /// A blob that nobody has, large enough for three chunks if there are to be chunks.
    pub(crate) async fn blob_for(&self, way: Way, algorithm: Algorithm) -> Result<Blob, Stop> {
        let len = match way {
            Way::Chunks(..) => 3 * self.chunk().await? - 5,
            _ => 512,
        };
        Ok(self.blob_of(algorithm, len))
    }

    /// Uploads bytes under a claimed digest. The answer is that of the last request and unchecked.
    pub(crate) async fn upload(
        &self,
        repo: &RepoName,
        way: Way,
        digest: &Digest,
        bytes: &Bytes,
    ) -> Result<Closed, Stop> {
        self.clean(blob_path(repo, digest));
        if way == Way::PostOnly {
            return self.post_only(repo, digest, bytes).await;
        }
        let location = self.start(repo).await?;
        let answer = match way {
            Way::PostOnly | Way::PostPut => self.close(&location, digest, bytes).await?,
            Way::Stream | Way::StreamUnsized => {
                let patch = self.patch(&location);
                let patch = if way == Way::Stream {
                    patch.octets(bytes)
                } else {
                    patch.streamed(bytes)
                };
                let answer = patch.send().await?;
                let location = answer.expect(202)?.location()?;
                self.close(&location, digest, &Bytes::new()).await?
            }
            Way::Chunks(last, order) => {
                let chunks = Chunks {
                    digest,
                    bytes,
                    size: self.chunk().await?,
                    last,
                    order,
                };
                self.send_chunks(location, &chunks).await?
            }
        };
        Ok(Closed {
            answer,
            fell_back: false,
        })
    }

    /// Ends an upload, with the rest of the bytes.
    pub(crate) async fn close(
        &self,
        location: &str,
        digest: &Digest,
        bytes: &Bytes,
    ) -> Result<Answer, Stop> {
        let put = self.put(location).query("digest", digest);
        // An empty PUT after PATCH must not claim to carry a blob.
        if bytes.is_empty() {
            put.send().await
        } else {
            put.octets(bytes).send().await
        }
    }

    async fn post_only(
        &self,
        repo: &RepoName,
        digest: &Digest,
        bytes: &Bytes,
    ) -> Result<Closed, Stop> {
        let post = self
            .post(&uploads_path(repo))
            .query("digest", digest)
            .octets(bytes);
        let answer = post.send().await?;
        if answer.status != 202 {
            return Ok(Closed {
                answer,
                fell_back: false,
            });
        }
        let answer = self.close(&answer.location()?, digest, bytes).await?;
        Ok(Closed {
            answer,
            fell_back: true,
        })
    }

    async fn send_chunks(&self, mut location: String, chunks: &Chunks<'_>) -> Result<Answer, Stop> {
        let mut sent = 0;
        while sent < chunks.bytes.len() {
            if chunks.order == Order::WrongFirst {
                location = self.send_wrong_chunk(location, chunks, sent).await?;
            }
            let range = chunks.at(sent);
            sent = range.end;
            if chunks.closes(&range) {
                return chunks.put(self, &location, range).await;
            }
            let answer = self
                .patch(&location)
                .chunk(chunks.bytes, range)
                .send()
                .await?;
            location = answer.expect(202)?.location()?;
            self.check(expect_range(&answer, sent));
        }
        self.close(&location, chunks.digest, &Bytes::new()).await
    }

    /// Sends a chunk that does not follow the last one, and finds the way back.
    async fn send_wrong_chunk(
        &self,
        location: String,
        chunks: &Chunks<'_>,
        sent: usize,
    ) -> Result<String, Stop> {
        let ahead = sent + chunks.size;
        let range = chunks.at(if ahead < chunks.bytes.len() { ahead } else { 0 });
        let answer = if chunks.closes(&range) {
            chunks.put(self, &location, range).await?
        } else {
            self.patch(&location)
                .chunk(chunks.bytes, range)
                .send()
                .await?
        };
        answer.expect(416)?;
        self.status(&location, sent).await
    }

    /// Asks an upload how far it is, and where it goes on.
    pub(crate) async fn status(&self, location: &str, sent: usize) -> Result<String, Stop> {
        let answer = self.get(location).send().await?;
        let location = answer.expect(204)?.location()?;
        expect_range(&answer, sent)?;
        Ok(location)
    }

    /// Checks the answer that ends an upload: the status, the digest, and that the blob is where
    /// the answer says.
    pub(crate) async fn verify_pushed(&self, answer: &Answer, blob: &Blob) -> Verdict {
        let location = answer.expect(201)?.location()?;
        self.check(answer.expect_header("docker-content-digest", blob.digest.as_str()));
        let answer = self.get(&location).send().await?;
        answer.expect(200)?.expect_body(&blob.bytes)?;
        Ok(())
    }

    /// Pushes a blob that a case needs, in the plainest way.
    pub(crate) async fn push_blob(&self, repo: &RepoName, blob: &Blob) -> Verdict {
        let closed = self
            .upload(repo, Way::PostPut, &blob.digest, &blob.bytes)
            .await?;
        closed.answer.expect(201)?;
        Ok(())
    }
}

struct Chunks<'a> {
    digest: &'a Digest,
    bytes: &'a Bytes,
    size: usize,
    last: Last,
    order: Order,
}

impl Chunks<'_> {
    fn at(&self, first: usize) -> Range<usize> {
        first..(first + self.size).min(self.bytes.len())
    }

    fn closes(&self, range: &Range<usize>) -> bool {
        self.last == Last::Put && range.end == self.bytes.len()
    }

    async fn put(&self, cx: &Cx<'_>, at: &str, range: Range<usize>) -> Result<Answer, Stop> {
        cx.put(at)
            .query("digest", self.digest)
            .chunk(self.bytes, range)
            .send()
            .await
    }
}

/// `Range: 0-<last byte>`. Before the first byte there is no right value, only a form.
pub(crate) fn expect_range(answer: &Answer, sent: usize) -> Verdict {
    let text = answer
        .header("range")
        .ok_or_else(|| answer.fail("no Range header"))?;
    let last = text
        .strip_prefix("0-")
        .and_then(|last| last.parse::<i64>().ok());
    let last = last.ok_or_else(|| answer.fail(format!("Range {text:?} is not 0-<last byte>")))?;
    if sent > 0 && usize::try_from(last).ok() != Some(sent - 1) {
        return Err(answer.fail(format!("expected Range: 0-{}, got {text:?}", sent - 1)));
    }
    Ok(())
}
