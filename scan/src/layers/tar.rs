//! Reads tar: POSIX ustar with the extensions of GNU and pax, as far as names and sizes go.
use super::{Limits, unpack::Unpacked};
use crate::Error;

const BLOCK: usize = 512;

/// What an entry is, as far as it matters here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    /// With the path that it shares its content with.
    HardLink(String),
    /// With its target as written.
    Symlink(String),
    Directory,
    /// A file whose content is not stored in one piece.
    Sparse,
    /// A device, a pipe, and whatever there may be.
    Other,
}

/// The head of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The path as written.
    pub(crate) path: String,
    pub(crate) kind: Kind,
    pub(crate) size: u64,
}

/// An archive as a stream of entries.
pub(crate) struct Archive<'a> {
    limits: Limits,
    source: Unpacked<'a>,
    entries: u64,
    /// What is left of the current entry, and the filling of its last block.
    left: u64,
    filling: u64,
    begun: bool,
}

/// What extended headers say of the next entry.
#[derive(Default)]
struct Extended {
    path: Option<String>,
    link: Option<String>,
    size: Option<u64>,
    sparse: bool,
}

impl<'a> Archive<'a> {
    pub(crate) const fn new(limits: Limits, entries: u64, source: Unpacked<'a>) -> Self {
        Self {
            limits,
            source,
            entries,
            left: 0,
            filling: 0,
            begun: false,
        }
    }

    /// Unpacked bytes so far, and entries of this archive and those before it.
    pub(crate) const fn used(&self) -> (u64, u64) {
        (self.source.count(), self.entries)
    }

    /// The next entry; none at the end of the archive.
    pub(crate) fn next(&mut self) -> Result<Option<Entry>, Error> {
        let mut extended = Extended::default();
        loop {
            self.skip()?;
            let Some(head) = self.head()? else {
                return Ok(None);
            };
            self.entries += 1;
            if self.entries > self.limits.entries {
                return Err(Error::Limit {
                    what: "more entries",
                    limit: self.limits.entries,
                });
            }
            let stated = number(field(&head, 124, 12))
                .ok_or_else(|| Error::Archive("an entry has no valid size".into()))?;
            self.expect(stated);
            match head[156] {
                b'L' => extended.path = Some(self.text(self.limits.path_bytes)?),
                b'K' => extended.link = Some(self.text(self.limits.path_bytes)?),
                b'x' => {
                    let limit = self.limits.header_bytes;
                    let records = self.content(limit)?;
                    self.pax(&records, &mut extended)?;
                }
                b'g' => {}
                flag => return self.entry(&head, flag, stated, extended).map(Some),
            }
        }
    }

    fn entry(
        &mut self,
        head: &[u8; BLOCK],
        flag: u8,
        stated: u64,
        extended: Extended,
    ) -> Result<Entry, Error> {
        let path = extended.path.unwrap_or_else(|| name(head));
        let link = extended.link.unwrap_or_else(|| text(field(head, 157, 100)));
        self.check_path(path.len())?;
        self.check_path(link.len())?;
        let mut size = extended.size.unwrap_or(stated);
        let kind = match flag {
            b'0' | 0 if path.ends_with('/') => Kind::Directory,
            b'0' | 0 | b'7' if extended.sparse => Kind::Sparse,
            b'0' | 0 | b'7' => Kind::File,
            b'1' => Kind::HardLink(link),
            b'2' => Kind::Symlink(link),
            b'5' => Kind::Directory,
            b'S' => Kind::Sparse,
            _ => Kind::Other,
        };
        // POSIX: links, devices and directories have no content, whatever their size says.
        if matches!(flag, b'2'..=b'6') {
            size = 0;
        }
        self.expect(size);
        if flag == b'S' {
            self.skip_sparse_maps(head)?;
        }
        Ok(Entry { path, kind, size })
    }

    /// The whole content of the current entry.
    pub(crate) fn content(&mut self, limit: u64) -> Result<Vec<u8>, Error> {
        if self.left > limit {
            return Err(Error::Limit {
                what: "a file of more bytes",
                limit,
            });
        }
        let mut all = Vec::new();
        let mut buffer = vec![0; BLOCK * 64];
        while self.left > 0 {
            let want = usize::try_from(self.left).map_or(buffer.len(), |n| n.min(buffer.len()));
            let n = self
                .source
                .read(buffer.get_mut(..want).unwrap_or_default())?;
            if n == 0 {
                return Err(ended());
            }
            all.extend_from_slice(buffer.get(..n).unwrap_or_default());
            self.left -= n as u64;
        }
        Ok(all)
    }

    const fn expect(&mut self, size: u64) {
        self.left = size;
        self.filling = (BLOCK as u64 - size % BLOCK as u64) % BLOCK as u64;
    }

    /// Skips what is left of the current entry.
    fn skip(&mut self) -> Result<(), Error> {
        let mut left = self.left.saturating_add(self.filling);
        (self.left, self.filling) = (0, 0);
        let mut buffer = vec![0; if left > 0 { BLOCK * 128 } else { 0 }];
        while left > 0 {
            let want = usize::try_from(left).map_or(buffer.len(), |n| n.min(buffer.len()));
            let n = self
                .source
                .read(buffer.get_mut(..want).unwrap_or_default())?;
            if n == 0 {
                return Err(ended());
            }
            left -= n as u64;
        }
        Ok(())
    }

