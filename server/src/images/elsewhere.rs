//! Images of other registries, over HTTPS.
use std::sync::Arc;

use futures::stream;
use tokio::io::AsyncRead;
use wharf_registry::Cx;
use wharf_runtime::engine::{ImageRequest, Layer, Manifest};
use wharf_runtime::{Error, PullSecret};
use wharf_types::{Digest, ManifestRef};
use wharf_upstream::{Body, Credentials, Upstream};

use super::name::ImageName;
use super::parts::{Document, no_pull};
use super::read::Reading;

/// The largest configuration that is read.
const MAX_CONFIG: u64 = 8 * 1024 * 1024;

/// A repository elsewhere.
#[derive(Clone, Debug)]
pub(super) struct Elsewhere {
    upstream: Upstream,
    repository: String,
}

impl Elsewhere {
    /// Nothing is sent yet.
    pub(super) async fn new(
        cx: &Cx,
        name: &ImageName,
        request: &ImageRequest,
    ) -> Result<Self, Error> {
        let credentials = credentials(&request.secrets, name);
        let upstream = cx.upstreams.at(name.server(), credentials).await;
        Ok(Self {
            upstream: upstream
                .map_err(|error| no_pull(format!("failed to pull {}: {error}", request.name)))?,
            repository: name.repository.clone(),
        })
    }

    /// The repository that a manifest is of.
    pub(super) fn of(manifest: &Manifest) -> Option<&Self> {
        manifest.place.downcast_ref()
    }

    pub(super) async fn find(
        &self,
        name: &ImageName,
        architecture: &str,
    ) -> Result<Manifest, Error> {
        let full = name.in_full();
        let (digest, bytes) = self.manifest(name, &name.at).await?;
        let mut document = Document::read(&full, &bytes)?;
        if let Some(child) = document.child(&full, architecture)? {
            let child = ManifestRef::Digest(child.clone());
            let (_, bytes) = self.manifest(name, &child).await?;
            document = Document::read(&full, &bytes)?;
        }
        let Some(descriptor) = document.config.clone() else {
            let text = format!("{full} is not an image that can be run: it has no configuration");
            return Err(no_pull(text));
        };
        if descriptor.size > MAX_CONFIG {
            return Err(no_pull(format!("the configuration of {full} is too large")));
        }
        let body = self
            .upstream
            .blob(&self.repository, &descriptor.digest, descriptor.size);
        let mut body = body.await.map_err(|error| failed(name, &error))?;
        let mut config = Vec::new();
        while let Some(chunk) = body.chunk().await.map_err(|error| failed(name, &error))? {
            config.extend_from_slice(&chunk);
        }
        check(&full, &descriptor.digest, &config)?;
        Ok(Manifest {
            digest: digest.to_string(),
            config_digest: descriptor.digest.to_string(),
            layers: document.layers(&full, architecture, &config)?,
            repository: full,
            config,
            place: Arc::new(self.clone()),
        })
    }

    async fn manifest(
        &self,
        name: &ImageName,
        at: &ManifestRef,
    ) -> Result<(Digest, bytes::Bytes), Error> {
        let fetched = self.upstream.manifest(&self.repository, at).await;
        let fetched = fetched.map_err(|error| failed(name, &error))?;
        let digest = match at {
            ManifestRef::Digest(digest) => digest.clone(),
            ManifestRef::Tag(_) => Digest::sha256(&fetched.bytes),
        };
        check(&name.in_full(), &digest, &fetched.bytes)?;
        Ok((digest, fetched.bytes))
    }

    pub(super) async fn layer(
        &self,
        layer: &Layer,
    ) -> Result<Box<dyn AsyncRead + Send + Unpin>, Error> {
        let digest = layer.digest.parse();
        let digest: Digest = digest.map_err(|error| Error::Failed(Box::new(error)))?;
        let body = self.upstream.blob(&self.repository, &digest, layer.size);
        let body = body.await.map_err(|error| {
            no_pull(format!(
                "failed to pull a layer of {}: {error}",
                self.repository
            ))
        })?;
        let pieces = stream::try_unfold(body, |mut body: Body| async move {
            let chunk = body.chunk().await?;
            Ok::<_, wharf_upstream::Error>(chunk.map(|chunk| (chunk, body)))
        });
        Ok(Box::new(Reading::of(pieces)))
    }
}

/// What a pod brings for a registry: the longest of the names that are for the image.
fn credentials(secrets: &[PullSecret], name: &ImageName) -> Option<Credentials> {
    let full = name.in_full();
    let named = |secret: &&PullSecret| {
        let registry = secret.registry.trim_start_matches("https://");
        let registry = registry.trim_end_matches('/').trim_end_matches("/v1");
        let registry = match registry {
            "index.docker.io" | "registry-1.docker.io" => "docker.io",
            registry => registry,
        };
        let rest = full.strip_prefix(registry);
        rest.is_some_and(|rest| rest.starts_with('/'))
    };
    let found = secrets.iter().filter(named);
    let found = found.max_by_key(|secret| secret.registry.len());
    found.map(|secret| Credentials {
        username: secret.username.clone(),
        password: secret.password.clone(),
    })
}

fn check(full: &str, digest: &Digest, bytes: &[u8]) -> Result<(), Error> {
    if digest.matches(bytes) {
        return Ok(());
    }
    Err(no_pull(format!(
        "failed to pull {full}: what its registry sent does not have the digest {digest}"
    )))
}

fn failed(name: &ImageName, error: &wharf_upstream::Error) -> Error {
    let (full, at) = (name.in_full(), &name.at);
    no_pull(match error {
        wharf_upstream::Error::NotFound => {
            format!("{full} ({at}): not found: its registry has no such image")
        }
        wharf_upstream::Error::AccessDenied => format!(
            "{full} ({at}): pull access denied: it does not exist, or its registry wants a password: name a secret of the type kubernetes.io/dockerconfigjson in imagePullSecrets"
        ),
        error => format!(
            "failed to pull {full} ({at}): {error}; if this machine cannot reach that registry, push the image here and name it so"
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_for_the_registry_or_path_that_they_name() {
        let secret = |registry: &str| PullSecret {
            registry: registry.to_owned(),
            username: registry.to_owned(),
            password: "p".to_owned(),
        };
        let secrets = [
            secret("https://index.docker.io/v1/"),
            secret("quay.io"),
            secret("quay.io/team"),
        ];
        for (image, expected) in [
            ("nginx", Some("https://index.docker.io/v1/")),
            ("quay.io/a/b", Some("quay.io")),
            ("quay.io/team/b", Some("quay.io/team")),
            ("quay.io.evil.test/team/b", None),
            ("ghcr.io/a/b", None),
        ] {
            let name = ImageName::parse(image).unwrap();
            let found = credentials(&secrets, &name).map(|found| found.username);
            assert_eq!(found.as_deref(), expected, "{image}");
        }
    }
}
