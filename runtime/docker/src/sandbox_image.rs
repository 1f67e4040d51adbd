//! The image of the sandbox: this very program and the libraries that it needs, and nothing else.
//!
//! It is made from what runs, so it is always of the same version, and it needs no registry.
use std::fs::{self, File};
use std::io::{self, Read as _, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use bytes::Bytes;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;

use crate::Error;
use crate::answers;
use crate::client::{Client, pieces};
use crate::files::blocking;
use crate::images::remove_tags;
use crate::load::{index, send};
use crate::names::{hex, sha256, short};

/// This program, also when its file was replaced.
const PROGRAM: &str = "/proc/self/exe";

/// An image that Docker has.
#[derive(Clone, Debug)]
pub(crate) struct SandboxImage {
    pub(crate) tag: String,
    /// How the program is called in it.
    pub(crate) program: Vec<String>,
}

/// How the names of these images begin.
pub(crate) const SANDBOXES: &str = "wharf-sandbox-";

/// Loads the image, if Docker does not have it.
pub(crate) async fn prepare(
    client: &Client,
    architecture: &str,
    instance: &str,
) -> Result<SandboxImage, Error> {
    if !cfg!(target_os = "linux") {
        return Err(Error::Refused(
            "the program inside of pods is this one, which is not built for Linux here: run \
             wharf itself in a container with Docker's socket"
                .to_owned(),
        ));
    }
    let own = if cfg!(target_arch = "aarch64") {
        "arm64"
    } else {
        "amd64"
    };
    if own != architecture {
        return Err(Error::Refused(format!(
            "Docker runs {architecture}, but this program is for {own}"
        )));
    }
    let (contents, size, digest) = blocking(|| {
        let contents = Contents::find()?;
        let mut hash = Hash::default();
        contents.write(&mut hash).map_err(Error::Io)?;
        Ok((contents, hash.size, hex(&hash.hash.finalize())))
    })
    .await?;
    let repository = format!("{SANDBOXES}{}", short(instance, 8));
    let image = SandboxImage {
        tag: format!("{repository}:{}", digest.get(..32).unwrap_or_default()),
        program: contents.program(),
    };
    let path = format!("/images/{}/json", image.tag);
    let there: Option<answers::Image> = client.get(path.as_str()).find().await?;
    if there.is_none() {
        load(client, contents, &image.tag, size, &digest, architecture).await?;
        client.get(path).json::<answers::Image>().await?;
    }
    // Those of older versions of this server.
    remove_tags(client, &repository, Some(&image.tag)).await?;
    Ok(image)
}

async fn load(
    client: &Client,
    contents: Contents,
    tag: &str,
    size: u64,
    digest: &str,
    architecture: &str,
) -> Result<(), Error> {
    let config = json!({
        "architecture": architecture,
        "os": "linux",
        "config": {},
        "rootfs": { "type": "layers", "diff_ids": [format!("sha256:{digest}")] },
    });
    let config = config.to_string().into_bytes();
    let tag = tag.to_owned();
    let (to, pieces) = pieces();
    let writing = blocking(move || {
        let mut archive = tar::Builder::new(Sender(to.clone()));
        let outcome = (|| {
            let mut header = header(size, 0o644);
            header.set_path("layer.tar")?;
            header.set_cksum();
            archive.get_mut().write_all(header.as_bytes())?;
            contents.write(archive.get_mut())?;
            let padding = size.next_multiple_of(512) - size;
            archive
                .get_mut()
                .write_all(&vec![0; usize::try_from(padding).unwrap_or(0)])?;
            let name = format!("{}.json", sha256(&config));
            let index = index(&tag, &name, &["layer.tar".to_owned()]);
            add(&mut archive, &name, 0o644, &config)?;
            add(&mut archive, "manifest.json", 0o644, &index)?;
            archive.finish()
        })();
        if let Err(error) = &outcome {
            // Docker is not to take this for the whole; it may have hung up.
            let _heard = to.blocking_send(Err(io::Error::other(error.to_string())));
        }
        outcome.map_err(Error::Io)
    });
    let (written, sent) = tokio::join!(writing, send(client, pieces));
    sent.and(written)
}

fn header(size: u64, mode: u32) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_size(size);
    header.set_mode(mode);
    header
}

fn add(
    archive: &mut tar::Builder<impl Write>,
    name: &str,
    mode: u32,
    bytes: &[u8],
) -> io::Result<()> {
    let mut header = header(u64::try_from(bytes.len()).unwrap_or(u64::MAX), mode);
    archive.append_data(&mut header, name, bytes)
}

/// The files of the image.
#[derive(Debug)]
struct Contents {
    /// What loads the program, if it is not static.
    loader: Option<PathBuf>,
    /// By the names that the program asks for.
    libraries: Vec<(String, PathBuf)>,
}