    /// The next header, none at the end: that is an empty block or no block at all.
    fn head(&mut self) -> Result<Option<[u8; BLOCK]>, Error> {
        let mut head = [0; BLOCK];
        if !self.fill(&mut head)? {
            // A file of no bytes is no archive, but some tools write such layers for empty ones.
            return Ok(None);
        }
        if head.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        let stated = number(field(&head, 148, 8));
        let sum: u64 = head
            .iter()
            .enumerate()
            .map(|(i, byte)| u64::from(if (148..156).contains(&i) { b' ' } else { *byte }))
            .sum();
        if stated != Some(sum) {
            let what = if self.begun {
                "a header has a wrong checksum"
            } else {
                "it is not a tar archive"
            };
            return Err(Error::Archive(what.into()));
        }
        self.begun = true;
        Ok(Some(head))
    }

    /// Fills a block; false at the end of the stream.
    fn fill(&mut self, block: &mut [u8; BLOCK]) -> Result<bool, Error> {
        let mut filled = 0;
        while filled < BLOCK {
            let n = self
                .source
                .read(block.get_mut(filled..).unwrap_or_default())?;
            if n == 0 && filled == 0 {
                return Ok(false);
            }
            if n == 0 {
                return Err(ended());
            }
            filled += n;
        }
        Ok(true)
    }

    /// GNU: a sparse file's map may go on in blocks before its content.
    fn skip_sparse_maps(&mut self, head: &[u8; BLOCK]) -> Result<(), Error> {
        let mut more = head[482] != 0;
        while more {
            let mut block = [0; BLOCK];
            if !self.fill(&mut block)? {
                return Err(ended());
            }
            more = block[504] != 0;
        }
        Ok(())
    }

    fn text(&mut self, limit: u64) -> Result<String, Error> {
        // With the zero at its end.
        self.content(limit + 1).map(|bytes| text(&bytes))
    }

    fn check_path(&self, bytes: usize) -> Result<(), Error> {
        let limit = self.limits.path_bytes;
        if bytes as u64 > limit {
            return Err(Error::Limit {
                what: "a path of more bytes",
                limit,
            });
        }
        Ok(())
    }

    /// Records of the form `LENGTH KEY=VALUE\n`.
    fn pax(&self, mut records: &[u8], extended: &mut Extended) -> Result<(), Error> {
        let broken = || Error::Archive("an extended header is malformed".into());
        while !records.is_empty() {
            let space = records.iter().position(|b| *b == b' ').ok_or_else(broken)?;
            let length: usize = std::str::from_utf8(records.get(..space).unwrap_or_default())
                .ok()
                .and_then(|digits| digits.parse().ok())
                .ok_or_else(broken)?;
            let record = records
                .get(space + 1..length)
                .and_then(|record| record.strip_suffix(b"\n"))
                .ok_or_else(broken)?;
            let equals = record.iter().position(|b| *b == b'=').ok_or_else(broken)?;
            let (key, value) = record.split_at(equals);
            let value = String::from_utf8_lossy(value.get(1..).unwrap_or_default());
            match key {
                b"path" | b"GNU.sparse.name" => {
                    self.check_path(value.len())?;
                    extended.path = Some(value.into_owned());
                }
                b"linkpath" => {
                    self.check_path(value.len())?;
                    extended.link = Some(value.into_owned());
                }
                b"size" => extended.size = Some(value.parse().map_err(|_digits| broken())?),
                _ => {}
            }
            extended.sparse |= key.starts_with(b"GNU.sparse.");
            records = records.get(length..).unwrap_or_default();
        }
        Ok(())
    }
}

fn ended() -> Error {
    Error::Archive("it ends early".into())
}

fn field(head: &[u8; BLOCK], at: usize, length: usize) -> &[u8] {
    head.get(at..at + length).unwrap_or_default()
}

fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(bytes.get(..end).unwrap_or_default()).into_owned()
}

fn name(head: &[u8; BLOCK]) -> String {
    let short = text(field(head, 0, 100));
    let prefix = text(field(head, 345, 155));
    // GNU's own format has other things in the place of the prefix.
    if prefix.is_empty() || field(head, 257, 6) != b"ustar\0" {
        short
    } else {
        format!("{prefix}/{short}")
    }
}

/// Octal digits, or GNU's binary for what is too large for them.
fn number(field: &[u8]) -> Option<u64> {
    let (first, rest) = field.split_first()?;
    if *first == 0x80 {
        let (high, low) = rest.split_at(rest.len().checked_sub(8)?);
        let low: [u8; 8] = low.try_into().ok()?;
        return high
            .iter()
            .all(|b| *b == 0)
            .then(|| u64::from_be_bytes(low))
            .filter(|n| i64::try_from(*n).is_ok());
    }
    let digits = std::str::from_utf8(field).ok()?;
    let digits = digits.trim_matches(|c: char| c == '\0' || c == ' ');
    if digits.is_empty() {
        return Some(0);
    }
    u64::from_str_radix(digits, 8).ok()
}
