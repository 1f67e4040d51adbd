//! A connection of the server.
use std::collections::VecDeque;
use std::os::unix::net::UnixStream;

use rustix::event::PollFlags;
use rustix::io::Errno;

use crate::Error;
use crate::wire::{Answer, FRAME_BYTES, HEAD_BYTES, LINE_BYTES, Request, frame};

/// When a process that writes for this client alone waits.
const FULL: usize = 256 << 10;

/// When a client that does not read what a container writes is hung up on.
const TOO_MUCH: usize = 8 << 20;

#[derive(Clone, Copy, Debug)]
pub(super) enum Mode {
    Asks,
    Watches,
    /// Bound to a process, and whether what it sends is read.
    Bound {
        process: u64,
        stdin: bool,
    },
}

pub(super) struct Client {
    pub(super) stream: UnixStream,
    pub(super) mode: Mode,
    input: Vec<u8>,
    output: VecDeque<u8>,
    gone: bool,
    /// Gone as soon as everything is written.
    last: bool,
}

impl Client {
    pub(super) const fn new(stream: UnixStream) -> Self {
        Self {
            stream,
            mode: Mode::Asks,
            input: Vec::new(),
            output: VecDeque::new(),
            gone: false,
            last: false,
        }
    }

    pub(super) fn is_gone(&self) -> bool {
        self.gone || (self.last && self.output.is_empty())
    }

    pub(super) fn is_full(&self) -> bool {
        self.output.len() > FULL
    }

    pub(super) const fn listens_to(&self, process: u64) -> bool {
        matches!(self.mode, Mode::Bound { process: own, .. } if own == process)
    }

    pub(super) fn interest(&self, is_full: impl Fn(u64) -> bool) -> PollFlags {
        let waits = matches!(self.mode, Mode::Bound { process, .. } if is_full(process));
        let mut flags = PollFlags::empty();
        flags.set(PollFlags::IN, !waits);
        flags.set(PollFlags::OUT, !self.output.is_empty());
        flags
    }

    /// Reads what there is.
    pub(super) fn fill(&mut self) {
        let mut buffer = vec![0; FRAME_BYTES];
        match rustix::io::read(&self.stream, &mut buffer) {
            Ok(n) if n > 0 => self
                .input
                .extend_from_slice(buffer.get(..n).unwrap_or_default()),
            Err(Errno::AGAIN | Errno::INTR) => {}
            Ok(_) | Err(_) => self.gone = true,
        }
    }

    pub(super) fn flush(&mut self) {
        while !self.output.is_empty() {
            let (first, _) = self.output.as_slices();
            match rustix::io::write(&self.stream, first) {
                Ok(n) => drop(self.output.drain(..n)),
                Err(Errno::AGAIN | Errno::INTR) => return,
                Err(_) => {
                    self.gone = true;
                    return;
                }
            }
        }
    }

    /// The next request, if it has come whole.
    pub(super) fn request(&mut self) -> Option<Result<Request, Error>> {
        if !matches!(self.mode, Mode::Asks) {
            return None;
        }
        let Some(end) = self.input.iter().position(|byte| *byte == b'\n') else {
            self.gone |= self.input.len() > LINE_BYTES;
            return None;
        };
        let line: Vec<u8> = self.input.drain(..=end).collect();
        Some(serde_json::from_slice(&line).map_err(Error::Wire))
    }

    pub(super) fn reply(&mut self, answer: &Answer, mode: Mode) {
        self.mode = mode;
        match serde_json::to_vec(answer) {
            Ok(mut line) => {
                line.push(b'\n');
                self.output.extend(line);
                self.flush();
            }
            Err(_) => self.gone = true,
        }
    }

    /// The next frame, if it has come whole.
    pub(super) fn frame(&mut self) -> Option<(u8, Vec<u8>)> {
        let [kind, length @ ..] = *self.input.first_chunk::<HEAD_BYTES>()?;
        let length = usize::try_from(u32::from_be_bytes(length)).ok()?;
        if length > FRAME_BYTES {
            self.gone = true;
            return None;
        }
        let payload = self.input.get(HEAD_BYTES..HEAD_BYTES + length)?.to_vec();
        self.input.drain(..HEAD_BYTES + length);
        Some((kind, payload))
    }

    pub(super) fn send(&mut self, kind: u8, payload: &[u8]) {
        self.output.extend(frame(kind, payload));
        self.flush();
        self.gone |= self.output.len() > TOO_MUCH;
    }

    pub(super) fn finish(&mut self) {
        self.last = true;
    }
}
