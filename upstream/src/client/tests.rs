use super::*;

fn settings(origin: &str, anywhere: &[&str]) -> Settings {
    Settings {
        origin: origin.parse().unwrap(),
        anywhere: anywhere.iter().map(|o| o.parse().unwrap()).collect(),
        token_services: vec!["https://auth.docker.io".parse().unwrap()],
        credentials: None,
        timeout: Duration::from_secs(1),
    }
}

#[test]
fn a_public_upstream_may_refer_to_public_urls_over_tls() {
    let hub = settings("https://registry-1.docker.io", &[]);
    let allowed = |url: &str| hub.check(&url.parse().unwrap()).is_ok();
    assert!(allowed(
        "https://production.cloudflare.docker.com/x?signature=y"
    ));
    assert!(allowed("https://1.1.1.1/x"));
    for url in [
        "http://registry-1.docker.io/v2/",
        "https://127.0.0.1/",
        "https://2130706433/",
        "https://0x7f.1/",
        "https://017700000001/",
        "https://127.1/",
        "https://[::1]:9/",
        "https://[::ffff:127.0.0.1]/",
        "https://[::ffff:7f00:1]/",
        "https://[fe80::1]/",
        "https://[fd00::1]/",
        "https://0.0.0.0/",
        "https://10.1.2.3/",
        "https://169.254.169.254/latest/meta-data/",
        "http://169.254.169.254/latest/meta-data/",
        "https://localhost/",
        "https://localhost./",
        "https://LOCALHOST/",
        "https://x.localhost/",
        "https://metadata/",
        "https://metadata.google.internal/",
        "https://printer.local/",
        "https://user:password@example.com/",
        "ftp://example.com/",
        "file:///etc/passwd",
    ] {
        assert!(!allowed(url), "{url}");
    }
}

#[test]
fn an_upstream_that_may_be_anywhere_is_alone_in_that() {
    let local = settings("http://127.0.0.1:5000", &["http://127.0.0.1:5000"]);
    let allowed = |url: &str| local.check(&url.parse().unwrap()).is_ok();
    assert!(allowed("http://127.0.0.1:5000/v2/"));
    assert!(allowed("https://example.com/blob"));
    for url in [
        "http://127.0.0.1:5001/",
        "https://127.0.0.1:5000/",
        "http://127.0.0.2:5000/",
    ] {
        assert!(!allowed(url), "{url}");
    }
    let named = settings(
        "https://registry.corp.example",
        &["https://registry.corp.example"],
    );
    assert!(
        named
            .check(&"https://registry.corp.example:9000/".parse().unwrap())
            .is_err()
    );
}

#[test]
fn tokens_come_from_the_upstream_or_its_own_service() {
    let hub = settings("https://registry-1.docker.io", &[]);
    assert!(hub.realm("https://auth.docker.io/token").is_ok());
    assert!(hub.realm("https://registry-1.docker.io/token").is_ok());
    for realm in [
        "http://auth.docker.io/token",
        "https://auth.docker.io:444/token",
        "https://auth.docker.io.evil.example/token",
        "https://auth.docker.io@evil.example/token",
        "https://evil.example/token",
        "https://127.0.0.1/token",
        "http://169.254.169.254/token",
        "https://localhost/token",
        "/token",
        "",
    ] {
        assert!(hub.realm(realm).is_err(), "{realm}");
    }
    let local = settings("http://127.0.0.1:5000", &["http://127.0.0.1:5000"]);
    assert!(local.realm("http://127.0.0.1:5000/token").is_ok());
    assert!(local.realm("http://127.0.0.1:5001/token").is_err());
}
