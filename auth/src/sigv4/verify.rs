//! Whether a request was signed by who says so.
use std::time::Duration;

use http::request::Parts;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use wharf_types::Timestamp;

use super::{SigError, Signed, canonical, sign, time};
use crate::Secret;

/// By how much a signature's time may differ from ours, either way.
const SKEW: Duration = Duration::from_mins(15);

/// The literal that a client signs in place of a hash of the body.
const UNSIGNED: &str = "UNSIGNED-PAYLOAD";

/// The body of a request, or its hash if the caller has read it already.
#[derive(Clone, Copy, Debug)]
pub enum Payload<'a> {
    /// The whole body.
    Bytes(&'a [u8]),
    /// The SHA-256 of the body.
    Sha256(&'a [u8; 32]),
}

impl Payload<'_> {
    /// The last line of the canonical request.
    pub(super) fn canonical(self, parts: &Parts) -> String {
        let declared = parts.headers.get("x-amz-content-sha256");
        match self {
            _ if declared.is_some_and(|value| value == UNSIGNED) => UNSIGNED.to_owned(),
            Self::Bytes(bytes) => canonical::hex(&Sha256::digest(bytes)),
            Self::Sha256(hash) => canonical::hex(hash),
        }
    }
}

/// Checks the signature that [`parse`](super::parse()) found in the same request.
///
/// A body is not covered if the client declared and signed `x-amz-content-sha256:
/// UNSIGNED-PAYLOAD`.
pub fn verify(
    signed: &Signed,
    parts: &Parts,
    payload: Payload<'_>,
    secret: &Secret,
    now: Timestamp,
) -> Result<(), SigError> {
    check_time(signed, now)?;
    check_headers(signed, parts)?;
    check_date(signed)?;
    let payload = payload.canonical(parts);
    let canonical =
        canonical::request(parts, &signed.headers, &payload).ok_or(SigError::Mismatch)?;
    let expected = sign::signature(secret, &signed.scope, signed.at, &canonical);
    let same: bool = expected
        .as_bytes()
        .ct_eq(signed.signature.as_bytes())
        .into();
    if same {
        Ok(())
    } else {
        Err(SigError::Mismatch)
    }
}

fn check_time(signed: &Signed, now: Timestamp) -> Result<(), SigError> {
    let at = time::basic(signed.at);
    let validity = signed.expires.unwrap_or(SKEW);
    let (oldest, newest) = (now - validity, now + SKEW);
    if signed.at < oldest {
        let (oldest, now, validity) = (time::basic(oldest), time::basic(now), minutes(validity));
        return Err(SigError::OutOfScope(format!(
            "Signature expired: {at} is now earlier than {oldest} ({now} - {validity})"
        )));
    }
    if signed.at > newest {
        let (newest, now, skew) = (time::basic(newest), time::basic(now), minutes(SKEW));
        return Err(SigError::OutOfScope(format!(
            "Signature not yet current: {at} is still later than {newest} ({now} + {skew})"
        )));
    }
    Ok(())
}

fn minutes(time: Duration) -> String {
    match time.as_secs() {
        secs if secs % 60 == 0 => format!("{} min.", secs / 60),
        secs => format!("{secs} sec."),
    }
}

/// The host and what AWS itself reads must not be changeable under a valid signature.
fn check_headers(signed: &Signed, parts: &Parts) -> Result<(), SigError> {
    let is_signed = |name: &str| signed.headers.iter().any(|header| header == name);
    let unsigned = |name: &str| {
        SigError::OutOfScope(format!(
            "{name} must be a 'SignedHeader' in the AWS Authorization."
        ))
    };
    if !is_signed("host") && !is_signed(":authority") {
        return Err(unsigned("'Host' or ':authority'"));
    }
    let mut amz = parts.headers.keys().map(http::HeaderName::as_str);
    match amz.find(|name| name.starts_with("x-amz-") && !is_signed(name)) {
        Some(name) => Err(unsigned(&format!("'{name}'"))),
        None => Ok(()),
    }
}

fn check_date(signed: &Signed) -> Result<(), SigError> {
    let at = time::basic(signed.at);
    let date = &signed.scope.date;
    match at.split_once('T') {
        Some((day, _)) if day == date => Ok(()),
        Some((day, _)) => Err(SigError::OutOfScope(format!(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date \
             from HTTP: '{date}' != '{day}', from '{at}'."
        ))),
        None => Err(SigError::Mismatch),
    }
}
