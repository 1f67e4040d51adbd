//! `wharf demo`: the tour of the README by itself, with no client installed.
use std::{path::PathBuf, time::Duration};

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use tokio::time::Instant;
use wharf_auth::Secret;
use wharf_types::{Clock, Digest, media};

use super::{OK, client::Client, say, size};
use crate::{
    Server,
    config::{Config, Demo},
};

/// How long a single request may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The image's only file.
const FILE: &str = "hello.txt";
const TEXT: &[u8] = b"Hello from an image that wharf made, pushed and pulled.\n";

const REPOSITORY: &str = "demo/hello";

pub(super) async fn run(options: Demo) -> anyhow::Result<u8> {
    let dir = std::env::temp_dir().join(format!("wharf-demo-{}", uuid::Uuid::new_v4().simple()));
    let outcome = tour(dir.clone(), options.keep).await;
    let removed = std::fs::remove_dir_all(&dir);
    outcome?;
    removed.with_context(|| format!("{} could not be removed", dir.display()))?;
    Ok(OK)
}

/// Prints each step with the time it took.
struct Steps(Instant);

impl Steps {
    fn done(&mut self, what: impl std::fmt::Display) -> anyhow::Result<()> {
        let ms = self.0.elapsed().as_secs_f64() * 1000.0;
        say(format_args!("{ms:8.1} ms  {what}"))?;
        self.0 = Instant::now();
        Ok(())
    }
}

async fn tour(dir: PathBuf, keep: bool) -> anyhow::Result<()> {
    let mut steps = Steps(Instant::now());
    let mut config = Config::new(&dir)?;
    config.listen = vec![([127, 0, 0, 1], 0).into()];
    let region = config.region.clone();
    let server = Server::start(config, Clock::System).await?;
    let address = server
        .addresses()
        .first()
        .context("nowhere to listen")?
        .to_string();
    let endpoint = format!("http://{address}");
    steps.done(format_args!(
        "serving on {endpoint}, data in {}",
        dir.display()
    ))?;
    let client = Client {
        endpoint: endpoint.clone(),
        access_key: "test".into(),
        secret: Secret::new("test"),
        region,
    };
    let made = client
        .ecr("CreateRepository", &json!({ "repositoryName": REPOSITORY }))
        .await?;
    let uri = made["repository"]["repositoryUri"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    steps.done(format_args!("created the repository {uri}"))?;
    let (password, _) = client.password().await?;
    steps.done("logged in, as docker would, with ECR's token")?;
    let registry = Registry {
        http: reqwest::Client::builder().timeout(TIMEOUT).build()?,
        endpoint,
        password,
    };
    let image = Image::new()?;
    registry.push(&image).await?;
    steps.done(format_args!(
        "pushed {uri}:1 ({} in {} blobs)",
        size(image.size()),
        image.blobs.len()
    ))?;
    registry.pull_and_compare(&image).await?;
    steps.done("pulled it back: every byte is the same")?;
    let described = client
        .ecr("DescribeImages", &json!({ "repositoryName": REPOSITORY }))
        .await?;
    let detail = &described["imageDetails"][0];
    ensure!(
        detail["imageDigest"] == image.digest.as_str(),
        "describe-images shows another image: {described}"
    );
    steps.done(format_args!(
        "described it: {} with the tag {}",
        image.digest,
        detail["imageTags"][0].as_str().unwrap_or_default()
    ))?;
    if keep {
        say(format_args!(
            "\nServing until interrupted. Try: curl -u AWS:$(wharf login --print --endpoint http://{address}) http://{address}/v2/_catalog"
        ))?;
        tokio::signal::ctrl_c().await?;
    }
    server.stop().await;
    steps.done("stopped")
}

/// An image of one layer.
struct Image {
    blobs: Vec<(Digest, Vec<u8>)>,
    manifest: String,
    digest: Digest,
}

impl Image {
    fn new() -> anyhow::Result<Self> {
        let layer = tar(FILE, TEXT)?;
        let layer_digest = Digest::sha256(&layer);
        let config = json!({
            "architecture": "amd64",
            "os": "linux",
            "config": {},
            "rootfs": { "type": "layers", "diff_ids": [layer_digest] },
        })
        .to_string()
        .into_bytes();
        let config_digest = Digest::sha256(&config);
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": media::OCI_MANIFEST,
            "config": { "mediaType": media::OCI_CONFIG, "digest": config_digest, "size": config.len() },
            "layers": [{ "mediaType": media::OCI_LAYER, "digest": layer_digest, "size": layer.len() }],
        })
        .to_string();
        let digest = Digest::sha256(manifest.as_bytes());
        Ok(Self {
            blobs: vec![(config_digest, config), (layer_digest, layer)],
            manifest,
            digest,
        })
    }

    fn size(&self) -> u64 {
        self.blobs.iter().map(|(_, bytes)| bytes.len() as u64).sum()
    }
}

