//! `WWW-Authenticate`: RFC 9110, 11.6.1, and <https://distribution.github.io/distribution/spec/auth/token/>.
use http::{HeaderMap, header};

/// The longest header that is read.
const MAX_HEADER: usize = 4096;

/// How an upstream wants to be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Challenge {
    Basic,
    Bearer {
        realm: String,
        service: Option<String>,
    },
}

/// The challenge of an answer that can be met, a token's before a password's.
pub(crate) fn read(headers: &HeaderMap) -> Option<Challenge> {
    let texts = headers.get_all(header::WWW_AUTHENTICATE).iter();
    let mut found: Vec<Challenge> = texts
        .filter_map(|value| value.to_str().ok())
        .filter(|text| text.len() <= MAX_HEADER)
        .filter_map(parse)
        .collect();
    found.sort_by_key(|challenge| *challenge == Challenge::Basic);
    found.into_iter().next()
}

fn parse(text: &str) -> Option<Challenge> {
    let (scheme, rest) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
    if scheme.eq_ignore_ascii_case("basic") {
        return Some(Challenge::Basic);
    }
    if !scheme.eq_ignore_ascii_case("bearer") {
        return None;
    }
    let (mut realm, mut service) = (None, None);
    let mut rest = rest.trim_start();
    while !rest.is_empty() {
        let (name, after) = rest.split_once('=')?;
        let (value, after) = value(after.trim_start())?;
        match name.trim().to_ascii_lowercase().as_str() {
            "realm" => realm = realm.or(Some(value)),
            "service" => service = service.or(Some(value)),
            _ => {}
        }
        rest = after.trim_start().trim_start_matches(',').trim_start();
    }
    Some(Challenge::Bearer {
        realm: realm?,
        service,
    })
}

/// A token or a quoted string, and what follows it.
fn value(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([',', ' ']).unwrap_or(text.len());
        let (value, rest) = text.split_at_checked(end)?;
        return Some((value.to_owned(), rest));
    };
    let mut value = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value, quoted.get(at + 1..)?)),
            '\\' => value.push(chars.next()?.1),
            c => value.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bearer(realm: &str, service: Option<&str>) -> Challenge {
        Challenge::Bearer {
            realm: realm.into(),
            service: service.map(Into::into),
        }
    }

    #[test]
    fn challenges_are_read_as_registries_write_them() {
        for (text, expected) in [
            (
                r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="a:b,c""#,
                Some(bearer(
                    "https://auth.docker.io/token",
                    Some("registry.docker.io"),
                )),
            ),
            (
                r#"bearer Realm=https://x/t , service="a\"b""#,
                Some(bearer("https://x/t", Some("a\"b"))),
            ),
            (
                r#"Basic realm="https://x/",service="ecr.amazonaws.com""#,
                Some(Challenge::Basic),
            ),
            ("Basic", Some(Challenge::Basic)),
            (r#"Bearer service="x""#, None),
            (r#"Bearer realm="unclosed"#, None),
            ("Bearer realm", None),
            ("Negotiate x", None),
            ("", None),
        ] {
            assert_eq!(parse(text), expected, "{text}");
        }
    }

    #[test]
    fn a_token_is_preferred() {
        let mut headers = HeaderMap::new();
        headers.append(
            header::WWW_AUTHENTICATE,
            "Basic realm=\"x\"".parse().unwrap(),
        );
        headers.append(
            header::WWW_AUTHENTICATE,
            "Bearer realm=\"https://x\"".parse().unwrap(),
        );
        assert_eq!(read(&headers), Some(bearer("https://x", None)));
        let long = format!("Bearer realm=\"{}\"", "x".repeat(MAX_HEADER));
        headers.clear();
        headers.append(header::WWW_AUTHENTICATE, long.parse().unwrap());
        assert_eq!(read(&headers), None);
    }
}
