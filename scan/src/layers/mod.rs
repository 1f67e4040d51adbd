//! Layers as streams: unpacked, counted, walked.
use std::io::Read;

use crate::Error;

mod tar;
mod unpack;

pub(crate) use tar::{Archive, Entry, Kind};

#[cfg(test)]
pub(crate) mod tests;

const MIB: u64 = 1024 * 1024;

/// What an image may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Unpacked bytes of one layer.
    pub layer_bytes: u64,
    /// Unpacked bytes of all layers.
    pub image_bytes: u64,
    /// How many times as large as it is packed a layer may be, once it is larger than
    /// `ratio_from`.
    pub ratio: u64,
    pub ratio_from: u64,
    /// Entries of all layers.
    pub entries: u64,
    /// Bytes of a path or the target of a link.
    pub path_bytes: u64,
    /// Bytes of an entry's extended header.
    pub header_bytes: u64,
    /// Bytes of one file that is kept, such as a package database.
    pub file_bytes: u64,
    /// Bytes of all files that are kept.
    pub kept_bytes: u64,
    /// How many files are kept.
    pub kept_files: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            layer_bytes: 20 * 1024 * MIB,
            image_bytes: 40 * 1024 * MIB,
            ratio: 300,
            ratio_from: 64 * MIB,
            entries: 5_000_000,
            path_bytes: 4096,
            header_bytes: MIB,
            file_bytes: 256 * MIB,
            kept_bytes: 384 * MIB,
            kept_files: 4096,
        }
    }
}

/// How much of the limits an image has used up.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Used {
    pub(crate) image_bytes: u64,
    pub(crate) entries: u64,
}

/// Opens a layer: how it is packed is seen from its first bytes, whatever its media type says.
pub(crate) fn open<'a, R: Read + 'a>(
    limits: Limits,
    used: Used,
    layer: R,
) -> Result<Archive<'a>, Error> {
    let unpacked = unpack::Unpacked::new(limits, used.image_bytes, layer)?;
    Ok(Archive::new(limits, used.entries, unpacked))
}
