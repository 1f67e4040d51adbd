use std::net::Ipv4Addr;

use super::*;

fn mint(clock: Clock) -> (tempfile::TempDir, Tls) {
    let dir = tempfile::tempdir().unwrap();
    let tls = Tls::open(dir.path(), Guard::new(&["my.example".into()]), clock).unwrap();
    (dir, tls)
}

#[test]
fn names_are_chosen_by_what_we_answer_to() {
    let (_dir, tls) = mint(Clock::System);
    let local: IpAddr = Ipv4Addr::new(10, 0, 0, 7).into();
    let dns = |name: &str| Name::Dns(name.into());
    for (sni, expected) in [
        (None, Name::Ip(local)),
        (Some("LOCALHOST"), Name::Localhost),
        (Some("evil.test"), Name::Localhost),
        (Some("My.Example"), dns("my.example")),
        (Some("x.localhost"), dns("x.localhost")),
    ] {
        assert_eq!(tls.0.mint.name(sni, local), expected);
    }
    let names = Name::Ip(local).alternative_names();
    assert_eq!(names, ["10.0.0.7", "localhost", "127.0.0.1", "::1"]);
    let loopback = Name::Ip(Ipv4Addr::LOCALHOST.into()).alternative_names();
    assert_eq!(loopback, ["127.0.0.1", "localhost", "::1"]);
}

#[test]
fn a_certificate_is_made_once_and_again_before_it_expires() {
    let clock = Clock::manual(Timestamp::from_secs(1_800_000_000));
    let (_dir, tls) = mint(clock.clone());
    let leaf = || tls.0.mint.leaf(Name::Dns("my.example".into())).unwrap();
    let first = leaf();
    assert!(Arc::ptr_eq(&first, &leaf()));
    clock.advance(RENEW_AFTER / 2);
    assert!(Arc::ptr_eq(&first, &leaf()));
    clock.advance(RENEW_AFTER / 2);
    assert!(!Arc::ptr_eq(&first, &leaf()));
}

#[test]
fn the_cache_keeps_the_last_used_256() {
    let (_dir, tls) = mint(Clock::System);
    let mint = &tls.0.mint;
    let leaf = |n: usize| mint.leaf(Name::Dns(format!("n{n}.localhost"))).unwrap();
    let first = leaf(0);
    for n in 1..300 {
        leaf(n);
        assert!(Arc::ptr_eq(&first, &leaf(0)), "in use");
    }
    assert_eq!(lock(&mint.leaves).by_name.len(), MAX_LEAVES);
}
