//! Passwords that nobody issued, sent to `/v2/`. Each is right in all but one thing, and those that
//! can be are signed with the server's own key.
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use serde_json::{Value, json};
use wharf_testkit::TestServer;

/// A server and the parts of one of its passwords.
struct Forge {
    s: TestServer,
    key: Vec<u8>,
    header: Value,
    claims: Value,
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn decode(part: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

impl Forge {
    async fn new() -> Self {
        let s = TestServer::new().await;
        let key = std::fs::read(s.data_dir().join("keys/registry.key")).unwrap();
        let parts: Vec<String> = s.password().split('.').map(str::to_owned).collect();
        let [header, claims, _signature] = parts.as_slice() else {
            panic!("no JWT")
        };
        let (header, claims) = (decode(header), decode(claims));
        Self {
            s,
            key,
            header,
            claims,
        }
    }

    fn sign(&self, message: &str, algorithm: Algorithm) -> String {
        let key = EncodingKey::from_secret(&self.key);
        crypto::sign(message.as_bytes(), &key, algorithm).unwrap()
    }

    /// Signs any header and claims with the server's key.
    fn token(&self, header: impl AsRef<[u8]>, claims: impl AsRef<[u8]>) -> String {
        let message = format!("{}.{}", encode(header), encode(claims));
        let signature = self.sign(&message, Algorithm::HS256);
        format!("{message}.{signature}")
    }

    /// The genuine header, byte for byte.
    fn genuine(&self) -> String {
        String::from_utf8(
            URL_SAFE_NO_PAD
                .decode(self.s.password().split('.').next().unwrap())
                .unwrap(),
        )
        .unwrap()
    }

    async fn status(&self, password: &str) -> u16 {
        self.s
            .call("GET", "/v2/")
            .password(password)
            .send()
            .await
            .status
            .as_u16()
    }

    async fn refused(&self, password: &str, why: &str) {
        assert_eq!(self.status(password).await, 401, "{why}");
    }

    async fn refused_claims(&self, change: Value) {
        let mut claims = self.claims.clone();
        for (name, value) in change.as_object().unwrap() {
            claims[name] = value.clone();
        }
        let token = self.token(self.genuine(), claims.to_string());
        self.refused(&token, &change.to_string()).await;
    }
}

#[tokio::test]
async fn a4_no_other_algorithm_is_taken() {
    let f = Forge::new().await;
    // The forge works: what it signs without a change is accepted.
    let genuine = f.token(f.genuine(), f.claims.to_string());
    assert_eq!(f.status(&genuine).await, 200);
    let claims = f.claims.to_string();
    for alg in [
        "none", "None", "nOnE", "NONE", "", "hs256", "RS256", "ES256", "EdDSA", "HS384", "HS512",
    ] {
        let mut header = f.header.clone();
        header["alg"] = json!(alg);
        let message = format!("{}.{}", encode(header.to_string()), encode(&claims));
        f.refused(&message, alg).await;
        f.refused(&format!("{message}."), alg).await;
        let same_key = f.sign(&message, Algorithm::HS256);
        f.refused(&format!("{message}.{same_key}"), alg).await;
    }
    for algorithm in [Algorithm::HS384, Algorithm::HS512] {
        let message = format!("{}.{}", encode(f.genuine()), encode(&claims));
        let signature = f.sign(&message, algorithm);
        f.refused(&format!("{message}.{signature}"), "another family")
            .await;
    }
    // Signed with what is public: the certificate of our own authority.
    let message = format!("{}.{}", encode(f.genuine()), encode(&claims));
    let public = EncodingKey::from_secret(f.s.ca_pem().as_bytes());
    let signature = crypto::sign(message.as_bytes(), &public, Algorithm::HS256).unwrap();
    f.refused(
        &format!("{message}.{signature}"),
        "a public key as the secret",
    )
    .await;
}

#[tokio::test]
async fn a5_headers_that_bring_or_name_keys_are_refused() {
    let f = Forge::new().await;
    let bait = f.s.scratch().join("bait");
    std::fs::write(&bait, "{}").unwrap();
    let accessed = std::fs::metadata(&bait).unwrap().accessed().unwrap();
    for (name, value) in [
        ("jwk", json!({ "kty": "oct", "k": encode(&f.key) })),
        ("jku", json!(format!("http://{}/keys", f.s.address()))),
        ("jku", json!(format!("file://{}", bait.display()))),
        ("x5u", json!(format!("http://{}/cert", f.s.address()))),
        ("x5c", json!([f.s.ca_pem()])),
        ("crit", json!(["exp"])),
        ("crit", json!(["x"])),
        ("b64", json!(false)),
        ("cty", json!("JWT")),
        ("zip", json!("DEF")),
    ] {
        let mut header = f.header.clone();
        header[name] = value;
        f.refused(&f.token(header.to_string(), f.claims.to_string()), name)
            .await;
    }
    assert_eq!(
        std::fs::metadata(&bait).unwrap().accessed().unwrap(),
        accessed,
        "nothing is read"
    );
}

#[tokio::test]
async fn a6_the_id_of_a_key_is_no_path_and_no_query() {
    let f = Forge::new().await;
    let long = "x".repeat(5_000);
    for kid in [
        json!("../../../dev/null"),
        json!("' OR 1=1--"),
        json!("wharf-2"),
        json!(""),
        json!(null),
        json!(1),
        json!(["wharf-1"]),
        json!(long),
        json!("WHARF-1"),
        json!("wharf-1\u{0}"),
    ] {
        let mut header = f.header.clone();
        header["kid"] = kid.clone();
        f.refused(
            &f.token(header.to_string(), f.claims.to_string()),
            &kid.to_string(),
        )
        .await;
    }
    let mut header = f.header.clone();
    header.as_object_mut().unwrap().remove("kid");
    f.refused(&f.token(header.to_string(), f.claims.to_string()), "no kid")
        .await;
    for text in ["", "{}", "null", "[]", "not json"] {
        f.refused(&f.token(text, f.claims.to_string()), text).await;
    }
}

#[tokio::test]
async fn a7_times_are_there_whole_and_true() {
    let f = Forge::new().await;
    let now = u64::try_from(f.s.now().as_secs()).unwrap();
    for name in ["exp", "nbf", "iat"] {
        let mut claims = f.claims.clone();
        claims.as_object_mut().unwrap().remove(name);
        f.refused(&f.token(f.genuine(), claims.to_string()), name)
            .await;
        for wrong in [
            json!(null),
            json!("1767225600"),
            json!(-1),
            json!(1.5),
            json!([now]),
            json!({}),
            json!(true),
            json!(1e30),
        ] {
            f.refused_claims(json!({ name: wrong })).await;
        }
        let mut text = f.claims.to_string();
        text = text.replace(
            &format!("\"{name}\":{}", f.claims[name]),
            &format!("\"{name}\":18446744073709551616"),
        );
        assert_ne!(text, f.claims.to_string());
        f.refused(&f.token(f.genuine(), text), "2^64").await;
    }
    for change in [
        json!({ "nbf": now + 6 }),
        json!({ "iat": now + 6, "exp": now + 100 }),
        json!({ "exp": u64::MAX }),
        json!({ "exp": now + 12 * 3600 + 1 }),
        json!({ "exp": now - 1, "iat": now }),
    ] {
        f.refused_claims(change).await;
    }
    for (fine, status) in [
        (json!({ "nbf": now + 5 }), 200),
        (json!({ "iat": now + 5 }), 200),
        (json!({ "iat": now - 100, "exp": now - 5 }), 200),
        // It was good once: that is 403, as with ECR.
        (json!({ "iat": now - 100, "exp": now - 6 }), 403),
        (json!({ "iat": 0, "nbf": 0, "exp": 0 }), 403),
    ] {
        let mut claims = f.claims.clone();
        for (name, value) in fine.as_object().unwrap() {
            claims[name] = value.clone();
        }
        assert_eq!(
            f.status(&f.token(f.genuine(), claims.to_string())).await,
            status,
            "{fine}"
        );
    }
}

#[tokio::test]
async fn a8_issuer_and_audience_are_ours_and_no_claim_comes_twice() {
    let f = Forge::new().await;
    for name in ["iss", "aud", "sub", "account", "region", "access_key"] {
        let mut claims = f.claims.clone();
        claims.as_object_mut().unwrap().remove(name);
        f.refused(&f.token(f.genuine(), claims.to_string()), name)
            .await;
        for wrong in [json!(null), json!(1), json!([f.claims[name]]), json!({})] {
            f.refused_claims(json!({ name: wrong })).await;
        }
        let text = f.claims.to_string();
        let doubled = text.replacen('{', &format!("{{\"{name}\":{},", f.claims[name]), 1);
        f.refused(&f.token(f.genuine(), doubled), "twice").await;
    }
    for change in [
        json!({ "iss": "Wharf" }),
        json!({ "iss": "" }),
        json!({ "aud": "wharf" }),
        json!({ "sub": "root" }),
        json!({ "sub": "arn:aws:iam::1:root" }),
        json!({ "account": "1" }),
        json!({ "region": "nowhere" }),
        json!({ "scope": "repository:*:pull,push" }),
        json!({ "admin": true }),
    ] {
        f.refused_claims(change).await;
    }
}

#[tokio::test]
async fn a9_every_bit_of_the_signature_counts() {
    let f = Forge::new().await;
    let password = f.s.password();
    let (message, signature) = password.rsplit_once('.').unwrap();
    let bytes = URL_SAFE_NO_PAD.decode(signature).unwrap();
    assert_eq!(bytes.len(), 32);
    for bit in 0..256 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        f.refused(
            &format!("{message}.{}", encode(&flipped)),
            &format!("bit {bit}"),
        )
        .await;
    }
    for n in [0, 1, 16, 31] {
        f.refused(&format!("{message}.{}", encode(&bytes[..n])), "truncated")
            .await;
    }
    for bad in [
        format!("{password}."),
        format!("{password}.{signature}"),
        format!("{password}="),
        format!("{password}A"),
        format!(".{password}"),
        format!(" {password}"),
        format!("{password} "),
        format!("{password}\n"),
        password.replacen('.', "..", 1),
        message.to_owned(),
        String::new(),
        "..".to_owned(),
        format!("{message}.{}", "A".repeat(43)),
        format!("{message}.{}", "A".repeat(20_000)),
    ] {
        f.refused(&bad, "another form").await;
    }
    // The last character of 43 holds four bits: the two spare ones must be zero.
    let spare = |c: char| {
        let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let at = alphabet.find(c).unwrap();
        alphabet.chars().nth(at | 1).unwrap()
    };
    let last = spare(signature.chars().last().unwrap());
    let other = format!("{message}.{}{last}", &signature[..signature.len() - 1]);
    f.refused(&other, "bits left over").await;
}
