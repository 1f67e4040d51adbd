//! Where the images of pods come from: our own registry without HTTP, the pull-through cache where a
//! rule is for the name, other registries else.
mod elsewhere;
mod name;
mod ours;
mod parts;
mod read;

use tokio::io::AsyncRead;
use wharf_registry::{Cx, pull_through};
use wharf_runtime::engine::{ImageRequest, ImageSource, Layer, Manifest};
use wharf_runtime::{Error, Later};
use wharf_types::{Registry, RepoName};

use self::elsewhere::Elsewhere;
use self::name::ImageName;
use self::ours::Ours;
use crate::guard::{Guard, Host, HostKind};

/// Finds the images that pods name.
#[derive(Debug)]
pub(crate) struct Images {
    pub(crate) cx: Cx,
    pub(crate) guard: Guard,
    /// The registry of names such as `localhost:4566/shop`.
    pub(crate) registry: Registry,
    /// The ports that we listen on.
    pub(crate) ports: Vec<u16>,
}

impl Images {
    /// Which of our registries a host is.
    fn registry(&self, host: &str) -> Option<Registry> {
        let host: Host = host.parse().ok()?;
        let kind = self.guard.kind(&host)?;
        // What only AWS gives addresses to is ours whatever the port: manifests of production work.
        if let HostKind::EcrRegistry(registry) = kind {
            return Some(registry);
        }
        let port = host.port.is_none_or(|port| self.ports.contains(&port));
        let here = matches!(
            kind,
            HostKind::Loopback | HostKind::Ip(_) | HostKind::Public
        );
        (port && here).then(|| self.registry.clone())
    }

    async fn look(&self, request: &ImageRequest, architecture: &str) -> Result<Manifest, Error> {
        let Some(name) = ImageName::parse(&request.name) else {
            return Err(Error::Start {
                reason: "InvalidImageName",
                message: format!(
                    "Failed to apply default image tag {0:?}: couldn't parse image name {0:?}: invalid reference format",
                    request.name
                ),
            });
        };
        if let Some(registry) = self.registry(&name.host) {
            let repository: RepoName = name.repository.parse().map_err(|error| Error::Start {
                reason: "InvalidImageName",
                message: format!("couldn't parse image name {:?}: {error}", request.name),
            })?;
            let ours = Ours::new(&self.cx, registry, repository);
            return ours.find(&name.in_full(), &name.at, architecture).await;
        }
        let rule =
            pull_through::stands_for(&self.cx, &self.registry, name.server(), &name.repository);
        let rule = rule.await.map_err(|error| Error::Failed(Box::new(error)))?;
        if let Some(cached) = rule {
            let ours = Ours::new(&self.cx, self.registry.clone(), cached);
            return ours.find(&name.in_full(), &name.at, architecture).await;
        }
        let elsewhere = Elsewhere::new(&self.cx, &name, request).await?;
        elsewhere.find(&name, architecture).await
    }
}

impl ImageSource for Images {
    fn find<'a>(&'a self, request: &'a ImageRequest, architecture: &'a str) -> Later<'a, Manifest> {
        Box::pin(self.look(request, architecture))
    }

    fn layer<'a>(
        &'a self,
        manifest: &'a Manifest,
        layer: &'a Layer,
    ) -> Later<'a, Box<dyn AsyncRead + Send + Unpin>> {
        Box::pin(async move {
            if let Some(elsewhere) = Elsewhere::of(manifest) {
                return elsewhere.layer(layer).await;
            }
            match Ours::of(&self.cx, manifest) {
                Some(ours) => ours.layer(manifest, layer).await,
                None => Err(Error::Unsupported(
                    "the manifest is of another source".to_owned(),
                )),
            }
        })
    }
}