/// The registry's own door, as docker uses it.
struct Registry {
    http: reqwest::Client,
    endpoint: String,
    password: String,
}

impl Registry {
    fn request(&self, method: reqwest::Method, path: &str) -> reqwest::RequestBuilder {
        self.http
            .request(method, format!("{}{path}", self.endpoint))
            .basic_auth("AWS", Some(&self.password))
    }

    async fn push(&self, image: &Image) -> anyhow::Result<()> {
        for (digest, bytes) in &image.blobs {
            let begun = self
                .request(
                    reqwest::Method::POST,
                    &format!("/v2/{REPOSITORY}/blobs/uploads/"),
                )
                .send()
                .await?;
            let location = begun
                .headers()
                .get("location")
                .context("the upload has no location")?
                .to_str()?
                .to_owned();
            let path = format!("{location}?digest={digest}");
            let put = self
                .request(reqwest::Method::PUT, &path)
                .body(bytes.clone())
                .send()
                .await?;
            expect(put, reqwest::StatusCode::CREATED).await?;
        }
        let put = self
            .request(
                reqwest::Method::PUT,
                &format!("/v2/{REPOSITORY}/manifests/1"),
            )
            .header("content-type", media::OCI_MANIFEST)
            .body(image.manifest.clone())
            .send()
            .await?;
        expect(put, reqwest::StatusCode::CREATED).await.map(drop)
    }

    async fn pull_and_compare(&self, image: &Image) -> anyhow::Result<()> {
        let got = self
            .request(
                reqwest::Method::GET,
                &format!("/v2/{REPOSITORY}/manifests/1"),
            )
            .send()
            .await?;
        let manifest = expect(got, reqwest::StatusCode::OK).await?;
        ensure!(
            manifest == image.manifest.as_bytes(),
            "the manifest is another"
        );
        let document: Value = serde_json::from_slice(&manifest)?;
        ensure!(
            document["layers"][0]["digest"] == image.blobs[1].0.as_str(),
            "the layer is another"
        );
        for (digest, bytes) in &image.blobs {
            let got = self
                .request(
                    reqwest::Method::GET,
                    &format!("/v2/{REPOSITORY}/blobs/{digest}"),
                )
                .send()
                .await?;
            ensure!(
                expect(got, reqwest::StatusCode::OK).await? == *bytes,
                "{digest} has other bytes"
            );
        }
        Ok(())
    }
}

async fn expect(
    response: reqwest::Response,
    status: reqwest::StatusCode,
) -> anyhow::Result<Vec<u8>> {
    let (url, actual) = (response.url().clone(), response.status());
    let body = response.bytes().await?;
    ensure!(
        actual == status,
        "{url}: {actual}: {}",
        String::from_utf8_lossy(&body)
    );
    Ok(body.to_vec())
}

/// A tar archive (POSIX ustar) of one file that anyone may read.
fn tar(name: &str, bytes: &[u8]) -> anyhow::Result<Vec<u8>> {
    const BLOCK: usize = 512;
    let mut header = vec![0_u8; BLOCK];
    let mut put = |at: usize, field: &[u8]| -> anyhow::Result<()> {
        header
            .get_mut(at..at + field.len())
            .context("a field is too long")?
            .copy_from_slice(field);
        Ok(())
    };
    put(0, name.as_bytes())?;
    put(100, b"0000444\0")?;
    put(108, b"0000000\0")?;
    put(116, b"0000000\0")?;
    put(124, format!("{:011o}\0", bytes.len()).as_bytes())?;
    put(136, b"00000000000\0")?;
    put(148, b"        ")?;
    put(156, b"0")?;
    put(257, b"ustar\x0000")?;
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    let sum = format!("{sum:06o}\0 ");
    header
        .get_mut(148..156)
        .context("a header is too short")?
        .copy_from_slice(sum.as_bytes());
    header.extend_from_slice(bytes);
    let whole = header.len().div_ceil(BLOCK) * BLOCK + 2 * BLOCK;
    header.resize(whole, 0);
    Ok(header)
}
