//! Tokens as Kubernetes makes them, and forged and stale ones.
use std::sync::LazyLock;

use super::*;

static KEYS: LazyLock<[Key; 2]> =
    LazyLock::new(|| [Key::generate().unwrap(), Key::generate().unwrap()]);

const ISSUER: &str = "https://oidc.eks.us-east-1.amazonaws.com/id/ABC";
const NOW: i64 = 1_800_000_000;

fn claims() -> Claims {
    Claims {
        aud: Audiences(vec![DEFAULT_AUDIENCE.to_owned()]),
        exp: Some(NOW + 3600),
        iat: Some(NOW),
        iss: ISSUER.to_owned(),
        jti: "id".to_owned(),
        kubernetes: Kubernetes {
            namespace: "shop".to_owned(),
            serviceaccount: Reference {
                name: "app".to_owned(),
                uid: "u1".to_owned(),
            },
            ..Kubernetes::default()
        },
        nbf: Some(NOW),
        sub: "system:serviceaccount:shop:app".to_owned(),
    }
}

fn check_at(token: &str, now: i64) -> Result<Verified, ServiceAccountTokenError> {
    let now = Timestamp::from_secs(now);
    verify(&KEYS[..1], token, &[ISSUER], &[DEFAULT_AUDIENCE], now)
}

fn minted(key: &Key, claims: &Claims) -> String {
    mint(key, claims).unwrap().expose().to_owned()
}

#[test]
fn what_was_minted_verifies_until_it_expires() {
    let token = minted(&KEYS[0], &claims());
    let verified = check_at(&token, NOW).unwrap();
    assert_eq!(verified.claims, claims());
    assert_eq!(verified.audiences, [DEFAULT_AUDIENCE]);
    assert!(check_at(&token, NOW + 3600 + LEEWAY_SECS).is_ok());
    assert_eq!(check_at(&token, NOW + 3601 + LEEWAY_SECS), Err(Expired));
    assert_eq!(check_at(&token, NOW - LEEWAY_SECS - 1), Err(NotYetValid));
}

#[test]
fn the_members_are_those_of_kubernetes() {
    let mut claims = claims();
    claims.kubernetes.pod = Some(Reference {
        name: "app-0".to_owned(),
        uid: "u2".to_owned(),
    });
    claims.kubernetes.warnafter = Some(NOW + 3607);
    let expected = json!({
        "aud": [DEFAULT_AUDIENCE], "exp": NOW + 3600, "iat": NOW, "iss": ISSUER, "jti": "id",
        "kubernetes.io": {
            "namespace": "shop",
            "pod": { "name": "app-0", "uid": "u2" },
            "serviceaccount": { "name": "app", "uid": "u1" },
            "warnafter": NOW + 3607,
        },
        "nbf": NOW, "sub": "system:serviceaccount:shop:app",
    });
    assert_eq!(serde_json::to_value(&claims).unwrap(), expected);
}

#[test]
fn forged_tokens_are_refused() {
    let other_key = minted(&KEYS[1], &claims());
    assert_eq!(check_at(&other_key, NOW), Err(Invalid));
    let other_issuer = Claims {
        iss: "https://elsewhere".to_owned(),
        ..claims()
    };
    assert_eq!(
        check_at(&minted(&KEYS[0], &other_issuer), NOW),
        Err(Foreign)
    );
    let other_subject = Claims {
        sub: "system:serviceaccount:kube-system:admin".to_owned(),
        ..claims()
    };
    assert_eq!(
        check_at(&minted(&KEYS[0], &other_subject), NOW),
        Err(Invalid)
    );
    let endless = Claims {
        exp: None,
        ..claims()
    };
    assert_eq!(check_at(&minted(&KEYS[0], &endless), NOW), Err(Invalid));
    let other_audience = Claims {
        aud: Audiences(vec!["sts.amazonaws.com".to_owned()]),
        ..claims()
    };
    let error = check_at(&minted(&KEYS[0], &other_audience), NOW).unwrap_err();
    assert!(
        matches!(error, ServiceAccountTokenError::Audience { .. }),
        "{error}"
    );
    for text in ["", ".", "..", "a.b.c", "e30.e30.e30"] {
        assert_eq!(check_at(text, NOW), Err(Foreign), "{text}");
    }
}

#[test]
fn no_algorithm_but_rs256_is_accepted() {
    let token = minted(&KEYS[0], &claims());
    let rest = token.split_once('.').unwrap().1;
    for header in [
        r#"{"alg":"none"}"#,
        r#"{"alg":"HS256"}"#,
        r#"{"alg":"RS512"}"#,
    ] {
        let forged = format!("{}.{rest}", URL_SAFE_NO_PAD.encode(header));
        assert_eq!(check_at(&forged, NOW), Err(Invalid), "{header}");
    }
}

#[test]
fn any_changed_letter_of_a_token_is_noticed() {
    let token = minted(&KEYS[0], &claims());
    for at in 0..token.len() {
        let changed: String = token
            .chars()
            .enumerate()
            .map(|(i, c)| match c {
                _ if i != at => c,
                'A' => 'B',
                _ => 'A',
            })
            .collect();
        assert!(check_at(&changed, NOW).is_err(), "{at}");
    }
}

#[test]
fn the_token_of_a_secret_has_no_end_and_names_its_secret() {
    let account = Reference {
        name: "app".to_owned(),
        uid: "u1".to_owned(),
    };
    let token = mint_legacy(&KEYS[0], "shop", "app-token", &account).unwrap();
    let verified = check_at(token.expose(), NOW * 2).unwrap();
    assert_eq!(verified.claims.sub, "system:serviceaccount:shop:app");
    assert_eq!(verified.claims.kubernetes.secret.unwrap().name, "app-token");
    let forged = mint_legacy(&KEYS[1], "shop", "app-token", &account).unwrap();
    assert_eq!(check_at(forged.expose(), NOW), Err(Invalid));
}

#[test]
fn a_stored_key_is_the_same_key() {
    let pem = KEYS[0].to_pem().unwrap();
    let again = Key::from_pem(pem.expose()).unwrap();
    assert_eq!(again.kid(), KEYS[0].kid());
    let token = minted(&again, &claims());
    assert!(check_at(&token, NOW).is_ok());
    for bad in [
        "",
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----",
    ] {
        assert!(Key::from_pem(bad).is_err());
    }
}

#[test]
fn published_keys_have_the_members_of_kube_apiserver() {
    let keys = jwks(&KEYS[..]);
    let key = keys["keys"][0].as_object().unwrap();
    let names: Vec<&str> = key.keys().map(String::as_str).collect();
    let mut sorted = names.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, ["alg", "e", "kid", "kty", "n", "use"]);
    assert_eq!(key["e"], "AQAB");
    assert_eq!(key["kid"].as_str().unwrap().len(), 43);
    assert_eq!(
        discovery("https://i", "https://i/k")["jwks_uri"],
        "https://i/k"
    );
}
