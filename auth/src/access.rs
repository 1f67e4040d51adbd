//! Whether and by what callers are checked.
use std::sync::Arc;

use crate::{Keys, Principal, policy::Identity};

/// How the keys of callers are checked.
#[derive(Clone, Debug)]
pub enum Auth {
    /// Any key is good; only the form of signatures is checked, and everyone may do everything.
    Local,
    /// Signatures are verified against these keys, and policies are enforced.
    Strict(Arc<Keys>),
}

impl Auth {
    /// Whether policies are enforced.
    pub const fn is_strict(&self) -> bool {
        matches!(self, Self::Strict(_))
    }

    /// What a principal's account lets it do; `None` if the principal is no longer known.
    pub fn identity(&self, principal: &Principal) -> Option<Identity> {
        match self {
            Self::Local => Some(Identity::Full),
            Self::Strict(keys) => {
                let key = keys.get(&principal.access_key)?;
                (key.principal == *principal).then(|| key.identity.clone())
            }
        }
    }
}
