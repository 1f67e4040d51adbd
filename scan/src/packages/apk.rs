//! The database of installed packages of apk(8).
use super::{MAX_PACKAGES, Package, paragraphs, text};
use crate::{Error, Files};

const INSTALLED: &[&str] = &["lib/apk/db/installed", "usr/lib/apk/db/installed"];

pub(super) fn read(files: &Files) -> Result<Option<Vec<Package>>, Error> {
    for path in INSTALLED {
        if let Some(installed) = files.content(path)? {
            let packages = paragraphs(installed).filter_map(|p| package(&p));
            return Ok(Some(packages.take(MAX_PACKAGES + 1).collect()));
        }
    }
    Ok(None)
}

fn package(lines: &[&[u8]]) -> Option<Package> {
    let field = |name: &[u8]| {
        lines
            .iter()
            .find_map(|line| line.strip_prefix(name).map(text))
    };
    let (name, version) = (field(b"P:")?, field(b"V:")?);
    Some(Package {
        arch: field(b"A:").unwrap_or_default(),
        source: field(b"o:").unwrap_or_else(|| name.clone()),
        source_version: version.clone(),
        name,
        version,
        modular: false,
    })
}
