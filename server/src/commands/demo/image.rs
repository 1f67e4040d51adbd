//! An image of wharf itself, pushed and pulled as docker does. None of it is in memory as a whole.
use std::io::{self, BufWriter, Write};

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use futures::stream;
use http::{Method, StatusCode};
use reqwest::{RequestBuilder, Response};
use serde_json::json;
use tokio::sync::mpsc;
use wharf_docker::Program;
use wharf_types::{Algorithm, Digest, Hasher, media};

use super::{REPOSITORY, page};
use crate::commands::client::Client;

/// Where the container listens.
pub(super) const PORT: u16 = 8080;

/// How much of the layer is sent at once, and how many of these wait.
const PIECE: usize = 256 << 10;
const WAITING: usize = 4;

/// Nobody, who needs no rights.
const USER: &str = "65534:65534";

/// What is known of bytes that were pushed.
struct Blob {
    digest: Digest,
    size: u64,
}

/// An image of one layer.
pub(super) struct Image {
    blobs: [Blob; 2],
    manifest: String,
}

impl Image {
    pub(super) fn digest(&self) -> Digest {
        Digest::sha256(self.manifest.as_bytes())
    }

    pub(super) fn size(&self) -> u64 {
        self.blobs.iter().map(|blob| blob.size).sum()
    }
}

/// The registry's own door, as docker uses it.
pub(super) struct Registry<'a> {
    pub(super) client: &'a Client,
    pub(super) password: String,
}

impl Registry<'_> {
    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("{}{path}", self.client.endpoint);
        let request = self.client.http.request(method, url);
        request.basic_auth("AWS", Some(&self.password))
    }

    pub(super) async fn push(&self) -> anyhow::Result<Image> {
        let (command, layer) = self.push_program().await?;
        let architecture = if cfg!(target_arch = "aarch64") {
            "arm64"
        } else {
            "amd64"
        };
        let config = json!({
            "architecture": architecture,
            "os": "linux",
            "config": {
                "Entrypoint": command,
                "Cmd": [page::PART, PORT.to_string()],
                "User": USER,
                "ExposedPorts": { format!("{PORT}/tcp"): {} },
            },
            "rootfs": { "type": "layers", "diff_ids": [layer.digest] },
        });
        let config = config.to_string();
        let blob = Blob {
            digest: Digest::sha256(config.as_bytes()),
            size: config.len() as u64,
        };
        let location = self.begin().await?;
        self.finish(&location, &blob.digest, config).await?;
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": media::OCI_MANIFEST,
            "config": { "mediaType": media::OCI_CONFIG, "digest": blob.digest, "size": blob.size },
            "layers": [{ "mediaType": media::OCI_LAYER, "digest": layer.digest, "size": layer.size }],
        })
        .to_string();
        let put = self
            .request(Method::PUT, &format!("/v2/{REPOSITORY}/manifests/1"))
            .header("content-type", media::OCI_MANIFEST)
            .body(manifest.clone());
        expect(put.send().await?, StatusCode::CREATED).await?;
        Ok(Image {
            blobs: [blob, layer],
            manifest,
        })
    }

    /// Sends this program while it is read, and says how it is called in the image.
    async fn push_program(&self) -> anyhow::Result<(Vec<String>, Blob)> {
        let location = self.begin().await?;
        let (to, pieces) = mpsc::channel(WAITING);
        let writing = tokio::task::spawn_blocking(move || write_program(&to));
        let body = stream::unfold(pieces, |mut pieces: mpsc::Receiver<_>| async move {
            let piece: io::Result<Bytes> = pieces.recv().await?;
            Some((piece, pieces))
        });
        let patch = self
            .request(Method::PATCH, &location)
            .header("content-type", "application/octet-stream")
            .body(reqwest::Body::wrap_stream(body))
            .send();
        let (written, sent) = tokio::join!(writing, patch);
        let (command, blob) = written?.context("this program cannot be read")?;
        let sent = expect(sent?, StatusCode::ACCEPTED).await?;
        self.finish(&location_of(&sent)?, &blob.digest, String::new())
            .await?;
        Ok((command, blob))
    }

    async fn begin(&self) -> anyhow::Result<String> {
        let path = format!("/v2/{REPOSITORY}/blobs/uploads/");
        let begun = self.request(Method::POST, &path).send().await?;
        location_of(&expect(begun, StatusCode::ACCEPTED).await?)
    }

    async fn finish(&self, location: &str, digest: &Digest, rest: String) -> anyhow::Result<()> {
        let mark = if location.contains('?') { '&' } else { '?' };
        let path = format!("{location}{mark}digest={digest}");
        let put = self.request(Method::PUT, &path).body(rest).send().await?;
        expect(put, StatusCode::CREATED).await.map(drop)
    }

    pub(super) async fn pull_and_compare(&self, image: &Image) -> anyhow::Result<()> {
        let path = format!("/v2/{REPOSITORY}/manifests/1");
        let got = self.request(Method::GET, &path).send().await?;
        let manifest = expect(got, StatusCode::OK).await?.bytes().await?;
        ensure!(
            manifest == image.manifest.as_bytes(),
            "the manifest is another"
        );
        for Blob { digest, size } in &image.blobs {
            let path = format!("/v2/{REPOSITORY}/blobs/{digest}");
            let got = self.request(Method::GET, &path).send().await?;
            let mut got = expect(got, StatusCode::OK).await?;
            let (mut hash, mut length) = (Hasher::new(Algorithm::Sha256), 0);
            while let Some(piece) = got.chunk().await? {
                hash.update(&piece);
                length += piece.len() as u64;
            }
            ensure!(
                hash.finish() == *digest && length == *size,
                "{digest} has other bytes"
            );
        }
        Ok(())
    }
}

async fn expect(response: Response, status: StatusCode) -> anyhow::Result<Response> {
    let (url, actual) = (response.url().clone(), response.status());
    if actual == status {
        return Ok(response);
    }
    let text = response.text().await?;
    anyhow::bail!("{url}: {actual}: {text}")
}

fn location_of(response: &Response) -> anyhow::Result<String> {
    let location = response.headers().get("location");
    let location = location.context("the upload has no location")?;
    Ok(location.to_str()?.to_owned())
}

/// Writes the layer.
fn write_program(to: &mpsc::Sender<io::Result<Bytes>>) -> io::Result<(Vec<String>, Blob)> {
    let pieces = Pieces {
        to: to.clone(),
        hash: Hasher::new(Algorithm::Sha256),
        size: 0,
    };
    let written = || {
        let program = Program::find().map_err(io::Error::other)?;
        let mut layer = BufWriter::with_capacity(PIECE, pieces);
        program.write(&mut layer)?;
        let pieces = layer.into_inner().map_err(|error| error.into_error())?;
        let blob = Blob {
            digest: pieces.hash.finish(),
            size: pieces.size,
        };
        Ok((program.command(), blob))
    };
    let outcome: io::Result<_> = written();
    if let Err(error) = &outcome {
        // The registry is not to take this for the whole; it may have hung up.
        drop(to.blocking_send(Err(io::Error::other(error.to_string()))));
    }
    outcome
}

/// Hands on what is written, from a thread that may wait.
struct Pieces {
    to: mpsc::Sender<io::Result<Bytes>>,
    hash: Hasher,
    size: u64,
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.hash.update(bytes);
        self.size += bytes.len() as u64;
        let sent = self.to.blocking_send(Ok(Bytes::copy_from_slice(bytes)));
        sent.map_err(|_gone| io::Error::from(io::ErrorKind::BrokenPipe))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
