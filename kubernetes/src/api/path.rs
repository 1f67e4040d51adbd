//! Paths that are no resources.
use axum::response::{IntoResponse as _, Response};
use wharf_auth::service_account;

use super::ApiServer;
use super::reply::Reply;
use super::serve::Asked;
use crate::Status;
use crate::about::{self, Ask};

impl ApiServer {
    pub(super) async fn path(
        &self,
        asked: &Asked,
        segments: &[String],
    ) -> Result<Response, Status> {
        let cluster = self.cluster();
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        match segments.as_slice() {
            [".well-known", "openid-configuration"] => {
                let issuer = cluster.settings().issuer.clone();
                let keys = format!("{}/openid/v1/jwks", issuer.trim_end_matches('/'));
                let known = service_account::discovery(&issuer, &keys);
                return Ok(Reply::value(&known).into_response());
            }
            ["openid", "v1", "jwks"] => {
                let keys = service_account::jwks(cluster.keys());
                return Ok(Reply::value(&keys).into_response());
            }
            _ => {}
        }
        let parts = &asked.parts;
        let ask = Ask {
            method: &parts.method,
            path: parts.uri.path(),
            query: parts.uri.query().unwrap_or_default(),
            headers: &parts.headers,
        };
        let answer = about::serve(cluster, ask).await;
        let answer = answer.ok_or_else(Status::no_such_path)??;
        Ok(answer.map(axum::body::Body::from))
    }
}
