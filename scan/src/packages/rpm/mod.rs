//! The database of rpm(8), in each of the three formats it has had: the headers in it are the same.
use super::{MAX_PACKAGES, Package};
use crate::{Error, Files};

mod bdb;
mod header;
mod ndb;
mod sqlite;

const FOLDERS: &[&str] = &["var/lib/rpm", "usr/lib/sysimage/rpm"];

/// What a reader of a format does with each header. An error ends the reading.
type Each<'e> = &'e mut dyn FnMut(&[u8]) -> Result<(), String>;

type Reader = fn(&[u8], Each<'_>) -> Result<(), String>;

/// Names of databases and what reads them.
const FORMATS: &[(&str, Reader)] = &[
    ("rpmdb.sqlite", sqlite::read),
    ("Packages.db", ndb::read),
    ("Packages", bdb::read),
];

pub(super) fn read(files: &Files) -> Result<Option<Vec<Package>>, Error> {
    for (name, reader) in FORMATS {
        for folder in FOLDERS {
            let path = format!("{folder}/{name}");
            let Some(database) = files.content(&path)? else {
                continue;
            };
            let log = format!("{path}-wal");
            if files.content(&log)?.is_some_and(|log| !log.is_empty()) {
                // What is in the log and not in the database would be missed.
                return Err(Error::file(&log, "the database was not closed"));
            }
            let mut packages = Vec::new();
            let mut each = |blob: &[u8]| {
                if packages.len() > MAX_PACKAGES {
                    return Err("it has too many packages".into());
                }
                packages.extend(header::package(blob)?);
                Ok(())
            };
            reader(database, &mut each).map_err(|reason| Error::file(&path, reason))?;
            return Ok(Some(packages));
        }
    }
    Ok(None)
}

/// Bytes `at..at + length`.
fn slice(bytes: &[u8], at: usize, length: usize) -> Result<&[u8], String> {
    at.checked_add(length)
        .and_then(|end| bytes.get(at..end))
        .ok_or_else(|| "it ends early".to_owned())
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Result<[u8; N], String> {
    slice(bytes, at, N)?
        .try_into()
        .map_err(|_length| "it ends early".to_owned())
}

fn le32(bytes: &[u8], at: usize) -> Result<usize, String> {
    Ok(u32::from_le_bytes(array(bytes, at)?) as usize)
}

fn be32(bytes: &[u8], at: usize) -> Result<usize, String> {
    Ok(u32::from_be_bytes(array(bytes, at)?) as usize)
}

#[cfg(test)]
mod tests;
