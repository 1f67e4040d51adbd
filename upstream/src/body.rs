//! Bodies, counted.
use bytes::{Bytes, BytesMut};
use http::header;
use reqwest::Response;

use crate::Error;

/// A body that must have exactly the size that was said before. It comes to an end only with the
/// last of its bytes.
#[derive(Debug)]
pub struct Body {
    response: Response,
    left: u64,
}

impl Body {
    pub(crate) fn of(response: Response, size: u64) -> Result<Self, Error> {
        uncompressed(&response)?;
        if response.content_length().is_some_and(|n| n != size) {
            return Err(Error::refused("the body does not have the size it should"));
        }
        Ok(Self {
            response,
            left: size,
        })
    }

    /// The next bytes.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        let Some(chunk) = self.response.chunk().await? else {
            return match self.left {
                0 => Ok(None),
                _ => Err(Error::refused(
                    "the body ended before it had the size it should",
                )),
            };
        };
        match self.left.checked_sub(chunk.len() as u64) {
            Some(left) => {
                self.left = left;
                Ok(Some(chunk))
            }
            None => Err(Error::refused("the body is longer than it should be")),
        }
    }
}

/// Reads the whole of a small body.
pub(crate) async fn small(mut response: Response, limit: usize) -> Result<Bytes, Error> {
    uncompressed(&response)?;
    let too_long = || Error::refused(format!("the body has more than {limit} bytes"));
    if response.content_length().is_some_and(|n| n > limit as u64) {
        return Err(too_long());
    }
    let mut all = BytesMut::new();
    while let Some(chunk) = response.chunk().await? {
        if all.len() + chunk.len() > limit {
            return Err(too_long());
        }
        all.extend_from_slice(&chunk);
    }
    Ok(all.freeze())
}

/// Digests and sizes are of bytes as they are: nothing is unpacked on the way.
fn uncompressed(response: &Response) -> Result<(), Error> {
    let mut encodings = response.headers().get_all(header::CONTENT_ENCODING).iter();
    if encodings.all(|encoding| encoding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        Ok(())
    } else {
        Err(Error::refused("it is compressed, which nobody asked for"))
    }
}
