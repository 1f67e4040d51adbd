use std::{io, path::PathBuf};

/// Why an image could not be scanned.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Larger than we are willing to unpack.
    #[error("the image has {what} than the limit of {limit}")]
    TooLarge { what: &'static str, limit: u64 },
    /// Another bound was hit.
    #[error("the image has {what} than the limit of {limit}")]
    Limit { what: &'static str, limit: u64 },
    /// A layer is not an archive, or a broken one.
    #[error("the layer is not a valid archive: {0}")]
    Archive(String),
    /// The bytes of a layer did not come.
    #[error("the layer could not be read")]
    Read(#[source] io::Error),
    /// A file that is needed is not what its name says.
    #[error("/{path} cannot be read: {reason}")]
    File { path: String, reason: String },
    /// There is nothing in the image that we know how to read.
    #[error("{0}")]
    Unsupported(String),
    /// The database has nothing to say about the image.
    #[error("the vulnerability database has no advisories for {0}")]
    NoAdvisories(String),
    /// The directory of the database cannot be read at all.
    #[error("the vulnerability database cannot be read: {}", path.display())]
    Database {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

impl Error {
    pub(crate) fn file(path: &str, reason: impl Into<String>) -> Self {
        Self::File {
            path: path.to_owned(),
            reason: reason.into(),
        }
    }
}
