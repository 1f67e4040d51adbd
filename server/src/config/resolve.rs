//! From settings to a configuration: defaults, and what must hold between settings.
use std::{net::SocketAddr, path::PathBuf, time::Duration};

use wharf_types::Region;

use super::{
    Auth, ClusterEndpoint, Config, Durability, Environment, Error, Log, LogFormat, References, S3,
    Secret, Store, UriStyle,
    duration::Span,
    replication,
    settings::{AuthMode, S3Settings, Settings, StoreUrl},
};
use crate::{guard::Host, telemetry};

const HOUR: u64 = 60 * 60;

/// Completes and checks settings. Of `env` only what others define is asked: `AWS_REGION`,
/// `DOCKER_HOST`.
pub(super) fn config(settings: Settings, env: Environment<'_>) -> Result<Config, Error> {
    let listen = match settings.listen {
        None => vec![SocketAddr::from(([127, 0, 0, 1], 4566))],
        Some(listen) if listen.is_empty() => {
            return Err(Error::invalid("listen", "there is no address to listen on"));
        }
        Some(listen) => listen,
    };
    let account = match settings.account {
        Some(account) => account,
        None => "000000000000"
            .parse()
            .map_err(|error: wharf_types::Invalid| Error::invalid("account", error.to_string()))?,
    };
    let auth = auth(settings.auth, settings.credentials)?;
    let allow_insecure_listen = settings.allow_insecure_listen.unwrap_or(false);
    check_listen(&listen, &auth, allow_insecure_listen)?;
    let filter = settings.log.unwrap_or_else(|| "info".into());
    telemetry::filter(&filter).map_err(|error| Error::invalid("log", error.to_string()))?;
    let store = store(settings.store.unwrap_or(StoreUrl::Local), settings.s3)?;
    let redirect = settings.redirect.unwrap_or(false);
    if redirect && store == Store::Local {
        let problem = "there is no bucket to send clients to: it needs an s3:// store";
        return Err(Error::invalid("redirect", problem));
    }
    Ok(Config {
        listen,
        data_dir: settings
            .data_dir
            .ok_or_else(|| Error::invalid("data-dir", "is not set"))?,
        store,
        redirect,
        account,
        region: region(settings.region, env)?,
        auth,
        uri_style: settings.uri_style.unwrap_or(UriStyle::Localhost),
        public_hosts: public_hosts(settings.public_host.unwrap_or_default())?,
        allow_insecure_listen,
        create_on_push: settings.create_on_push.unwrap_or(false),
        references: settings.references.unwrap_or(References::Strict),
        vulnerability_db: settings.vulnerability_db,
        durability: settings.durability.unwrap_or(Durability::Full),
        engine: settings.engine.unwrap_or_default(),
        docker: docker(env),
        verify_reads: settings.verify_reads.unwrap_or(false),
        scrub_interval: positive("scrub-interval", settings.scrub_interval, 7 * 24 * HOUR)?,
        gc_interval: positive("gc-interval", settings.gc_interval, HOUR)?,
        gc_grace: positive("gc-grace", settings.gc_grace, 24 * HOUR)?,
        lifecycle_interval: positive("lifecycle-interval", settings.lifecycle_interval, HOUR)?,
        transition_delay: settings
            .transition_delay
            .map_or(Duration::ZERO, |Span(delay)| delay),
        cluster_endpoint: settings.cluster_endpoint.unwrap_or(ClusterEndpoint::Port),
        allow_reset: settings.allow_reset.unwrap_or(false),
        drain: positive("drain", settings.drain, 30)?,
        upstream_allow: settings.upstream_allow.unwrap_or_default(),
        upstream_timeout: positive("upstream-timeout", settings.upstream_timeout, HOUR)?,
        secrets: settings.secrets,
        log: Log {
            format: settings.log_format.unwrap_or(LogFormat::Text),
            filter,
        },
        replication: replication::endpoints(settings.replication)?,
    })
}

/// Where Docker may be.
pub(super) fn docker(env: Environment<'_>) -> wharf_docker::Places {
    wharf_docker::Places {
        host: env("DOCKER_HOST"),
        home: env("HOME").map(PathBuf::from),
        runtime: env("XDG_RUNTIME_DIR").map(PathBuf::from),
    }
}

