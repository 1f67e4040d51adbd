//! Bytes to push that cost nearly nothing to make: one block of noise, sent again and again, with a
//! counter in front of each so that no two blobs and no two blocks are the same.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use sha2::{Digest as _, Sha256};

/// Bytes of a block, header included.
pub(crate) const BLOCK_BYTES: u64 = 1024 * 1024;
const HEADER_BYTES: usize = 16;
/// A server sees pieces of this size at most; hyper writes a piece at once.
const PIECE_BYTES: usize = 64 * 1024;

/// A blob: its blocks, and its digest, computed before anything is measured.
#[derive(Debug, Clone)]
pub(crate) struct Blob {
    seed: u64,
    blocks: u64,
    noise: Bytes,
    pub(crate) digest: String,
}

impl Blob {
    pub(crate) fn new(seed: u64, blocks: u64) -> Self {
        let noise = noise();
        let mut hash = Sha256::new();
        for block in 0..blocks {
            hash.update(header(seed, block));
            hash.update(&noise);
        }
        let digest = format!("sha256:{}", hex(&hash.finalize()));
        Self {
            seed,
            blocks,
            noise,
            digest,
        }
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.blocks * BLOCK_BYTES
    }

    /// The body of a request: of unknown length, as docker sends it.
    pub(crate) fn stream(&self) -> Payload {
        Payload {
            blob: Some(self.clone()),
            block: 0,
            offset: 0,
            started: false,
        }
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        _ = write!(text, "{byte:02x}");
        text
    })
}

fn header(seed: u64, block: u64) -> [u8; HEADER_BYTES] {
    ((u128::from(seed) << 64) | u128::from(block)).to_be_bytes()
}

/// Noise that does not compress: a xorshift generator.
fn noise() -> Bytes {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let words = (usize::try_from(BLOCK_BYTES).unwrap_or(usize::MAX) - HEADER_BYTES) / 8;
    let mut bytes = Vec::with_capacity(words * 8);
    for _ in 0..words {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.into()
}

/// A request body: a blob, or nothing.
#[derive(Debug)]
pub(crate) struct Payload {
    blob: Option<Blob>,
    block: u64,
    offset: usize,
    started: bool,
}

impl Payload {
    pub(crate) const fn empty() -> Self {
        Self {
            blob: None,
            block: 0,
            offset: 0,
            started: false,
        }
    }
}

impl Body for Payload {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let this = &mut *self;
        let Some(blob) = this.blob.as_ref().filter(|blob| this.block < blob.blocks) else {
            return Poll::Ready(None);
        };
        if !this.started {
            this.started = true;
            let header = Bytes::copy_from_slice(&header(blob.seed, this.block));
            return Poll::Ready(Some(Ok(Frame::data(header))));
        }
        let end = (this.offset + PIECE_BYTES).min(blob.noise.len());
        let piece = blob.noise.slice(this.offset..end);
        this.offset = end;
        if end == blob.noise.len() {
            this.offset = 0;
            this.started = false;
            this.block += 1;
        }
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.blob.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        if self.blob.is_none() {
            SizeHint::with_exact(0)
        } else {
            SizeHint::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    #[tokio::test]
    async fn the_digest_is_that_of_the_stream_and_depends_on_the_seed() {
        let blob = Blob::new(7, 3);
        let sent = blob.stream().collect().await.unwrap().to_bytes();
        assert_eq!(sent.len() as u64, blob.bytes());
        assert_eq!(
            blob.digest,
            format!("sha256:{}", hex(&Sha256::digest(&sent)))
        );
        assert_ne!(blob.digest, Blob::new(8, 3).digest);
    }
}
