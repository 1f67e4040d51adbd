//! What a cluster's port answers: its Kubernetes API, and the discovery of who issues its tokens.
use axum::{
    Json,
    body::Body,
    response::{IntoResponse as _, Response},
};
use http::{Method, Request};
use wharf_auth::service_account;

use super::Running;

impl Running {
    /// Answers a request to the cluster.
    pub async fn serve(&self, request: Request<Body>) -> Response {
        match self.discovery(&request) {
            Some(answer) => answer,
            None => self.0.api.serve(request).await,
        }
    }

    /// The documents of `OpenID` Connect below the issuer's path, which anyone may read: public keys,
    /// and where they are. <https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderConfig>
    fn discovery(&self, request: &Request<Body>) -> Option<Response> {
        if request.method() != Method::GET {
            return None;
        }
        let rest = request.uri().path().strip_prefix("/id/")?;
        let settings = self.cluster().settings();
        let (_, own) = settings.issuer.rsplit_once("/id/")?;
        let document = match rest.strip_prefix(own)? {
            "/.well-known/openid-configuration" => {
                let keys = format!("{}/keys", settings.issuer);
                service_account::discovery(&settings.issuer, &keys)
            }
            "/keys" => service_account::jwks(self.cluster().keys()),
            _ => return None,
        };
        Some(Json(document).into_response())
    }
}
