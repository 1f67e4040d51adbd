use base64::{Engine as _, engine::general_purpose::STANDARD};
use reqwest::StatusCode;
use serde_json::Value;

use crate::TestServer;

/// An answer of ECR's JSON API.
#[derive(Debug)]
pub struct AwsReply {
    pub status: StatusCode,
    pub body: Value,
}

impl AwsReply {
    pub(crate) async fn call(
        server: &TestServer,
        key: &str,
        region: &str,
        operation: &str,
        input: Value,
    ) -> Self {
        let signature = "0".repeat(64);
        let response = server
            .http
            .post(format!("{}/", server.url()))
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", format!("AmazonEC2ContainerRegistry_V20150921.{operation}"))
            .header("x-amz-date", "20260101T000000Z")
            .header(
                "authorization",
                format!("AWS4-HMAC-SHA256 Credential={key}/20260101/{region}/ecr/aws4_request, SignedHeaders=host;x-amz-date, Signature={signature}"),
            )
            .body(input.to_string())
            .send()
            .await
            .unwrap();
        let status = response.status();
        assert_eq!(
            response.headers()["content-type"],
            "application/x-amz-json-1.1"
        );
        assert!(response.headers().contains_key("x-amzn-requestid"));
        let body = response.bytes().await.unwrap();
        Self {
            status,
            body: serde_json::from_slice(&body).unwrap(),
        }
    }

    /// Demands success.
    #[track_caller]
    pub fn ok(self) -> Value {
        assert_eq!(self.status, StatusCode::OK, "{self:?}");
        self.body
    }

    /// Demands an exception with status 400.
    #[track_caller]
    pub fn fails(self, kind: &str) -> Value {
        assert_eq!(self.body["__type"], kind, "{self:?}");
        assert_eq!(self.status, StatusCode::BAD_REQUEST, "{self:?}");
        assert!(
            self.body["message"].as_str().is_some_and(|m| !m.is_empty()),
            "{self:?}"
        );
        self.body
    }

    /// The password in an answer of `GetAuthorizationToken`.
    #[track_caller]
    pub fn password(self) -> String {
        let body = self.ok();
        let token = body["authorizationData"][0]["authorizationToken"]
            .as_str()
            .unwrap();
        let decoded = String::from_utf8(STANDARD.decode(token).unwrap()).unwrap();
        decoded.strip_prefix("AWS:").unwrap().to_owned()
    }
}
