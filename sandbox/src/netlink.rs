//! Messages to the kernel: netlink, as much of it as is needed here.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{
    AddressFamily, Protocol, RecvFlags, SendFlags, SocketFlags, SocketType, netlink, recv, send,
    socket_with, sockopt,
};

pub(crate) const REQUEST: u16 = 1;
pub(crate) const ACK: u16 = 4;
pub(crate) const DUMP: u16 = 0x300;
pub(crate) const REPLACE: u16 = 0x100;
pub(crate) const CREATE: u16 = 0x400;
pub(crate) const APPEND: u16 = 0x800;

const ERROR: u16 = 2;
const DONE: u16 = 3;
const NESTED: u16 = 0x8000;
const HEADER: usize = 16;
/// The kernel answers at once; this is for a kernel that does not.
const PATIENCE: Duration = Duration::from_secs(10);
/// What we ask for. Without privileges over the whole machine it is what `wmem_max` permits.
const WANTED_BUFFER: usize = 4 * 1024 * 1024;

/// Bytes of messages and attributes, each with its length in front and at a multiple of four.
#[derive(Debug, Default)]
pub(crate) struct Buffer {
    pub(crate) sent: Vec<u8>,
    /// Where the last message begins.
    last: usize,
}

impl Buffer {
    pub(crate) fn message(
        &mut self,
        kind: u16,
        flags: u16,
        sequence: u32,
        body: impl FnOnce(&mut Self),
    ) {
        let start = self.sent.len();
        self.last = start;
        self.sent.extend(0_u32.to_ne_bytes());
        self.sent.extend(kind.to_ne_bytes());
        self.sent.extend(flags.to_ne_bytes());
        self.sent.extend(sequence.to_ne_bytes());
        self.sent.extend(0_u32.to_ne_bytes());
        body(self);
        let length = u32::try_from(self.sent.len() - start).unwrap_or(u32::MAX);
        self.patch(start, &length.to_ne_bytes());
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.sent.extend_from_slice(bytes);
    }

    pub(crate) fn attribute(&mut self, kind: u16, value: &[u8]) {
        self.with_length(kind, |buffer| buffer.bytes(value));
    }

    /// A text with the zero byte that the kernel wants behind it.
    pub(crate) fn text(&mut self, kind: u16, text: &str) {
        self.with_length(kind, |buffer| {
            buffer.bytes(text.as_bytes());
            buffer.sent.push(0);
        });
    }

    /// A number as netfilter has it: big-endian.
    pub(crate) fn number(&mut self, kind: u16, value: u32) {
        self.attribute(kind, &value.to_be_bytes());
    }

    pub(crate) fn nest(&mut self, kind: u16, body: impl FnOnce(&mut Self)) {
        self.with_length(kind | NESTED, body);
    }

    fn with_length(&mut self, kind: u16, body: impl FnOnce(&mut Self)) {
        let start = self.sent.len();
        self.sent.extend(0_u16.to_ne_bytes());
        self.sent.extend(kind.to_ne_bytes());
        body(self);
        let length = u16::try_from(self.sent.len() - start).unwrap_or(u16::MAX);
        self.patch(start, &length.to_ne_bytes());
        self.sent.resize(self.sent.len().next_multiple_of(4), 0);
    }

    /// Sets flags of the last message.
    pub(crate) fn flag_last(&mut self, flags: u16) {
        let at = self.last + 6;
        let old = self.sent.get(at..).and_then(<[u8]>::first_chunk);
        let old = old.map_or(0, |old| u16::from_ne_bytes(*old));
        self.patch(at, &(old | flags).to_ne_bytes());
    }

    fn patch(&mut self, at: usize, bytes: &[u8]) {
        for (place, byte) in self.sent.iter_mut().skip(at).zip(bytes) {
            *place = *byte;
        }
    }
}

/// The attributes of a message, with their kinds; stops at the first that is broken.
pub(crate) fn attributes(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let head = bytes.first_chunk::<4>()?;
        let length = usize::from(u16::from_ne_bytes([head[0], head[1]]));
        let kind = u16::from_ne_bytes([head[2], head[3]]) & !NESTED;
        let value = bytes.get(4..length)?;
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, value))
    })
}

/// A message from the kernel.
struct Received<'a> {
    kind: u16,
    sequence: u32,
    body: &'a [u8],
}

fn received(mut bytes: &[u8]) -> impl Iterator<Item = Received<'_>> {
    std::iter::from_fn(move || {
        let (length, rest) = bytes.split_first_chunk::<4>()?;
        let (kind, rest) = rest.split_first_chunk::<2>()?;
        let sequence = rest.get(2..)?.first_chunk()?;
        let length = usize::try_from(u32::from_ne_bytes(*length)).ok()?;
        let message = Received {
            kind: u16::from_ne_bytes(*kind),
            sequence: u32::from_ne_bytes(*sequence),
            body: bytes.get(HEADER..length)?,
        };
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some(message)
    })
}

