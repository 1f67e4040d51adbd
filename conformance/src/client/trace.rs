//! What was said to the registry and what it answered, kept for the reports.
use std::collections::VecDeque;

use http::HeaderMap;
use reqwest::Url;
use serde::Serialize;

/// The most exchanges that a case keeps.
const MAX_KEPT: usize = 40;
/// How many exchanges before a failure are kept with it.
const MAX_RECENT: usize = 8;
/// The most bytes of a body that are kept.
const MAX_BODY: usize = 1024;
/// The most characters of a header or an address that are kept.
const MAX_TEXT: usize = 500;
/// The most headers of a message that are kept.
const MAX_HEADERS: usize = 40;
const REDACTED: &str = "[redacted]";

/// A request and what came back.
#[derive(Clone, Debug, Serialize)]
pub struct Exchange {
    /// Counts the requests of a case from 1; missing numbers were not kept.
    pub number: usize,
    /// The method of the request.
    pub method: String,
    /// Where it went.
    pub url: String,
    /// What was sent.
    pub request: Message,
    /// The status, unless no answer came.
    pub status: Option<u16>,
    /// What came back; the error if no answer came.
    pub answer: Message,
}

/// Headers and the beginning of a body.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Message {
    /// The headers, without those that hold secrets.
    pub headers: Vec<(String, String)>,
    /// The beginning of the body, if it is text.
    pub body: String,
    /// How long the body is.
    pub body_bytes: usize,
}

impl Message {
    pub(crate) fn new(headers: &HeaderMap, body: &[u8]) -> Self {
        let headers = headers.iter().take(MAX_HEADERS);
        let headers = headers.map(|(name, value)| {
            let text = String::from_utf8_lossy(value.as_bytes());
            let secret = value.is_sensitive() || is_secret(name.as_str());
            let text = match name.as_str() {
                _ if secret => REDACTED.to_owned(),
                "location" | "link" => redact(&text),
                _ => text.into_owned(),
            };
            (name.to_string(), shorten(&text))
        });
        Self {
            headers: headers.collect(),
            body: excerpt(body),
            body_bytes: body.len(),
        }
    }

    pub(crate) fn error(text: &str) -> Self {
        Self {
            body: shorten(text),
            ..Self::default()
        }
    }
}

/// The exchanges around failures: those just before the first, and so on.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    count: usize,
    recent: VecDeque<Exchange>,
    kept: Vec<Exchange>,
}

impl Trace {
    pub(crate) fn record(&mut self, mut exchange: Exchange) {
        self.count += 1;
        exchange.number = self.count;
        if self.recent.len() == MAX_RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(exchange);
    }

    /// Keeps what led to a failure.
    pub(crate) fn keep(&mut self) {
        let room = MAX_KEPT.saturating_sub(self.kept.len());
        self.kept.extend(self.recent.drain(..).take(room));
    }

    pub(crate) const fn count(&self) -> usize {
        self.count
    }

    pub(crate) fn into_kept(self) -> Vec<Exchange> {
        self.kept
    }
}

fn is_secret(header: &str) -> bool {
    [
        "authorization",
        "cookie",
        "set-cookie",
        "proxy-authorization",
    ]
    .contains(&header)
}

/// An address without the values of parameters that may be secrets, such as signatures.
pub(crate) fn address(url: &Url) -> String {
    shorten(&redact(url.as_str()))
}

/// The same without the host, for messages.
pub(crate) fn path(url: &Url) -> String {
    let query = url.query().map(|query| format!("?{query}"));
    shorten(&redact(&format!(
        "{}{}",
        url.path(),
        query.unwrap_or_default()
    )))
}

fn redact(text: &str) -> String {
    let Some((path, query)) = text.split_once('?') else {
        return text.to_owned();
    };
    let redacted = query.split('&').map(|pair| match pair.split_once('=') {
        Some((key, value)) if holds_secret(key) => {
            // What follows a Link's target is not part of the value.
            let rest = value
                .find('>')
                .and_then(|end| value.get(end..))
                .unwrap_or_default();
            format!("{key}={REDACTED}{rest}")
        }
        _ => pair.to_owned(),
    });
    format!("{path}?{}", redacted.collect::<Vec<_>>().join("&"))
}

fn holds_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    [
        "token",
        "signature",
        "credential",
        "state",
        "secret",
        "password",
    ]
    .iter()
    .any(|word| key.contains(word))
        || key == "sig"
}

fn shorten(text: &str) -> String {
    match text.char_indices().nth(MAX_TEXT) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

fn excerpt(body: &[u8]) -> String {
    let head = body.get(..MAX_BODY).unwrap_or(body);
    let is_text = |c: char| c == '\n' || c == '\r' || c == '\t' || !c.is_control();
    match String::from_utf8_lossy(head) {
        text if text.contains('\u{fffd}') || !text.chars().all(is_text) => String::new(),
        text if head.len() < body.len() => format!("{text}…"),
        text => text.into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn secrets_are_not_kept() {
        let mut headers = HeaderMap::new();
        headers.insert("authorization", HeaderValue::from_static("Basic c2VjcmV0"));
        headers.insert(
            "location",
            HeaderValue::from_static("/v2/x?_state=abc&digest=d"),
        );
        headers.insert(
            "link",
            HeaderValue::from_static("</v2/x?n=1&page_token=abc>; rel=\"next\""),
        );
        let message = Message::new(&headers, b"{}");
        let text = format!("{message:?}");
        assert!(
            !text.contains("c2VjcmV0") && !text.contains("abc"),
            "{text}"
        );
        assert!(text.contains("digest=d") && text.contains("rel="), "{text}");
        let url = "https://s3/x?X-Amz-Signature=abc&X-Amz-Date=1"
            .parse()
            .unwrap();
        assert_eq!(
            address(&url),
            "https://s3/x?X-Amz-Signature=[redacted]&X-Amz-Date=1"
        );
    }

    #[test]
    fn bodies_are_cut_and_binary_is_left_out() {
        let headers = HeaderMap::new();
        let long = Message::new(&headers, "é".repeat(5000).as_bytes());
        assert!(long.body.len() < 2 * MAX_BODY);
        assert_eq!(long.body_bytes, 10_000);
        assert_eq!(Message::new(&headers, &[0xff, 0x00, 0x10]).body, "");
    }

    #[test]
    fn the_exchanges_before_each_failure_are_kept() {
        let exchange = |_| Exchange {
            number: 0,
            method: "GET".into(),
            url: "/".into(),
            request: Message::default(),
            status: Some(200),
            answer: Message::default(),
        };
        let mut trace = Trace::default();
        (0..100).map(exchange).for_each(|e| trace.record(e));
        trace.keep();
        (0..3).map(exchange).for_each(|e| trace.record(e));
        trace.keep();
        assert_eq!(trace.count(), 103);
        let numbers: Vec<_> = trace.into_kept().iter().map(|e| e.number).collect();
        assert_eq!(numbers, (93..=103).collect::<Vec<_>>());
    }
}
