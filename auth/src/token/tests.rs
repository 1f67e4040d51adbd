//! Forged passwords.
use proptest::prelude::*;
use serde_json::{Value, json};
use wharf_types::AccountId;

use super::*;

/// When the tests issue, in seconds.
const NOW: u64 = 1_767_225_600;

fn key() -> SigningKey {
    SigningKey::from_bytes(&[7; 32]).unwrap()
}

fn at(secs: u64) -> Timestamp {
    Timestamp::from_secs(i64::try_from(secs).unwrap())
}

fn registry() -> Registry {
    Registry {
        account: "123456789012".parse().unwrap(),
        region: "eu-central-1".parse().unwrap(),
    }
}

fn principal() -> Principal {
    Principal::local("AKIDEXAMPLE", &"000000000000".parse::<AccountId>().unwrap())
}

fn issued() -> String {
    let issued = issue(&key(), &principal(), &registry(), at(NOW)).unwrap();
    issued.password.expose().to_owned()
}

fn encode(text: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

/// Signs with the server's own key, as only a thief of it could.
fn sign(header: &str, claims: &str, algorithm: Algorithm) -> String {
    let message = format!("{}.{}", encode(header), encode(claims));
    let signature = crypto::sign(message.as_bytes(), &key().encoding, algorithm).unwrap();
    format!("{message}.{signature}")
}

const GOOD_HEADER: &str = r#"{"alg":"HS256","typ":"JWT","kid":"wharf-1"}"#;

fn good_claims() -> Value {
    json!({
        "iss": "wharf",
        "aud": "wharf-registry",
        "sub": "arn:aws:iam::000000000000:user/AKIDEXAMPLE",
        "account": "123456789012",
        "region": "eu-central-1",
        "access_key": "AKIDEXAMPLE",
        "iat": NOW,
        "nbf": NOW,
        "exp": NOW + 12 * 60 * 60,
    })
}

fn with_header(header: &str) -> Result<Session, TokenError> {
    let password = sign(header, &good_claims().to_string(), Algorithm::HS256);
    verify(&key(), &password, at(NOW))
}

fn with_claims(claims: &str) -> Result<Session, TokenError> {
    verify(
        &key(),
        &sign(GOOD_HEADER, claims, Algorithm::HS256),
        at(NOW),
    )
}

fn with_claim(name: &str, value: Value) -> Result<Session, TokenError> {
    let mut claims = good_claims();
    claims[name] = value;
    with_claims(&claims.to_string())
}

fn without_claim(name: &str) -> Result<Session, TokenError> {
    let mut claims = good_claims();
    claims.as_object_mut().unwrap().remove(name).unwrap();
    with_claims(&claims.to_string())
}

#[track_caller]
fn refused(result: Result<Session, TokenError>) {
    assert_eq!(result.unwrap_err(), TokenError::Invalid);
}

#[test]
fn a_password_says_who_and_where_and_has_no_colon() {
    let issued = issue(&key(), &principal(), &registry(), at(NOW)).unwrap();
    assert_eq!(issued.expires_at, at(NOW) + LIFETIME);
    let password = issued.password.expose();
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    assert!(password.bytes().all(plain), "{password}");
    let session = verify(&key(), password, at(NOW)).unwrap();
    assert_eq!(session.principal, principal());
    assert_eq!(session.registry, registry());
    assert!(!format!("{issued:?}").contains(password));
}

#[test]
fn the_forger_of_these_tests_can_forge() {
    assert_eq!(HEADER, encode(GOOD_HEADER));
    with_header(GOOD_HEADER).unwrap();
    let password = sign(GOOD_HEADER, &good_claims().to_string(), Algorithm::HS256);
    assert_eq!(
        verify(&key(), &password, at(NOW)),
        verify(&key(), &issued(), at(NOW))
    );
}

#[test]
fn a20_weak_keys_are_refused_and_keys_are_not_printed() {
    for bad in [&[][..], &[1; 31], &[1; 33], &[1; 64]] {
        assert!(matches!(
            SigningKey::from_bytes(bad),
            Err(Error::KeyLength(_))
        ));
    }
    assert!(matches!(
        SigningKey::from_bytes(&[0; 32]),
        Err(Error::KeyIsZero)
    ));
    assert_eq!(
        SigningKey::from_bytes(&[7; 32]).unwrap().as_bytes(),
        [7; 32]
    );
    assert_eq!(format!("{:?}", key()), "SigningKey([redacted])");
    let (one, two) = (
        SigningKey::generate().unwrap(),
        SigningKey::generate().unwrap(),
    );
    assert_ne!(one.as_bytes(), two.as_bytes());
}

#[test]
fn a3_expired_is_told_apart_but_only_with_a_valid_signature() {
    let end = NOW + LIFETIME.as_secs();
    verify(&key(), &issued(), at(end)).unwrap();
    assert_eq!(
        verify(&key(), &issued(), at(end + 60)),
        Err(TokenError::Expired)
    );
    let other = SigningKey::from_bytes(&[8; 32]).unwrap();
    refused(verify(&other, &issued(), at(end + 60)));
}

#[test]
fn a3_a_password_names_the_account_it_was_asked_for() {
    let mut other = registry();
    other.account = "999999999999".parse().unwrap();
    let issued = issue(&key(), &principal(), &other, at(NOW)).unwrap();
    let session = verify(&key(), issued.password.expose(), at(NOW)).unwrap();
    assert_eq!(session.registry, other);
    assert_eq!(session.principal.account.as_str(), "000000000000");
}

#[test]
fn a4_no_algorithm_but_ours_is_accepted() {
    for alg in [
        "none", "None", "NONE", "nOnE", "", "HS384", "RS256", "ES256", "EdDSA", "hs256",
    ] {
        let header = GOOD_HEADER.replace("HS256", alg);
        refused(with_header(&header));
        let message = format!("{}.{}", encode(header), encode(good_claims().to_string()));
        refused(verify(&key(), &format!("{message}."), at(NOW)));
        refused(verify(&key(), &message, at(NOW)));
    }
    let claims = good_claims().to_string();
    for algorithm in [Algorithm::HS384, Algorithm::HS512] {
        refused(verify(
            &key(),
            &sign(GOOD_HEADER, &claims, algorithm),
            at(NOW),
        ));
    }
    // The public half of a key pair as the secret: there is no pair, so it is just a wrong key.
    let public = SigningKey::from_bytes(b"-----BEGIN PUBLIC KEY-----\nMCowB").unwrap();
    let forged = issue(&public, &principal(), &registry(), at(NOW)).unwrap();
    refused(verify(&key(), forged.password.expose(), at(NOW)));
}

#[test]
fn a5_header_with_jwk_or_crit_is_refused() {
    for (name, value) in [
        ("jwk", json!({ "kty": "oct", "k": encode([7; 32]) })),
        ("jku", json!("https://attacker.example/keys")),
        ("x5u", json!("https://attacker.example/cert")),
        ("x5c", json!(["MIIB"])),
        ("x5t", json!("abc")),
        ("crit", json!(["x"])),
        ("crit", json!([])),
        ("b64", json!(false)),
        ("b64", json!(true)),
        ("zip", json!("DEF")),
        ("cty", json!("JWT")),
        ("wharf", json!(1)),
    ] {
        let mut header: Value = serde_json::from_str(GOOD_HEADER).unwrap();
        header[name] = value;
        refused(with_header(&header.to_string()));
    }
}

#[test]
fn a6_kid_is_a_constant() {
    for kid in [
        json!("../../../dev/null"),
        json!("' OR 1=1--"),
        json!("wharf-2"),
        json!("WHARF-1"),
        json!(""),
        json!("x".repeat(1024 * 1024)),
        json!(1),
        json!(null),
        json!(["wharf-1"]),
    ] {
        refused(with_header(
            &json!({ "alg": "HS256", "typ": "JWT", "kid": kid }).to_string(),
        ));
    }
    refused(with_header(r#"{"alg":"HS256","typ":"JWT"}"#));
    refused(with_header(
        r#"{"alg":"HS256","typ":"JWT","kid":"wharf-1","kid":"wharf-1"}"#,
    ));
    refused(with_header(
        r#"{"alg":"none","alg":"HS256","typ":"JWT","kid":"wharf-1"}"#,
    ));
}

#[test]
fn a7_times_are_required_and_whole_numbers() {
    for name in ["exp", "nbf", "iat"] {
        refused(without_claim(name));
        for value in [
            json!(NOW.to_string()),
            json!(-1),
            json!(i64::MIN),
            json!(1.0e9),
            json!(1_767_225_600.5),
            json!(null),
            json!(true),
            json!([NOW]),
            json!({ "secs": NOW }),
        ] {
            refused(with_claim(name, value));
        }
        for number in ["18446744073709551616", "1e400", "1e9", "01", "NaN"] {
            let mut claims = good_claims();
            claims[name] = json!("HERE");
            refused(with_claims(&claims.to_string().replace("\"HERE\"", number)));
        }
    }
    refused(with_claim("exp", json!(u64::MAX)));
    refused(with_claim("nbf", json!(u64::MAX)));
    refused(with_claim("iat", json!(u64::MAX)));
    refused(with_claim("iat", json!(0)));
}

#[test]
fn a7_clocks_may_differ_by_five_seconds() {
    let end = NOW + LIFETIME.as_secs();
    let verify = |now| verify(&key(), &issued(), at(now)).map(drop);
    assert_eq!(verify(NOW - 6), Err(TokenError::Invalid));
    assert_eq!(verify(NOW - 5), Ok(()));
    assert_eq!(verify(end + 5), Ok(()));
    assert_eq!(verify(end + 6), Err(TokenError::Expired));
    with_claim("nbf", json!(NOW + 5)).unwrap();
    refused(with_claim("nbf", json!(NOW + 6)));
    refused(with_claim("iat", json!(NOW + 6)));
    assert_eq!(
        with_claim("exp", json!(NOW - 6)),
        Err(TokenError::Invalid),
        "before iat"
    );
}

#[test]
fn a7_no_password_is_valid_longer_than_twelve_hours() {
    refused(with_claim("exp", json!(NOW + 12 * 60 * 60 + 1)));
    refused(with_claim("iat", json!(NOW - 1)));
}

#[test]
fn a8_issuer_audience_and_subject_are_required_strings() {
    for name in ["iss", "aud", "sub", "account", "region", "access_key"] {
        refused(without_claim(name));
        let good = good_claims()[name].clone();
        for value in [json!(null), json!(1), json!({}), json!([]), json!([good])] {
            refused(with_claim(name, value));
        }
    }
    for name in ["iss", "aud"] {
        for value in ["", "Wharf", "wharf ", "wharf-registry2", "other"] {
            refused(with_claim(name, json!(value)));
        }
    }
    for sub in ["", "root", "arn:aws:iam::12:root", "arn:aws:iam:::root"] {
        refused(with_claim("sub", json!(sub)));
    }
    refused(with_claim("account", json!("1234")));
    refused(with_claim("region", json!("nowhere/..")));
    refused(with_claim("scope", json!("repository:*:*")));
}

#[test]
fn a8_duplicate_claims_are_refused() {
    let claims = good_claims();
    for (name, value) in claims.as_object().unwrap() {
        let text = claims.to_string();
        let twice = text.replacen('{', &format!("{{\"{name}\":{value},"), 1);
        refused(with_claims(&twice));
    }
    for text in ["", "{}", "[]", "null", "\"x\"", "{\"iss\":", "\u{0}"] {
        refused(with_claims(text));
    }
    refused(with_claims(&format!("{claims}{claims}")));
}

#[test]
fn a9_every_bit_of_the_signature_matters() {
    let password = issued();
    let (message, signature) = password.rsplit_once('.').unwrap();
    let bytes = URL_SAFE_NO_PAD.decode(signature).unwrap();
    assert_eq!(bytes.len(), 32);
    for bit in 0..256 {
        let mut forged = bytes.clone();
        forged[bit / 8] ^= 1 << (bit % 8);
        refused(verify(
            &key(),
            &format!("{message}.{}", encode(forged)),
            at(NOW),
        ));
    }
    // The last character has two bits that stand for nothing.
    for byte in b'!'..=b'~' {
        let mut other = password.clone();
        let last = other.pop().unwrap();
        other.push(char::from(byte));
        assert_eq!(
            verify(&key(), &other, at(NOW)).is_ok(),
            byte == last as u8,
            "{other}"
        );
    }
}

#[test]
fn a9_the_text_of_a_password_is_unique() {
    let password = issued();
    let (message, signature) = password.rsplit_once('.').unwrap();
    let claims = message.strip_prefix(HEADER).unwrap();
    for len in 0..password.len() {
        let truncated: String = password.chars().take(len).collect();
        refused(verify(&key(), &truncated, at(NOW)));
    }
    for other in [
        format!("{password}."),
        format!(".{password}"),
        format!("{password}="),
        format!("{message}=.{signature}"),
        format!("{message}..{signature}"),
        format!("{message}.{signature}.{signature}"),
        format!(" {password}"),
        format!("{password} "),
        format!("{password}\n"),
        format!("{message}. {signature}"),
        format!("{HEADER}=={claims}.{signature}"),
        format!("{password}{}", "A".repeat(MAX_BYTES)),
        password.replace(['-', '_'], "+"),
        password.to_lowercase(),
    ] {
        if other != password {
            refused(verify(&key(), &other, at(NOW)));
        }
    }
}

#[test]
fn a10_after_rotation_only_who_keeps_the_old_key_accepts_old_passwords() {
    let (old, new) = (key(), SigningKey::generate().unwrap());
    let password = issued();
    let accepts = |keys: &[&SigningKey]| {
        keys.iter()
            .any(|key| verify(key, &password, at(NOW)).is_ok())
    };
    assert!(accepts(&[&new, &old]), "during the overlap");
    assert!(!accepts(&[&new]), "after it");
}

proptest! {
    #[test]
    fn any_text_is_refused(text: String, dots in "[A-Za-z0-9_.-]{0,200}") {
        for text in [text.clone(), dots.clone(), format!("{HEADER}.{dots}"), format!("{HEADER}.{text}.{dots}")] {
            prop_assert_eq!(verify(&key(), &text, at(NOW)), Err(TokenError::Invalid));
        }
    }

    #[test]
    fn any_signed_claims_are_read_or_refused(claims: String, now: i64) {
        let password = sign(GOOD_HEADER, &claims, Algorithm::HS256);
        prop_assert_eq!(verify(&key(), &password, Timestamp::from_ms(now)), Err(TokenError::Invalid));
    }
}
