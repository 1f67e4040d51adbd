//! A process of a container, and the ends of what it reads and writes.
use std::collections::VecDeque;

use rustix::event::{PollFd, PollFlags};
use rustix::fd::{AsFd as _, OwnedFd};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, WaitStatus};

use super::Source;
use super::log::{Log, Stream};
use crate::Error;
use crate::wire::{FRAME_BYTES, kind};

/// How much input may wait for a process that does not read.
const PENDING: usize = 1 << 20;

/// Our ends of a process's files.
pub(super) struct Pipes {
    pub(super) input: Option<OwnedFd>,
    pub(super) output: Option<OwnedFd>,
    pub(super) errors: Option<OwnedFd>,
    /// `output` is a terminal, for which `input` is another descriptor.
    pub(super) tty: bool,
}

pub(super) struct Process {
    pub(super) pid: Pid,
    death: OwnedFd,
    pipes: Pipes,
    pending: VecDeque<u8>,
    input_ends: bool,
    /// Of a container's first process; others write for clients only.
    log: Option<Log>,
    /// Whether the input ends with the first client.
    once: bool,
    code: Option<i32>,
}

impl Process {
    pub(super) fn new(pid: i32, pipes: Pipes, log: Option<Log>, once: bool) -> Result<Self, Error> {
        let pid = Pid::from_raw(pid).ok_or(Error::Usage)?;
        let death = rustix::process::pidfd_open(pid, PidfdFlags::empty())
            .map_err(Error::step("watch a process"))?;
        Ok(Self {
            pid,
            death,
            pipes,
            pending: VecDeque::new(),
            input_ends: false,
            log,
            once,
            code: None,
        })
    }

    /// What is waited for. Output that is only for clients waits until they have room.
    pub(super) fn poll<'a>(&'a self, id: u64, full: bool, polled: &mut Vec<(Source, PollFd<'a>)>) {
        polled.push((Source::Death(id), PollFd::new(&self.death, PollFlags::IN)));
        if !full {
            if let Some(output) = &self.pipes.output {
                polled.push((Source::Output(id), PollFd::new(output, PollFlags::IN)));
            }
            if let Some(errors) = &self.pipes.errors {
                polled.push((Source::Errors(id), PollFd::new(errors, PollFlags::IN)));
            }
        }
        if let Some(input) = self
            .pipes
            .input
            .as_ref()
            .filter(|_| !self.pending.is_empty())
        {
            polled.push((Source::Input(id), PollFd::new(input, PollFlags::OUT)));
        }
    }

    pub(super) const fn is_bound_to_clients(&self) -> bool {
        self.log.is_none()
    }

    pub(super) fn is_full(&self) -> bool {
        self.pending.len() > PENDING
    }

    /// What it wrote; nothing if there is nothing more now.
    pub(super) fn read(&mut self, errors: bool) -> Vec<u8> {
        let (pipe, stream) = if errors {
            (&mut self.pipes.errors, Stream::Err)
        } else {
            (&mut self.pipes.output, Stream::Out)
        };
        let Some(fd) = pipe else {
            return Vec::new();
        };
        let mut buffer = vec![0; FRAME_BYTES];
        match rustix::io::read(&*fd, &mut buffer) {
            Ok(n) if n > 0 => buffer.truncate(n),
            Err(Errno::AGAIN | Errno::INTR) => return Vec::new(),
            // A terminal whose other end is closed fails with EIO.
            Ok(_) | Err(_) => {
                *pipe = None;
                return Vec::new();
            }
        }
        if let Some(log) = &mut self.log
            && let Err(error) = log.write(stream, &buffer)
        {
            tracing::error!(error = error.chain(), "a log could not be written");
        }
        buffer
    }

    /// Takes a frame of a client.
    pub(super) fn take(&mut self, kind: u8, payload: &[u8], stdin: bool) {
        match kind {
            kind::STDIN if stdin && self.pipes.input.is_some() => {
                self.pending.extend(payload);
                self.feed();
            }
            kind::STDIN_ENDS if stdin && (self.is_bound_to_clients() || self.once) => {
                self.input_ends = true;
                self.feed();
            }
            kind::RESIZE => self.resize(payload),
            _ => {}
        }
    }

    fn resize(&self, payload: &[u8]) {
        let (Some(output), true, &[a, b, c, d]) = (&self.pipes.output, self.pipes.tty, payload)
        else {
            return;
        };
        let size = rustix::termios::Winsize {
            ws_col: u16::from_be_bytes([a, b]),
            ws_row: u16::from_be_bytes([c, d]),
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        if let Err(error) = rustix::termios::tcsetwinsize(output, size) {
            tracing::debug!(%error, "a terminal keeps its size");
        }
    }

    /// Writes what waits, as far as it goes.
    pub(super) fn feed(&mut self) {
        while let Some(input) = &self.pipes.input
            && !self.pending.is_empty()
        {
            let (first, _) = self.pending.as_slices();
            match rustix::io::write(input, first) {
                Ok(n) => drop(self.pending.drain(..n)),
                Err(Errno::AGAIN) => return,
                Err(Errno::INTR) => {}
                // It does not read any more.
                Err(_) => {
                    self.pipes.input = None;
                    self.pending.clear();
                }
            }
        }
        if self.input_ends {
            self.close_input();
        }
    }

    /// What a terminal takes for the end is a character; a pipe is closed.
    fn close_input(&mut self) {
        if let Some(input) = self.pipes.input.take().filter(|_| self.pipes.tty) {
            // Nobody reads it if this fails.
            let _unread = rustix::io::write(&input, b"\x04");
        }
    }

    /// A client went away.
    pub(super) fn unbind(&mut self, stdin: bool) {
        if self.is_bound_to_clients() {
            self.pipes.input = None;
            self.pipes.output = None;
            self.pipes.errors = None;
            // Nobody would end it: a probe that takes too long, for one.
            self.kill();
        } else if stdin && self.once {
            self.input_ends = true;
            self.feed();
        }
    }

    pub(super) fn set_status(&mut self, status: WaitStatus) {
        let signal = status.terminating_signal().map(|signal| 128 + signal);
        self.code = status.exit_status().or(signal);
    }

    /// How it ended: its code, or 128 and the number of the signal. None: it runs.
    pub(super) const fn code(&self) -> Option<i32> {
        self.code
    }

    pub(super) fn finish(mut self) {
        if let Some(log) = &mut self.log
            && let Err(error) = log.finish()
        {
            tracing::error!(error = error.chain(), "a log could not be written");
        }
    }

    pub(super) fn kill(&self) {
        // It may have ended just now.
        let _gone = rustix::process::pidfd_send_signal(self.death.as_fd(), Signal::KILL);
    }
}
