//! A request, from its parts to its recorded answer.
use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use reqwest::Method;
use wharf_types::{ByteRange, media};

use crate::{
    client::{Answer, Body, Exchange, Message, Request, Stop, address},
    cx::Cx,
};

/// A request that is being put together.
#[derive(Debug)]
pub(crate) struct Call<'c> {
    cx: &'c Cx<'c>,
    method: Method,
    target: String,
    query: Vec<(&'static str, String)>,
    headers: HeaderMap,
    body: Body,
    authorized: bool,
}

impl<'c> Call<'c> {
    pub(crate) fn new(cx: &'c Cx<'c>, method: Method, target: &str, body: Body) -> Self {
        let (target, query, headers) = (target.to_owned(), Vec::new(), HeaderMap::new());
        Self {
            cx,
            method,
            target,
            query,
            headers,
            body,
            authorized: true,
        }
    }
}

impl Call<'_> {
    /// Adds a parameter to those that the address has.
    pub(crate) fn query(mut self, key: &'static str, value: impl fmt::Display) -> Self {
        self.query.push((key, value.to_string()));
        self
    }

    /// Adds a header, whose name must be in lower case.
    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.append(HeaderName::from_static(name), value);
        }
        self
    }

    pub(crate) fn body(mut self, media_type: &str, bytes: &Bytes) -> Self {
        self.body = Body::Sized(bytes.clone());
        self.header("content-type", media_type)
    }

    pub(crate) fn octets(self, bytes: &Bytes) -> Self {
        self.body(media::OCTET_STREAM, bytes)
    }

    /// Sends the bytes without saying how many they are.
    pub(crate) fn streamed(mut self, bytes: &Bytes) -> Self {
        self.body = Body::Streamed(bytes.clone());
        self.header("content-type", media::OCTET_STREAM)
    }

    /// Sends a part of a blob as the chunk that it is.
    pub(crate) fn chunk(self, of: &Bytes, range: std::ops::Range<usize>) -> Self {
        let content_range = format!("{}-{}", range.start, range.end.saturating_sub(1));
        self.octets(&of.slice(range))
            .header("content-range", &content_range)
    }

    pub(crate) fn range(self, ByteRange { first, last }: ByteRange) -> Self {
        self.header("range", &format!("bytes={first}-{last}"))
    }

    /// Sends no credentials.
    pub(crate) const fn anonymous(mut self) -> Self {
        self.authorized = false;
        self
    }

    /// Sends the request; the answer, whatever it is, is recorded.
    pub(crate) async fn send(self) -> Result<Answer, Stop> {
        let cx = self.cx;
        let request = self.request()?;
        let result = cx.run().client.send(&request).await;
        cx.record(exchange(&request, &result));
        let fail = |e| Stop::Fail(format!("{} {}: {e}", request.method, address(&request.url)));
        result.map_err(fail)
    }

    /// Sends the request without a record of it.
    pub(crate) async fn quietly(self) -> Result<Answer, Stop> {
        let request = self.request()?;
        self.cx
            .run()
            .client
            .send(&request)
            .await
            .map_err(Stop::Fail)
    }

    fn request(&self) -> Result<Request, Stop> {
        let mut url = self
            .cx
            .run()
            .client
            .resolve(&self.target)
            .map_err(Stop::Fail)?;
        if !self.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&self.query);
        }
        Ok(Request {
            method: self.method.clone(),
            url,
            headers: self.headers.clone(),
            body: self.body.clone(),
            authorized: self.authorized,
        })
    }
}

fn exchange(request: &Request, result: &Result<Answer, String>) -> Exchange {
    let (status, answer) = match result {
        Ok(answer) => (
            Some(answer.status),
            Message::new(&answer.headers, &answer.body),
        ),
        Err(error) => (None, Message::error(error)),
    };
    Exchange {
        number: 0,
        method: request.method.to_string(),
        url: address(&request.url),
        request: Message::new(&request.headers, request.body.bytes()),
        status,
        answer,
    }
}
