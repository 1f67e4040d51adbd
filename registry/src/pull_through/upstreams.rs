//! The upstreams of this server, and what is under way with them.
use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::sync::Semaphore;
use wharf_types::{Digest, Registry, RepoName};
use wharf_upstream::{Credentials, Origin, Settings, Upstream};

use super::{
    SecretError, Secrets, UpstreamRegistry, flights::Flights, layers::Stage, manifests::Outcome,
    rules::Rule,
};
use crate::Error;

/// How many layers are downloaded at once; further ones wait.
const MAX_DOWNLOADS: usize = 64;

/// How many clients are kept. A registry has at most 50 rules, but there may be many registries.
const MAX_CLIENTS: usize = 256;

/// What the operator lets rules do.
#[derive(Clone, Debug)]
pub struct Options {
    /// Upstreams besides those that ECR has: they may be in private networks and without TLS.
    pub anywhere: Vec<Origin>,
    pub secrets: Secrets,
    /// How long fetching a layer may take in all.
    pub timeout: Duration,
}

/// A cheap handle on all of them.
#[derive(Clone)]
pub struct Upstreams(Arc<Inner>);

struct Inner {
    options: Options,
    clients: Mutex<HashMap<Key, Upstream>>,
    pub(super) downloads: Arc<Semaphore>,
    pub(super) layers: Flights<(i64, Digest), Stage>,
    pub(super) images: Flights<(Registry, RepoName, String), Option<Outcome>>,
}

/// What makes two clients the same.
type Key = (Origin, Option<UpstreamRegistry>, Option<Credentials>);

impl fmt::Debug for Upstreams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Upstreams").field(&self.0.options).finish()
    }
}

impl Upstreams {
    pub fn new(options: Options) -> Self {
        Self(Arc::new(Inner {
            options,
            clients: Mutex::default(),
            downloads: Arc::new(Semaphore::new(MAX_DOWNLOADS)),
            layers: Flights::default(),
            images: Flights::default(),
        }))
    }

    pub(super) fn downloads(&self) -> &Arc<Semaphore> {
        &self.0.downloads
    }

    pub(super) fn layers(&self) -> &Flights<(i64, Digest), Stage> {
        &self.0.layers
    }

    pub(super) fn images(&self) -> &Flights<(Registry, RepoName, String), Option<Outcome>> {
        &self.0.images
    }

    /// Where the URL of a rule leads, and which registry is there: one of those that ECR has, or one
    /// that the operator named. `None` if it is neither, or not the registry that it is said to be.
    pub(super) fn locate(
        &self,
        url: &str,
        said: Option<UpstreamRegistry>,
    ) -> Option<(Origin, Option<UpstreamRegistry>)> {
        let with_scheme: Option<Origin> = url.parse().ok();
        let origin = with_scheme.or_else(|| Origin::https(url).ok())?;
        if self.0.options.anywhere.contains(&origin) {
            return Some((origin, said));
        }
        let host = url.strip_prefix("https://").unwrap_or(url);
        let found = UpstreamRegistry::at(host)?;
        if said.is_some_and(|said| said != found) {
            return None;
        }
        Some((origin, Some(found)))
    }

    /// Whether a URL is one of those that the operator named.
    pub(super) fn is_named(&self, origin: &Origin) -> bool {
        self.0.options.anywhere.contains(origin)
    }

    /// The credentials of a secret.
    pub(super) fn secret(
        &self,
        registry: &Registry,
        arn: &str,
    ) -> Result<Credentials, SecretError> {
        self.0.options.secrets.find(registry, arn)
    }

    /// The client for a rule's upstream, made when it is first needed.
    pub(super) async fn client(&self, registry: &Registry, rule: &Rule) -> Result<Upstream, Error> {
        let unsupported = || Error::UnsupportedUpstream {
            url: rule.url.clone(),
        };
        // The operator may have changed his mind since the rule was made.
        let (origin, kind) = self
            .locate(&rule.url, rule.upstream)
            .ok_or_else(unsupported)?;
        let credentials = match &rule.credential {
            None => None,
            Some(arn) => Some(self.secret(registry, arn).map_err(|reason| Error::Secret {
                arn: arn.clone(),
                reason,
            })?),
        };
        self.made(origin, kind, credentials).await
    }

    /// The client for a registry that a pod names by its host: no rule is for it. Only those that the
    /// operator named may be in private networks.
    pub async fn at(
        &self,
        host: &str,
        credentials: Option<Credentials>,
    ) -> Result<Upstream, Error> {
        let named = self.0.options.anywhere.iter();
        let named = named.clone().find(|origin| origin.is_at(host)).cloned();
        let invalid = |_| Error::UnsupportedUpstream {
            url: host.to_owned(),
        };
        let origin = named.map_or_else(|| Origin::https(host).map_err(invalid), Ok)?;
        self.made(origin, UpstreamRegistry::at(host), credentials)
            .await
    }

    async fn made(
        &self,
        origin: Origin,
        kind: Option<UpstreamRegistry>,
        credentials: Option<Credentials>,
    ) -> Result<Upstream, Error> {
        let key = (origin.clone(), kind, credentials.clone());
        if let Ok(clients) = self.0.clients.lock()
            && let Some(client) = clients.get(&key)
        {
            return Ok(client.clone());
        }
        let anywhere = if self.is_named(&origin) {
            self.0.options.anywhere.clone()
        } else {
            Vec::new()
        };
        let settings = Settings {
            origin,
            anywhere,
            token_services: kind.map_or_else(Vec::new, UpstreamRegistry::token_services),
            credentials,
            timeout: self.0.options.timeout,
        };
        // It reads the certificates of this machine.
        let made = tokio::task::spawn_blocking(move || Upstream::new(settings)).await;
        let made = made.map_err(|_panicked| Error::Store(wharf_storage::Error::Unavailable))??;
        if let Ok(mut clients) = self.0.clients.lock() {
            if clients.len() >= MAX_CLIENTS {
                clients.clear();
            }
            // Of two that were made at once, one is used: it knows how much is asked for.
            return Ok(clients.entry(key).or_insert(made).clone());
        }
        Ok(made)
    }
}
