//! AWS restJson1: <https://smithy.io/2.0/aws/protocols/aws-restjson1-protocol.html>.
//!
//! A request becomes one JSON object before it is read: labels of the path, members of the query or
//! the body, so that operations and what guards them see inputs as those of other protocols.
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, StatusCode, header, request::Parts};
use serde_json::{Map, Value};

use crate::Exception;

/// What bodies and answers are.
pub(crate) const CONTENT_TYPE: &str = "application/json";

const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");

/// The most segments of a path that is looked at.
const MAX_SEGMENTS: usize = 32;

/// Where an operation is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Route {
    pub(crate) name: &'static str,
    pub(crate) method: &'static str,
    /// The path, with the names of the input's members in braces.
    pub(crate) path: &'static str,
}

impl Route {
    pub(crate) const fn new(name: &'static str, method: &'static str, path: &'static str) -> Self {
        Self { name, method, path }
    }

    /// Whether what is not in the path is in the body; else it is in the query.
    fn has_body(&self) -> bool {
        !matches!(self.method, "GET" | "DELETE")
    }
}

/// What a request means: an operation, and the members of its input that are in the path.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) route: &'static Route,
    labels: Vec<(&'static str, String)>,
}

/// The route of a request. Where several fit, the one with the most fixed segments is meant.
pub(crate) fn find(
    routes: &'static [Route],
    method: &Method,
    path: &str,
) -> Result<Found, Exception> {
    let segments: Vec<&str> = path.trim_matches('/').split('/').collect();
    let mut best: Option<(usize, &'static Route, Vec<Label>)> = None;
    if segments.len() <= MAX_SEGMENTS {
        for route in routes.iter().filter(|route| route.method == method) {
            let template: Vec<&'static str> = route.path.trim_matches('/').split('/').collect();
            let mut labels = Vec::new();
            if !fits(&template, &segments, &mut labels) {
                continue;
            }
            let fixed = template.len() - labels.len();
            if best.as_ref().is_none_or(|(most, ..)| fixed > *most) {
                best = Some((fixed, route, labels));
            }
        }
    }
    let Some((_, route, labels)) = best else {
        return Err(Exception {
            status: StatusCode::NOT_FOUND,
            ..Exception::unknown_operation()
        });
    };
    let decoded = labels
        .into_iter()
        .map(|(name, text)| Ok((name, decode(&text).ok_or_else(|| undecodable(name))?)));
    Ok(Found {
        route,
        labels: decoded.collect::<Result<_, Exception>>()?,
    })
}

type Label = (&'static str, String);

/// Whether segments are those of a template. A label is one of them; that of an ARN may be several,
/// for some clients do not encode its slashes.
fn fits(template: &[&'static str], segments: &[&str], labels: &mut Vec<Label>) -> bool {
    let Some((part, rest)) = template.split_first() else {
        return segments.is_empty();
    };
    let label = part.strip_prefix('{').and_then(|p| p.strip_suffix('}'));
    let Some(name) = label else {
        let first = segments.split_first();
        return first.is_some_and(|(first, others)| first == part && fits(rest, others, labels));
    };
    let most = if name.ends_with("Arn") {
        segments.len()
    } else {
        segments.len().min(1)
    };
    for n in 1..=most {
        let (own, others) = segments.split_at(n);
        let text = own.join("/");
        if text.is_empty() {
            return false;
        }
        labels.push((name, text));
        if fits(rest, others, labels) {
            return true;
        }
        labels.pop();
    }
    false
}

fn undecodable(name: &str) -> Exception {
    Exception::serialization(format!(
        "The label '{name}' of the path is not encoded UTF-8"
    ))
}

/// Decodes `%41`. Unlike in a query, a plus is a plus.
fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, tail)) = rest.split_first() {
        rest = tail;
        if *byte != b'%' {
            bytes.push(*byte);
            continue;
        }
        let [high, low, tail @ ..] = tail else {
            return None;
        };
        let digit = |b: u8| char::from(b).to_digit(16);
        let value = digit(*high)? * 16 + digit(*low)?;
        bytes.push(u8::try_from(value).ok()?);
        rest = tail;
    }
    String::from_utf8(bytes).ok()
}

