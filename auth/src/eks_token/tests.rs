//! Tokens that the AWS CLI made, and forged, changed and stale ones.
use std::{collections::HashMap, sync::Arc};

use proptest::prelude::*;
use serde::Deserialize;

use super::*;
use crate::Keys;

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

#[derive(Deserialize)]
struct Recorded {
    tokens: HashMap<String, String>,
}

fn recorded(name: &str) -> String {
    let text = include_str!("../../fixtures/eks_tokens.json");
    let recorded: Recorded = serde_json::from_str(text).unwrap();
    recorded.tokens[name].clone()
}

/// 2026-11-22T22:55:00Z: 14 to 16 seconds after the tokens were made.
fn now() -> Timestamp {
    Timestamp::from_secs(1_795_388_100)
}

fn strict(secret: &str) -> Auth {
    let file = format!(
        "[ci]\naws_access_key_id = AKIDEXAMPLE\naws_secret_access_key = {secret}\nuser = ci\n"
    );
    let account = "000000000000".parse().unwrap();
    let keys = Keys::parse(&file, &account, |_| Err(String::new())).unwrap();
    Auth::Strict(Arc::new(keys))
}

fn key() -> SigningKey {
    SigningKey::from_bytes(&[7; 32]).unwrap()
}

fn check_at(token: &str, auth: &Auth, now: Timestamp) -> Result<Caller, EksTokenError> {
    let account = "000000000000".parse().unwrap();
    verify(
        token,
        "dev",
        (auth, &key()),
        &account,
        |h| h == "localhost:4566",
        now,
    )
}

fn check(token: &str, auth: &Auth) -> Result<Caller, EksTokenError> {
    check_at(token, auth, now())
}

fn url(name: &str) -> String {
    let token = recorded(name);
    let bytes = URL_SAFE_NO_PAD.decode(token.strip_prefix(PREFIX).unwrap());
    String::from_utf8(bytes.unwrap()).unwrap()
}

fn token(url: &str) -> String {
    format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(url))
}

#[test]
fn tokens_of_the_aws_cli_are_those_of_the_key_that_signed() {
    for name in ["regional", "endpoint url"] {
        let caller = check(&recorded(name), &strict(SECRET)).unwrap();
        assert_eq!(caller.arn, "arn:aws:iam::000000000000:user/ci");
        assert_eq!(caller.canonical_arn, caller.arn);
        assert_eq!(caller.access_key, "AKIDEXAMPLE");
        assert_eq!(caller.session_name, "");
        let other = check(&recorded(name), &strict("another"));
        assert_eq!(other, Err(EksTokenError::Signature(SigError::Mismatch)));
    }
}

#[test]
fn our_own_tokens_are_those_of_the_key_that_signed_and_of_one_cluster() {
    let (secret, region) = (crate::Secret::new(SECRET), "eu-west-1".parse().unwrap());
    let signer = crate::Signer {
        access_key: "AKIDEXAMPLE",
        secret: &secret,
        region: &region,
        service: "ecr",
    };
    for sts in [
        "https://sts.eu-west-1.amazonaws.com",
        "http://localhost:4566",
    ] {
        let token = make(&signer, sts, "dev", now()).unwrap();
        let caller = check(&token, &strict(SECRET)).unwrap();
        assert_eq!(caller.arn, "arn:aws:iam::000000000000:user/ci");
        let other = make(&signer, sts, "prod", now()).unwrap();
        let refused = check(&other, &strict(SECRET));
        assert_eq!(refused, Err(EksTokenError::Signature(SigError::Mismatch)));
    }
    assert!(make(&signer, "no url", "dev", now()).is_err());
    assert!(make(&signer, "http://localhost", "a\nb", now()).is_err());
}

#[test]
fn without_keys_any_signature_is_that_of_the_local_user() {
    for name in [
        "regional",
        "regional session",
        "endpoint url",
        "endpoint url session",
    ] {
        let caller = check(&recorded(name), &Auth::Local).unwrap();
        assert_eq!(caller.arn, "arn:aws:iam::000000000000:user/AKIDEXAMPLE");
    }
}

#[test]
fn temporary_credentials_are_unknown_where_keys_are_checked() {
    let result = check(&recorded("regional session"), &strict(SECRET));
    assert_eq!(result, Err(EksTokenError::Signature(SigError::UnknownKey)));
    // Leaving the session token out does not make the signature that of the key.
    let url = url("regional session").replace("&X-Amz-Security-Token=sess%2B%2F%3Dtok", "");
    let result = check(&token(&url), &strict(SECRET));
    assert_eq!(result, Err(EksTokenError::Signature(SigError::Mismatch)));
}

#[test]
fn a_token_is_good_for_15_minutes_and_for_one_cluster() {
    let made = now() - Duration::from_secs(16);
    let token = recorded("regional");
    for auth in [Auth::Local, strict(SECRET)] {
        let at = |time| check_at(&token, &auth, time).map(drop);
        assert_eq!(at(made + LIFETIME), Ok(()));
        let late = made + LIFETIME + Duration::from_secs(1);
        assert_eq!(at(late), Err(EksTokenError::Expired));
        assert_eq!(at(made - SKEW), Ok(()));
        let early = made - SKEW - Duration::from_secs(1);
        assert_eq!(at(early), Err(EksTokenError::NotYetValid));
    }
    let account = "000000000000".parse().unwrap();
    let other = verify(
        &token,
        "prod",
        (&strict(SECRET), &key()),
        &account,
        |_| true,
        now(),
    );
    assert_eq!(other, Err(EksTokenError::Signature(SigError::Mismatch)));
}

