//! From a request to the door that answers it: guarded, measured and logged once, here.
use std::sync::Arc;

use axum::{
    Json, Router,
    body::Body,
    extract::{Request, State},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use http::{HeaderValue, StatusCode, header};
use serde_json::json;
use tokio::{sync::watch, time::Instant};
use tracing::Instrument as _;
use wharf_aws::{Gate, Named};
use wharf_registry::{
    oci::{self, HostRegistry, PublicHost, Route},
    policies::Origin,
};

use crate::{
    guard::{Guard, HostKind},
    kubernetes,
    listen::{Connection, envelope},
    telemetry::Metrics,
};

/// Everything that answering needs: cheap handles.
#[derive(Clone, Debug)]
pub(crate) struct App {
    pub(crate) gate: Gate,
    pub(crate) guard: Guard,
    pub(crate) metrics: Metrics,
    /// Whether the server is told to stop.
    pub(crate) stopping: watch::Receiver<bool>,
    pub(crate) allow_reset: bool,
}

/// What a request turned out to be, for logs and metrics: an extension of the answer.
#[derive(Clone, Debug)]
struct Seen {
    op: &'static str,
    repo: Option<String>,
}

impl App {
    /// The service that listeners give requests to.
    pub(crate) fn router(self) -> Router {
        let app = Arc::new(self);
        let inner = Router::new()
            .route("/healthz", get(async || "ok\n"))
            .route("/readyz", get(ready))
            .route("/metrics", get(metrics))
            .route("/_wharf/info", get(info))
            .route("/_wharf/reset", post(reset))
            .fallback(door)
            .with_state(Arc::clone(&app));
        Router::new().fallback(move |request: Request| {
            let (app, inner) = (Arc::clone(&app), inner.clone());
            async move { observe(app, inner, request).await }
        })
    }
}

/// Opens the request's span, applies the guard, and counts.
async fn observe(app: Arc<App>, inner: Router, request: Request) -> Response {
    let start = Instant::now();
    let request_id = uuid::Uuid::new_v4().to_string();
    let (mut parts, body) = request.into_parts();
    let span = tracing::info_span!(
        "request",
        request_id,
        op = tracing::field::Empty,
        repo = tracing::field::Empty
    );
    let method = parts.method.clone();
    let path = parts.uri.path().to_owned();
    let guarded = app.guard.check(&parts).inspect(|kind| match kind {
        HostKind::EcrRegistry(registry) => {
            parts.extensions.insert(HostRegistry(registry.clone()));
        }
        HostKind::EcrPublic => {
            let tls = is_tls(&parts);
            parts.extensions.insert(PublicHost { tls });
        }
        _ => {}
    });
    if let Some(connection) = parts.extensions.get::<Connection>() {
        let origin = Origin {
            address: connection.peer.ip(),
            tls: connection.tls,
        };
        parts.extensions.insert(origin);
    }
    let mut response = if let Err(rejection) = guarded {
        rejection.into_response()
    } else {
        let request = Request::from_parts(parts, body);
        let call = tower::Service::call(&mut inner.clone(), request).instrument(span.clone());
        match call.await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    };
    if let Ok(id) = HeaderValue::try_from(&request_id) {
        response.headers_mut().insert("x-request-id", id);
    }
    let seen = response.extensions_mut().remove::<Seen>();
    let op = seen.as_ref().map_or("other", |seen| seen.op);
    let status = response.status().as_u16();
    let elapsed = start.elapsed();
    metrics::counter!("wharf_requests_total", "op" => op, "status" => status_label(status))
        .increment(1);
    metrics::histogram!("wharf_request_seconds", "op" => op).record(elapsed.as_secs_f64());
    span.record("op", op);
    if let Some(repo) = seen.and_then(|seen| seen.repo) {
        span.record("repo", repo);
    }
    let elapsed_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
    span.in_scope(|| tracing::debug!(%method, path, status, elapsed_ms, "answered"));
    response
}

/// The class of a status: few labels, whatever clients do.
const fn status_label(status: u16) -> &'static str {
    match status {
        0..=299 => "2xx",
        300..=399 => "3xx",
        400..=499 => "4xx",
        500..=599 => "5xx",
        _ => "other",
    }
}

