//! Walking the checkout.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// All files below `folder` whose name ends with `suffix`, sorted; without build output and
/// whatever starts with a dot, save `.ci` and `.github`.
pub(crate) fn find(folder: &Path, suffix: &str) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries =
            fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))?;
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let hidden = name.starts_with('.') && name != ".ci" && name != ".github";
            let kind = entry.file_type()?;
            if kind.is_dir() && !hidden && !is_build_output(&entry.path()) {
                folders.push(entry.path());
            } else if kind.is_file() && name.ends_with(suffix) {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Cargo marks its target directories, whatever they are called.
fn is_build_output(folder: &Path) -> bool {
    folder.join("CACHEDIR.TAG").exists() || folder.ends_with("node_modules")
}

/// A file's text, with its path in the error.
pub(crate) fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// A path as the messages print it.
pub(crate) fn relative(root: &Path, path: &Path) -> String {
    path.strip_prefix(root)
        .unwrap_or(path)
        .display()
        .to_string()
}
