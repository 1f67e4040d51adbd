//! Asking an upstream.
use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use reqwest::{Client, Response, Url, redirect::Policy};
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::Instant,
};
use wharf_types::{Digest, Manifest, ManifestRef, media};

use crate::{
    Body, Error, Origin, Settings,
    address::{Resolver, is_public},
    body,
    challenge::{self, Challenge},
    token::{self, Accepted},
};

/// How many redirects are followed.
const MAX_REDIRECTS: usize = 5;

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(10);

/// How long nothing may come.
const SILENCE: Duration = Duration::from_secs(30);

/// How long everything but a layer may take.
const SMALL: Duration = Duration::from_mins(1);

/// How many small documents are asked for at once; further ones wait, and their time passes.
const MAX_ASKED: usize = 32;

/// How many idle connections are kept to a host.
const IDLE: usize = 4;

/// The largest list of referrers.
const MAX_REFERRERS: usize = 4 * 1024 * 1024;

/// What is asked for by the name of a manifest.
const MANIFESTS: [&str; 4] = [
    media::OCI_INDEX,
    media::OCI_MANIFEST,
    media::DOCKER_LIST,
    media::DOCKER_MANIFEST,
];

/// A registry elsewhere. A cheap handle.
#[derive(Clone, Debug)]
pub struct Upstream(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    settings: Settings,
    client: Client,
    accepted: Accepted,
    turns: Semaphore,
}

/// A small document.
#[derive(Clone, Debug)]
pub struct Fetched {
    pub media_type: Option<String>,
    /// What the upstream calls it; not compared with the bytes yet.
    pub digest: Option<Digest>,
    pub bytes: Bytes,
}

impl Upstream {
    /// A client of an upstream. Nothing is sent yet.
    pub fn new(settings: Settings) -> Result<Self, Error> {
        let anywhere = settings
            .anywhere
            .iter()
            .map(|o| o.host().to_owned())
            .collect();
        let client = Client::builder()
            .dns_resolver(Arc::new(Resolver { anywhere }))
            .redirect(Policy::none())
            .referer(false)
            .no_proxy()
            .http1_only()
            .connect_timeout(CONNECT.min(settings.timeout))
            .read_timeout(SILENCE.min(settings.timeout))
            .pool_max_idle_per_host(IDLE)
            .user_agent(concat!("wharf/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self(Arc::new(Inner {
            settings,
            client,
            accepted: Accepted::default(),
            turns: Semaphore::new(MAX_ASKED),
        })))
    }

    /// Whether the upstream is a registry that lets us in.
    pub async fn ping(&self) -> Result<(), Error> {
        self.get("/v2/", "*/*", None, SMALL).await.map(drop)
    }

    /// A manifest of a repository, at most 4 MiB.
    pub async fn manifest(&self, repository: &str, at: &ManifestRef) -> Result<Fetched, Error> {
        let path = format!("/v2/{repository}/manifests/{at}");
        let accept = MANIFESTS.join(", ");
        let _turn = self.turn().await?;
        let response = self.get(&path, &accept, Some(repository), SMALL).await?;
        fetched(response, Manifest::<Bytes>::MAX_BYTES).await
    }

    /// A blob of a known size.
    pub async fn blob(&self, repository: &str, digest: &Digest, size: u64) -> Result<Body, Error> {
        let path = format!("/v2/{repository}/blobs/{digest}");
        let timeout = self.0.settings.timeout;
        let response = self.get(&path, "*/*", Some(repository), timeout).await?;
        Body::of(response, size)
    }

    /// The first page of a manifest's referrers: an index.
    pub async fn referrers(&self, repository: &str, subject: &Digest) -> Result<Fetched, Error> {
        let path = format!("/v2/{repository}/referrers/{subject}");
        let _turn = self.turn().await?;
        let response = self.get(&path, media::OCI_INDEX, Some(repository), SMALL);
        fetched(response.await?, MAX_REFERRERS).await
    }

    /// Waits for a turn. Who asks goes on when its client has hung up: without a bound, clients that
    /// come and go would use up the connections of this machine.
    async fn turn(&self) -> Result<SemaphorePermit<'_>, Error> {
        let wait = SMALL.min(self.0.settings.timeout);
        match tokio::time::timeout(wait, self.0.turns.acquire()).await {
            Ok(Ok(turn)) => Ok(turn),
            _ => Err(Error::Unavailable("too much is asked of it at once".into())),
        }
    }

    async fn get(
        &self,
        path: &str,
        accept: &str,
        repository: Option<&str>,
        timeout: Duration,
    ) -> Result<Response, Error> {
        let Inner {
            settings, accepted, ..
        } = &*self.0;
        let url: Url = format!("{}{path}", settings.origin)
            .parse()
            .map_err(|_malformed| Error::NotFound)?;
        let deadline = Instant::now() + timeout.min(settings.timeout);
        let scope = repository.map(|name| format!("repository:{name}:pull"));
        let scope = scope.unwrap_or_default();
        let known = accepted.get(&scope);
        let response = self.follow(&url, accept, known.as_ref(), deadline).await?;
        let ours = Origin::of(response.url()).as_ref() == Some(&settings.origin);
        if response.status() != StatusCode::UNAUTHORIZED || !ours {
            return judged(response);
        }
        accepted.forget(&scope);
        let challenge = challenge::read(response.headers()).ok_or(Error::AccessDenied)?;
        drop(response);
        let authorization = self.authorize(challenge, &scope, deadline).await?;
        let response = self.follow(&url, accept, Some(&authorization), deadline);
        judged(response.await?)
    }

    /// Asks, and goes where the answers point to. Only the upstream's own origin gets the
    /// authorization.
    async fn follow(
        &self,
        url: &Url,
        accept: &str,
        authorization: Option<&HeaderValue>,
        deadline: Instant,
    ) -> Result<Response, Error> {
        let mut url = url.clone();
        for _hop in 0..=MAX_REDIRECTS {
            let origin = self.0.settings.check(&url)?;
            let left = deadline.saturating_duration_since(Instant::now());
            let mut request = self.0.client.get(url.clone());
            request = request
                .timeout(left)
                .header(header::ACCEPT, accept)
                .header(header::ACCEPT_ENCODING, "identity");
            if let Some(value) = authorization
                && origin == self.0.settings.origin
            {
                request = request.header(header::AUTHORIZATION, value);
            }
            let response = request.send().await?;
            if !is_redirect(response.status()) {
                return Ok(response);
            }
            let location = response.headers().get(header::LOCATION);
            let location = location.and_then(|value| value.to_str().ok());
            url = location
                .and_then(|location| url.join(location).ok())
                .ok_or_else(|| Error::refused("a redirect leads nowhere"))?;
        }
        Err(Error::refused(format!(
            "more than {MAX_REDIRECTS} redirects"
        )))
    }

    /// Meets a challenge of the upstream's own origin.
    async fn authorize(
        &self,
        challenge: Challenge,
        scope: &str,
        deadline: Instant,
    ) -> Result<HeaderValue, Error> {
        let Inner {
            settings,
            client,
            accepted,
            ..
        } = &*self.0;
        let password = settings
            .credentials
            .as_ref()
            .map(token::basic)
            .transpose()?;
        let (realm, service) = match challenge {
            Challenge::Basic => {
                let password = password.ok_or(Error::AccessDenied)?;
                accepted.put(scope, password.clone(), settings.timeout);
                return Ok(password);
            }
            Challenge::Bearer { realm, service } => (realm, service),
        };
        let realm = settings.realm(&realm)?;
        let left = deadline.saturating_duration_since(Instant::now());
        let mut request = client
            .get(token::url(&realm, service.as_deref(), scope))
            .timeout(left)
            .header(header::ACCEPT, "application/json")
            .header(header::ACCEPT_ENCODING, "identity");
        if let Some(password) = password {
            request = request.header(header::AUTHORIZATION, password);
        }
        // What carries a password is not sent on: a redirect is no answer here.
        let response = judged(request.send().await?)?;
        let (value, life) = token::read(&body::small(response, token::MAX_ANSWER).await?)?;
        accepted.put(scope, value.clone(), life);
        Ok(value)
    }
}

