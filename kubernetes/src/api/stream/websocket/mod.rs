//! WebSocket frames: <https://www.rfc-editor.org/rfc/rfc6455>.
//!
//! Messages are handed on in pieces as they come, so that their length bounds nothing but time.
use std::io::{self, ErrorKind};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt as _, BufReader};

#[cfg(test)]
mod tests;

/// The longest piece of a message.
pub(super) const PIECE: usize = 32 * 1024;

/// The longest payload of a frame that is not data.
const CONTROL: u64 = 125;

/// Section 1.3: what every server hashes with the client's key.
const MAGIC: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

const CONTINUATION: u8 = 0;
pub(super) const TEXT: u8 = 1;
pub(super) const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

/// What `Sec-WebSocket-Accept` answers to a key. None: it is no key.
pub(super) fn accept(key: &str) -> Option<String> {
    if STANDARD.decode(key).ok()?.len() != 16 {
        return None;
    }
    let text = format!("{key}{MAGIC}");
    let sha1 = &aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY;
    let hash = aws_lc_rs::digest::digest(sha1, text.as_bytes());
    Some(STANDARD.encode(hash))
}

/// What a client sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Event {
    Piece(Piece),
    Ping(Bytes),
    Close,
}

/// A part of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) first: bool,
    pub(super) last: bool,
    pub(super) bytes: Bytes,
}

/// A data frame that is being read.
#[derive(Debug)]
struct Frame {
    mask: [u8; 4],
    at: usize,
    left: u64,
    last: bool,
}

/// Reads what a client sends.
#[derive(Debug)]
pub(super) struct Reader<R> {
    io: BufReader<R>,
    frame: Option<Frame>,
    /// A message has begun and not ended.
    open: bool,
    /// Nothing of it was handed on yet.
    first: bool,
}

fn broken(why: &'static str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, why)
}

impl<R: AsyncRead + Unpin> Reader<R> {
    pub(super) fn new(io: R) -> Self {
        Self {
            io: BufReader::with_capacity(PIECE, io),
            frame: None,
            open: false,
            first: false,
        }
    }

    /// Waits for the next thing. Must not be dropped before it is done.
    pub(super) async fn next(&mut self) -> io::Result<Event> {
        loop {
            if let Some(frame) = self.frame.take() {
                return self.piece(frame).await.map(Event::Piece);
            }
            if let Some(event) = self.header().await? {
                return Ok(event);
            }
        }
    }

    async fn piece(&mut self, mut frame: Frame) -> io::Result<Piece> {
        let want = usize::try_from(frame.left).map_or(PIECE, |left| left.min(PIECE));
        let mut bytes = vec![0; want];
        let mut got = 0;
        if want > 0 {
            got = self.io.read(&mut bytes).await?;
            if got == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
        bytes.truncate(got);
        for byte in &mut bytes {
            *byte ^= frame.mask[frame.at % 4];
            frame.at = (frame.at + 1) % 4;
        }
        frame.left -= got as u64;
        let last = frame.left == 0 && frame.last;
        if frame.left > 0 {
            self.frame = Some(frame);
        }
        self.open = !last;
        let first = std::mem::replace(&mut self.first, false);
        Ok(Piece {
            first,
            last,
            bytes: bytes.into(),
        })
    }

    /// Section 5.2. None: a frame of data begins, or one that asks for nothing.
    async fn header(&mut self) -> io::Result<Option<Event>> {
        let [one, two] = self.io.read_u16().await?.to_be_bytes();
        if one & 0x70 != 0 {
            return Err(broken("an extension that was not agreed upon"));
        }
        if two & 0x80 == 0 {
            return Err(broken("a client's frame that is not masked"));
        }
        let (last, code) = (one & 0x80 != 0, one & 0x0f);
        let left = match two & 0x7f {
            126 => u64::from(self.io.read_u16().await?),
            127 => self.io.read_u64().await?,
            short => u64::from(short),
        };
        let mut mask = [0; 4];
        self.io.read_exact(&mut mask).await?;
        match code {
            CONTINUATION | TEXT | BINARY => {
                if (code == CONTINUATION) != self.open {
                    return Err(broken("a message inside another, or the rest of none"));
                }
                self.first |= code != CONTINUATION;
                self.open = true;
                let at = 0;
                self.frame = Some(Frame {
                    mask,
                    at,
                    left,
                    last,
                });
                Ok(None)
            }
            CLOSE | PING | PONG if last && left <= CONTROL => {
                let mut bytes = vec![0; usize::try_from(left).unwrap_or(0)];
                self.io.read_exact(&mut bytes).await?;
                for (byte, mask) in bytes.iter_mut().zip(mask.iter().cycle()) {
                    *byte ^= mask;
                }
                Ok(match code {
                    CLOSE => Some(Event::Close),
                    PING => Some(Event::Ping(bytes.into())),
                    _ => None,
                })
            }
            _ => Err(broken("a frame of no known kind")),
        }
    }
}

/// A frame that is a whole message: `head`, then `rest`.
pub(super) fn message(code: u8, head: &[u8], rest: &[u8]) -> Vec<u8> {
    let length = head.len() + rest.len();
    let mut frame = Vec::with_capacity(length + 10);
    frame.push(0x80 | code);
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short), _) if short < 126 => frame.push(short),
        (_, Ok(medium)) => {
            frame.push(126);
            frame.extend_from_slice(&medium.to_be_bytes());
        }
        _ => {
            frame.push(127);
            frame.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(head);
    frame.extend_from_slice(rest);
    frame
}

pub(super) fn pong(payload: &[u8]) -> Vec<u8> {
    message(PONG, &[], payload)
}

/// The frame after which nothing is sent; all is well (section 7.4.1).
pub(super) fn close() -> Vec<u8> {
    message(CLOSE, &1000_u16.to_be_bytes(), &[])
}
