//! Reading a signature out of a request, from the header or from a presigned URL.
use std::{collections::HashMap, ops::RangeInclusive, time::Duration};

use http::{header, request::Parts};
use wharf_types::Timestamp;

use super::{ALGORITHM, Scope, SigError, Signed, TERMINATOR, canonical, time};
use crate::{Secret, principal::is_access_key};

/// The longest that AWS lets a presigned URL live: a week.
const MAX_EXPIRES_SECS: u64 = 7 * 24 * 60 * 60;

/// Reads the signature of a request and checks its form, not its truth.
pub fn parse(parts: &Parts) -> Result<Signed, SigError> {
    let query = amz_parameters(parts.uri.query().unwrap_or_default())?;
    let presigned = query.contains_key("X-Amz-Algorithm") || query.contains_key("X-Amz-Signature");
    match (
        sole_header(parts, header::AUTHORIZATION.as_str())?,
        presigned,
    ) {
        (Some(value), false) if value.starts_with("AWS4-") => from_header(parts, value),
        (Some(_) | None, false) => Err(SigError::Missing),
        (None, true) => from_query(query, 1..=MAX_EXPIRES_SECS),
        (Some(_), true) => Err(incomplete(
            "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter \
             or the Authorization header should be specified.",
        )),
    }
}

/// Reads the signature of a presigned URL that may be valid for `expires` seconds.
pub(crate) fn parse_presigned(
    parts: &Parts,
    expires: RangeInclusive<u64>,
) -> Result<Signed, SigError> {
    let query = amz_parameters(parts.uri.query().unwrap_or_default())?;
    from_query(query, expires)
}

fn from_header(parts: &Parts, value: &str) -> Result<Signed, SigError> {
    let (algorithm, fields) = value.split_once(' ').unwrap_or((value, ""));
    check_algorithm(algorithm)?;
    let mut fields = fields_of(fields)?;
    let mut field = |name| fields.remove(name).filter(|value| !value.is_empty());
    let (credential, signature) = (field("Credential"), field("Signature"));
    let signed_headers = field("SignedHeaders");
    let date = match sole_header(parts, "x-amz-date")? {
        Some(date) => Some(date),
        None => sole_header(parts, header::DATE.as_str())?,
    };
    let (Some(credential), Some(signature), Some(signed_headers), Some(date)) =
        (credential, signature, signed_headers, date)
    else {
        let present = [credential, signature, signed_headers, date].map(|field| field.is_some());
        return Err(missing_fields(present));
    };
    Ok(Signed {
        scope: scope(credential)?,
        at: date_of(date)?,
        session_token: sole_header(parts, "x-amz-security-token")?.map(Secret::new),
        expires: None,
        headers: header_names(signed_headers),
        signature: signature.to_owned(),
    })
}

fn fields_of(text: &str) -> Result<HashMap<&str, &str>, SigError> {
    let mut fields = HashMap::new();
    for field in text.split(',').map(str::trim).filter(|f| !f.is_empty()) {
        let Some((name, value)) = field.split_once('=') else {
            return Err(incomplete(format!(
                "'{}' not a valid key=value pair (missing equal-sign) in Authorization header.",
                brief(field)
            )));
        };
        if fields.insert(name, value).is_some() {
            let name = brief(name);
            return Err(incomplete(format!(
                "Duplicate '{name}' in Authorization header."
            )));
        }
    }
    Ok(fields)
}

fn missing_fields(present: [bool; 4]) -> SigError {
    let texts = [
        "Authorization header requires 'Credential' parameter. ",
        "Authorization header requires 'Signature' parameter. ",
        "Authorization header requires 'SignedHeaders' parameter. ",
        "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ",
    ];
    let missing = texts.iter().zip(present).filter(|(_, present)| !present);
    let text: String = missing.map(|(text, _)| *text).collect();
    incomplete(format!("{text}Authorization={ALGORITHM}"))
}

fn from_query(mut query: Parameters, valid_secs: RangeInclusive<u64>) -> Result<Signed, SigError> {
    let required = [
        "X-Amz-Algorithm",
        "X-Amz-Credential",
        "X-Amz-Signature",
        "X-Amz-SignedHeaders",
        "X-Amz-Date",
        "X-Amz-Expires",
    ];
    let missing: Vec<String> = required
        .iter()
        .filter(|name| query.get(**name).is_none_or(String::is_empty))
        .map(|name| format!("AWS query-string parameters must include '{name}'. "))
        .collect();
    if !missing.is_empty() {
        let missing = missing.concat();
        let text = format!("{missing}Re-examine the query-string parameters.");
        return Err(incomplete(text));
    }
    let mut value = |name| query.remove(name).unwrap_or_default();
    let [
        algorithm,
        credential,
        signature,
        signed_headers,
        date,
        expires,
    ] = required.map(&mut value);
    check_algorithm(&algorithm)?;
    Ok(Signed {
        scope: scope(&credential)?,
        at: date_of(&date)?,
        expires: Some(expires_of(&expires, &valid_secs)?),
        headers: header_names(&signed_headers),
        signature,
        session_token: query.remove("X-Amz-Security-Token").map(Secret::new),
    })
}