/// The input of a request as one object. `shape` is that of the operation's input: the texts of a
/// query are of its types.
pub(crate) fn input(
    found: &Found,
    parts: &Parts,
    body: Bytes,
    shape: fn() -> Result<Value, String>,
) -> Result<Bytes, Exception> {
    let mut members = Map::new();
    for (name, text) in &found.labels {
        members.insert((*name).to_owned(), Value::String(text.clone()));
    }
    if found.route.has_body() {
        return Ok(with_labels(&members, body));
    }
    let shape = shape().map_err(|text| Exception::internal(Shapeless(text)))?;
    let query = parts.uri.query().unwrap_or_default();
    for (name, text) in form_urlencoded::parse(query.as_bytes()) {
        let is_label = found.labels.iter().any(|(label, _)| *label == name);
        if let Some(member) = shape["members"].get(&*name).filter(|_| !is_label) {
            add(&mut members, &name, &text, member)?;
        }
    }
    Ok(Value::Object(members).to_string().into())
}

#[derive(Debug, thiserror::Error)]
#[error("an input has no shape: {0}")]
struct Shapeless(String);

/// Sets a member from a text of the query.
fn add(
    members: &mut Map<String, Value>,
    name: &str,
    text: &str,
    shape: &Value,
) -> Result<(), Exception> {
    let kind = shape["type"].as_str().unwrap_or_default();
    if kind == "list" {
        let list = members
            .entry(name)
            .or_insert_with(|| Value::Array(Vec::new()));
        if let Some(list) = list.as_array_mut() {
            list.push(text.into());
        }
        return Ok(());
    }
    let unlike = |wanted: &str| {
        let text = format!("STRING_VALUE can not be converted to {wanted} (at '{name}')");
        Exception::serialization(text)
    };
    let value = match kind {
        "integer" => Value::from(text.parse::<i64>().map_err(|_e| unlike("an Integer"))?),
        "double" => Value::from(text.parse::<f64>().map_err(|_e| unlike("a Double"))?),
        "boolean" => Value::from(text.parse::<bool>().map_err(|_e| unlike("a Boolean"))?),
        _ => Value::from(text),
    };
    members.insert(name.to_owned(), value);
    Ok(())
}

/// Puts labels before the members of a body. What is no object is left, for the reader to refuse.
fn with_labels(labels: &Map<String, Value>, body: Bytes) -> Bytes {
    let text = body.trim_ascii();
    if text.is_empty() {
        return Value::Object(labels.clone()).to_string().into();
    }
    let Some(rest) = text.strip_prefix(b"{").filter(|_| !labels.is_empty()) else {
        return body;
    };
    let mut all = Value::Object(labels.clone()).to_string().into_bytes();
    // The brace that closes the labels.
    all.pop();
    if rest.trim_ascii_start().first() != Some(&b'}') {
        all.push(b',');
    }
    all.extend_from_slice(rest);
    all.into()
}

pub(crate) fn answer(output: &Value) -> Response {
    (content_type(), output.to_string()).into_response()
}

pub(crate) fn error(e: Exception) -> Response {
    let status = status(&e);
    let mut body = e.members;
    body.insert("message".into(), e.message.into());
    let text = Value::Object(body).to_string();
    let mut response = (status, content_type(), text).into_response();
    let headers = response.headers_mut();
    headers.insert(ERROR_TYPE, HeaderValue::from_static(e.kind));
    if status == StatusCode::SERVICE_UNAVAILABLE {
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
    }
    response
}

/// REST services answer some errors, which all services have, with another status.
fn status(e: &Exception) -> StatusCode {
    match e.kind {
        "AccessDeniedException"
        | "MissingAuthenticationTokenException"
        | "UnrecognizedClientException"
        | "InvalidSignatureException" => StatusCode::FORBIDDEN,
        _ => e.status,
    }
}

fn content_type() -> [(HeaderName, HeaderValue); 1] {
    [(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE))]
}

#[cfg(test)]
mod tests;
