//! What came back, and the questions that cases ask of it.
use bytes::Bytes;
use http::HeaderMap;
use reqwest::{Method, Url};
use serde::{Deserialize, de::DeserializeOwned};

use super::{link, trace};

/// Why a case ends early.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Something else was demanded.
    Fail(String),
    /// The registry need not support this and does not.
    Skip(String),
}

impl Stop {
    pub(crate) fn fail(text: impl Into<String>) -> Self {
        Self::Fail(text.into())
    }

    pub(crate) fn skip(text: impl Into<String>) -> Self {
        Self::Skip(text.into())
    }
}

/// How a case, or a part of it, ends.
pub(crate) type Verdict = Result<(), Stop>;

/// A whole answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) method: Method,
    /// Where the answer came from, after redirections.
    pub(crate) url: Url,
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// The body of an error: <https://github.com/opencontainers/distribution-spec/blob/main/spec.md#error-codes>.
#[derive(Debug, Deserialize)]
pub(crate) struct Errors {
    pub(crate) errors: Vec<ErrorEntry>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct ErrorEntry {
    pub(crate) code: String,
    #[serde(default)]
    pub(crate) message: Option<String>,
}

impl Answer {
    /// Which answer this is, for messages.
    fn what(&self) -> String {
        format!("{} {}", self.method, trace::path(&self.url))
    }

    /// A failure that says which answer it is about.
    pub(crate) fn fail(&self, text: impl AsRef<str>) -> Stop {
        Stop::Fail(format!("{}: {}", self.what(), text.as_ref()))
    }

    pub(crate) fn skip(&self, text: impl AsRef<str>) -> Stop {
        Stop::Skip(format!(
            "{} (answered {} {})",
            text.as_ref(),
            self.method,
            self.status
        ))
    }

    pub(crate) fn expect(&self, status: u16) -> Result<&Self, Stop> {
        self.expect_any(&[status])
    }

    pub(crate) fn expect_any(&self, statuses: &[u16]) -> Result<&Self, Stop> {
        if statuses.contains(&self.status) {
            return Ok(self);
        }
        let expected: Vec<_> = statuses.iter().map(u16::to_string).collect();
        let expected = expected.join(" or ");
        Err(self.fail(format!("expected {expected}, got {}", self.said())))
    }

    /// A refusal that is not the registry's own fault.
    pub(crate) fn expect_refusal(&self) -> Result<&Self, Stop> {
        if (400..500).contains(&self.status) {
            return Ok(self);
        }
        Err(self.fail(format!("expected a refusal (4xx), got {}", self.status)))
    }

    /// The status and the first error of the body.
    pub(crate) fn said(&self) -> String {
        format!("{}{}", self.status, self.complaint())
    }

    /// The first error of the body, for messages.
    fn complaint(&self) -> String {
        let errors = serde_json::from_slice::<Errors>(&self.body).ok();
        match errors.as_ref().and_then(|e| e.errors.first()) {
            Some(ErrorEntry {
                code,
                message: Some(message),
            }) => {
                let message: String = message.chars().take(200).collect();
                format!(" ({code}: {message})")
            }
            Some(ErrorEntry {
                code,
                message: None,
            }) => format!(" ({code})"),
            None => String::new(),
        }
    }

    /// Whether the body names this error.
    pub(crate) fn has_code(&self, code: &str) -> bool {
        let errors = serde_json::from_slice::<Errors>(&self.body);
        errors.is_ok_and(|e| e.errors.iter().any(|entry| entry.code == code))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The members of a header that is a list, however many lines it has.
    pub(crate) fn list(&self, name: &str) -> Vec<&str> {
        let lines = self
            .headers
            .get_all(name)
            .iter()
            .filter_map(|value| value.to_str().ok());
        lines
            .flat_map(|line| line.split(','))
            .map(str::trim)
            .collect()
    }

    pub(crate) fn expect_header(&self, name: &str, expected: &str) -> Result<&Self, Stop> {
        match self.header(name) {
            Some(value) if value == expected => Ok(self),
            Some(value) => Err(self.fail(format!("expected {name}: {expected}, got {value:?}"))),
            None => Err(self.fail(format!("expected {name}: {expected}, got no such header"))),
        }
    }

    /// The `Content-Type`, whose parameters are ignored as clients should.
    pub(crate) fn expect_type(&self, expected: &str) -> Result<&Self, Stop> {
        let value = self.header("content-type").unwrap_or_default();
        if value.split(';').next().unwrap_or_default().trim() == expected {
            return Ok(self);
        }
        Err(self.fail(format!("expected Content-Type {expected}, got {value:?}")))
    }

    pub(crate) fn expect_length(&self, length: usize) -> Result<&Self, Stop> {
        self.expect_header("content-length", &length.to_string())
    }

    pub(crate) fn expect_body(&self, expected: &[u8]) -> Result<&Self, Stop> {
        if self.body == expected {
            return Ok(self);
        }
        let (got, expected) = (self.body.len(), expected.len());
        Err(self.fail(format!(
            "expected the {expected} bytes that were pushed, got {got} bytes that differ"
        )))
    }

    /// The absolute address in `Location`.
    pub(crate) fn location(&self) -> Result<String, Stop> {
        let text = self
            .header("location")
            .ok_or_else(|| self.fail("no Location header"))?;
        let joined = self.url.join(text);
        joined
            .map(String::from)
            .map_err(|e| self.fail(format!("Location {text:?}: {e}")))
    }

    /// The absolute address of the next page.
    pub(crate) fn next_page(&self) -> Result<Option<String>, Stop> {
        let Some(header) = self.header("link") else {
            return Ok(None);
        };
        let target = link::next(header)
            .ok_or_else(|| self.fail(format!("Link {header:?} has no rel=\"next\"")))?;
        let joined = self
            .url
            .join(target)
            .map_err(|e| self.fail(format!("Link {target:?}: {e}")))?;
        Ok(Some(joined.into()))
    }

    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, Stop> {
        let parsed = serde_json::from_slice(&self.body);
        parsed.map_err(|e| self.fail(format!("the body is not the expected JSON: {e}")))
    }
}
