//! HTTP Basic ([RFC 7617]), the only way in which docker talks to ECR.
//!
//! [RFC 7617]: https://www.rfc-editor.org/rfc/rfc7617
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderValue, header::AUTHORIZATION};
use subtle::ConstantTimeEq as _;
use wharf_types::Timestamp;

use crate::{Error, Secret, Session, SigningKey, TokenError, token};

/// The one user that ECR knows.
pub const USER: &str = "AWS";

/// Longer headers are refused unread.
const MAX_BYTES: usize = 16 * 1024;

/// A user and a password, as a client sent them.
#[derive(Clone, Debug)]
pub struct Credentials {
    pub user: String,
    pub password: Secret,
}

impl Credentials {
    /// Reads the `Authorization` header of a request, if there is one. Two are an error.
    pub fn from_headers(headers: &HeaderMap) -> Result<Option<Self>, Error> {
        let mut values = headers.get_all(AUTHORIZATION).iter();
        match (values.next(), values.next()) {
            (None, _) => Ok(None),
            (Some(value), None) => Self::parse(value).map(Some),
            (Some(_), Some(_)) => Err(Error::Basic("sent twice")),
        }
    }

    /// A password that came as a Bearer token, as docker sends those of ECR Public.
    pub fn bearer(password: &str) -> Self {
        Self {
            user: USER.to_owned(),
            password: Secret::new(password),
        }
    }

    /// Reads one header value: `Basic` in any case, then padded base64 of `user:password`.
    pub fn parse(value: &HeaderValue) -> Result<Self, Error> {
        if value.len() > MAX_BYTES {
            return Err(Error::Basic("longer than 16 KiB"));
        }
        let value = value.as_bytes();
        let space = value.iter().position(|byte| *byte == b' ');
        let (scheme, encoded) = value.split_at(space.unwrap_or(value.len()));
        if !scheme.eq_ignore_ascii_case(b"Basic") {
            return Err(Error::Basic("the scheme is not Basic"));
        }
        let text = STANDARD
            .decode(encoded.trim_ascii())
            .ok()
            .ok_or(Error::Basic("not base64"))?;
        let text = String::from_utf8(text)
            .ok()
            .ok_or(Error::Basic("not UTF-8"))?;
        let (user, password) = text.split_once(':').ok_or(Error::Basic("no colon"))?;
        Ok(Self {
            user: user.to_owned(),
            password: Secret::new(password),
        })
    }

    /// Checks the user and the password of ECR. An unknown user costs as much time as a known one.
    pub fn verify(&self, key: &SigningKey, now: Timestamp) -> Result<Session, TokenError> {
        let session = token::verify(key, self.password.expose(), now);
        let known: bool = self.user.as_bytes().ct_eq(USER.as_bytes()).into();
        if known {
            session
        } else {
            Err(TokenError::Invalid)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::Principal;

    fn parse(text: &str) -> Result<Credentials, Error> {
        Credentials::parse(&HeaderValue::from_str(text).unwrap())
    }

    fn basic(user: &str, password: &str) -> String {
        format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
    }

    #[test]
    fn a2_malformed_headers_are_refused() {
        for bad in [
            "",
            "Basic",
            "Basic ",
            "Basic =",
            "Basic QVdT",          // AWS, without a colon
            "Basic QVdTOng",       // not padded
            "Basic QVdTOnh5eg=",   // padded wrongly
            "Basic QVdTOnh5ej==",  // bits left over
            "Basic QVdT Onh5eg==", // a space inside
            "Basic QVdT-_h5eg==",  // the alphabet of URLs
            "Basic /zp4",          // not UTF-8
            "Bearer QVdTOnh5eg==",
            "BasicQVdTOnh5eg==",
            "Basic\tQVdTOnh5eg==",
            "AWS:xyz",
        ] {
            assert!(matches!(parse(bad), Err(Error::Basic(_))), "{bad:?}");
        }
        let huge = basic("AWS", &"x".repeat(1024 * 1024));
        assert!(matches!(parse(&huge), Err(Error::Basic(_))));
    }

    #[test]
    fn a2_the_scheme_is_not_case_sensitive_and_the_password_may_have_colons() {
        for good in [
            "Basic QVdTOnh5eg==",
            "basic QVdTOnh5eg==",
            "BASIC   QVdTOnh5eg== ",
        ] {
            let credentials = parse(good).unwrap();
            assert_eq!(credentials.user, "AWS");
            assert_eq!(credentials.password.expose(), "xyz");
        }
        let credentials = parse(&basic("", "a:b:")).unwrap();
        assert_eq!(
            (credentials.user.as_str(), credentials.password.expose()),
            ("", "a:b:")
        );
    }

    #[test]
    fn a2_two_headers_are_refused_even_if_equal() {
        let mut headers = HeaderMap::new();
        assert!(Credentials::from_headers(&headers).unwrap().is_none());
        headers.append(
            AUTHORIZATION,
            HeaderValue::from_static("Basic QVdTOnh5eg=="),
        );
        assert!(Credentials::from_headers(&headers).unwrap().is_some());
        headers.append(
            AUTHORIZATION,
            HeaderValue::from_static("Basic QVdTOnh5eg=="),
        );
        Credentials::from_headers(&headers).unwrap_err();
    }

    #[test]
    fn a3_only_the_user_aws_is_known() {
        let key = SigningKey::generate().unwrap();
        let principal = Principal::local("test", &"000000000000".parse().unwrap());
        let registry = wharf_types::Registry {
            account: principal.account.clone(),
            region: "us-east-1".parse().unwrap(),
        };
        let now = Timestamp::from_secs(1_000_000);
        let password = token::issue(&key, &principal, &registry, now)
            .unwrap()
            .password;
        let verify = |user: &str, now| {
            let header = basic(user, password.expose());
            parse(&header).unwrap().verify(&key, now)
        };
        assert_eq!(verify("AWS", now).unwrap().principal, principal);
        for user in ["", "aws", "AWS ", "AWSS", "AW", "nope"] {
            assert_eq!(verify(user, now), Err(TokenError::Invalid), "{user:?}");
        }
        let later = now + Duration::from_hours(13);
        assert_eq!(verify("AWS", later), Err(TokenError::Expired));
        assert_eq!(verify("nope", later), Err(TokenError::Invalid));
    }

    #[test]
    fn the_password_is_not_printed() {
        let printed = format!("{:?}", parse(&basic("AWS", "hunter2")).unwrap());
        assert!(
            printed.contains("AWS") && !printed.contains("hunter2"),
            "{printed}"
        );
    }

    proptest! {
        #[test]
        fn any_header_is_read_or_refused(bytes: Vec<u8>) {
            if let Ok(value) = HeaderValue::from_bytes(&bytes) {
                drop(Credentials::parse(&value));
            }
        }

        #[test]
        fn what_a_client_encodes_is_read_back(user in "[^:]*", password: String) {
            let credentials = parse(&basic(&user, &password)).unwrap();
            prop_assert_eq!(credentials.user, user);
            prop_assert_eq!(credentials.password.expose(), password);
        }
    }
}