impl Settings {
    /// Whether a URL may be asked: the upstream's own, or a public one over TLS.
    fn check(&self, url: &Url) -> Result<Origin, Error> {
        let refused = |why: &str| Err(Error::refused(format!("it refers to {why}")));
        if !url.username().is_empty() || url.password().is_some() {
            return refused("a URL with a password");
        }
        let Some(origin) = Origin::of(url) else {
            return refused("what is not HTTP");
        };
        if self.anywhere.contains(&origin) {
            return Ok(origin);
        }
        if !origin.is_tls() {
            return refused("a URL without TLS");
        }
        let elsewhere = |o: &Origin| o.host() == origin.host();
        if self.anywhere.iter().any(elsewhere) {
            return refused("another port of a host that may be anywhere");
        }
        match origin.address() {
            Some(address) if !is_public(address) => refused("an address that is not public"),
            None if is_local_name(origin.host()) => refused("a name of a local network"),
            _ => Ok(origin),
        }
    }

    /// The token service of a challenge, if it is one of this upstream: anyone else would be told
    /// its password.
    fn realm(&self, text: &str) -> Result<Url, Error> {
        let url: Url = text
            .parse()
            .map_err(|_malformed| Error::refused("the realm of its tokens is not a URL"))?;
        let origin = self.check(&url)?;
        let known = origin == self.origin
            || self.token_services.contains(&origin)
            || self.anywhere.contains(&origin);
        if known {
            Ok(url)
        } else {
            Err(Error::refused(format!(
                "its tokens are to come from {origin}"
            )))
        }
    }
}

fn is_local_name(host: &str) -> bool {
    let local = ["localhost", "local", "internal", "lan", "arpa"];
    let last = host.rsplit('.').next().unwrap_or_default();
    !host.contains('.') || local.contains(&last)
}

const fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

fn judged(response: Response) -> Result<Response, Error> {
    match response.status() {
        StatusCode::OK => Ok(response),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(Error::AccessDenied),
        StatusCode::NOT_FOUND => Err(Error::NotFound),
        StatusCode::TOO_MANY_REQUESTS => Err(Error::TooManyRequests),
        status if status.is_server_error() => {
            Err(Error::Unavailable(format!("it answered {status}")))
        }
        status => Err(Error::refused(format!("its status is {status}"))),
    }
}

async fn fetched(response: Response, limit: usize) -> Result<Fetched, Error> {
    let text = |name| {
        let value = response.headers().get(name)?;
        value.to_str().ok().map(str::to_owned)
    };
    let media_type = text("content-type");
    let digest = text("docker-content-digest").and_then(|digest| digest.parse().ok());
    Ok(Fetched {
        media_type,
        digest,
        bytes: body::small(response, limit).await?,
    })
}

#[cfg(test)]
mod tests;