#[derive(Debug)]
pub(crate) struct Socket {
    fd: OwnedFd,
    sequence: u32,
    /// How long what is sent at once may be.
    pub(crate) longest: usize,
}

impl Socket {
    pub(crate) fn netfilter() -> Result<Self, Errno> {
        Self::open(Some(netlink::NETFILTER))
    }

    /// Its number is 0, which rustix writes as no protocol.
    pub(crate) fn route() -> Result<Self, Errno> {
        Self::open(None)
    }

    fn open(protocol: Option<Protocol>) -> Result<Self, Errno> {
        let fd = socket_with(
            AddressFamily::NETLINK,
            SocketType::RAW,
            SocketFlags::CLOEXEC,
            protocol,
        )?;
        sockopt::set_socket_timeout(&fd, sockopt::Timeout::Recv, Some(PATIENCE))?;
        if sockopt::set_socket_send_buffer_size_force(&fd, WANTED_BUFFER).is_err() {
            sockopt::set_socket_send_buffer_size(&fd, WANTED_BUFFER)?;
        }
        rustix::net::bind(&fd, &netlink::SocketAddrNetlink::new(0, 0))?;
        // A part of it: the kernel counts its own headers, and the last message of a batch overshoots.
        let longest = sockopt::socket_send_buffer_size(&fd)? / 4;
        Ok(Self {
            fd,
            sequence: 0,
            longest,
        })
    }

    pub(crate) const fn next_sequence(&mut self) -> u32 {
        self.sequence = self.sequence.wrapping_add(1);
        self.sequence
    }

    /// Numbers before this one are used.
    pub(crate) const fn skip_to(&mut self, sequence: u32) {
        self.sequence = sequence;
    }

    /// Sends messages and waits for what the kernel says of number `last`, which must ask for it.
    /// The first error of any of them is the answer.
    pub(crate) fn transact(&self, bytes: &[u8], first: u32, last: u32) -> Result<(), Errno> {
        self.send(bytes)?;
        let mut outcome = Ok(());
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let (filled, _) = recv(&self.fd, buffer.as_mut_slice(), RecvFlags::empty())?;
            let answers = buffer.get(..filled).unwrap_or_default();
            for answer in received(answers) {
                let ours = answer.sequence.wrapping_sub(first) <= last.wrapping_sub(first);
                let Some(code) = error_code(&answer).filter(|_| ours) else {
                    continue;
                };
                if code != 0 && outcome.is_ok() {
                    outcome = Err(Errno::from_raw_os_error(code));
                }
                // The first message is the frame of a batch, which fails as a whole.
                if answer.sequence == last || (code != 0 && answer.sequence == first) {
                    return outcome;
                }
            }
        }
    }

    /// Sends one message that asks for a list; gives each answer's body to `each`.
    pub(crate) fn dump(
        &self,
        bytes: &[u8],
        sequence: u32,
        mut each: impl FnMut(&[u8]),
    ) -> Result<(), Errno> {
        self.send(bytes)?;
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let (filled, _) = recv(&self.fd, buffer.as_mut_slice(), RecvFlags::empty())?;
            let answers = buffer.get(..filled).unwrap_or_default();
            for answer in received(answers).filter(|answer| answer.sequence == sequence) {
                match (answer.kind, error_code(&answer)) {
                    (DONE, _) | (_, Some(0)) => return Ok(()),
                    (_, Some(code)) => return Err(Errno::from_raw_os_error(code)),
                    (_, None) => each(answer.body),
                }
            }
        }
    }

    fn send(&self, bytes: &[u8]) -> Result<(), Errno> {
        let sent = send(&self.fd, bytes, SendFlags::empty())?;
        if sent == bytes.len() {
            Ok(())
        } else {
            Err(Errno::MSGSIZE)
        }
    }
}

/// The code of an error message; 0: it is done.
fn error_code(message: &Received<'_>) -> Option<i32> {
    let code = message
        .body
        .first_chunk()
        .filter(|_| message.kind == ERROR)?;
    Some(i32::from_ne_bytes(*code).saturating_neg())
}

/// Whether the kernel lacks what was asked for, as opposed to refusing or failing.
pub(crate) fn is_missing(errno: Errno) -> bool {
    matches!(
        errno,
        Errno::NOENT | Errno::OPNOTSUPP | Errno::PROTONOSUPPORT | Errno::AFNOSUPPORT
    )
}

pub(crate) fn error(errno: Errno) -> crate::Error {
    let source = io::Error::from(errno);
    if is_missing(errno) {
        crate::Error::NfTablesMissing(source)
    } else if matches!(errno, Errno::PERM | Errno::ACCESS) {
        crate::Error::NotPermitted(source)
    } else {
        crate::Error::Io {
            what: "cannot program nf_tables",
            source,
        }
    }
}
