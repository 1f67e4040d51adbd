//! Loading images: <https://github.com/moby/docker-image-spec>, as `docker load` takes them.
//!
//! An image is one archive: its layers, compressed as they are stored, and then what says which they
//! are. A layer that Docker has need not be in it; Docker says so if it has it not.
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use wharf_runtime::engine::{ImageSource, Layer, Manifest};

use crate::Error;
use crate::archive::Outgoing;
use crate::client::{Client, Pieces, pieces, whole};
use crate::names::hex;

/// How long an image may take: Docker unpacks it before it answers.
const LOAD: Duration = Duration::from_hours(1);

/// How much of a layer is in memory.
const CHUNK: usize = 256 << 10;

/// The name of a layer in an archive.
fn place(digest: &str) -> String {
    format!("{}.tar", digits(digest))
}

/// The digits of a digest.
pub(crate) fn digits(digest: &str) -> &str {
    digest.split_once(':').map_or(digest, |(_, digits)| digits)
}

/// What says which files of an archive are the image.
pub(crate) fn index(tag: &str, config: &str, layers: &[String]) -> Vec<u8> {
    json!([{ "Config": config, "RepoTags": [tag], "Layers": layers }])
        .to_string()
        .into_bytes()
}

/// Sends an image to Docker without these layers (by digest).
pub(crate) async fn load(
    client: &Client,
    source: &Arc<dyn ImageSource>,
    manifest: &Manifest,
    tag: &str,
    without: BTreeSet<String>,
) -> Result<(), Error> {
    let (to, pieces) = pieces();
    let (source, manifest, tag) = (Arc::clone(source), manifest.clone(), tag.to_owned());
    let writing = tokio::spawn(async move {
        let mut archive = Outgoing::new(to);
        match write(&mut archive, &source, &manifest, &tag, without).await {
            Ok(()) => archive.finish().await,
            Err(error) => {
                archive.break_off(&error).await;
                Err(error)
            }
        }
    });
    let sent = send(client, pieces).await;
    match (writing.await, sent) {
        (_, Ok(())) => Ok(()),
        // Its own reason is better than Docker's, which is that the archive broke off.
        (Ok(Err(error @ Error::Refused(_))), Err(_)) => Err(error),
        (_, Err(error)) => Err(error),
    }
}

/// Sends an archive of an image.
pub(crate) async fn send(client: &Client, pieces: Pieces) -> Result<(), Error> {
    let call = client.post("/images/load").query("quiet", "1");
    let sent = async { whole(call.streamed(pieces).send().await?).await };
    let sent = tokio::time::timeout(LOAD, sent).await;
    let said = sent.unwrap_or(Err(Error::Silent(LOAD)))?;
    let lines = said.split(|byte| *byte == b'\n');
    for line in lines.filter(|line| !line.is_empty()) {
        let line: Value = serde_json::from_slice(line).unwrap_or_default();
        if let Some(error) = line["error"].as_str() {
            return Err(Error::Refused(error.to_owned()));
        }
    }
    Ok(())
}

async fn write(
    archive: &mut Outgoing,
    source: &Arc<dyn ImageSource>,
    manifest: &Manifest,
    tag: &str,
    without: BTreeSet<String>,
) -> Result<(), Error> {
    let mut written = without;
    for layer in &manifest.layers {
        // The same layer twice is one file.
        if written.insert(layer.digest.clone()) {
            let content = source.layer(manifest, layer).await;
            let content = content.map_err(|error| Error::Refused(error.to_string()))?;
            copy(archive, layer, content).await?;
        }
    }
    let layers: Vec<String> = manifest
        .layers
        .iter()
        .map(|layer| place(&layer.digest))
        .collect();
    let config = format!("{}.json", digits(&manifest.config_digest));
    archive.file(&config, manifest.config.clone()).await?;
    archive
        .file("manifest.json", index(tag, &config, &layers))
        .await
}

/// Writes a layer and compares its digest before anything follows it.
async fn copy(
    archive: &mut Outgoing,
    layer: &Layer,
    mut content: impl AsyncRead + Unpin,
) -> Result<(), Error> {
    archive.begin(&place(&layer.digest), layer.size).await?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; CHUNK];
    loop {
        let read = content.read(&mut buffer).await.map_err(Error::Io)?;
        let bytes = buffer.get(..read).unwrap_or_default();
        if bytes.is_empty() {
            break;
        }
        hash.update(bytes);
        archive.write(Bytes::copy_from_slice(bytes)).await?;
    }
    let digest = format!("sha256:{}", hex(&hash.finalize()));
    if digest != layer.digest {
        return Err(Error::Refused(format!(
            "failed to extract layer {}: its digest is {digest}",
            layer.digest
        )));
    }
    archive.end().await
}
