//! A session of a role for who has a token of a service account: IRSA.
use std::time::Duration;

use serde::{Deserialize, Serialize};
use wharf_eks::pods::{self, MAX_POLICY, NotAssumed, WebIdentity};

use crate::{Cx, Exception, operation::Operation};

/// How long a session lasts, in seconds.
const SHORTEST: i64 = 900;
const USUAL: i64 = 3600;
const LONGEST: i64 = 43_200;

/// How long the token of a session may be wanted, in bytes.
const LARGEST: i64 = 4096;

/// The longest token.
const MAX_TOKEN: usize = 20_000;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct AssumeRoleWithWebIdentity {
    role_arn: Option<String>,
    role_session_name: Option<String>,
    web_identity_token: Option<String>,
    /// For providers of OAuth 2.0 alone.
    provider_id: Option<String>,
    policy_arns: Option<Vec<PolicyDescriptor>>,
    policy: Option<String>,
    duration_seconds: Option<i64>,
    minimum_session_token_size: Option<i64>,
}

/// A policy that somebody manages.
#[derive(Debug, Deserialize)]
struct PolicyDescriptor {
    arn: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Output {
    credentials: Credentials,
    subject_from_web_identity_token: String,
    assumed_role_user: AssumedRoleUser,
    provider: String,
    audience: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Credentials {
    access_key_id: String,
    secret_access_key: String,
    session_token: String,
    expiration: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct AssumedRoleUser {
    assumed_role_id: String,
    arn: String,
}

impl Operation for AssumeRoleWithWebIdentity {
    const NAME: &'static str = "AssumeRoleWithWebIdentity";
    type Output = Output;

    async fn run(self, cx: Cx) -> Result<Output, Exception> {
        let asked = self.check()?;
        let assumed = pods::assume(&cx.eks, &asked).map_err(refused)?;
        let (given, session) = (assumed.credentials, assumed.session);
        let principal = session.principal(&given.access_key_id);
        Ok(Output {
            credentials: Credentials {
                access_key_id: given.access_key_id,
                secret_access_key: given.secret_access_key.expose().to_owned(),
                session_token: given.session_token.expose().to_owned(),
                expiration: given.expires_at.to_string(),
            },
            subject_from_web_identity_token: assumed.subject,
            assumed_role_user: AssumedRoleUser {
                assumed_role_id: principal.user_id(),
                arn: session.arn().to_string(),
            },
            provider: assumed.provider,
            audience: assumed.audience,
        })
    }
}

impl AssumeRoleWithWebIdentity {
    fn check(self) -> Result<WebIdentity, Exception> {
        if self.provider_id.is_some_and(|id| !id.is_empty()) {
            let text = "ProviderId is for access tokens of OAuth 2.0, which are not taken here";
            return Err(Exception::client("ValidationError", text));
        }
        // What it would take from the session is not known, so none is given.
        if let Some(policy) = self.policy_arns.unwrap_or_default().first() {
            let arn = policy.arn.as_deref().unwrap_or_default();
            let text =
                format!("Managed policies are not kept here ({arn}): pass what it says as Policy");
            return Err(Exception::client("ValidationError", text));
        }
        let role_arn = required("roleArn", self.role_arn)?;
        let session_name = required("roleSessionName", self.role_session_name)?;
        let token = required("webIdentityToken", self.web_identity_token)?;
        length("roleArn", &role_arn, 20, 2048)?;
        length("roleSessionName", &session_name, 2, 64)?;
        length("webIdentityToken", &token, 4, MAX_TOKEN)?;
        let is_word = |b: u8| b.is_ascii_alphanumeric() || b"_+=,.@-".contains(&b);
        if !session_name.bytes().all(is_word) {
            let constraint = "Member must satisfy regular expression pattern: [\\w+=,.@-]*";
            return Err(invalid("roleSessionName", &session_name, constraint));
        }
        if let Some(policy) = &self.policy {
            check_policy(policy)?;
        }
        let secs = self.duration_seconds.unwrap_or(USUAL);
        within("durationSeconds", secs, SHORTEST, LONGEST)?;
        let bytes = self.minimum_session_token_size.unwrap_or(0);
        within("minimumSessionTokenSize", bytes, 0, LARGEST)?;
        Ok(WebIdentity {
            role_arn,
            session_name,
            token,
            policy: self.policy,
            duration: Duration::from_secs(secs.unsigned_abs()),
            token_bytes: usize::try_from(bytes).unwrap_or(0),
        })
    }
}

fn within(member: &str, value: i64, least: i64, most: i64) -> Result<(), Exception> {
    let (than, bound) = match value {
        _ if value < least => ("greater", least),
        _ if value > most => ("less", most),
        _ => return Ok(()),
    };
    let constraint = format!("Member must have value {than} than or equal to {bound}");
    Err(invalid(member, &value.to_string(), &constraint))
}

fn check_policy(text: &str) -> Result<(), Exception> {
    length("policy", text, 1, MAX_POLICY)?;
    match wharf_auth::Policy::parse(text, wharf_auth::policy::Kind::Identity) {
        Ok(_) => Ok(()),
        Err(malformed) => {
            let text = format!("The policy is not well-formed: {malformed}");
            Err(Exception::client("MalformedPolicyDocument", text))
        }
    }
}

fn required(member: &str, value: Option<String>) -> Result<String, Exception> {
    value.ok_or_else(|| {
        let text = format!(
            "1 validation error detected: Value null at '{member}' failed to satisfy constraint: Member must not be null"
        );
        Exception::client("ValidationError", text)
    })
}

fn length(member: &str, value: &str, min: usize, max: usize) -> Result<(), Exception> {
    let (than, bound) = match value.chars().count() {
        found if found < min => ("greater", min),
        found if found > max => ("less", max),
        _ => return Ok(()),
    };
    // A token is nothing to repeat.
    let shown = if member == "webIdentityToken" {
        "***"
    } else {
        value
    };
    let constraint = format!("Member must have length {than} than or equal to {bound}");
    Err(invalid(member, shown, &constraint))
}

fn invalid(member: &str, value: &str, constraint: &str) -> Exception {
    let text = format!(
        "1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: {constraint}"
    );
    Exception::client("ValidationError", text)
}

fn refused(e: NotAssumed) -> Exception {
    let kind = match &e {
        NotAssumed::NoToken
        | NotAssumed::NoProvider(_)
        | NotAssumed::Audience
        | NotAssumed::Signature => "InvalidIdentityToken",
        NotAssumed::Expired { .. } => "ExpiredTokenException",
        NotAssumed::Denied => "AccessDeniedException",
        NotAssumed::Role(_) => "ValidationError",
        NotAssumed::Internal(_) => return Exception::internal(e),
    };
    Exception::client(kind, e.to_string())
}