impl Contents {
    fn find() -> Result<Self, Error> {
        let maps = fs::read_to_string("/proc/self/maps").map_err(Error::Io)?;
        let Some(loader) = loader(&maps) else {
            return Ok(Self {
                loader: None,
                libraries: Vec::new(),
            });
        };
        let listed = Command::new(&loader)
            .arg("--list")
            // Ours, not the loader's own.
            .arg(format!("/proc/{}/exe", std::process::id()))
            .env_clear()
            .output()
            .map_err(Error::Io)?;
        if !listed.status.success() {
            return Err(Error::Refused(format!(
                "{} does not say which libraries this program needs: {}",
                loader.display(),
                String::from_utf8_lossy(&listed.stderr).trim()
            )));
        }
        Ok(Self {
            loader: Some(loader),
            libraries: libraries(&String::from_utf8_lossy(&listed.stdout)),
        })
    }

    fn program(&self) -> Vec<String> {
        let words: &[&str] = match self.loader {
            Some(_) => &["/ld.so", "--library-path", "/lib", "/wharf"],
            None => &["/wharf"],
        };
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    /// Writes the layer: the same bytes whenever the files are the same.
    fn write(&self, to: &mut impl Write) -> io::Result<()> {
        let mut archive = tar::Builder::new(to);
        copy(&mut archive, "wharf", Path::new(PROGRAM))?;
        if let Some(loader) = &self.loader {
            copy(&mut archive, "ld.so", loader)?;
        }
        for (name, path) in &self.libraries {
            copy(&mut archive, &format!("lib/{name}"), path)?;
        }
        archive.finish()
    }
}

fn copy(archive: &mut tar::Builder<impl Write>, name: &str, path: &Path) -> io::Result<()> {
    let file = File::open(path)?;
    let size = file.metadata()?.len();
    archive.append_data(&mut header(size, 0o755), name, file.take(size))
}

/// Finds the dynamic loader among what is mapped: `ld-linux-x86-64.so.2`, `ld-musl-aarch64.so.1`.
fn loader(maps: &str) -> Option<PathBuf> {
    let paths = maps
        .lines()
        .filter_map(|line| line.split_whitespace().nth(5));
    let mut loaders = paths.filter(|path| {
        let name = path.rsplit('/').next().unwrap_or_default();
        name.starts_with("ld-") && name.contains(".so")
    });
    loaders.next().map(PathBuf::from)
}

/// Reads lines as `libc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f…)`.
fn libraries(listed: &str) -> Vec<(String, PathBuf)> {
    let library = |line: &str| {
        let (name, path) = line.split_once(" => ")?;
        let path = path.split(" (").next()?.trim();
        let name = name.trim();
        let plain = !name.contains('/') && path.starts_with('/');
        plain.then(|| (name.to_owned(), PathBuf::from(path)))
    };
    let mut found: Vec<_> = listed.lines().filter_map(library).collect();
    found.sort();
    found
}

#[derive(Default)]
struct Hash {
    hash: Sha256,
    size: u64,
}

impl Write for Hash {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.hash.update(bytes);
        self.size += u64::try_from(bytes.len()).unwrap_or(0);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Hands on what is written from a thread that may wait.
struct Sender(mpsc::Sender<io::Result<Bytes>>);

impl Write for Sender {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let sent = self.0.blocking_send(Ok(Bytes::copy_from_slice(bytes)));
        sent.map_err(|_gone| io::Error::from(io::ErrorKind::BrokenPipe))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loader_and_the_libraries_are_found() {
        let maps = "\
7f00-7f01 r--p 00000000 fe:00 1 /usr/lib/x86_64-linux-gnu/libc.so.6
7f02-7f03 r--p 00000000 fe:00 2 /usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2
7f04-7f05 rw-p 00000000 00:00 0
";
        let found = loader(maps).unwrap();
        assert_eq!(
            found,
            Path::new("/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2")
        );
        assert_eq!(
            loader("7f00-7f01 r--p 00000000 fe:00 1 /usr/bin/wharf\n"),
            None
        );
        let listed = "\
\tlinux-vdso.so.1 (0x00007ffd)
\tlibgcc_s.so.1 => /lib/x86_64-linux-gnu/libgcc_s.so.1 (0x00007f)
\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f)
\t/lib64/ld-linux-x86-64.so.2 => /usr/lib64/ld-linux-x86-64.so.2 (0x00007f)
";
        let names: Vec<String> = libraries(listed)
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        assert_eq!(names, ["libc.so.6", "libgcc_s.so.1"]);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_layer_of_this_program_is_the_same_every_time() {
        let contents = Contents::find().unwrap();
        let digest = || {
            let mut hash = Hash::default();
            contents.write(&mut hash).unwrap();
            (hash.size, hex(&hash.hash.finalize()))
        };
        let first = digest();
        assert_eq!(first, digest());
        assert!(first.0 > fs::metadata(PROGRAM).unwrap().len());
        // With a loader there is a library at least.
        assert_eq!(contents.loader.is_none(), contents.libraries.is_empty());
    }
}
