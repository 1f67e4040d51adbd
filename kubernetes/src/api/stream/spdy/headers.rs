//! Blocks of headers, compressed with a dictionary that both sides know (section 2.6.10).
use std::io::{self, ErrorKind};

use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::inflate_flags::TINFL_FLAG_HAS_MORE_INPUT;
use miniz_oxide::inflate::core::{DecompressorOxide, decompress};

pub(super) const DICTIONARY: &[u8] = include_bytes!("dictionary.bin");

/// Adler-32 of the dictionary.
const DICTIONARY_ID: [u8; 4] = [0xe3, 0xc6, 0xa7, 0xc2];

/// The window of deflate: what a block may refer back to.
const WINDOW: usize = 32 * 1024;

/// How large the headers of a stream may be.
const BLOCK: usize = 16 * 1024;

/// How many there may be.
const COUNT: usize = 64;

/// Names, in lower case, and their values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in super::super) struct Headers(Vec<(String, String)>);

impl Headers {
    pub(in super::super) fn get(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(own, _)| own == name);
        found.map_or("", |(_, value)| value)
    }
}

fn broken(why: &'static str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, why)
}

/// Reads the blocks of a connection, each of which may refer to those before it.
pub(super) struct Inflater {
    state: Box<DecompressorOxide>,
    window: Vec<u8>,
    at: usize,
    begun: bool,
}

impl Inflater {
    pub(super) fn new() -> Self {
        Self {
            state: Box::default(),
            window: vec![0; WINDOW],
            at: 0,
            begun: false,
        }
    }

    /// The headers in a block.
    pub(super) fn headers(&mut self, block: &[u8]) -> io::Result<Headers> {
        parse(&self.inflate(block)?)
    }

    fn inflate(&mut self, block: &[u8]) -> io::Result<Vec<u8>> {
        let mut rest = if self.begun {
            block
        } else {
            self.begin(block)?
        };
        let mut out = Vec::new();
        loop {
            let (status, read, wrote) = decompress(
                &mut self.state,
                rest,
                &mut self.window,
                self.at,
                TINFL_FLAG_HAS_MORE_INPUT,
            );
            rest = rest.get(read..).unwrap_or_default();
            let end = self.at + wrote;
            out.extend_from_slice(self.window.get(self.at..end).unwrap_or_default());
            self.at = end % WINDOW;
            if out.len() > BLOCK {
                return Err(broken("headers that are too large"));
            }
            match status {
                TINFLStatus::HasMoreOutput => {}
                TINFLStatus::NeedsMoreInput if rest.is_empty() => return Ok(out),
                _ => return Err(broken("headers that are not compressed as they should be")),
            }
        }
    }

    /// The head of the zlib stream (RFC 1950, section 2.2): with our dictionary, or with none.
    fn begin<'a>(&mut self, block: &'a [u8]) -> io::Result<&'a [u8]> {
        let Some((&[method, flags], rest)) = block.split_first_chunk() else {
            return Err(broken("headers that are cut off"));
        };
        if method & 0x0f != 8 || u16::from_be_bytes([method, flags]) % 31 != 0 {
            return Err(broken("headers that are not compressed by zlib"));
        }
        self.begun = true;
        if flags & 0x20 == 0 {
            return Ok(rest);
        }
        let Some(rest) = rest.strip_prefix(&DICTIONARY_ID) else {
            return Err(broken("headers compressed with an unknown dictionary"));
        };
        for (to, from) in self.window.iter_mut().zip(DICTIONARY) {
            *to = *from;
        }
        self.at = DICTIONARY.len();
        Ok(rest)
    }
}

impl std::fmt::Debug for Inflater {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inflater").finish_non_exhaustive()
    }
}

struct Cut<'a>(&'a [u8]);

impl<'a> Cut<'a> {
    fn number(&mut self) -> io::Result<usize> {
        let (number, rest) = self
            .0
            .split_first_chunk()
            .ok_or_else(|| broken("headers that are cut off"))?;
        self.0 = rest;
        usize::try_from(u32::from_be_bytes(*number)).map_err(io::Error::other)
    }

    fn text(&mut self) -> io::Result<&'a str> {
        let length = self.number()?;
        let cut = self.0.split_at_checked(length);
        let (text, rest) = cut.ok_or_else(|| broken("headers that are cut off"))?;
        self.0 = rest;
        std::str::from_utf8(text).map_err(io::Error::other)
    }
}

fn parse(bytes: &[u8]) -> io::Result<Headers> {
    let mut cut = Cut(bytes);
    let count = cut.number()?;
    if count > COUNT {
        return Err(broken("too many headers"));
    }
    let mut all = Vec::with_capacity(count);
    for _ in 0..count {
        let name = cut.text()?.to_ascii_lowercase();
        // More than one value is parted by NUL; nobody here wants the others.
        let value = cut.text()?.split('\0').next().unwrap_or_default();
        all.push((name, value.to_owned()));
    }
    Ok(Headers(all))
}

/// Writes the blocks of a connection. They are stored, not compressed: ours are small.
#[derive(Debug, Default)]
pub(super) struct Deflater {
    begun: bool,
}

impl Deflater {
    /// Headers as a stored block and the empty one that flushes it (RFC 1951, section 3.2.4).
    pub(super) fn block(&mut self, headers: &[(&str, &str)]) -> Vec<u8> {
        let mut plain = Vec::new();
        let length = |length: usize| u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
        plain.extend_from_slice(&length(headers.len()));
        for (name, value) in headers {
            for text in [name, value] {
                plain.extend_from_slice(&length(text.len()));
                plain.extend_from_slice(text.as_bytes());
            }
        }
        let mut block = Vec::with_capacity(plain.len() + 16);
        if !self.begun {
            block.extend_from_slice(&[0x78, 0xbb]);
            block.extend_from_slice(&DICTIONARY_ID);
            self.begun = true;
        }
        for part in [plain.as_slice(), &[]] {
            let length = u16::try_from(part.len()).unwrap_or(u16::MAX);
            block.push(0);
            block.extend_from_slice(&length.to_le_bytes());
            block.extend_from_slice(&(!length).to_le_bytes());
            block.extend_from_slice(part.get(..usize::from(length)).unwrap_or_default());
        }
        block
    }
}
