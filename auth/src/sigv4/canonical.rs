//! The [canonical request]: what a signature is computed over.
//!
//! [canonical request]: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html#create-canonical-request
use http::request::Parts;

/// Writes the canonical request, unless a signed header is not there.
pub(super) fn request(parts: &Parts, signed_headers: &[String], payload: &str) -> Option<String> {
    let method = &parts.method;
    let path = path(parts.uri.path());
    let query = query(parts.uri.query().unwrap_or_default());
    let names = signed_headers.join(";");
    let mut headers = String::new();
    for name in signed_headers {
        let value = header(parts, name)?;
        headers.extend([name, ":", &value, "\n"]);
    }
    Some(format!(
        "{method}\n{path}\n{query}\n{headers}\n{names}\n{payload}"
    ))
}

/// Removes empty and dot segments, and encodes what is left: once more, for it is encoded already.
fn path(path: &str) -> String {
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            segment => segments.push(segment),
        }
    }
    let mut out = String::new();
    for segment in &segments {
        out.push('/');
        encode(segment.as_bytes(), &mut out);
    }
    if segments.is_empty() || path.ends_with('/') {
        out.push('/');
    }
    out
}

/// Encodes the parameters anew and sorts them. The signature itself is not among them.
fn query(query: &str) -> String {
    let mut encoded: Vec<(String, String)> = pairs(query)
        .filter(|(name, _)| name != b"X-Amz-Signature")
        .map(|(name, value)| (encoded(&name), encoded(&value)))
        .collect();
    encoded.sort();
    let encoded: Vec<String> = encoded
        .into_iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    encoded.join("&")
}

/// The parameters of a query, decoded.
pub(super) fn pairs(query: &str) -> impl Iterator<Item = (Vec<u8>, Vec<u8>)> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name), decode(value))
        })
}

/// All values of a header: without surrounding space, inner space as one, joined by commas.
fn header(parts: &Parts, name: &str) -> Option<String> {
    let mut values = Vec::new();
    for value in parts.headers.get_all(name) {
        let words: Vec<&str> = str::from_utf8(value.as_bytes())
            .ok()?
            .split_ascii_whitespace()
            .collect();
        values.push(words.join(" "));
    }
    if !values.is_empty() {
        return Some(values.join(","));
    }
    // HTTP/2 has the host in the URI.
    let host = || parts.uri.authority().map(ToString::to_string);
    matches!(name, "host" | ":authority").then(host).flatten()
}

pub(super) fn encoded(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    encode(bytes, &mut out);
    out
}

/// Percent-encodes all but the unreserved characters of RFC 3986.
fn encode(bytes: &[u8], out: &mut String) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for &byte in bytes {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(byte));
            }
            _ => {
                let digit = |nibble: u8| char::from(HEX[usize::from(nibble)]);
                out.extend(['%', digit(byte >> 4), digit(byte & 15)]);
            }
        }
    }
}

/// Undoes percent-encoding and the `+` of forms. What is no valid escape stands for itself.
fn decode(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    loop {
        let (byte, tail) = match rest {
            [] => return out,
            [b'+', tail @ ..] => (b' ', tail),
            [b'%', high, low, tail @ ..] => match (nibble(*high), nibble(*low)) {
                (Some(high), Some(low)) => (high << 4 | low, tail),
                _ => (b'%', &rest[1..]),
            },
            [byte, tail @ ..] => (*byte, tail),
        };
        out.push(byte);
        rest = tail;
    }
}

fn nibble(digit: u8) -> Option<u8> {
    let value = char::from(digit).to_digit(16)?;
    u8::try_from(value).ok()
}

/// Lower-case hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    let nibbles = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    nibbles
        .filter_map(|nibble| char::from_digit(nibble.into(), 16))
        .collect()
}
