//! `nextToken`: opaque to clients, and only good where it came from.
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use wharf_types::Digest;

use crate::{Cx, Exception};

/// The longest token that is read.
const MAX_TOKEN: usize = 4096;

/// A list that is shown in pages.
#[derive(Debug)]
pub(crate) struct Pages<'a> {
    pub(crate) cx: &'a Cx,
    /// What is listed: operation and repository. A token of another list is refused.
    pub(crate) scope: String,
}

impl Pages<'_> {
    /// At most `max` of what comes after a key, and the token for the rest. `key` is unique and in the
    /// list's order.
    pub(crate) fn cut<T>(
        &self,
        all: Vec<T>,
        after: &str,
        max: usize,
        key: impl Fn(&T) -> String,
    ) -> (Vec<T>, Option<String>) {
        let mut left: Vec<T> = match after {
            "" => all,
            after => all.into_iter().filter(|item| *key(item) > *after).collect(),
        };
        let more = left.len() > max;
        left.truncate(max);
        let last = left.last().filter(|_| more);
        let token = last.map(|last| self.token(&key(last)));
        (left, token)
    }

    fn seal(&self, last: &str) -> String {
        let key = Digest::sha256(self.cx.domain.key.as_bytes());
        let registry = &self.cx.registry;
        let text = format!(
            "{key}\n{}\n{}\n{}\n{last}\n{key}",
            registry.account, registry.region, self.scope
        );
        Digest::sha256(text.as_bytes())
            .as_str()
            .chars()
            .skip(7)
            .take(32)
            .collect()
    }

    /// The token that stands for everything after `last`.
    pub(crate) fn token(&self, last: &str) -> String {
        URL_SAFE_NO_PAD.encode(format!("{}{last}", self.seal(last)))
    }

    /// After what a token goes on; the beginning without one.
    pub(crate) fn after(&self, token: Option<&str>) -> Result<String, Exception> {
        let Some(token) = token else {
            return Ok(String::new());
        };
        let refused = || {
            Exception::invalid_parameter(
                "Invalid parameter at 'nextToken' failed to satisfy constraint: 'The specified token is not valid'",
            )
        };
        if token.len() > MAX_TOKEN {
            return Err(refused());
        }
        let text = URL_SAFE_NO_PAD
            .decode(token)
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok());
        let text = text.ok_or_else(refused)?;
        let (seal, last) = text.split_at_checked(32).ok_or_else(refused)?;
        if self.seal(last) == seal {
            Ok(last.to_owned())
        } else {
            Err(refused())
        }
    }
}
