use std::sync::Arc;

use rustls::{
    RootCertStore,
    client::{WebPkiServerVerifier, danger::ServerCertVerifier as _},
    pki_types::{ServerName, UnixTime},
};
use tempfile::TempDir;
use wharf_types::Clock;

use super::*;

fn now() -> Timestamp {
    Clock::System.now()
}

fn dir() -> (TempDir, PathBuf) {
    let temp = tempfile::tempdir().unwrap();
    let tls = temp.path().join("tls");
    (temp, tls)
}

fn open(dir: &Path) -> Result<Authority, Error> {
    Authority::open(dir, &["registry.example".into()], now())
}

#[test]
fn a_ca_is_made_once_with_a_key_that_nobody_else_reads() {
    let (_temp, dir) = dir();
    let made = open(&dir).unwrap();
    let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(dir.join("ca.key")), 0o600);
    assert_eq!(mode(dir.clone()), 0o700);
    assert_eq!(fs::read_dir(&dir).unwrap().count(), 2, "no temporary files");
    assert_eq!(open(&dir).unwrap().pem(), made.pem());
}

#[test]
fn a_key_without_a_certificate_is_a_start_that_was_cut_off_and_is_made_again() {
    let (_temp, dir) = dir();
    make_dir(&dir).unwrap();
    write(&dir, "ca.key", "", 0o600).unwrap();
    fs::write(dir.join("ca.pem.new"), "half").unwrap();
    let made = open(&dir).unwrap();
    assert_eq!(open(&dir).unwrap().pem(), made.pem());
}

#[test]
fn damaged_files_are_refused_by_name() {
    let (_other, other) = dir();
    open(&other).unwrap();
    let foreign_key = fs::read_to_string(other.join("ca.key")).unwrap();
    for (file, text, problem) in [
        ("ca.key", Some(""), "holds no private key"),
        (
            "ca.key",
            Some("-----BEGIN PRIVATE KEY-----\nMIGH"),
            "holds no private key",
        ),
        (
            "ca.key",
            Some(foreign_key.as_str()),
            "is not the key of ca.pem",
        ),
        ("ca.key", None, "is missing"),
        ("ca.pem", Some(""), "holds no certificate"),
        (
            "ca.pem",
            Some("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
            "is not the key",
        ),
    ] {
        let (_temp, dir) = dir();
        open(&dir).unwrap();
        let path = dir.join(file);
        match text {
            Some(text) => fs::write(&path, text).unwrap(),
            None => fs::remove_file(&path).unwrap(),
        }
        let error = open(&dir).unwrap_err().to_string();
        assert!(
            error.contains(problem) && error.contains("tls/ca."),
            "{file} {text:?}: {error}"
        );
    }
}

#[test]
fn a_key_that_others_can_read_is_refused() {
    let (_temp, dir) = dir();
    open(&dir).unwrap();
    let key = dir.join("ca.key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    let error = open(&dir).unwrap_err().to_string();
    assert!(
        error.contains("ca.key") && error.contains("chmod 600"),
        "{error}"
    );
}

#[test]
fn it_can_speak_for_our_names_only() {
    let (_temp, dir) = dir();
    let authority = open(&dir).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(authority.der.clone()).unwrap();
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(roots.into(), provider)
        .build()
        .unwrap();
    let key = KeyPair::generate().unwrap();
    let accepted = |name: &str| {
        let leaf = authority.sign(&key, vec![name.to_owned()], now()).unwrap();
        let name = ServerName::try_from(name.to_owned()).unwrap();
        verifier
            .verify_server_cert(&leaf, &[], &name, &[], UnixTime::now())
            .is_ok()
    };
    for ours in [
        "localhost",
        "a.b.localhost",
        "sts.us-east-1.amazonaws.com",
        "registry.example",
        "host.docker.internal",
        "127.0.0.1",
        "192.168.1.7",
        "::1",
        "fe80::1",
    ] {
        assert!(accepted(ours), "{ours}");
    }
    for foreign in [
        "evil.test",
        "google.com",
        "notlocalhost",
        "8.8.8.8",
        "2001:db8::1",
    ] {
        assert!(!accepted(foreign), "{foreign}");
    }
}

#[test]
fn it_knows_what_it_was_made_for() {
    let (_temp, dir) = dir();
    let names = [
        "registry.example".into(),
        "192.0.2.9".into(),
        "2001:db8::9".into(),
    ];
    let authority = Authority::open(&dir, &names, now()).unwrap();
    for name in names.iter().map(String::as_str).chain(["localhost"]) {
        assert!(authority.lists(name), "{name}");
    }
    for name in ["registry.exampl", "other.example", "192.0.2.8"] {
        assert!(!authority.lists(name), "{name}");
    }
}
