//! The status file of dpkg(1), and the directory of such files in distroless images.
use super::{MAX_PACKAGES, Package, paragraphs, text};
use crate::{Error, Files};

const STATUS: &str = "var/lib/dpkg/status";
const STATUS_D: &str = "var/lib/dpkg/status.d/";

pub(super) fn read(files: &Files) -> Result<Option<Vec<Package>>, Error> {
    let mut packages = Vec::new();
    let mut found = false;
    if let Some(status) = files.content(STATUS)? {
        found = true;
        packages.extend(all(status, false));
    }
    for path in files.below(STATUS_D) {
        if let Some(status) = files.content(path)? {
            found = true;
            packages.extend(all(status, true));
            packages.truncate(MAX_PACKAGES + 1);
        }
    }
    Ok(found.then_some(packages))
}

/// The packages of a file; one more than there may be is enough.
fn all(status: &[u8], always: bool) -> impl Iterator<Item = Package> {
    let packages = paragraphs(status).filter_map(move |lines| package(&lines, always));
    packages.take(MAX_PACKAGES + 1)
}

/// The package of a paragraph, if it is installed. In distroless images nothing else is there, so
/// there need not be a status.
fn package(lines: &[&[u8]], always: bool) -> Option<Package> {
    let field = |name: &[u8]| {
        lines.iter().find_map(|line| {
            let (key, value) = line.split_at_checked(name.len())?;
            let value = value.strip_prefix(b":")?;
            key.eq_ignore_ascii_case(name).then(|| text(value))
        })
    };
    match field(b"Status") {
        Some(status) if status.split_ascii_whitespace().nth(2) != Some("installed") => return None,
        None if !always => return None,
        _ => {}
    }
    let (name, version) = (field(b"Package")?, field(b"Version")?);
    let source = field(b"Source");
    // `Source: name (version)`, the version only if it is not the package's own.
    let (source, source_version) = match source.as_deref().map(|s| s.split_once('(')) {
        None => (name.clone(), version.clone()),
        Some(None) => (source.unwrap_or_default(), version.clone()),
        Some(Some((source, its))) => {
            let its = its.trim_end_matches(')').trim();
            (source.trim().to_owned(), its.to_owned())
        }
    };
    Some(Package {
        arch: field(b"Architecture").unwrap_or_default(),
        name,
        version,
        source,
        source_version,
        modular: false,
    })
}
