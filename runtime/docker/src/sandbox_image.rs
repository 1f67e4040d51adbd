//! The image of the sandbox: this very program and the libraries that it needs, and nothing else.
//!
//! It is made from what runs, so it is always of the same version, and it needs no registry.
use std::io::{self, Write};

use bytes::Bytes;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;

use crate::answers;
use crate::client::{Client, pieces};
use crate::files::blocking;
use crate::images::remove_tags;
use crate::load::{index, send};
use crate::names::{hex, sha256, short};
use crate::program::header;
use crate::{Error, Program};

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
    let (files, size, digest) = blocking(|| {
        let files = Program::find()?;
        let mut hash = Hash::default();
        files.write(&mut hash).map_err(Error::Io)?;
        Ok((files, hash.size, hex(&hash.hash.finalize())))
    })
    .await?;
    let repository = format!("{SANDBOXES}{}", short(instance, 8));
    let image = SandboxImage {
        tag: format!("{repository}:{}", digest.get(..32).unwrap_or_default()),
        program: files.command(),
    };
    let path = format!("/images/{}/json", image.tag);
    let there: Option<answers::Image> = client.get(path.as_str()).find().await?;
    if there.is_none() {
        load(client, files, &image.tag, size, &digest, architecture).await?;
        client.get(path).json::<answers::Image>().await?;
    }
    // Those of older versions of this server.
    remove_tags(client, &repository, Some(&image.tag)).await?;
    Ok(image)
}

async fn load(
    client: &Client,
    files: Program,
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
            files.write(archive.get_mut())?;
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

fn add(
    archive: &mut tar::Builder<impl Write>,
    name: &str,
    mode: u32,
    bytes: &[u8],
) -> io::Result<()> {
    let mut header = header(u64::try_from(bytes.len()).unwrap_or(u64::MAX), mode);
    archive.append_data(&mut header, name, bytes)
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

    #[cfg(target_os = "linux")]
    #[test]
    fn the_layer_of_this_program_is_the_same_every_time() {
        let program = Program::find().unwrap();
        let digest = || {
            let mut hash = Hash::default();
            program.write(&mut hash).unwrap();
            (hash.size, hex(&hash.hash.finalize()))
        };
        let first = digest();
        assert_eq!(first, digest());
        let own = std::fs::metadata("/proc/self/exe").unwrap();
        assert!(first.0 > own.len());
    }
}
