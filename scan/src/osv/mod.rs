//! Advisories in the OSV format: <https://ossf.github.io/osv-schema/>.
use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use wharf_types::Timestamp;

use crate::{Error, Scheme};

mod advisory;
mod cvss;
mod findings;
mod load;
mod severity;

pub use cvss::Cvss;
pub use findings::{Finding, Vulnerable};
pub use severity::Severity;

/// What a vulnerability says of itself, whichever package has it.
#[derive(Debug, PartialEq)]
struct Advisory {
    id: String,
    /// What it is known as elsewhere: CVE numbers first.
    names: Vec<String>,
    description: String,
    references: Vec<String>,
    severity: Severity,
    cvss: Option<Cvss>,
    published: Option<Timestamp>,
    modified: Option<Timestamp>,
}

/// The versions of one package that an advisory is about.
#[derive(Debug)]
struct Affected {
    advisory: Arc<Advisory>,
    severity: Severity,
    cvss: Option<Cvss>,
    ranges: Vec<Range>,
    /// Versions that are affected although no range has them.
    versions: Vec<Box<str>>,
}

/// Changes between affected and not, in the order of versions.
#[derive(Debug, Default)]
struct Range(Vec<Event>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Event {
    Introduced(Box<str>),
    Fixed(Box<str>),
    LastAffected(Box<str>),
}

impl Range {
    /// OSV's "Evaluation": the last event up to a version decides.
    fn has(&self, scheme: Scheme, version: &str) -> bool {
        let mut affected = false;
        for event in &self.0 {
            match event {
                Event::Introduced(from) if is_zero(from) => affected = true,
                Event::Introduced(from) if scheme.compare(version, from).is_ge() => affected = true,
                Event::Fixed(at) if scheme.compare(version, at).is_ge() => affected = false,
                Event::LastAffected(at) if scheme.compare(version, at).is_gt() => affected = false,
                _ => {}
            }
        }
        affected
    }

    /// The first fix after a version.
    fn fixed_after(&self, scheme: Scheme, version: &str) -> Option<&str> {
        let fixes = self.0.iter().filter_map(|event| match event {
            Event::Fixed(at) => Some(&**at),
            _ => None,
        });
        fixes
            .filter(|at| scheme.compare(at, version).is_gt())
            .min_by(|a, b| scheme.compare(a, b))
    }
}

/// `0` stands for a version before all others.
fn is_zero(version: &str) -> bool {
    version == "0"
}

impl Event {
    fn version(&self) -> &str {
        match self {
            Self::Introduced(v) | Self::Fixed(v) | Self::LastAffected(v) => v,
        }
    }
}

/// By what a database is known to have changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    files: usize,
    bytes: u64,
    /// When the newest file was written.
    pub updated: Timestamp,
}

impl std::fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}-{}", self.files, self.bytes, self.updated.as_ms())
    }
}

/// A file, or an advisory in one, that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub path: PathBuf,
    pub reason: String,
}

/// All advisories of a directory that are about distributions, in memory.
#[derive(Debug)]
pub struct Database {
    pub fingerprint: Fingerprint,
    /// How many advisories there are.
    pub advisories: usize,
    /// What could not be read, the first few of them, and how many there were.
    pub problems: Vec<Problem>,
    pub problem_count: usize,
    ecosystems: HashMap<String, HashMap<Box<str>, Vec<Affected>>>,
}

impl Database {
    /// What the directory looks like now.
    pub fn fingerprint(folder: &Path) -> Result<Fingerprint, Error> {
        load::fingerprint(folder)
    }

    /// Reads a directory of `.json`, `.jsonl` and `.zip` files. Those that are broken are
    /// [`problems`](Self::problems).
    pub fn load(folder: &Path) -> Result<Self, Error> {
        load::load(folder)
    }
}

/// The name of an ecosystem whose advisories are kept, and the order of its versions. Red Hat's
/// repositories of one release share their packages.
fn ecosystem(name: &str) -> Option<(String, Scheme)> {
    let (distribution, release) = name.split_once(':').unwrap_or((name, ""));
    let scheme = match distribution {
        "Debian" | "Ubuntu" => Scheme::Debian,
        "Alpine" | "Wolfi" | "Chainguard" => Scheme::Alpine,
        "Rocky Linux" | "AlmaLinux" | "Amazon Linux" | "openSUSE" => Scheme::Rpm,
        "Red Hat" => {
            let mut parts = release.split(':');
            let (product, version) = (parts.next()?, parts.next()?);
            return Some((format!("Red Hat:{product}:{version}"), Scheme::Rpm));
        }
        _ => return None,
    };
    Some((name.to_owned(), scheme))
}

#[cfg(test)]
mod tests;
