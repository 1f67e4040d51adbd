//! Reads the one table of `rpmdb.sqlite` that matters: `Packages (hnum INTEGER PRIMARY KEY, blob)`.
//! <https://www.sqlite.org/fileformat2.html>
use super::{Each, array, be32, slice};

/// The deepest tree that is followed; a real one has three levels.
const MAX_DEPTH: usize = 20;

/// How many values of a record are read.
const MAX_VALUES: usize = 5;

const LEAF: u8 = 0x0d;
const INTERIOR: u8 = 0x05;

struct File<'f> {
    bytes: &'f [u8],
    page: usize,
    usable: usize,
}

/// A value of a record, as far as it matters.
enum Value<'v> {
    Integer(i64),
    Bytes(&'v [u8]),
    Other,
}

/// Each page and byte may be read so often, so that no loop of pages goes on for ever.
struct Budget {
    pages: usize,
    bytes: usize,
}

type Row<'r> = &'r mut dyn FnMut(&[u8]) -> Result<(), String>;

pub(super) fn read(bytes: &[u8], each: Each<'_>) -> Result<(), String> {
    let file = File::open(bytes)?;
    let mut root = None;
    file.table(1, &mut |record| {
        // type, name, tbl_name, rootpage, sql
        let values = record_values(record)?;
        if let [
            Value::Bytes(b"table"),
            Value::Bytes(b"Packages"),
            _,
            Value::Integer(page),
            ..,
        ] = values.as_slice()
        {
            root = usize::try_from(*page).ok();
        }
        Ok(())
    })?;
    let root = root.ok_or("it has no table Packages")?;
    file.table(root, &mut |record| {
        match record_values(record)?.as_slice() {
            // The key is the row's number and NULL in the record.
            [_, Value::Bytes(blob), ..] => each(blob),
            _ => Err("a row has no package".into()),
        }
    })
}

impl<'f> File<'f> {
    fn open(bytes: &'f [u8]) -> Result<Self, String> {
        if slice(bytes, 0, 16)? != b"SQLite format 3\0" {
            return Err("it is not an SQLite database".into());
        }
        let page = match u16::from_be_bytes(array(bytes, 16)?) {
            1 => 65_536,
            n => usize::from(n),
        };
        let [reserved] = array(bytes, 20)?;
        let usable = page.saturating_sub(usize::from(reserved));
        if page < 512 || !page.is_power_of_two() || usable < 480 {
            return Err("its header is damaged".into());
        }
        Ok(Self {
            bytes,
            page,
            usable,
        })
    }

    /// A page by its number, which begins with one.
    fn page(&self, number: usize) -> Result<&'f [u8], String> {
        let index = number.checked_sub(1).ok_or("there is no page 0")?;
        slice(self.bytes, index.saturating_mul(self.page), self.page)
    }

    /// Shows each record of the table with this root.
    fn table(&self, root: usize, row: Row<'_>) -> Result<(), String> {
        let mut budget = Budget {
            pages: self.bytes.len() / self.page,
            bytes: self.bytes.len(),
        };
        self.walk(root, 0, &mut budget, row)
    }

    fn walk(
        &self,
        number: usize,
        depth: usize,
        budget: &mut Budget,
        row: Row<'_>,
    ) -> Result<(), String> {
        budget.pages = budget.pages.checked_sub(1).ok_or("its pages form a ring")?;
        if depth > MAX_DEPTH {
            return Err("its tree is too deep".into());
        }
        let page = self.page(number)?;
        // The first page begins with the file's header.
        let head = if number == 1 { 100 } else { 0 };
        let [kind] = array(page, head)?;
        let cells = usize::from(u16::from_be_bytes(array(page, head + 3)?));
        let pointers = head + if kind == INTERIOR { 12 } else { 8 };
        for cell in 0..cells {
            let at = usize::from(u16::from_be_bytes(array(page, pointers + cell * 2)?));
            match kind {
                INTERIOR => self.walk(be32(page, at)?, depth + 1, budget, row)?,
                LEAF => row(&self.payload(page, at, budget)?)?,
                _ => return Err("it is not the tree of a table".into()),
            }
        }
        if kind == INTERIOR {
            self.walk(be32(page, head + 8)?, depth + 1, budget, row)?;
        }
        Ok(())
    }

    /// The record of a cell, with what of it is on overflow pages.
    fn payload(&self, page: &[u8], at: usize, budget: &mut Budget) -> Result<Vec<u8>, String> {
        let (length, after) = varint(page, at)?;
        let (_row, after) = varint(page, after)?;
        let length = usize::try_from(length).map_err(|_large| "a row is too large")?;
        budget.bytes = budget.bytes.checked_sub(length).ok_or("its rows overlap")?;
        // Section 1.6: how much of a record is on the page itself.
        let most = self.usable - 35;
        if length <= most {
            return slice(page, after, length).map(<[u8]>::to_vec);
        }
        let least = (self.usable - 12) * 32 / 255 - 23;
        let local = least + (length - least) % (self.usable - 4);
        let local = if local <= most { local } else { least };
        let mut all = slice(page, after, local)?.to_vec();
        let mut next = be32(page, after + local)?;
        while all.len() < length {
            let page = self.page(next)?;
            let want = (length - all.len()).min(self.usable - 4);
            all.extend_from_slice(slice(page, 4, want)?);
            next = be32(page, 0)?;
        }
        Ok(all)
    }
}

/// A number of one to nine bytes, and where it ends.
fn varint(bytes: &[u8], at: usize) -> Result<(u64, usize), String> {
    let mut n: u64 = 0;
    for i in 0..8 {
        let [byte] = array(bytes, at + i)?;
        n = n << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Ok((n, at + i + 1));
        }
    }
    let [byte] = array(bytes, at + 8)?;
    Ok((n << 8 | u64::from(byte), at + 9))
}

/// The values of a record: a header of types, then the contents.
fn record_values(record: &[u8]) -> Result<Vec<Value<'_>>, String> {
    let (head, mut at) = varint(record, 0)?;
    let head = usize::try_from(head).map_err(|_large| "a row is damaged")?;
    let mut content = head;
    let mut values = Vec::new();
    while at < head && values.len() < MAX_VALUES {
        let (kind, after) = varint(record, at)?;
        at = after;
        let kind = usize::try_from(kind).map_err(|_large| "a row is damaged")?;
        let length = match kind {
            0 | 8 | 9 => 0,
            1..=4 => kind,
            5 => 6,
            6 | 7 => 8,
            10 | 11 => return Err("a row is damaged".into()),
            _ => (kind - 12) / 2,
        };
        let bytes = slice(record, content, length)?;
        content += length;
        values.push(match kind {
            1..=6 => Value::Integer(integer(bytes)),
            8 => Value::Integer(0),
            9 => Value::Integer(1),
            0 | 7 => Value::Other,
            _ => Value::Bytes(bytes),
        });
    }
    Ok(values)
}

fn integer(bytes: &[u8]) -> i64 {
    let negative = bytes.first().is_some_and(|b| b & 0x80 != 0);
    let start = if negative { -1 } else { 0 };
    bytes.iter().fold(start, |n, b| n << 8 | i64::from(*b))
}