/// The region given, else that of `AWS_REGION`, else AWS's first.
pub(super) fn region(given: Option<Region>, env: Environment<'_>) -> Result<Region, Error> {
    if let Some(region) = given {
        return Ok(region);
    }
    let text = env("AWS_REGION").unwrap_or_else(|| "us-east-1".into());
    text.parse()
        .map_err(|error: wharf_types::Invalid| Error::Environment {
            name: "AWS_REGION".into(),
            problem: error.to_string(),
        })
}

fn auth(mode: Option<AuthMode>, credentials: Option<PathBuf>) -> Result<Auth, Error> {
    match (mode, credentials) {
        (Some(AuthMode::Strict), Some(credentials)) => Ok(Auth::Strict { credentials }),
        (Some(AuthMode::Strict), None) => Err(Error::invalid(
            "credentials",
            "auth strict needs a file with the keys to verify signatures with",
        )),
        (Some(AuthMode::Local) | None, None) => Ok(Auth::Local),
        (Some(AuthMode::Local) | None, Some(_)) => Err(Error::invalid(
            "auth",
            "credentials are only looked at with --auth=strict",
        )),
    }
}

fn check_listen(listen: &[SocketAddr], auth: &Auth, insecure: bool) -> Result<(), Error> {
    let open = listen
        .iter()
        .find(|at| !at.ip().to_canonical().is_loopback());
    match (open, auth) {
        (Some(at), Auth::Local) if !insecure => Err(Error::invalid(
            "listen",
            format!(
                "other machines can reach {at}; verify who calls with --auth=strict, or let \
                 everybody in with --allow-insecure-listen"
            ),
        )),
        _ => Ok(()),
    }
}

fn store(url: StoreUrl, s3: S3Settings) -> Result<Store, Error> {
    let StoreUrl::S3 { bucket, prefix } = url else {
        return Ok(Store::Local);
    };
    let allow_http = s3.allow_http.unwrap_or(false);
    if let Some(endpoint) = &s3.endpoint {
        let plain = endpoint.starts_with("http://");
        if plain && !allow_http {
            let problem = "plain HTTP must be allowed with WHARF_S3_ALLOW_HTTP=true or allow-http";
            return Err(Error::invalid("s3.endpoint", problem));
        }
        if !plain && !endpoint.starts_with("https://") {
            return Err(Error::invalid("s3.endpoint", "is not an http or https URL"));
        }
    }
    let needed = |key, value: Option<String>, variable| {
        value.ok_or_else(|| {
            let problem = format!("an s3:// store needs it, here or in {variable}");
            Error::invalid(key, problem)
        })
    };
    let secret = "WHARF_S3_SECRET_ACCESS_KEY";
    Ok(Store::S3(S3 {
        bucket,
        prefix,
        region: s3.region.unwrap_or_else(|| "us-east-1".into()),
        access_key_id: needed(
            "s3.access-key-id",
            s3.access_key_id,
            "WHARF_S3_ACCESS_KEY_ID",
        )?,
        secret_access_key: needed("s3.secret-access-key", s3.secret_access_key, secret)
            .map(Secret::new)?,
        endpoint: s3.endpoint,
        allow_http,
    }))
}

fn public_hosts(names: Vec<String>) -> Result<Vec<String>, Error> {
    let check = |name: String| match name.parse::<Host>() {
        Ok(host) if host.port.is_none() => Ok(name.to_ascii_lowercase()),
        _ => Err(Error::invalid(
            "public-host",
            format!("{name:?} is not a host name; leave out scheme, port and trailing dot"),
        )),
    };
    names.into_iter().map(check).collect()
}

fn positive(key: &'static str, span: Option<Span>, default_secs: u64) -> Result<Duration, Error> {
    match span {
        None => Ok(Duration::from_secs(default_secs)),
        Some(Span(Duration::ZERO)) => Err(Error::invalid(key, "must be longer than nothing")),
        Some(Span(duration)) => Ok(duration),
    }
}
