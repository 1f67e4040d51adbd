use bytes::Bytes;
use reqwest::{Method, StatusCode, header::HeaderMap};
use serde_json::Value;

use crate::TestServer;

/// A request to the registry's door.
#[derive(Debug)]
pub struct Call<'s> {
    server: &'s TestServer,
    method: Method,
    path: String,
    password: Option<String>,
    headers: Vec<(String, String)>,
    body: Option<reqwest::Body>,
}

impl<'s> Call<'s> {
    pub(crate) fn new(server: &'s TestServer, method: &str, path: &str) -> Self {
        let method = method.parse().unwrap();
        Self {
            server,
            method,
            path: path.into(),
            password: None,
            headers: Vec::new(),
            body: None,
        }
    }

    /// Logs in as `AWS` with this password.
    pub fn password(mut self, password: &str) -> Self {
        self.password = Some(password.into());
        self
    }

    /// Sends no credentials.
    pub fn anonymous(mut self) -> Self {
        self.password = None;
        self
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    pub fn body(mut self, body: impl Into<reqwest::Body>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// Sends it, and checks what every reply must have.
    pub async fn send(self) -> Reply {
        let url = if self.path.starts_with("http") {
            self.path
        } else {
            format!("{}{}", self.server.url(), self.path)
        };
        let mut request = self.server.http.request(self.method.clone(), url);
        if let Some(password) = self.password {
            request = request.basic_auth("AWS", Some(password));
        }
        for (name, value) in self.headers {
            request = request.header(name, value);
        }
        if let Some(body) = self.body {
            request = request.body(body);
        }
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let body = response.bytes().await.unwrap();
        let reply = Reply {
            status,
            headers,
            body,
        };
        reply.check(&self.method);
        reply
    }
}

/// An answer.
#[derive(Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Reply {
    fn check(&self, method: &Method) {
        let v2 = self.headers.contains_key("docker-distribution-api-version");
        if v2 && self.status.as_u16() >= 400 && *method != Method::HEAD {
            if self.status == StatusCode::UNAUTHORIZED {
                assert_eq!(self.body, "Not Authorized\n");
            } else if self.status != StatusCode::RANGE_NOT_SATISFIABLE || !self.body.is_empty() {
                let body: Value = serde_json::from_slice(&self.body).unwrap_or_default();
                assert!(
                    body["errors"][0]["code"].is_string(),
                    "not an envelope: {self:?}"
                );
                assert!(
                    body["errors"][0]["message"]
                        .as_str()
                        .is_some_and(|m| !m.is_empty()),
                    "no text: {self:?}"
                );
            }
        }
        for name in self.headers.keys() {
            assert!(
                !name.as_str().starts_with("access-control-"),
                "CORS header: {self:?}"
            );
        }
        assert!(
            self.status != StatusCode::INTERNAL_SERVER_ERROR,
            "500: {self:?}"
        );
    }

    /// Demands a status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{self:?}");
        self
    }

    /// Demands a status and a code of the distribution specification.
    #[track_caller]
    pub fn fails(self, status: u16, code: &str) -> Self {
        let reply = self.expect(status);
        assert_eq!(reply.code(), code, "{reply:?}");
        reply
    }

    /// The code of the first error.
    pub fn code(&self) -> String {
        self.json()["errors"][0]["code"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    /// The text of the first error.
    pub fn message(&self) -> String {
        self.json()["errors"][0]["message"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// A header as text; empty if it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }
}