type Parameters = HashMap<String, String>;

/// The `X-Amz-` parameters of a query, none of which may come twice.
fn amz_parameters(query: &str) -> Result<Parameters, SigError> {
    let mut parameters = HashMap::new();
    for (name, value) in canonical::pairs(query) {
        if !name.starts_with(b"X-Amz-") {
            continue;
        }
        let (Ok(name), Ok(value)) = (String::from_utf8(name), String::from_utf8(value)) else {
            return Err(incomplete("AWS query-string parameters must be UTF-8."));
        };
        if parameters.contains_key(&name) {
            let name = brief(&name);
            return Err(incomplete(format!(
                "Duplicate '{name}' in the query string."
            )));
        }
        parameters.insert(name, value);
    }
    Ok(parameters)
}

/// A header that may come once at most.
fn sole_header<'a>(parts: &'a Parts, name: &str) -> Result<Option<&'a str>, SigError> {
    let mut values = parts.headers.get_all(name).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    match (value.to_str(), values.next()) {
        (Ok(value), None) => Ok(Some(value.trim())),
        _ => Err(incomplete(format!(
            "The header '{name}' must come once and be ASCII."
        ))),
    }
}

fn check_algorithm(algorithm: &str) -> Result<(), SigError> {
    if algorithm == ALGORITHM {
        return Ok(());
    }
    let algorithm = brief(algorithm);
    Err(incomplete(format!(
        "Unsupported AWS 'algorithm': '{algorithm}' (only {ALGORITHM} for now). "
    )))
}

fn scope(credential: &str) -> Result<Scope, SigError> {
    let parts: Vec<&str> = credential.split('/').collect();
    let [access_key, date, region, service, terminator] = parts.as_slice() else {
        return Err(incomplete(format!(
            "Credential must have exactly 5 slash-delimited elements, \
             e.g. keyid/date/region/service/term, got '{}'",
            brief(credential)
        )));
    };
    if *terminator != TERMINATOR {
        return Err(SigError::OutOfScope(format!(
            "Credential should be scoped with a valid terminator: '{TERMINATOR}', not '{}'. ",
            brief(terminator)
        )));
    }
    let Ok(region) = region.parse() else {
        return Err(SigError::OutOfScope(format!(
            "Credential should be scoped to a valid region, not '{}'. ",
            brief(region)
        )));
    };
    let is_date = date.len() == 8 && date.bytes().all(|b| b.is_ascii_digit());
    let is_service = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    if !is_access_key(access_key)
        || !is_date
        || service.is_empty()
        || !service.bytes().all(is_service)
    {
        let credential = brief(credential);
        return Err(incomplete(format!(
            "Credential is not well-formed: '{credential}'"
        )));
    }
    Ok(Scope {
        access_key: (*access_key).to_owned(),
        date: (*date).to_owned(),
        region,
        service: (*service).to_owned(),
    })
}

fn date_of(text: &str) -> Result<Timestamp, SigError> {
    time::parse_basic(text)
        .or_else(|| time::parse_http(text))
        .ok_or_else(|| {
            incomplete(format!(
                "Date must be in ISO-8601 'basic format'. Got '{}'. \
             See http://en.wikipedia.org/wiki/ISO_8601",
                brief(text)
            ))
        })
}

fn expires_of(text: &str, valid: &RangeInclusive<u64>) -> Result<Duration, SigError> {
    match text.parse() {
        Ok(secs) if valid.contains(&secs) => Ok(Duration::from_secs(secs)),
        _ => Err(incomplete(format!(
            "X-Amz-Expires must be a number of seconds from {} to {}.",
            valid.start(),
            valid.end()
        ))),
    }
}

fn header_names(text: &str) -> Vec<String> {
    text.split(';').map(str::to_ascii_lowercase).collect()
}

fn incomplete(text: impl Into<String>) -> SigError {
    SigError::Incomplete(text.into())
}

/// The beginning of what a client sent, for a message.
fn brief(text: &str) -> String {
    text.chars().take(100).collect()
}
