//! Sessions of roles for who shows a token of a cluster's service account: what STS does of IRSA.
//!
//! As at AWS, only the token is looked at, not whether its pod is still there: STS knows the keys of the
//! issuer and nothing else. Every cluster's issuer counts as an identity provider of its account, because
//! there is no IAM to register it with.
use std::time::Duration;

use wharf_auth::service_account::{self, ServiceAccountTokenError, verify};
use wharf_auth::{RoleSession, SessionContext, TemporaryCredentials, policy, role_session};
use wharf_types::Timestamp;

use super::{may_assume, role};
use crate::Cx;
use crate::running::Running;

/// Whom the tokens are for.
const AUDIENCE: &str = "sts.amazonaws.com";

/// The longest policy of a session.
pub const MAX_POLICY: usize = 2048;

/// What is asked for.
#[derive(Clone, Debug)]
pub struct WebIdentity {
    pub role_arn: String,
    pub session_name: String,
    pub token: String,
    pub policy: Option<String>,
    pub duration: Duration,
    /// How long the token of the session is at least, in bytes.
    pub token_bytes: usize,
}

/// A session that began.
#[derive(Clone, Debug)]
pub struct Assumed {
    pub credentials: TemporaryCredentials,
    pub session: RoleSession,
    /// Whom the token is of.
    pub subject: String,
    /// The ARN of the identity provider.
    pub provider: String,
    pub audience: &'static str,
}

/// Why no session began.
#[derive(Debug, thiserror::Error)]
pub enum NotAssumed {
    #[error(
        "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)"
    )]
    NoToken,
    #[error("No OpenIDConnect provider found in your account for {0}")]
    NoProvider(String),
    #[error("Incorrect token audience")]
    Audience,
    #[error(
        "Couldn't retrieve verification key from your identity provider,  please reference AssumeRoleWithWebIdentity documentation for requirements"
    )]
    Signature,
    #[error(
        "Token expired: current date/time {now} must be before the expiration date/time {expiry}"
    )]
    Expired { now: i64, expiry: i64 },
    #[error("Not authorized to perform sts:AssumeRoleWithWebIdentity")]
    Denied,
    #[error("{0} is invalid")]
    Role(String),
    #[error("the session cannot begin")]
    Internal(#[source] wharf_auth::Error),
}

/// Begins a session.
pub fn assume(cx: &Cx, asked: &WebIdentity) -> Result<Assumed, NotAssumed> {
    let (account, role) =
        role(&asked.role_arn).ok_or_else(|| NotAssumed::Role(asked.role_arn.clone()))?;
    let now = cx.now();
    let issuer = service_account::issuer(&asked.token).ok_or(NotAssumed::NoToken)?;
    let is_provider = |one: &Running| {
        one.at().registry.account == account && one.cluster().settings().issuer == issuer
    };
    let found = cx.clusters.all().into_iter().find(is_provider);
    let running = found.ok_or_else(|| NotAssumed::NoProvider(issuer.clone()))?;
    let keys = running.cluster().keys();
    let verified = verify(keys, &asked.token, &[&issuer], &[AUDIENCE], now);
    let claims = verified.map_err(|e| refused(&e, &asked.token, now))?.claims;
    let host = issuer.strip_prefix("https://").unwrap_or(&issuer);
    let provider = format!("arn:aws:iam::{account}:oidc-provider/{host}");
    let session = RoleSession {
        account,
        role,
        name: asked.session_name.clone(),
        context: SessionContext {
            policy: asked.policy.clone(),
            ..SessionContext::default()
        },
        expires_at: now + asked.duration,
    };
    let mut context = policy::Context::default();
    context.add(&format!("{host}:sub"), claims.sub.as_str());
    context.add(&format!("{host}:aud"), AUDIENCE);
    context.add("sts:RoleSessionName", asked.session_name.as_str());
    let assume = policy::Assume {
        by: &provider,
        actions: &["sts:AssumeRoleWithWebIdentity"],
        context: &context,
    };
    if !may_assume(cx, &session, &assume) {
        return Err(NotAssumed::Denied);
    }
    let key = &cx.clusters.access().key;
    let credentials =
        role_session::issue_long(key, &session, asked.token_bytes).map_err(NotAssumed::Internal)?;
    Ok(Assumed {
        credentials,
        session,
        subject: claims.sub,
        provider,
        audience: AUDIENCE,
    })
}

fn refused(e: &ServiceAccountTokenError, token: &str, now: Timestamp) -> NotAssumed {
    match e {
        ServiceAccountTokenError::Audience { .. } => NotAssumed::Audience,
        ServiceAccountTokenError::Expired => NotAssumed::Expired {
            now: now.as_secs(),
            // Only a token that was signed is told that it has expired.
            expiry: service_account::expiry(token).unwrap_or_default(),
        },
        ServiceAccountTokenError::Foreign
        | ServiceAccountTokenError::Invalid
        | ServiceAccountTokenError::NotYetValid
        | ServiceAccountTokenError::FromTheFuture => NotAssumed::Signature,
    }
}
