//! Whether and by what callers are checked.
use std::sync::Arc;

use http::request::Parts;
use wharf_types::{AccountId, Timestamp};

use crate::{
    Keys, Payload, Policy, Principal, RoleSession, Secret, SigError, Signed, SigningKey,
    policy::{Assume, Identity, Kind},
    role_session, sigv4,
};

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

    /// Whom a request claims to be of, and the secret that it must then be signed with; without one
    /// nobody looks. `key` is that of sessions.
    fn claimed(
        &self,
        key: &SigningKey,
        signed: &Signed,
        default_account: &AccountId,
        now: Timestamp,
    ) -> Result<(Principal, Option<Secret>), SigError> {
        if let Some((principal, secret)) = role_session::open(key, signed, now)? {
            return Ok((principal, Some(secret)));
        }
        match self {
            Self::Local => {
                let principal = Principal::local(&signed.scope.access_key, default_account);
                Ok((principal, None))
            }
            Self::Strict(keys) => {
                let found = keys.find(signed)?;
                Ok((found.principal.clone(), Some(found.secret.clone())))
            }
        }
    }

    /// Turns strangers away, before the body of their request is read.
    pub fn meet(
        &self,
        key: &SigningKey,
        signed: &Signed,
        default_account: &AccountId,
        now: Timestamp,
    ) -> Result<(), SigError> {
        self.claimed(key, signed, default_account, now).map(drop)
    }

    /// Whom a signed request is of, if its signature is good.
    pub fn principal(
        &self,
        key: &SigningKey,
        signed: &Signed,
        parts: &Parts,
        payload: Payload<'_>,
        default_account: &AccountId,
        now: Timestamp,
    ) -> Result<Principal, SigError> {
        let (principal, secret) = self.claimed(key, signed, default_account, now)?;
        if let Some(secret) = secret {
            sigv4::verify(signed, parts, payload, &secret, now)?;
        }
        Ok(principal)
    }

    /// Whether a session may begin, as far as its role is asked.
    pub fn may_assume(&self, session: &RoleSession, assume: &Assume<'_>) -> bool {
        match self {
            Self::Local => true,
            Self::Strict(keys) => {
                let role = keys.roles().get(&session.account, &session.role);
                role.is_some_and(|role| role.trust.trusts(assume))
            }
        }
    }

    /// What a principal's account lets it do; `None` if the principal is no longer known.
    pub fn identity(&self, principal: &Principal) -> Option<Identity> {
        match self {
            Self::Local => Some(Identity::Full),
            Self::Strict(keys) => {
                if let Some((role, _)) = principal.role() {
                    let role = keys.roles().get(&principal.account, role)?;
                    let policy = principal.session.as_ref()?.policy.as_deref();
                    return Some(within(&role.identity, policy));
                }
                let key = keys.get(&principal.access_key)?;
                (key.principal == *principal).then(|| key.identity.clone())
            }
        }
    }
}

/// What a role may do in a session with a policy.
fn within(role: &Identity, policy: Option<&str>) -> Identity {
    let Some(text) = policy else {
        return role.clone();
    };
    // One that cannot be read allows nothing.
    let policy = Policy::parse(text, Kind::Identity).unwrap_or_else(|_| Policy::deny_all());
    Identity::Within(Box::new(role.clone()), Arc::new(policy))
}
