//! The tokens of `aws eks get-token`: a presigned `GetCallerIdentity`, which the control plane of AWS
//! sends to STS. We check the signature ourselves; no token makes us connect to anything.
//!
//! *Guarantees*: with [`Auth::Strict`] the signature of what [`verify`] accepts was made for this
//! cluster's name with the secret of one of our keys, at most 15 minutes ago. No two tokens that it
//! accepts are the same request spelt in two ways by the case of an escape.
//!
//! The rules are those of [aws-iam-authenticator].
//!
//! [aws-iam-authenticator]: https://github.com/kubernetes-sigs/aws-iam-authenticator/blob/master/pkg/token/token.go
use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderValue, Request, Uri, header::HOST, request::Parts};
use wharf_types::{AccountId, Region, Timestamp};

use crate::{
    Auth, Principal, SigError, SigningKey,
    sigv4::{Payload, parse_presigned},
};

mod make;
#[cfg(test)]
mod tests;

pub use make::make;

/// What every token begins with.
pub const PREFIX: &str = "k8s-aws-v1.";

/// Longer tokens are refused unread.
const MAX_BYTES: usize = 4 * 1024;

/// The header that binds a token to a cluster.
const CLUSTER_HEADER: &str = "x-k8s-aws-id";

/// How long a token is good for, whatever its `X-Amz-Expires` says.
const LIFETIME: Duration = Duration::from_mins(15);

/// By how much the clock of a client may be ahead.
const SKEW: Duration = Duration::from_mins(5);

/// The only parameters that a token may have, in lower case.
const PARAMETERS: [&str; 9] = [
    "action",
    "version",
    "x-amz-algorithm",
    "x-amz-credential",
    "x-amz-date",
    "x-amz-expires",
    "x-amz-security-token",
    "x-amz-signature",
    "x-amz-signedheaders",
];

/// Who made a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    pub principal: Principal,
    /// What `GetCallerIdentity` answers: the session's ARN if a role was assumed.
    pub arn: String,
    /// The ARN that an access entry has: that of the role, or of the user.
    pub canonical_arn: String,
    pub access_key: String,
    /// Of an assumed role; empty for a user.
    pub session_name: String,
}

/// Why a token is refused. The client learns only that it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EksTokenError {
    #[error("{0}")]
    Malformed(&'static str),
    #[error("the token has expired")]
    Expired,
    #[error("the token is from the future")]
    NotYetValid,
    #[error("the signature of the token is wrong")]
    Signature(#[source] SigError),
}

use EksTokenError::Malformed;

/// Checks a token for the cluster `cluster`.
///
/// `key` is that of sessions. `is_ours` says whether a host, with its port, is this server: the AWS CLI presigns for
/// `AWS_ENDPOINT_URL`, over plain HTTP as well.
pub fn verify(
    token: &str,
    cluster: &str,
    (auth, key): (&Auth, &SigningKey),
    default_account: &AccountId,
    is_ours: impl Fn(&str) -> bool,
    now: Timestamp,
) -> Result<Caller, EksTokenError> {
    let parts = request(token, cluster)?;
    let host = check_host(&parts.uri, is_ours)?;
    check_parameters(parts.uri.query().unwrap_or_default())?;
    let mut signed =
        parse_presigned(&parts, 0..=LIFETIME.as_secs()).map_err(EksTokenError::Signature)?;
    if !signed.covers(CLUSTER_HEADER) || !signed.covers("host") {
        return Err(Malformed("the host or x-k8s-aws-id is not signed"));
    }
    if signed.scope.service != "sts" || !host.serves(&signed.scope.region) {
        return Err(Malformed("the signature is not for this host of STS"));
    }
    if now > signed.at + LIFETIME {
        return Err(EksTokenError::Expired);
    }
    if signed.at > now + SKEW {
        return Err(EksTokenError::NotYetValid);
    }
    if !signed.has_form() {
        return Err(Malformed("the signature has not 64 digits"));
    }
    signed.expires = Some(LIFETIME);
    let payload = Payload::Bytes(b"");
    let principal = auth
        .principal(key, &signed, &parts, payload, default_account, now)
        .map_err(EksTokenError::Signature)?;
    let arn = principal.arn.to_string();
    Ok(Caller {
        canonical_arn: canonical_arn(&arn),
        session_name: session_name(&arn),
        access_key: signed.scope.access_key,
        principal,
        arn,
    })
}

/// The request that a token stands for.
fn request(token: &str, cluster: &str) -> Result<Parts, EksTokenError> {
    if token.len() > MAX_BYTES {
        return Err(Malformed("the token is too large"));
    }
    let encoded = token
        .strip_prefix(PREFIX)
        .ok_or(Malformed("the token does not begin with k8s-aws-v1."))?;
    let url = URL_SAFE_NO_PAD
        .decode(encoded)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or(Malformed("the token is not base64url of a URL"))?;
    // `http::Uri` would drop a fragment.
    if url.contains('#') || !url.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(Malformed("the URL has a fragment or no ASCII"));
    }
    // `http::Uri` would supply a missing path and read a scheme in any case.
    let rest = url
        .strip_prefix("https://")
        .or_else(|| url.strip_prefix("http://"));
    let tail = rest.and_then(|rest| rest.split_once('/'));
    if !tail.is_some_and(|(_, tail)| tail.starts_with('?')) {
        return Err(Malformed("the URL is not https or has another path than /"));
    }
    let uri: Uri = url.parse().ok().ok_or(Malformed("not a URL"))?;
    if uri.path() != "/" {
        return Err(Malformed("the URL has a path"));
    }
    let host = uri
        .authority()
        .ok_or(Malformed("the URL has no host"))?
        .to_string();
    let cluster = HeaderValue::from_str(cluster)
        .ok()
        .ok_or(Malformed("the cluster's name cannot be signed"))?;
    let host = HeaderValue::from_str(&host)
        .ok()
        .ok_or(Malformed("the host cannot be signed"))?;
    let (mut parts, ()) = Request::new(()).into_parts();
    parts.uri = uri;
    parts.headers.insert(HOST, host);
    parts.headers.insert(CLUSTER_HEADER, cluster);
    Ok(parts)
}

