//! `clientRequestToken`: a request that is sent again is answered again.
use serde::{Deserialize, Serialize};
use wharf_types::Digest;

use crate::Error;

/// The longest token that is taken.
const MAX: usize = 256;

/// The token of the request that made something, and what it asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    pub text: String,
    /// A digest of the request.
    pub request: String,
}

impl Token {
    /// The token of a request, if it has one. `request` is all of it, which what is asked for depends on.
    pub fn of(text: Option<&str>, request: &impl Serialize) -> Result<Option<Self>, Error> {
        let Some(text) = text else {
            return Ok(None);
        };
        if text.is_empty() || text.len() > MAX {
            let text = format!("The clientRequestToken must have 1 to {MAX} characters.");
            return Err(Error::invalid_parameter(text));
        }
        let bytes = serde_json::to_vec(request).map_err(wharf_storage::Error::from)?;
        Ok(Some(Self {
            text: text.to_owned(),
            request: Digest::sha256(&bytes).to_string(),
        }))
    }

    /// Whether what was made with `theirs` is what a request with `own` asks for again. The same
    /// token on another request is an error.
    pub fn repeats(own: Option<&Self>, theirs: Option<&Self>) -> Result<bool, Error> {
        let (Some(own), Some(theirs)) = (own, theirs) else {
            return Ok(false);
        };
        if own.text != theirs.text {
            return Ok(false);
        }
        if own.request == theirs.request {
            return Ok(true);
        }
        Err(Error::invalid_parameter(
            "The specified clientRequestToken was used with other request parameters.",
        ))
    }
}
