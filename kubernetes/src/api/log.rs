//! What containers wrote.
use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures::stream;
use http::{HeaderValue, Method, StatusCode, header};
use tokio::io::AsyncReadExt as _;
use wharf_runtime::engine::LogQuery;
use wharf_types::Timestamp;

use super::ApiServer;
use super::query::Query;
use super::route::Target;
use super::serve::Asked;
use crate::cluster::time::parse_rfc3339;
use crate::{Errors, Path, Status};

/// How much of a log is held at once.
const PIECE: usize = 32 * 1024;

impl ApiServer {
    /// Answers `kubectl logs`.
    pub(super) async fn log(&self, asked: &Asked, target: &Target) -> Result<Response, Status> {
        if ![Method::GET, Method::HEAD].contains(&asked.parts.method) {
            return Err(Status::method_not_allowed());
        }
        let now = self.cluster().now();
        let query = log_query(&asked.query, &target.name, now)?;
        let container = asked.query.get("container").unwrap_or_default();
        let previous = asked.query.flag("previous");
        let kubelet = self.kubelet()?;
        let found = kubelet.logs(&target.namespace, &target.name, container, previous, query);
        let Some(log) = found.await? else {
            // A pod without a node has written nothing.
            return Ok(StatusCode::NO_CONTENT.into_response());
        };
        let pieces = stream::try_unfold(log, |mut log| async move {
            let mut piece = vec![0; PIECE];
            let read = log.read(&mut piece).await?;
            piece.truncate(read);
            let piece = Bytes::from(piece);
            Ok::<_, std::io::Error>((read > 0).then_some((piece, log)))
        });
        let mut response = Body::from_stream(pieces).into_response();
        let text = HeaderValue::from_static("text/plain");
        response.headers_mut().insert(header::CONTENT_TYPE, text);
        Ok(response)
    }
}

/// Which part of a log is wanted: `PodLogOptions`.
fn log_query(query: &Query, pod: &str, now: Timestamp) -> Result<LogQuery, Status> {
    let mut errors = Errors::default();
    let mut least = |name: &str, least: i64| -> Result<Option<u64>, Status> {
        let number = query.signed(name)?;
        if let Some(number) = number.filter(|number| *number < least) {
            let why = if least == 0 {
                "must be greater than or equal to 0"
            } else {
                "must be greater than 0"
            };
            errors.invalid(&Path::new(name), &number.into(), why);
        }
        Ok(number.and_then(|number| u64::try_from(number).ok()))
    };
    let tail_lines = least("tailLines", 0)?;
    let limit_bytes = least("limitBytes", 1)?;
    let seconds = least("sinceSeconds", 1)?;
    let time = query.get("sinceTime");
    let since_time = match time {
        None => None,
        Some(text) => Some(parse_rfc3339(text).ok_or_else(|| {
            Status::bad_request(format!("sinceTime: {text:?} is no time of RFC 3339"))
        })?),
    };
    if seconds.is_some() && since_time.is_some() {
        let why = "at most one of `sinceTime` or `sinceSeconds` may be specified";
        errors.forbidden(&Path::default(), why);
    }
    if !errors.is_empty() {
        return Err(Status::invalid("PodLogOptions", "", pod, &errors));
    }
    let ago = seconds.map(|seconds| before(now, seconds));
    Ok(LogQuery {
        since: ago.or(since_time),
        tail_lines,
        limit_bytes,
        timestamps: query.flag("timestamps"),
        follow: query.flag("follow"),
    })
}

fn before(now: Timestamp, seconds: u64) -> Timestamp {
    let ago = i64::try_from(seconds).unwrap_or(i64::MAX);
    Timestamp::from_ms(now.as_ms().saturating_sub(ago.saturating_mul(1000)))
}
