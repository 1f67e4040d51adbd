//! `admin.sock`: how commands reach a running server. Only the owner of the directory can connect.
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use axum::{
    Json, Router,
    extract::{Query, State},
    response::{IntoResponse as _, Response},
    routing::post,
};
use http::StatusCode;
use http_body_util::BodyExt as _;
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tokio::net::UnixStream;
use wharf_storage::{Collected, Error, Finding, Leases, Store};
use wharf_types::chain;

use crate::{app, lifecycle};

/// What `wharf gc` may ask for.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct GcOptions {
    pub(crate) dry_run: bool,
    pub(crate) now: bool,
}

/// What `wharf check` may ask for.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct CheckOptions {
    pub(crate) repair: bool,
}

/// Where `wharf backup` writes to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct BackupOptions {
    pub(crate) file: PathBuf,
}

/// What a collection did.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct GcReport {
    pub(crate) removals: Vec<Removed>,
    pub(crate) links: u64,
    pub(crate) blobs: u64,
    pub(crate) uploads: u64,
    pub(crate) orphans: u64,
    pub(crate) bytes: u64,
    pub(crate) postponed: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Removed {
    pub(crate) kind: String,
    pub(crate) what: String,
    pub(crate) why: String,
    pub(crate) bytes: u64,
}

/// Something that is not as it should be.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Found {
    pub(crate) text: String,
    pub(crate) repaired: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Failed {
    error: String,
}

/// What the commands do, on a store that this process has open.
pub(crate) async fn gc(store: &Store, options: GcOptions) -> Result<GcReport, Error> {
    let leases = if options.now {
        Leases::Ignore
    } else {
        Leases::Respect
    };
    let done = if options.dry_run {
        store.would_collect(leases).await?
    } else {
        store.collect(leases).await?
    };
    let Collected {
        removals,
        links,
        blobs,
        uploads,
        orphans,
        bytes,
        postponed,
    } = done;
    let named = removals.into_iter().map(|r| Removed {
        kind: r.kind.into(),
        what: r.what,
        why: r.why.into(),
        bytes: r.bytes,
    });
    let removals = named.collect();
    Ok(GcReport {
        removals,
        links,
        blobs,
        uploads,
        orphans,
        bytes,
        postponed: postponed.map(Into::into),
    })
}

pub(crate) async fn check(store: &Store, options: CheckOptions) -> Result<Vec<Found>, Error> {
    let findings = store.check(options.repair).await?;
    let shown = |f: Finding| Found {
        text: f.text,
        repaired: f.repaired.map(Into::into),
    };
    Ok(findings.into_iter().map(shown).collect())
}

pub(crate) async fn backup(store: &Store, options: BackupOptions) -> Result<(), Error> {
    store.backup(&options.file).await
}

/// The service behind the socket.
pub(crate) fn router(store: Store) -> Router {
    Router::new()
        .route(
            "/gc",
            post(async |State(s): State<Store>, Query(o): Query<GcOptions>| reply(gc(&s, o).await)),
        )
        .route(
            "/check",
            post(
                async |State(s): State<Store>, Query(o): Query<CheckOptions>| {
                    reply(check(&s, o).await)
                },
            ),
        )
        .route(
            "/backup",
            post(
                async |State(s): State<Store>, Query(o): Query<BackupOptions>| {
                    reply(backup(&s, o).await)
                },
            ),
        )
        .route(
            "/clusters",
            post(async |State(s): State<Store>| reply(wharf_eks::running::ids(&s).await)),
        )
        .merge(lifecycle::router())
        .with_state(store)
}

pub(crate) fn reply<T: Serialize>(outcome: Result<T, impl std::error::Error>) -> Response {
    match outcome {
        Ok(value) => Json(value).into_response(),
        Err(e) => (
            StatusCode::INTERNAL_SERVER_ERROR,
            Json(Failed { error: chain(&e) }),
        )
            .into_response(),
    }
}

/// Asks a running server. `None` if none runs on this directory.
pub(crate) async fn ask<T: DeserializeOwned>(
    socket: &Path,
    path: &str,
    options: &(impl Serialize + Sync),
) -> anyhow::Result<Option<T>> {
    let Ok(stream) = UnixStream::connect(socket).await else {
        return Ok(None);
    };
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let query = query(options)?;
    let request = http::Request::post(format!("{path}?{query}"))
        .header("host", "localhost")
        .body(app::empty())?;
    let response = sender
        .send_request(request)
        .await
        .context("the running server did not answer")?;
    let status = response.status();
    let body = response.into_body().collect().await?.to_bytes();
    if !status.is_success() {
        let failed: Failed =
            serde_json::from_slice(&body).context("the running server answered nonsense")?;
        bail!(failed.error);
    }
    Ok(Some(serde_json::from_slice(&body)?))
}

/// Options as a query string.
fn query(options: &impl Serialize) -> anyhow::Result<String> {
    let value = serde_json::to_value(options)?;
    let members = value.as_object().into_iter().flatten();
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in members {
        let text = value
            .as_str()
            .map_or_else(|| value.to_string(), ToOwned::to_owned);
        query.append_pair(name, &text);
    }
    Ok(query.finish())
}
