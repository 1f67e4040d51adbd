//! Frames on the wire.

use super::{MAX_DATA, MAX_FRAME};
use crate::Error;

pub(super) const HEADER: usize = 9;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Hello,
    Message,
    Open,
    Opened,
    Data,
    /// The sender sends nothing more on the stream.
    End,
    Reset,
    Credit,
    Ping,
    Pong,
}

const KINDS: [Kind; 10] = [
    Kind::Hello,
    Kind::Message,
    Kind::Open,
    Kind::Opened,
    Kind::Data,
    Kind::End,
    Kind::Reset,
    Kind::Credit,
    Kind::Ping,
    Kind::Pong,
];

impl Kind {
    const fn number(self) -> u8 {
        match self {
            Self::Hello => 1,
            Self::Message => 2,
            Self::Open => 3,
            Self::Opened => 4,
            Self::Data => 5,
            Self::End => 6,
            Self::Reset => 7,
            Self::Credit => 8,
            Self::Ping => 9,
            Self::Pong => 10,
        }
    }

    const fn longest(self) -> usize {
        match self {
            Self::Message => MAX_FRAME,
            Self::Data => MAX_DATA,
            Self::Reset => 1024,
            Self::Hello | Self::Open => 64,
            Self::Credit => 4,
            Self::Opened | Self::End | Self::Ping | Self::Pong => 0,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) kind: Kind,
    pub(super) stream: u32,
    pub(super) length: usize,
}

impl Header {
    pub(super) fn write(self, out: &mut Vec<u8>) {
        out.push(self.kind.number());
        out.extend(self.stream.to_be_bytes());
        out.extend(u32::try_from(self.length).unwrap_or(u32::MAX).to_be_bytes());
    }

    /// The header at the beginning of `bytes`, if all of it is there. Checked before its payload is
    /// waited for, so that no length makes us keep more than a frame's limit.
    pub(super) fn read(bytes: &[u8]) -> Result<Option<Self>, Error> {
        let Some(&[number, s0, s1, s2, s3, l0, l1, l2, l3]) = bytes.first_chunk::<HEADER>() else {
            return Ok(None);
        };
        let kind = KINDS
            .into_iter()
            .find(|kind| kind.number() == number)
            .ok_or(Error::Protocol("a frame of no known kind"))?;
        let length = usize::try_from(u32::from_be_bytes([l0, l1, l2, l3])).unwrap_or(usize::MAX);
        if length > kind.longest() {
            return Err(Error::Protocol("a frame is too long"));
        }
        Ok(Some(Self {
            kind,
            stream: u32::from_be_bytes([s0, s1, s2, s3]),
            length,
        }))
    }
}
