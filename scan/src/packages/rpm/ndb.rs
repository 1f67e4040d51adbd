//! rpm's own database (`Packages.db`): pages of slots, each of which names a blob.
//! <https://github.com/rpm-software-management/rpm/blob/master/lib/backend/ndb/rpmpkg.c>
use super::{Each, le32, slice};

const PAGE: usize = 4096;
const SLOT: usize = 16;

/// What the place of a blob is counted in.
const BLOCK: usize = 16;

/// The header takes the place of the first two slots.
const HEADER_SLOTS: usize = 2;

pub(super) fn read(file: &[u8], each: Each<'_>) -> Result<(), String> {
    if slice(file, 0, 4)? != b"RpmP" {
        return Err("it is not a database of rpm".into());
    }
    if le32(file, 4)? != 0 {
        return Err("its version is not known".into());
    }
    let slots = le32(file, 12)?
        .checked_mul(PAGE)
        .filter(|bytes| *bytes <= file.len())
        .ok_or("it ends early")?
        / SLOT;
    // Packages that overlap would cost more than the file has bytes.
    let mut budget = file.len();
    for slot in HEADER_SLOTS..slots {
        let slot = slot * SLOT;
        if slice(file, slot, 4)? != b"Slot" {
            return Err("a slot is damaged".into());
        }
        let (package, offset) = (le32(file, slot + 4)?, le32(file, slot + 8)?);
        // Free slots have no package.
        if package == 0 || offset == 0 {
            continue;
        }
        let blob = offset.saturating_mul(BLOCK);
        if slice(file, blob, 4)? != b"BlbS" || le32(file, blob + 4)? != package {
            return Err("a package is damaged".into());
        }
        let length = le32(file, blob + 12)?;
        budget = budget.checked_sub(length).ok_or("packages overlap")?;
        each(slice(file, blob + 16, length)?)?;
    }
    Ok(())
}
