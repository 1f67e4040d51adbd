//! The key that registry passwords are signed with: `<data-dir>/keys/registry.key`, 32 bytes that
//! only the owner can read. And the keys of callers, from the file that the operator names.
use std::{
    fs::{DirBuilder, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::Path,
    sync::Arc,
};

use wharf_auth::{Keys, SigningKey};
use wharf_aws::Auth;

use crate::config::{self, Config};

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(
        "{0} can be read by others: chmod 600 it, or delete it to have a new one made (which ends all logins)"
    )]
    Exposed(String),
    #[error("{0} is not a key: delete it to have a new one made (which ends all logins)")]
    Malformed(String),
    #[error("{path} cannot be used")]
    Io {
        path: String,
        #[source]
        source: io::Error,
    },
    #[error("a key cannot be made")]
    Generate(#[source] wharf_auth::Error),
}

/// Reads the key, or makes one at the first start.
pub(crate) fn load(data_dir: &Path) -> Result<SigningKey, Error> {
    let dir = data_dir.join("keys");
    let path = dir.join("registry.key");
    let shown = path.display().to_string();
    let failed = |source| Error::Io {
        path: shown.clone(),
        source,
    };
    match std::fs::read(&path) {
        Ok(bytes) => {
            let mode = std::fs::metadata(&path)
                .map_err(failed)?
                .permissions()
                .mode();
            if mode & 0o077 != 0 {
                return Err(Error::Exposed(shown));
            }
            SigningKey::from_bytes(&bytes).map_err(|_malformed| Error::Malformed(shown))
        }
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            let key = SigningKey::generate().map_err(Error::Generate)?;
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(&dir)
                .map_err(failed)?;
            write(&dir, &path, key.as_bytes()).map_err(failed)?;
            Ok(key)
        }
        Err(e) => Err(failed(e)),
    }
}

/// Whose keys are checked, and against what: the file of credentials is read with all that it names.
pub(crate) fn callers(config: &Config) -> Result<Auth, String> {
    let config::Auth::Strict { credentials } = &config.auth else {
        return Ok(Auth::Local);
    };
    let failed = |problem: String| format!("credentials: {}: {problem}", credentials.display());
    let text = std::fs::read_to_string(credentials).map_err(|e| failed(e.to_string()))?;
    let folder = credentials.parent().unwrap_or(Path::new(""));
    let read = |path: &str| std::fs::read_to_string(folder.join(path)).map_err(|e| e.to_string());
    let keys = Keys::parse(&text, &config.account, read).map_err(|e| failed(e.to_string()))?;
    if keys.is_empty() {
        return Err(failed("there is no key in it".into()));
    }
    Ok(Auth::Strict(Arc::new(keys)))
}

/// Half a key is never seen: the file gets its name once it is whole and on the disk.
fn write(dir: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = path.with_extension("new");
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&temporary, path)?;
    File::open(dir)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    // reliability: A20
    #[test]
    fn a20_a_key_that_is_exposed_truncated_or_empty_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let made = load(dir.path()).unwrap();
        assert_eq!(load(dir.path()).unwrap().as_bytes(), made.as_bytes());
        let path = dir.path().join("keys/registry.key");
        for bytes in [&b""[..], &made.as_bytes()[..31]] {
            std::fs::write(&path, bytes).unwrap();
            assert!(matches!(load(dir.path()), Err(Error::Malformed(_))));
        }
        std::fs::write(&path, made.as_bytes()).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(load(dir.path()), Err(Error::Exposed(_))));
        std::fs::remove_file(&path).unwrap();
        assert_ne!(load(dir.path()).unwrap().as_bytes(), made.as_bytes());
    }
}
