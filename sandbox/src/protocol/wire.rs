//! How values are written in frames: big-endian numbers, texts and lists after their lengths.

use std::net::{IpAddr, SocketAddr};

use crate::Error;

/// Takes values from the payload of a frame, which comes from the peer: nothing is believed.
#[derive(Debug)]
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// All that is left.
    pub(crate) fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }

    /// Nothing may follow what was read.
    pub(crate) fn end(&self) -> Result<(), Error> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(Error::Protocol("bytes after the end of a value"))
        }
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let (head, rest) = self.0.split_first_chunk().ok_or(SHORT)?;
        self.0 = rest;
        Ok(*head)
    }

    fn bytes(&mut self, length: usize) -> Result<&'a [u8], Error> {
        let (head, rest) = self.0.split_at_checked(length).ok_or(SHORT)?;
        self.0 = rest;
        Ok(head)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, Error> {
        self.array().map(u8::from_be_bytes)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, Error> {
        self.array().map(u16::from_be_bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Error> {
        self.array().map(u32::from_be_bytes)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, Error> {
        self.array().map(u64::from_be_bytes)
    }

    pub(crate) fn flag(&mut self) -> Result<bool, Error> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Error::Protocol("a flag is neither 0 nor 1")),
        }
    }

    pub(crate) fn text(&mut self) -> Result<String, Error> {
        let length = self.u16()?;
        match str::from_utf8(self.bytes(usize::from(length))?) {
            Ok(text) => Ok(text.to_owned()),
            Err(_) => Err(Error::Protocol("a text is not UTF-8")),
        }
    }

    pub(crate) fn ip(&mut self) -> Result<IpAddr, Error> {
        match self.u8()? {
            4 => Ok(IpAddr::from(self.array::<4>()?)),
            6 => Ok(IpAddr::from(self.array::<16>()?)),
            _ => Err(Error::Protocol("an address is of no known family")),
        }
    }

    pub(crate) fn address(&mut self) -> Result<SocketAddr, Error> {
        Ok(SocketAddr::new(self.ip()?, self.u16()?))
    }

    /// A list. Its capacity is never taken from the peer's count, which may lie.
    pub(crate) fn list<T>(
        &mut self,
        mut one: impl FnMut(&mut Self) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        let count = self.u16()?;
        let mut all = Vec::new();
        for _ in 0..count {
            all.push(one(self)?);
        }
        Ok(all)
    }
}

const SHORT: Error = Error::Protocol("a value is cut off");

/// Appends values to the payload of a frame.
///
/// Lengths do not fail: a text of more than 64 KiB and a list of more than 65,535 things are cut.
/// Nothing that Kubernetes has comes near; a frame's own limit is checked where it is sent.
#[derive(Debug, Default)]
pub(crate) struct Writer(pub(crate) Vec<u8>);

impl Writer {
    pub(crate) fn u8(&mut self, value: u8) {
        self.0.push(value);
    }

    pub(crate) fn u16(&mut self, value: u16) {
        self.0.extend(value.to_be_bytes());
    }

    pub(crate) fn u32(&mut self, value: u32) {
        self.0.extend(value.to_be_bytes());
    }

    pub(crate) fn u64(&mut self, value: u64) {
        self.0.extend(value.to_be_bytes());
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    pub(crate) fn text(&mut self, text: &str) {
        let length = text.floor_char_boundary(usize::from(u16::MAX));
        let text = text.get(..length).unwrap_or_default();
        self.u16(u16::try_from(text.len()).unwrap_or(u16::MAX));
        self.bytes(text.as_bytes());
    }

    pub(crate) fn ip(&mut self, ip: IpAddr) {
        match ip {
            IpAddr::V4(ip) => {
                self.u8(4);
                self.bytes(&ip.octets());
            }
            IpAddr::V6(ip) => {
                self.u8(6);
                self.bytes(&ip.octets());
            }
        }
    }

    pub(crate) fn address(&mut self, address: SocketAddr) {
        self.ip(address.ip());
        self.u16(address.port());
    }

    pub(crate) fn list<T>(&mut self, all: &[T], mut one: impl FnMut(&mut Self, &T)) {
        let count = u16::try_from(all.len()).unwrap_or(u16::MAX);
        self.u16(count);
        for item in all.iter().take(usize::from(count)) {
            one(self, item);
        }
    }
}
