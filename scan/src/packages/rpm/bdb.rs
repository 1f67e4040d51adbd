//! rpm's old database (`Packages`): a hash of Berkeley DB, of which only the values are read.
//!
//! The values are headers, too large for a page, so that they are on chains of overflow pages.
use super::{Each, array, slice};

const MAGIC: u32 = 0x0006_1561;

/// The bytes before a page's own.
const HEAD: usize = 26;

const PAGE_UNSORTED_HASH: u8 = 2;
const PAGE_OVERFLOW: u8 = 7;
const PAGE_HASH_META: u8 = 8;
const PAGE_HASH: u8 = 13;

/// An item that is on pages of its own.
const ITEM_OFFPAGE: u8 = 3;

/// A file with the byte order of the machine that wrote it.
struct File<'f> {
    bytes: &'f [u8],
    page: usize,
    big_endian: bool,
}

impl<'f> File<'f> {
    fn open(bytes: &'f [u8]) -> Result<Self, String> {
        let magic: [u8; 4] = array(bytes, 12)?;
        let big_endian = match magic {
            _ if u32::from_le_bytes(magic) == MAGIC => false,
            _ if u32::from_be_bytes(magic) == MAGIC => true,
            _ => return Err("it is not a hash of Berkeley DB".into()),
        };
        let mut file = Self {
            bytes,
            page: 0,
            big_endian,
        };
        file.page = file.u32(bytes, 20)?;
        let known = (512..=65_536).contains(&file.page) && file.page.is_power_of_two();
        if !known || array::<1>(bytes, 25)? != [PAGE_HASH_META] {
            return Err("its first page is damaged".into());
        }
        if array::<1>(bytes, 24)? != [0] {
            return Err("it is encrypted".into());
        }
        Ok(file)
    }

    fn u32(&self, bytes: &[u8], at: usize) -> Result<usize, String> {
        let n = array(bytes, at)?;
        Ok(if self.big_endian {
            u32::from_be_bytes(n) as usize
        } else {
            u32::from_le_bytes(n) as usize
        })
    }

    fn u16(&self, bytes: &[u8], at: usize) -> Result<usize, String> {
        let n = array(bytes, at)?;
        Ok(usize::from(if self.big_endian {
            u16::from_be_bytes(n)
        } else {
            u16::from_le_bytes(n)
        }))
    }

    fn page(&self, number: usize) -> Result<&'f [u8], String> {
        slice(self.bytes, number.saturating_mul(self.page), self.page)
    }

    /// A value that begins on an overflow page.
    fn value(&self, first: usize, length: usize) -> Result<Vec<u8>, String> {
        if length > self.bytes.len() {
            return Err("a package is larger than the database".into());
        }
        let (mut all, mut number) = (Vec::new(), first);
        while all.len() < length {
            let page = self.page(number)?;
            let used = self.u16(page, 22)?;
            // An empty page would let a ring of pages go on for ever.
            if array::<1>(page, 25)? != [PAGE_OVERFLOW] || used == 0 {
                return Err("a package is damaged".into());
            }
            all.extend_from_slice(slice(page, HEAD, used)?);
            number = self.u32(page, 16)?;
        }
        all.truncate(length);
        Ok(all)
    }
}

pub(super) fn read(bytes: &[u8], each: Each<'_>) -> Result<(), String> {
    let file = File::open(bytes)?;
    let last = file.u32(bytes, 32)?;
    // Values that overlap would cost more than the file has bytes.
    let mut budget = bytes.len();
    for number in 1..=last {
        let page = file.page(number)?;
        let [kind] = array(page, 25)?;
        if kind != PAGE_HASH && kind != PAGE_UNSORTED_HASH {
            continue;
        }
        let items = file.u16(page, 20)?;
        // Keys and values take turns.
        for item in (1..items).step_by(2) {
            let at = file.u16(page, HEAD + item * 2)?;
            if array::<1>(page, at)? != [ITEM_OFFPAGE] {
                continue;
            }
            let (first, length) = (file.u32(page, at + 4)?, file.u32(page, at + 8)?);
            budget = budget.checked_sub(length).ok_or("packages overlap")?;
            each(&file.value(first, length)?)?;
        }
    }
    Ok(())
}