#[test]
fn a_token_that_breaks_one_rule_is_refused_even_if_no_signature_is_checked() {
    let good = url("regional");
    assert!(check(&token(&good), &Auth::Local).is_ok());
    for (from, to) in [
        ("https://", "http://"),
        ("https://", "ftp://"),
        ("https://", ""),
        (
            "sts.us-east-1.amazonaws.com",
            "sts.us-east-1.amazonaws.com.evil.example",
        ),
        ("sts.us-east-1.amazonaws.com", "evil.example"),
        ("sts.us-east-1.amazonaws.com", "x@localhost:4566"),
        (
            "sts.us-east-1.amazonaws.com",
            "sts.us-east-1.amazonaws.com:444",
        ),
        ("sts.us-east-1.amazonaws.com", "sts.eu-west-1.amazonaws.com"),
        (
            "sts.us-east-1.amazonaws.com",
            "sts.us-east-1.amazonaws.com.cn",
        ),
        (".com/?", ".com?"),
        ("https", "HTTPS"),
        (".com/?", ".com/x?"),
        (".com/?", ".com//?"),
        ("GetCallerIdentity", "AssumeRole"),
        ("Action=GetCallerIdentity&", ""),
        ("Version=2011-06-15", "Version=2011-06-16"),
        ("Version=2011-06-15&", ""),
        (
            "Action=GetCallerIdentity",
            "Action=GetCallerIdentity&action=GetCallerIdentity",
        ),
        ("&X-Amz-Expires=60", "&X-Amz-Expires=60&X-Amz-Expires=60"),
        ("&X-Amz-Expires=60", "&X-Amz-Expires=60&Foo=1"),
        ("&X-Amz-Expires=60", ""),
        ("X-Amz-Expires=60", "X-Amz-Expires=901"),
        ("X-Amz-Expires=60", "X-Amz-Expires=-1"),
        ("host%3Bx-k8s-aws-id", "host"),
        ("host%3Bx-k8s-aws-id", "x-k8s-aws-id"),
        ("%3Bx-k8s", "%3bx-k8s"),
        ("%2Fsts%2F", "%2Fs3%2F"),
        ("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256"),
        ("X-Amz-Signature=", "X-Amz-Signature=0"),
        ("X-Amz-Signature=2", "X-Amz-Signature=G"),
        ("X-Amz-Date=20261122T225444Z", "X-Amz-Date=now"),
        ("&X-Amz-Expires", "#&X-Amz-Expires"),
    ] {
        assert!(good.contains(from), "{from}");
        let bad = good.replace(from, to);
        assert!(check(&token(&bad), &Auth::Local).is_err(), "{bad}");
    }
    let real = recorded("regional");
    for bad in [
        String::new(),
        PREFIX.to_owned(),
        real.replace("k8s-aws-v1", "k8s-aws-v2"),
        format!("{real}="),
        token(&format!("{good}&X-Amz-Security-Token={}", "x".repeat(4096))),
        token("\u{e9}"),
    ] {
        assert!(check(&bad, &Auth::Local).is_err(), "{bad}");
    }
}

#[test]
fn an_expiry_of_0_to_900_seconds_is_accepted_and_does_not_matter() {
    for secs in [0, 1, 900] {
        let to = format!("X-Amz-Expires={secs}");
        let url = url("regional").replace("X-Amz-Expires=60", &to);
        assert!(check(&token(&url), &Auth::Local).is_ok(), "{secs}");
    }
}

#[test]
fn all_names_of_sts_are_known() {
    for host in [
        "sts.amazonaws.com",
        "sts.eu-central-1.amazonaws.com",
        "sts-fips.us-gov-west-1.amazonaws.com",
        "sts.us-gov-east-1.amazonaws.com",
        "sts.cn-north-1.amazonaws.com.cn",
        "sts.us-east-1.api.aws",
    ] {
        assert!(sts_host(host).is_some(), "{host}");
    }
    for host in [
        "sts.x.y-1.amazonaws.com",
        "sts.cn-north-1.amazonaws.com",
        "sts..amazonaws.com",
    ] {
        assert!(sts_host(host).is_none(), "{host}");
    }
}

#[test]
fn the_canonical_arn_of_a_session_is_its_role() {
    let session = "arn:aws:sts::123456789012:assumed-role/Admin/jane@example.com";
    assert_eq!(
        canonical_arn(session),
        "arn:aws:iam::123456789012:role/Admin"
    );
    assert_eq!(session_name(session), "jane@example.com");
    let user = "arn:aws:iam::123456789012:user/jane";
    assert_eq!(canonical_arn(user), user);
}

proptest! {
    #[test]
    fn a_changed_token_never_verifies(at in any::<prop::sample::Index>(), to in "[A-Za-z0-9_.=-]") {
        let token = recorded("regional");
        let at = at.index(token.len());
        let changed: String = token.chars().enumerate()
            .map(|(i, c)| if i == at { to.chars().next().unwrap() } else { c })
            .collect();
        prop_assume!(changed != token);
        prop_assert!(check(&changed, &strict(SECRET)).is_err());
    }

    #[test]
    fn a_changed_url_never_verifies(at in any::<prop::sample::Index>(), to in "[ -~]{0,3}") {
        let good = url("regional");
        let at = at.index(good.len());
        let changed: String = good.chars().enumerate()
            .map(|(i, c)| if i == at { to.clone() } else { c.to_string() })
            .collect();
        // An escaped plain character is the same request.
        prop_assume!(changed != good && !to.starts_with('%'));
        prop_assert!(check(&token(&changed), &strict(SECRET)).is_err());
    }

    #[test]
    fn any_text_is_refused(text in ".{0,200}") {
        for token in [format!("{PREFIX}{text}"), token(&format!("https://{text}"))] {
            prop_assert!(check(&token, &Auth::Local).is_err());
        }
    }
}