/// Which server a token is presigned for.
enum Host {
    Ours,
    /// STS for all regions.
    Global,
    Regional(String),
}

impl Host {
    fn serves(&self, region: &Region) -> bool {
        match self {
            Self::Ours | Self::Global => true,
            Self::Regional(name) => name == region.as_str(),
        }
    }
}

fn check_host(uri: &Uri, is_ours: impl Fn(&str) -> bool) -> Result<Host, EksTokenError> {
    let authority = uri.authority().map(http::uri::Authority::as_str);
    let host = authority.unwrap_or_default();
    let known = match uri.scheme_str() {
        Some("https") => sts_host(host),
        Some("http") => None,
        _ => return Err(Malformed("the URL is not https")),
    };
    match known {
        Some(host) => Ok(host),
        None if !host.contains('@') && is_ours(host) => Ok(Host::Ours),
        None => Err(Malformed("the URL is not one of STS")),
    }
}

/// `sts.amazonaws.com` and its regional, FIPS, dual-stack and Chinese names.
fn sts_host(host: &str) -> Option<Host> {
    if host == "sts.amazonaws.com" {
        return Some(Host::Global);
    }
    let rest = host
        .strip_prefix("sts.")
        .or_else(|| host.strip_prefix("sts-fips."))?;
    let suffixes = [
        (".amazonaws.com", false),
        (".amazonaws.com.cn", true),
        (".api.aws", false),
        (".api.amazonwebservices.com.cn", true),
    ];
    let mut regions = suffixes
        .into_iter()
        .filter_map(|(end, chinese)| Some((rest.strip_suffix(end)?, chinese)));
    let (region, chinese) = regions.find(|(region, _)| region.parse::<Region>().is_ok())?;
    (chinese == region.starts_with("cn-")).then(|| Host::Regional(region.to_owned()))
}

fn check_parameters(query: &str) -> Result<(), EksTokenError> {
    let mut seen = [false; PARAMETERS.len()];
    for pair in query.split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let name = name.to_ascii_lowercase();
        let Some(at) = PARAMETERS.iter().position(|known| *known == name) else {
            return Err(Malformed("the URL has an unknown parameter"));
        };
        match seen.get_mut(at) {
            Some(seen) if !*seen => *seen = true,
            _ => return Err(Malformed("the URL has a parameter twice")),
        }
        let wrong = match name.as_str() {
            "action" => value != "GetCallerIdentity",
            "version" => value != "2011-06-15",
            _ => !is_canonical(value),
        };
        if wrong {
            return Err(Malformed("a parameter has not the value of a token"));
        }
    }
    match seen {
        [true, true, ..] => Ok(()),
        _ => Err(Malformed("the URL has no action or no version")),
    }
}

/// Whether escapes are written in the one way that signers do.
fn is_canonical(value: &str) -> bool {
    let mut rest = value.as_bytes();
    let digit = |b: &u8| matches!(b, b'0'..=b'9' | b'A'..=b'F');
    loop {
        rest = match rest {
            [] => return true,
            [b'+', ..] => return false,
            [b'%', high, low, tail @ ..] if digit(high) && digit(low) => tail,
            [b'%', ..] => return false,
            [_, tail @ ..] => tail,
        };
    }
}

/// The ARN of who an identity is for access entries: a session of a role is the role.
pub fn canonical_arn(arn: &str) -> String {
    match assumed_role(arn) {
        Some((partition, account, role, _session)) => {
            format!("arn:{partition}:iam::{account}:role/{role}")
        }
        None => arn.to_owned(),
    }
}

fn session_name(arn: &str) -> String {
    assumed_role(arn).map_or_else(String::new, |(_, _, _, session)| session.to_owned())
}

/// Partition, account, role and session of `arn:aws:sts::<account>:assumed-role/<role>/<session>`.
fn assumed_role(arn: &str) -> Option<(&str, &str, &str, &str)> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let ["arn", partition, "sts", _, account, resource] = parts.as_slice() else {
        return None;
    };
    let (role, session) = resource.strip_prefix("assumed-role/")?.rsplit_once('/')?;
    Some((partition, account, role, session))
}
