//! The image of the measured pods: this very program and the libraries that it has loaded.
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::payload::hex;

pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(super) const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";

#[derive(Clone)]
pub(crate) struct Image {
    pub(crate) layer: Bytes,
    pub(crate) layer_digest: String,
    pub(crate) config: Bytes,
    pub(crate) config_digest: String,
    /// How the program is called in it.
    pub(super) entrypoint: Vec<String>,
}

impl std::fmt::Debug for Image {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Image").field(&self.layer_digest).finish()
    }
}

fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex(&Sha256::digest(bytes)))
}

impl Image {
    pub(super) fn make() -> Result<Self> {
        let mut archive = tar::Builder::new(Vec::new());
        let mut entrypoint = vec!["/bench".to_owned()];
        add(&mut archive, "bench", &std::env::current_exe()?)?;
        if let Some(loader) = loader()? {
            add(&mut archive, "ld.so", &loader)?;
            for (name, path) in libraries(&loader)? {
                add(&mut archive, &format!("lib/{name}"), &path)?;
            }
            let words = ["/ld.so", "--library-path", "/lib"];
            entrypoint.splice(0..0, words.map(ToOwned::to_owned));
        }
        let layer = archive.into_inner()?;
        let layer_digest = digest(&layer);
        let config = json!({
            "architecture": if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" },
            "os": "linux",
            "config": { "Entrypoint": entrypoint },
            "rootfs": { "type": "layers", "diff_ids": [layer_digest] },
        });
        let config = config.to_string().into_bytes();
        Ok(Self {
            layer: layer.into(),
            layer_digest,
            config_digest: digest(&config),
            config: config.into(),
            entrypoint,
        })
    }

    pub(crate) fn manifest(&self) -> String {
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {
                "mediaType": CONFIG,
                "digest": self.config_digest,
                "size": self.config.len(),
            },
            "layers": [{
                "mediaType": LAYER,
                "digest": self.layer_digest,
                "size": self.layer.len(),
            }],
        });
        manifest.to_string()
    }
}

fn add(archive: &mut tar::Builder<Vec<u8>>, name: &str, path: &Path) -> Result<()> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut header = tar::Header::new_gnu();
    header.set_size(bytes.len() as u64);
    header.set_mode(0o755);
    archive.append_data(&mut header, name, bytes.as_slice())?;
    Ok(())
}

/// What loaded this program; none if it is static.
fn loader() -> Result<Option<PathBuf>> {
    let maps = fs::read_to_string("/proc/self/maps")?;
    let mut paths = maps
        .lines()
        .filter_map(|line| line.split_whitespace().nth(5));
    let found = paths.find(|path| {
        let name = path.rsplit('/').next().unwrap_or_default();
        name.starts_with("ld-") && name.contains(".so")
    });
    Ok(found.map(PathBuf::from))
}

/// The libraries by the names that the program asks for.
fn libraries(loader: &Path) -> Result<Vec<(String, PathBuf)>> {
    let listed = Command::new(loader)
        .arg("--list")
        .arg(std::env::current_exe()?)
        .output()?;
    ensure!(listed.status.success(), "libraries: {listed:?}");
    let listed = String::from_utf8(listed.stdout)?;
    // Lines as `libc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f…)`.
    let library = |line: &str| {
        let (name, path) = line.split_once(" => ")?;
        let path = path.split(" (").next()?.trim();
        let name = name.trim();
        let plain = !name.contains('/') && path.starts_with('/');
        plain.then(|| (name.to_owned(), PathBuf::from(path)))
    };
    Ok(listed.lines().filter_map(library).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_image_has_what_its_entrypoint_names() {
        let image = Image::make().unwrap();
        let mut archive = tar::Archive::new(image.layer.as_ref());
        let entries = archive.entries().unwrap();
        let names: Vec<PathBuf> = entries
            .map(|entry| Path::new("/").join(entry.unwrap().path().unwrap()))
            .collect();
        let files = image.entrypoint.iter().filter(|word| *word != "/lib");
        for file in files.filter(|word| word.starts_with('/')) {
            assert!(names.contains(&PathBuf::from(file)), "no {file}: {names:?}");
        }
        let has_libraries = names.iter().any(|name| name.starts_with("/lib"));
        assert_eq!(has_libraries, image.entrypoint.contains(&"/lib".to_owned()));
    }
}
