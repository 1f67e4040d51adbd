//! `WWW-Authenticate`: <https://www.rfc-editor.org/rfc/rfc9110#section-11.6.1>.
use std::{iter::Peekable, str::Chars};

/// What a registry demands to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Challenge {
    pub(crate) scheme: String,
    params: Vec<(String, String)>,
}

impl Challenge {
    /// Reads a header, which may hold several challenges; what is malformed is left out.
    pub(crate) fn parse_all(header: &str) -> Vec<Self> {
        let mut found: Vec<Self> = Vec::new();
        let mut rest = header.chars().peekable();
        loop {
            skip(&mut rest, |c| c == ',' || c.is_ascii_whitespace());
            let word = take(&mut rest, is_token);
            skip(&mut rest, |c| c.is_ascii_whitespace());
            if word.is_empty() {
                return found;
            }
            if rest.next_if_eq(&'=').is_none() {
                found.push(Self {
                    scheme: word.to_ascii_lowercase(),
                    params: Vec::new(),
                });
                continue;
            }
            skip(&mut rest, |c| c.is_ascii_whitespace());
            let value = value(&mut rest);
            if let Some(challenge) = found.last_mut() {
                challenge.params.push((word.to_ascii_lowercase(), value));
            }
        }
    }

    /// The value of a parameter, which is named in lower case.
    pub(crate) fn param(&self, name: &str) -> Option<&str> {
        let found = self.params.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }
}

fn is_token(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~/:?".contains(c)
}

fn skip(rest: &mut Peekable<Chars<'_>>, unwanted: impl Fn(char) -> bool) {
    while rest.next_if(|c| unwanted(*c)).is_some() {}
}

fn take(rest: &mut Peekable<Chars<'_>>, wanted: impl Fn(char) -> bool) -> String {
    std::iter::from_fn(|| rest.next_if(|c| wanted(*c))).collect()
}

fn value(rest: &mut Peekable<Chars<'_>>) -> String {
    if rest.next_if_eq(&'"').is_none() {
        return take(rest, is_token);
    }
    let mut text = String::new();
    while let Some(c) = rest.next() {
        match c {
            '"' => break,
            '\\' => text.extend(rest.next()),
            c => text.push(c),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bearer_challenge_names_realm_service_and_scope() {
        let header = r#"Bearer realm="https://auth.example.org/token",service="r.example.org",scope="repository:a/b:pull,push""#;
        let [one] = &*Challenge::parse_all(header) else {
            panic!("one challenge")
        };
        assert_eq!(one.scheme, "bearer");
        assert_eq!(one.param("realm"), Some("https://auth.example.org/token"));
        assert_eq!(one.param("service"), Some("r.example.org"));
        assert_eq!(one.param("scope"), Some("repository:a/b:pull,push"));
        assert_eq!(one.param("error"), None);
    }

    #[test]
    fn several_challenges_share_a_header() {
        let all =
            Challenge::parse_all(r#"Basic realm="a, \"b\"" , BEARER Realm = http://x/token?y"#);
        let schemes: Vec<_> = all.iter().map(|c| c.scheme.as_str()).collect();
        assert_eq!(schemes, ["basic", "bearer"]);
        assert_eq!(all[0].param("realm"), Some("a, \"b\""));
        assert_eq!(all[1].param("realm"), Some("http://x/token?y"));
    }

    #[test]
    fn malformed_headers_end_the_reading() {
        assert!(Challenge::parse_all("").is_empty());
        assert!(Challenge::parse_all("realm=\"x\"").is_empty());
        assert_eq!(Challenge::parse_all("Basic").len(), 1);
        assert_eq!(
            Challenge::parse_all("Basic realm=\"open")[0].param("realm"),
            Some("open")
        );
    }
}