fn is_tls(parts: &http::request::Parts) -> bool {
    let connection = parts.extensions.get::<Connection>();
    connection.is_some_and(|connection| connection.tls)
}

/// The doors that cannot be told apart by a fixed path.
async fn door(State(app): State<Arc<App>>, request: Request) -> Response {
    let path = request.uri().path();
    if path == "/v2" || path.starts_with("/v2/") {
        let route = Route::parse(path).ok();
        let seen = Seen {
            op: route.as_ref().map_or("v2", Route::name),
            repo: route
                .as_ref()
                .and_then(Route::repository)
                .map(ToString::to_string),
        };
        let mut response = oci::serve(&app.gate.domain, request).await;
        response.extensions_mut().insert(seen);
        return response;
    }
    let (parts, body) = request.into_parts();
    if let Some(host) = parts.extensions.get::<PublicHost>()
        && parts.uri.path().trim_end_matches('/') == "/token"
        && parts.method == http::Method::GET
    {
        return oci::token(&app.gate.domain, &parts, *host);
    }
    if let Some(rest) = parts.uri.path().strip_prefix("/k8s/") {
        let (id, path) = rest.split_once('/').unwrap_or((rest, ""));
        let running = app.gate.eks.clusters.by_id(id);
        let path = format!("/{path}");
        let request = Request::from_parts(parts, body);
        let mut response = kubernetes::below(running, &path, request, &app.stopping).await;
        let seen = Seen {
            op: "kubernetes",
            repo: None,
        };
        response.extensions_mut().insert(seen);
        return response;
    }
    if wharf_aws::is_aws(&parts) || wharf_aws::is_unsigned_form(&parts) {
        let tls = is_tls(&parts);
        let mut response = wharf_aws::serve(&app.gate, tls, Request::from_parts(parts, body)).await;
        let op = response
            .extensions()
            .get::<Named>()
            .map_or("aws", |named| named.0);
        response.extensions_mut().insert(Seen { op, repo: None });
        return response;
    }
    if parts.uri.path() == "/" && parts.method == http::Method::GET {
        return "This is wharf: ECR on your own machine. Run `wharf env` for the variables that point AWS clients here.\n"
            .into_response();
    }
    envelope(
        StatusCode::NOT_FOUND,
        "UNSUPPORTED",
        "there is nothing at this path",
    )
}

async fn ready(State(app): State<Arc<App>>) -> Response {
    if *app.stopping.borrow() {
        return (StatusCode::SERVICE_UNAVAILABLE, "stopping\n").into_response();
    }
    if !app.gate.domain.store.meta().is_healthy() {
        return (
            StatusCode::SERVICE_UNAVAILABLE,
            "the metadata store failed: restart the server\n",
        )
            .into_response();
    }
    "ready\n".into_response()
}

async fn metrics(State(app): State<Arc<App>>) -> Response {
    let text = app.metrics.render();
    let content_type = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    ([(header::CONTENT_TYPE, content_type)], text).into_response()
}

async fn info(State(app): State<Arc<App>>) -> Response {
    let services: serde_json::Map<_, _> = wharf_aws::coverage()
        .into_iter()
        .map(|service| {
            (
                service.service.to_owned(),
                json!({ "operations": service.done, "missing": service.missing }),
            )
        })
        .collect();
    Json(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "account": app.gate.names.default.account.as_str(),
        "region": app.gate.names.default.region.as_str(),
        "services": services,
    }))
    .into_response()
}

async fn reset(State(app): State<Arc<App>>) -> Response {
    if !app.allow_reset {
        return envelope(
            StatusCode::FORBIDDEN,
            "DENIED",
            "start the server with --allow-reset to clear its state",
        );
    }
    if let Err(error) = wharf_eks::running::forget_all(&app.gate.eks).await {
        let error: &dyn std::error::Error = &error;
        tracing::error!(error, "clusters could not be removed");
    }
    match app.gate.domain.store.reset().await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => {
            let error: &dyn std::error::Error = &error;
            tracing::error!(error, "the state could not be cleared");
            envelope(
                StatusCode::INTERNAL_SERVER_ERROR,
                "UNKNOWN",
                "the state could not be cleared",
            )
        }
    }
}

/// An empty body, for callers that build requests themselves.
pub(crate) fn empty() -> Body {
    Body::empty()
}
