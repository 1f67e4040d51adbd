//! Frames (section 2.2): what clients send is read in pieces, what we send is small.
use std::io::{self, ErrorKind};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt as _, BufReader};

use super::headers::{Headers, Inflater};

/// The longest piece of data that is handed on at once.
pub(in super::super) const PIECE: usize = 32 * 1024;

/// The longest control frame.
const CONTROL: usize = 16 * 1024;

const CONTROL_BIT: u32 = 1 << 31;
const VERSION: u32 = 3;

const SYN_STREAM: u32 = 1;
const SYN_REPLY: u32 = 2;
const RST_STREAM: u32 = 3;
const PING: u32 = 6;
const GOAWAY: u32 = 7;
const HEADERS: u32 = 8;

const FIN: u8 = 1;

/// What a client sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) enum Event {
    /// A stream; `end` if nothing comes on it.
    Open {
        stream: u32,
        headers: Headers,
        end: bool,
    },
    Data {
        stream: u32,
        bytes: Bytes,
        end: bool,
    },
    Reset {
        stream: u32,
    },
    Ping(u32),
    GoAway,
}

/// Data that is being read.
#[derive(Debug)]
struct Data {
    stream: u32,
    left: usize,
    end: bool,
}

/// Reads what a client sends.
#[derive(Debug)]
pub(in super::super) struct Reader<R> {
    io: BufReader<R>,
    data: Option<Data>,
    inflater: Inflater,
}

fn broken(why: &'static str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, why)
}

impl<R: AsyncRead + Unpin> Reader<R> {
    pub(in super::super) fn new(io: R) -> Self {
        Self {
            io: BufReader::with_capacity(PIECE, io),
            data: None,
            inflater: Inflater::new(),
        }
    }

    /// Waits for the next thing. Must not be dropped before it is done.
    pub(in super::super) async fn next(&mut self) -> io::Result<Event> {
        loop {
            if let Some(data) = self.data.take() {
                return self.data(data).await;
            }
            let first = self.io.read_u32().await?;
            let second = self.io.read_u32().await?;
            let [flags, ..] = second.to_be_bytes();
            let length = usize::try_from(second & 0x00ff_ffff).map_err(io::Error::other)?;
            if first & CONTROL_BIT == 0 {
                self.data = Some(Data {
                    stream: first,
                    left: length,
                    end: flags & FIN != 0,
                });
                continue;
            }
            if length > CONTROL {
                return Err(broken("a control frame that is too long"));
            }
            let mut body = vec![0; length];
            self.io.read_exact(&mut body).await?;
            if (first >> 16) & 0x7fff != VERSION {
                return Err(broken("another version of SPDY"));
            }
            if let Some(event) = self.control(first & 0xffff, flags, &body)? {
                return Ok(event);
            }
        }
    }

    async fn data(&mut self, mut data: Data) -> io::Result<Event> {
        let mut bytes = vec![0; data.left.min(PIECE)];
        let mut got = 0;
        if data.left > 0 {
            got = self.io.read(&mut bytes).await?;
            if got == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
        bytes.truncate(got);
        data.left -= got;
        let stream = data.stream;
        let end = data.end && data.left == 0;
        if data.left > 0 {
            self.data = Some(data);
        }
        Ok(Event::Data {
            stream,
            bytes: bytes.into(),
            end,
        })
    }

    fn control(&mut self, kind: u32, flags: u8, body: &[u8]) -> io::Result<Option<Event>> {
        let number = |at: usize| {
            let four = body.get(at..).and_then(|rest| rest.first_chunk());
            let number = four.map(|four| u32::from_be_bytes(*four));
            number.ok_or_else(|| broken("a frame that is cut off"))
        };
        let stream = || number(0).map(|stream| stream & !CONTROL_BIT);
        let block = |at: usize| body.get(at..).unwrap_or_default();
        Ok(Some(match kind {
            SYN_STREAM => {
                let stream = stream()?;
                // After the stream that it belongs to, its priority and its slot.
                number(6)?;
                Event::Open {
                    stream,
                    headers: self.inflater.headers(block(10))?,
                    end: flags & FIN != 0,
                }
            }
            SYN_REPLY | HEADERS => {
                stream()?;
                // They count for the compression of what follows.
                self.inflater.headers(block(4))?;
                return Ok(None);
            }
            RST_STREAM => Event::Reset { stream: stream()? },
            PING => Event::Ping(number(0)?),
            GOAWAY => Event::GoAway,
            // Settings and windows mean nothing here; unknown frames are to be ignored.
            _ => return Ok(None),
        }))
    }
}

fn control(kind: u32, flags: u8, parts: &[&[u8]]) -> Vec<u8> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let length = u32::try_from(length).unwrap_or(0) & 0x00ff_ffff;
    let mut frame = Vec::new();
    frame.extend_from_slice(&(CONTROL_BIT | (VERSION << 16) | kind).to_be_bytes());
    frame.extend_from_slice(&((u32::from(flags) << 24) | length).to_be_bytes());
    for part in parts {
        frame.extend_from_slice(part);
    }
    frame
}

/// Data of at most 2^24 - 1 bytes; `end` if it is the last.
pub(super) fn data(stream: u32, bytes: &[u8], end: bool) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap_or(0) & 0x00ff_ffff;
    let flags = if end { u32::from(FIN) << 24 } else { 0 };
    let mut frame = Vec::with_capacity(bytes.len() + 8);
    frame.extend_from_slice(&stream.to_be_bytes());
    frame.extend_from_slice(&(flags | length).to_be_bytes());
    frame.extend_from_slice(bytes);
    frame
}

pub(super) fn ping(id: u32) -> Vec<u8> {
    control(PING, 0, &[&id.to_be_bytes()])
}

/// No stream after `last` was looked at; all is well.
pub(super) fn go_away(last: u32) -> Vec<u8> {
    control(GOAWAY, 0, &[&last.to_be_bytes(), &0_u32.to_be_bytes()])
}

pub(super) fn reply(stream: u32, block: &[u8]) -> Vec<u8> {
    control(SYN_REPLY, 0, &[&stream.to_be_bytes(), block])
}

pub(super) fn reset(stream: u32, status: u32) -> Vec<u8> {
    control(
        RST_STREAM,
        0,
        &[&stream.to_be_bytes(), &status.to_be_bytes()],
    )
}
