//! The vulnerability database: read at the first scan, and again when its directory changes.
use std::{path::PathBuf, sync::Arc};

use wharf_scan::{Database, Error as ScanError};

/// Where the advisories are, and what is in memory of them.
#[derive(Debug)]
pub(super) struct Source {
    folder: Option<PathBuf>,
    loaded: Option<Arc<Database>>,
}

impl Source {
    pub(super) const fn new(folder: Option<PathBuf>) -> Self {
        Self {
            folder,
            loaded: None,
        }
    }

    /// What the directory looks like now; empty if there is none or it cannot be read.
    pub(super) async fn fingerprint(&self) -> String {
        let Some(folder) = self.folder.clone() else {
            return String::new();
        };
        let looked = tokio::task::spawn_blocking(move || Database::fingerprint(&folder)).await;
        match looked {
            Ok(Ok(fingerprint)) => fingerprint.to_string(),
            _ => String::new(),
        }
    }

    /// The database as the directory is now. `None` if no directory is configured.
    pub(super) async fn current(&mut self) -> Option<Result<Arc<Database>, ScanError>> {
        let folder = self.folder.clone()?;
        // Taken out, so that an old one is not held beside the new one.
        let before = self.loaded.take();
        let read = tokio::task::spawn_blocking(move || {
            let now = Database::fingerprint(&folder)?;
            match before {
                Some(before) if before.fingerprint == now => Ok(before),
                before => {
                    drop(before);
                    Database::load(&folder).map(Arc::new).inspect(|db| log(db))
                }
            }
        });
        let database = match read.await {
            Ok(database) => database,
            Err(e) => Err(ScanError::Database {
                path: self.folder.clone().unwrap_or_default(),
                source: std::io::Error::other(e),
            }),
        };
        self.loaded = database.as_ref().ok().map(Arc::clone);
        Some(database)
    }
}

fn log(database: &Database) {
    let (advisories, broken) = (database.advisories, database.problem_count);
    tracing::info!(advisories, broken, "read the vulnerability database");
    for problem in &database.problems {
        let (path, reason) = (problem.path.display(), &problem.reason);
        tracing::warn!(%path, reason, "a file of the vulnerability database could not be read");
    }
}
