//! What is installed in an image.
use crate::{Error, Files, Scheme};

mod apk;
mod dpkg;
mod release;
mod rpm;

pub use release::Distribution;

/// How many packages an image may have.
const MAX_PACKAGES: usize = 100_000;

/// The longest name or version of a package: they are compared with what is known again and again.
const MAX_TEXT: usize = 1024;

/// What reads and writes the list of installed packages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manager {
    Dpkg,
    Apk,
    Rpm,
}

impl Manager {
    /// The name as Amazon Inspector spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dpkg => "DPKG",
            Self::Apk => "APK",
            Self::Rpm => "RPM",
        }
    }

    /// The order of its versions.
    pub const fn scheme(self) -> Scheme {
        match self {
            Self::Dpkg => Scheme::Debian,
            Self::Apk => Scheme::Alpine,
            Self::Rpm => Scheme::Rpm,
        }
    }
}

/// An installed package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    pub name: String,
    /// The whole version, with epoch and release as its manager writes them.
    pub version: String,
    pub arch: String,
    /// The package that it was built from.
    pub source: String,
    /// The version of that, which need not be its own.
    pub source_version: String,
    /// Whether it is of a module (RPM), which has versions of its own.
    pub modular: bool,
}

impl Package {
    fn longest(&self) -> usize {
        let Self {
            name,
            version,
            arch,
            source,
            source_version,
            modular: _,
        } = self;
        let texts = [name, version, arch, source, source_version];
        texts.map(String::len).into_iter().max().unwrap_or_default()
    }
}

/// The distribution of an image and its packages.
#[derive(Clone, Debug)]
pub struct Inventory {
    pub distribution: Distribution,
    pub packages: Vec<Package>,
}

impl Inventory {
    /// Reads what is installed. An image of a distribution that we do not know, or without a
    /// package database, is [`Error::Unsupported`].
    pub fn read(files: &Files) -> Result<Self, Error> {
        let distribution = Distribution::read(files)?;
        let packages = match distribution.manager {
            Manager::Dpkg => dpkg::read(files)?,
            Manager::Apk => apk::read(files)?,
            Manager::Rpm => rpm::read(files)?,
        };
        let Some(packages) = packages else {
            return Err(Error::Unsupported(format!(
                "there is no package database of {} in the image",
                distribution.ecosystem
            )));
        };
        if packages.len() > MAX_PACKAGES {
            return Err(Error::Limit {
                what: "more packages",
                limit: MAX_PACKAGES as u64,
            });
        }
        if packages.iter().any(|package| package.longest() > MAX_TEXT) {
            return Err(Error::Limit {
                what: "a package with a name or version of more bytes",
                limit: MAX_TEXT as u64,
            });
        }
        Ok(Self {
            distribution,
            packages,
        })
    }
}

/// Paragraphs of lines, with an empty line between two.
fn paragraphs(bytes: &[u8]) -> impl Iterator<Item = Vec<&[u8]>> {
    let mut lines = bytes.split(|b| *b == b'\n').peekable();
    std::iter::from_fn(move || {
        while lines.next_if(|line| line.trim_ascii().is_empty()).is_some() {}
        lines.peek()?;
        let mut paragraph = Vec::new();
        while let Some(line) = lines.next_if(|line| !line.trim_ascii().is_empty()) {
            paragraph.push(line);
        }
        Some(paragraph)
    })
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes.trim_ascii()).into_owned()
}

#[cfg(test)]
mod tests;
