//! Requests as bytes, for what clients would tidy up before they send it.
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;
use tokio::io::AsyncReadExt as _;
use wharf_storage::Leases;

use crate::{Raw, RawReply, TestServer};

impl TestServer {
    /// The value of `Authorization` that goes with the password.
    pub fn authorization(&self) -> String {
        format!(
            "Basic {}",
            STANDARD.encode(format!("AWS:{}", self.password()))
        )
    }

    /// The head of a request with `Host` and credentials, up to its empty line.
    pub fn head(&self, method: &str, target: &str, headers: &[&str]) -> String {
        let mut head = format!(
            "{method} {target} HTTP/1.1\r\nHost: {}\r\nAuthorization: {}\r\n",
            self.address(),
            self.authorization()
        );
        for header in headers {
            head.push_str(header);
            head.push_str("\r\n");
        }
        head.push_str("\r\n");
        head
    }

    /// Sends a request byte for byte as it is given, on a connection of its own.
    pub async fn ask(
        &self,
        method: &str,
        target: &str,
        headers: &[&str],
        body: impl AsRef<[u8]> + Send,
    ) -> RawReply {
        let headers = [headers, &["Connection: close"]].concat();
        let mut request = self.head(method, target, &headers).into_bytes();
        request.extend_from_slice(body.as_ref());
        self.raw().await.ask(&request).await
    }

    /// Begins a request whose body the server waits for: it has said `100 Continue`.
    pub async fn hold(&self, method: &str, target: &str, headers: &[&str]) -> Raw {
        let headers = [headers, &["Connection: close", "Expect: 100-continue"]].concat();
        let mut raw = self.raw().await;
        raw.write(self.head(method, target, &headers).as_bytes())
            .await;
        let head = raw.head().await;
        assert!(head.starts_with("HTTP/1.1 100"), "{head}");
        raw
    }

    /// Does what the server does on a timer: removes what is over.
    pub async fn collect_garbage(&self) {
        self.store().collect(Leases::Respect).await.unwrap();
    }
}

impl Raw {
    /// Reads one head, up to and with its empty line.
    pub async fn head(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            match self.0.read_u8().await {
                Ok(byte) => head.push(byte),
                Err(_closed) => break,
            }
        }
        String::from_utf8_lossy(&head).into_owned()
    }

    /// Reads the last answer of the connection.
    pub async fn answer(self) -> RawReply {
        self.ask(b"").await
    }
}

impl RawReply {
    /// A header; empty if it is not there.
    pub fn header(&self, name: &str) -> &str {
        let (head, _) = self.text.split_once("\r\n\r\n").unwrap_or_default();
        head.split("\r\n")
            .filter_map(|line| line.split_once(':'))
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map_or("", |(_, value)| value.trim())
    }

    /// What follows the head.
    pub fn body(&self) -> &str {
        self.text
            .split_once("\r\n\r\n")
            .map_or("", |(_, body)| body)
    }

    /// The code of the first error.
    pub fn code(&self) -> String {
        let body: Value = serde_json::from_str(self.body()).unwrap_or_default();
        body["errors"][0]["code"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    /// Demands a status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self:?}");
        self
    }

    /// Demands a status and a code of the distribution specification.
    #[track_caller]
    pub fn fails(self, status: u16, code: &str) -> Self {
        let reply = self.expect(status);
        assert_eq!(reply.code(), code, "{reply:?}");
        reply
    }
}
