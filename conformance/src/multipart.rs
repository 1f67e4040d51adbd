//! Several ranges in one answer: <https://www.rfc-editor.org/rfc/rfc9110#section-14.6>.

/// One part of `multipart/byteranges`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Part<'b> {
    pub(crate) content_range: String,
    pub(crate) body: &'b [u8],
}

/// Takes such a body apart. The error is a sentence.
pub(crate) fn parts<'b>(media_type: &str, body: &'b [u8]) -> Result<Vec<Part<'b>>, String> {
    let wrong = || format!("{media_type:?} is not multipart/byteranges with a boundary");
    let parameters = media_type
        .strip_prefix("multipart/byteranges")
        .ok_or_else(wrong)?;
    let (_, boundary) = parameters.split_once("boundary=").ok_or_else(wrong)?;
    let boundary = boundary
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .trim_matches('"');
    let delimiter = format!("--{boundary}");
    let mut rest = after(body, delimiter.as_bytes()).ok_or("the boundary is not in the body")?;
    let mut found = Vec::new();
    while !rest.starts_with(b"--") {
        let end = format!("\r\n{delimiter}");
        let at = position(rest, end.as_bytes()).ok_or("the last boundary is missing")?;
        found.push(part(rest.get(..at).unwrap_or_default())?);
        rest = rest.get(at + end.len()..).unwrap_or_default();
    }
    Ok(found)
}

fn part(text: &[u8]) -> Result<Part<'_>, String> {
    let end = position(text, b"\r\n\r\n").ok_or("a part has no headers")?;
    let (headers, body) = text.split_at(end);
    let headers = String::from_utf8_lossy(headers);
    let range = headers.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-range")
            .then(|| value.trim().to_owned())
    });
    let content_range = range.ok_or("a part has no Content-Range")?;
    Ok(Part {
        content_range,
        body: body.get(4..).unwrap_or_default(),
    })
}

fn position(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack
        .windows(needle.len())
        .position(|window| window == needle)
}

fn after<'b>(haystack: &'b [u8], needle: &[u8]) -> Option<&'b [u8]> {
    haystack.get(position(haystack, needle)? + needle.len()..)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TYPE: &str = "multipart/byteranges; boundary=\"x\"";

    #[test]
    fn parts_are_found_between_boundaries() {
        let body = b"--x\r\nContent-Type: a/b\r\ncontent-range: bytes 0-1/9\r\n\r\nab\
            \r\n--x\r\nContent-Range: bytes 4-5/9\r\n\r\n\r\n\r\n--x--\r\n";
        let parts = parts(TYPE, body).unwrap();
        assert_eq!(
            parts[0],
            Part {
                content_range: "bytes 0-1/9".into(),
                body: b"ab"
            }
        );
        assert_eq!(
            parts[1],
            Part {
                content_range: "bytes 4-5/9".into(),
                body: b"\r\n"
            }
        );
        assert_eq!(parts.len(), 2);
    }

    #[test]
    fn other_bodies_are_refused() {
        parts("text/plain", b"--x--").unwrap_err();
        for body in [
            "",
            "--x\r\n",
            "--x\r\n\r\nab\r\n--x--",
            "--x\r\nA: b\r\n\r\nab",
        ] {
            parts(TYPE, body.as_bytes()).unwrap_err();
        }
        assert_eq!(parts(TYPE, b"--x--").unwrap(), []);
    }
}
