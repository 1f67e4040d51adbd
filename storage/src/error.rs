use std::io;

/// What storing and finding may fail with.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No space is left, in the database or in the store. Nothing was changed.
    #[error("no space is left on the device")]
    Full,
    /// The bytes are not what was pushed. They are no longer served.
    #[error("stored content is damaged")]
    Damaged,
    /// The store or the database cannot be used for now, or any more.
    #[error("the store is unavailable")]
    Unavailable,
    /// What a change was for, a repository, was deleted meanwhile.
    #[error("it was deleted meanwhile")]
    Gone,
    /// The data directory cannot be used as it is; says what to do.
    #[error("{0}")]
    Refused(String),
    #[error("the metadata store failed")]
    Sqlite(#[source] rusqlite::Error),
    #[error("the file system failed")]
    Io(#[source] io::Error),
    #[error("the object store failed")]
    Object(#[source] object_store::Error),
    #[error("a stored value makes no sense")]
    Value(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl From<rusqlite::Error> for Error {
    fn from(e: rusqlite::Error) -> Self {
        match e.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DiskFull) => Self::Full,
            Some(rusqlite::ErrorCode::ConstraintViolation) if is_foreign_key(&e) => Self::Gone,
            _ => Self::Sqlite(e),
        }
    }
}

fn is_foreign_key(e: &rusqlite::Error) -> bool {
    let code = e.sqlite_error().map(|e| e.extended_code);
    code == Some(rusqlite::ffi::SQLITE_CONSTRAINT_FOREIGNKEY)
}

impl From<io::Error> for Error {
    fn from(e: io::Error) -> Self {
        match e.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full,
            _ => Self::Io(e),
        }
    }
}

impl From<object_store::Error> for Error {
    fn from(e: object_store::Error) -> Self {
        Self::Object(e)
    }
}

impl From<wharf_types::Invalid> for Error {
    fn from(e: wharf_types::Invalid) -> Self {
        Self::Value(Box::new(e))
    }
}

impl From<serde_json::Error> for Error {
    fn from(e: serde_json::Error) -> Self {
        Self::Value(Box::new(e))
    }
}
