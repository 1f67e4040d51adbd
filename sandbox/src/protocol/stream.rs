//! One stream: what each side may still send, and what it has ended.

use super::{FIRST_WINDOW, MAX_WINDOW};
use crate::Error;

/// Why a stream was reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Nobody listens there, or it is a dial that is not permitted.
    Refused,
    Unreachable,
    TimedOut,
    /// The connection broke, or whoever used it is gone.
    Reset,
    /// Too many streams are open.
    Busy,
}

const REASONS: [Reason; 5] = [
    Reason::Refused,
    Reason::Unreachable,
    Reason::TimedOut,
    Reason::Reset,
    Reason::Busy,
];

impl Reason {
    pub(super) const fn number(self) -> u8 {
        match self {
            Self::Refused => 1,
            Self::Unreachable => 2,
            Self::TimedOut => 3,
            Self::Reset => 4,
            Self::Busy => 5,
        }
    }

    /// A number that is not known is of a later version.
    pub(super) fn of(number: u8) -> Self {
        let known = REASONS.into_iter().find(|reason| reason.number() == number);
        known.unwrap_or(Self::Reset)
    }
}

#[derive(Debug)]
pub(super) struct Stream {
    /// What we may still send.
    credit: usize,
    /// What the peer may still send.
    window: usize,
    /// What the window is filled up to.
    target: usize,
    /// What was read here and the peer was not yet told of.
    owed: usize,
    /// What was read here since the window last grew.
    since_growth: usize,
    pub(super) ended: bool,
    pub(super) peer_ended: bool,
    /// A write was cut short: say when more is possible.
    pub(super) starved: bool,
}

impl Stream {
    pub(super) const fn new() -> Self {
        Self {
            credit: FIRST_WINDOW,
            window: FIRST_WINDOW,
            target: FIRST_WINDOW,
            owed: 0,
            since_growth: 0,
            ended: false,
            peer_ended: false,
            starved: false,
        }
    }

    pub(super) const fn credit(&self) -> usize {
        self.credit
    }

    pub(super) fn spend(&mut self, count: usize) {
        self.credit = self.credit.saturating_sub(count);
    }

    pub(super) fn earn(&mut self, count: usize) -> Result<(), Error> {
        self.credit = self.credit.saturating_add(count);
        if self.credit > 2 * MAX_WINDOW {
            return Err(Error::Protocol("more credit than a window"));
        }
        Ok(())
    }

    pub(super) fn receive(&mut self, count: usize) -> Result<(), Error> {
        if self.peer_ended {
            return Err(Error::Protocol("bytes after the end of a stream"));
        }
        self.window = match self.window.checked_sub(count) {
            Some(left) => left,
            None => return Err(Error::Protocol("more bytes than the window permits")),
        };
        Ok(())
    }

    /// What the peer is to be told after `count` bytes were read here; 0: nothing yet.
    ///
    /// The window doubles each time that a whole one was read, so that a stream that somebody reads
    /// soon fills the pipe, and one that nobody reads holds little.
    pub(super) fn read(&mut self, count: usize) -> usize {
        self.owed = self.owed.saturating_add(count);
        self.since_growth = self.since_growth.saturating_add(count);
        if self.since_growth >= self.target && self.target < MAX_WINDOW {
            let larger = (2 * self.target).min(MAX_WINDOW);
            self.owed += larger - self.target;
            self.target = larger;
            self.since_growth = 0;
        }
        // Never more than the target: who says that it read what never came earns nothing.
        self.owed = self.owed.min(self.target.saturating_sub(self.window));
        if self.peer_ended || self.owed < self.target / 2 {
            return 0;
        }
        self.window += self.owed;
        std::mem::take(&mut self.owed)
    }
}
