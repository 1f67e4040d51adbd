//! The header of a package: `rpm/doc/manual/hregions.md` and `format_header.md`.
use super::{array, be32, slice};
use crate::packages::{Package, text};

const NAME: usize = 1000;
const VERSION: usize = 1001;
const RELEASE: usize = 1002;
const EPOCH: usize = 1003;
const ARCH: usize = 1022;
const SOURCERPM: usize = 1044;
const MODULARITYLABEL: usize = 5096;

const TYPE_INT32: usize = 4;
const TYPE_STRING: usize = 6;
const TYPE_I18NSTRING: usize = 9;

/// How many tags a header may have.
const MAX_TAGS: usize = 65_536;

/// The package of a header. Imported signing keys have headers too, and are no packages.
pub(super) fn package(blob: &[u8]) -> Result<Option<Package>, String> {
    let tags = be32(blob, 0)?;
    let data_bytes = be32(blob, 4)?;
    if tags > MAX_TAGS {
        return Err("a header has too many tags".into());
    }
    let index = slice(blob, 8, tags * 16)?;
    let data = slice(blob, 8 + tags * 16, data_bytes)?;
    let entry = |tag: usize| -> Result<Option<(usize, usize)>, String> {
        for at in (0..index.len()).step_by(16) {
            if be32(index, at)? == tag {
                return Ok(Some((be32(index, at + 4)?, be32(index, at + 8)?)));
            }
        }
        Ok(None)
    };
    let string = |tag: usize| -> Result<Option<String>, String> {
        let Some((TYPE_STRING | TYPE_I18NSTRING, offset)) = entry(tag)? else {
            return Ok(None);
        };
        let rest = data.get(offset..).ok_or("a header's string is not there")?;
        let end = rest.iter().position(|b| *b == 0);
        let end = end.ok_or("a header's string has no end")?;
        Ok(Some(text(rest.get(..end).unwrap_or_default())))
    };
    let required = |tag: usize| string(tag)?.ok_or_else(|| format!("a header has no tag {tag}"));
    let name = required(NAME)?;
    if name == "gpg-pubkey" {
        return Ok(None);
    }
    let epoch = match entry(EPOCH)? {
        Some((TYPE_INT32, offset)) => Some(u32::from_be_bytes(array(data, offset)?)),
        _ => None,
    };
    let version = format!(
        "{}:{}-{}",
        epoch.unwrap_or(0),
        required(VERSION)?,
        required(RELEASE)?
    );
    let source = string(SOURCERPM)?.and_then(|file| source_name(&file));
    let label = string(MODULARITYLABEL)?.filter(|label| !label.is_empty() && label != "(none)");
    Ok(Some(Package {
        source: source.unwrap_or_else(|| name.clone()),
        source_version: version.clone(),
        arch: string(ARCH)?.unwrap_or_default(),
        modular: label.is_some() || version.contains(".module"),
        name,
        version,
    }))
}

/// The name in `name-version-release.src.rpm`.
fn source_name(file: &str) -> Option<String> {
    let mut parts = file.rsplitn(3, '-').skip(2);
    parts
        .next()
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
}
