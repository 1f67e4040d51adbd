//! Paths that are no resources.
use axum::response::{IntoResponse as _, Response};
use http::Method;

use super::ApiServer;
use super::serve::Asked;
use crate::Status;

impl ApiServer {
    #[expect(clippy::unused_async, reason = "OpenAPI is made on other threads")]
    pub(super) async fn path(
        &self,
        asked: &Asked,
        segments: &[String],
    ) -> Result<Response, Status> {
        if !matches!(asked.parts.method, Method::GET | Method::HEAD) {
            return Err(Status::method_not_allowed());
        }
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        match segments.as_slice() {
            ["healthz" | "livez" | "readyz", ..] => Ok("ok".into_response()),
            _ => Err(Status::no_such_path()),
        }
    }
}
