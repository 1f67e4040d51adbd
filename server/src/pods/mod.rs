//! What pods find at 169.254.170.23: the credentials of EKS Pod Identity, and AWS for who has credentials.
//!
//! # Guarantees
//! * Nothing is answered to who shows neither a token of a service account nor a signature of a session
//!   that was begun with one, or with a key of the credentials file: also where keys are not checked, a
//!   pod is not everyone.
//! * Of the doors of the server only AWS's is there. Registry, health and metrics are not.
use std::{
    collections::{HashMap, hash_map::Entry},
    convert::Infallible,
    panic::AssertUnwindSafe,
    pin::pin,
    sync::Arc,
    time::Duration,
};

use axum::{
    body::Body,
    response::{IntoResponse as _, Response},
};
use futures::FutureExt as _;
use http::{HeaderValue, Method, Request, StatusCode, header, request::Parts};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::json;
use tokio::{sync::mpsc, task::JoinSet, time::timeout};
use wharf_aws::{Auth, FromPod, Gate};
use wharf_eks::pods::{NoCredentials, Pod, PodConnection, credentials};
use wharf_registry::policies::Origin;

/// How many connections may wait to be answered.
pub(crate) const WAITING: usize = 256;
/// The most connections at once of all pods, and of one.
const CONNECTIONS: usize = 4096;
const CONNECTIONS_OF_A_POD: usize = 32;
/// How long a connection may be used, and what then is left for the request that runs.
const LIFE: Duration = Duration::from_mins(10);
const LEFT: Duration = Duration::from_mins(1);
/// How long a pod may take for the head of a request.
const HEADER: Duration = Duration::from_secs(30);
/// The most bytes of a head.
const MAX_HEADER_BYTES: usize = 64 * 1024;

/// Answers pods, until no cluster is left that could have any.
pub(crate) async fn run(mut pods: mpsc::Receiver<PodConnection>, gate: Gate) {
    let gate = Arc::new(of_pods(gate));
    let mut open = JoinSet::new();
    let mut of_pod: HashMap<String, usize> = HashMap::new();
    loop {
        let connection = tokio::select! {
            Some(done) = open.join_next() => {
                if let Ok(pod) = done {
                    forget(&mut of_pod, pod);
                }
                continue;
            }
            connection = pods.recv() => connection,
        };
        let Some(connection) = connection else { return };
        let pod = connection.pod.caller.pod.clone();
        let own = of_pod.entry(pod.clone()).or_default();
        if open.len() < CONNECTIONS && *own < CONNECTIONS_OF_A_POD {
            *own += 1;
            let gate = Arc::clone(&gate);
            open.spawn(async move {
                // What panics is answered like what breaks off, and counted like it.
                let served = AssertUnwindSafe(serve(connection, gate)).catch_unwind();
                if served.await.is_err() {
                    tracing::error!(pod, "answering a pod panicked");
                }
                pod
            });
        }
    }
}

/// One connection of a pod less.
fn forget(of_pod: &mut HashMap<String, usize>, pod: String) {
    if let Entry::Occupied(mut own) = of_pod.entry(pod) {
        *own.get_mut() -= 1;
        if *own.get() == 0 {
            own.remove();
        }
    }
}

/// The gate as pods have it: with no keys where any key is good, so that sessions alone are left.
fn of_pods(gate: Gate) -> Gate {
    let auth = match gate.auth {
        Auth::Local => Auth::Strict(Arc::default()),
        strict @ Auth::Strict(_) => strict,
    };
    Gate { auth, ..gate }
}

async fn serve(connection: PodConnection, gate: Arc<Gate>) {
    let PodConnection { pod, stream } = connection;
    let name = pod.caller.name.clone();
    let service = service_fn(move |request: Request<Incoming>| {
        let (gate, pod) = (Arc::clone(&gate), pod.clone());
        async move { Ok::<_, Infallible>(answer(&gate, &pod, request.map(Body::new)).await) }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(HEADER)
        // As Go's servers: who has said all may still be answered.
        .half_close(true)
        .max_header_size(MAX_HEADER_BYTES);
    let mut serving = pin!(http.serve_connection(TokioIo::new(stream), service));
    let ended = match timeout(LIFE, serving.as_mut()).await {
        Ok(ended) => ended,
        Err(_old) => {
            serving.as_mut().graceful_shutdown();
            timeout(LEFT, serving).await.unwrap_or(Ok(()))
        }
    };
    if let Err(error) = ended {
        let error: &dyn std::error::Error = &error;
        tracing::debug!(error, pod = name, "a connection of a pod broke");
    }
}

async fn answer(gate: &Gate, pod: &Pod, request: Request<Body>) -> Response {
    let (mut parts, body) = request.into_parts();
    if parts.uri.path() == "/v1/credentials" {
        return agent(gate, pod, &parts).await;
    }
    if !wharf_aws::is_aws(&parts) && !wharf_aws::is_unsigned_form(&parts) {
        let text =
            "Missing Authentication Token: sign the request with the credentials of the pod\n";
        return (StatusCode::FORBIDDEN, text).into_response();
    }
    parts.extensions.insert(FromPod);
    if let Some(address) = pod.caller.ip {
        let origin = Origin {
            address,
            tls: false,
        };
        parts.extensions.insert(origin);
    }
    wharf_aws::serve(gate, false, Request::from_parts(parts, body)).await
}

/// What the agent of EKS Pod Identity answers.
async fn agent(gate: &Gate, pod: &Pod, parts: &Parts) -> Response {
    if parts.method != Method::GET {
        return StatusCode::METHOD_NOT_ALLOWED.into_response();
    }
    let token = parts.headers.get(header::AUTHORIZATION);
    let token = token.and_then(|token| token.to_str().ok());
    match credentials(&gate.eks, pod, token.unwrap_or_default()).await {
        Ok(given) => {
            let body = json!({
                "AccessKeyId": given.of.access_key_id,
                "SecretAccessKey": given.of.secret_access_key.expose(),
                "Token": given.of.session_token.expose(),
                "AccountId": given.account.as_str(),
                "Expiration": given.of.expires_at.to_string(),
            });
            let json = HeaderValue::from_static("application/json");
            ([(header::CONTENT_TYPE, json)], body.to_string()).into_response()
        }
        Err(error) => refusal(&error),
    }
}

/// As Go's `http.Error` writes it; what EKS Auth refuses has the id of the request before it.
fn refusal(error: &NoCredentials) -> Response {
    let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::BAD_REQUEST);
    if let NoCredentials::Internal(source) = error {
        tracing::error!(
            error = &**source as &dyn std::error::Error,
            "a pod gets no credentials"
        );
    }
    let text = match error {
        NoCredentials::Refused { .. } | NoCredentials::Internal(_) => {
            format!("[{}]: {error}\n", uuid::Uuid::new_v4())
        }
        _ => format!("{error}\n"),
    };
    (status, text).into_response()
}

#[cfg(test)]
mod tests;
