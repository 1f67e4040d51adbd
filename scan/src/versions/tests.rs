use std::cmp::Ordering::{Equal, Greater, Less};

use proptest::prelude::*;

use super::*;

fn check(scheme: Scheme, cases: &[(&str, Ordering, &str)]) {
    for (a, expected, b) in cases {
        assert_eq!(scheme.compare(a, b), *expected, "{a} {b}");
        assert_eq!(scheme.compare(b, a), expected.reverse(), "{b} {a}");
    }
}

// deb-version(7) and dpkg's lib/dpkg/t/t-version.c.
#[test]
fn debian_versions_are_in_the_order_of_deb_version_7() {
    check(
        Scheme::Debian,
        &[
            ("1.0", Equal, "1.0"),
            ("0:1.0", Equal, "1.0"),
            ("1.0", Equal, "1.0-0"),
            ("1.0-0", Equal, "1.0-00"),
            ("0:0-0", Less, "1:0-0"),
            ("1:1.0", Greater, "2.0"),
            ("1.2.3", Less, "1.2.10"),
            ("1.0~rc1", Less, "1.0"),
            ("1.0~~", Less, "1.0~~a"),
            ("1.0~~a", Less, "1.0~"),
            ("1.0~", Less, "1.0"),
            ("1.0", Less, "1.0a"),
            ("1.0a", Less, "1.0+b1"),
            ("1.0-1", Less, "1.0-1+deb12u1"),
            ("1.0-1+deb12u1", Less, "1.0-1+deb12u2"),
            ("1.0-1~bpo12+1", Less, "1.0-1"),
            ("2.36-9+deb12u10", Greater, "2.36-9+deb12u9"),
            ("1.0.0-1", Greater, "1.0-1"),
            ("007", Equal, "7"),
            ("1.18.36:5.4", Less, "1.18.36:5.5"),
            ("18446744073709551617", Greater, "18446744073709551616"),
            ("3.0.11-1~deb12u2", Less, "3.0.13-1~deb12u1"),
        ],
    );
}

// apk-tools: test/version.data.
#[test]
fn alpine_versions_are_in_the_order_of_apk() {
    check(
        Scheme::Alpine,
        &[
            ("2.34", Greater, "0.1.0_alpha"),
            ("0.1.0_alpha", Equal, "0.1.0_alpha"),
            ("0.1.0_alpha", Less, "0.1.3_alpha"),
            ("0.1.0_alpha2", Greater, "0.1.0_alpha"),
            ("2.2.39-r1", Greater, "1.0.4-r3"),
            ("1.0.4-r3", Less, "1.0.4-r4"),
            ("1.0.4-r9", Less, "1.0.4-r10"),
            ("1.3.1-r1", Less, "1.3.1.1-r1"),
            ("2.3.0b-r1", Greater, "2.3.0-r3"),
            ("2.3.0b-r1", Less, "2.3.0c"),
            ("1.0_p10-r0", Greater, "1.0_p9-r0"),
            ("0.1_pre2", Less, "0.1"),
            ("1.0_alpha", Less, "1.0_beta"),
            ("1.0_beta", Less, "1.0_pre"),
            ("1.0_pre", Less, "1.0_rc"),
            ("1.0_rc", Less, "1.0"),
            ("1.0", Less, "1.0_cvs"),
            ("1.0_cvs", Less, "1.0_svn"),
            ("1.0_svn", Less, "1.0_git"),
            ("1.0_git", Less, "1.0_hg"),
            ("1.0_hg", Less, "1.0_p"),
            ("1.0_p", Less, "1.0.1"),
            ("1.01", Less, "1.1"),
            ("1.10", Greater, "1.9"),
            ("3.1.4-r5", Less, "3.1.4-r6"),
            ("1.0_rc1_p2", Greater, "1.0_rc1"),
            ("12_rc", Less, "12"),
            ("1.2.3", Greater, "1.2"),
        ],
    );
}

// rpm: tests/rpmvercmp.at.
#[test]
fn rpm_versions_are_in_the_order_of_rpmvercmp() {
    check(
        Scheme::Rpm,
        &[
            ("1.0", Equal, "1.0"),
            ("1.0", Less, "2.0"),
            ("2.0.1", Less, "2.0.1a"),
            ("5.5p1", Less, "5.5p2"),
            ("5.5p10", Greater, "5.5p1"),
            ("10xyz", Less, "10.1xyz"),
            ("xyz10", Less, "xyz10.1"),
            ("xyz.4", Less, "8"),
            ("xyz.4", Less, "2"),
            ("5.5p2", Less, "5.6p1"),
            ("5.6p1", Less, "6.5p1"),
            ("6.0.rc1", Greater, "6.0"),
            ("10b2", Greater, "10a1"),
            ("1.0aa", Greater, "1.0a"),
            ("10.0001", Equal, "10.1"),
            ("10.0001", Less, "10.0039"),
            ("4.999.9", Less, "5.0"),
            ("20101122", Greater, "20101121"),
            ("2_0", Equal, "2.0"),
            ("a+", Equal, "a_"),
            ("+a", Equal, "_a"),
            ("1.0~rc1", Less, "1.0"),
            ("1.0~rc1", Less, "1.0~rc2"),
            ("1.0~rc1~git123", Less, "1.0~rc1"),
            ("1.0^", Greater, "1.0"),
            ("1.0^git1", Greater, "1.0"),
            ("1.0^git1", Less, "1.0^git2"),
            ("1.0^git1", Less, "1.01"),
            ("1.0^20160101", Less, "1.0.1"),
            ("1.0^20160101^git1", Greater, "1.0^20160101"),
            ("1.0~rc1^git1", Greater, "1.0~rc1"),
            ("1.0^git1~pre", Less, "1.0^git1"),
            ("1.0^git1~pre", Greater, "1.0"),
            ("1:1.0-1.el9", Greater, "0:2.0-1.el9"),
            ("0:1.0-1.el9", Equal, "1.0-1.el9"),
            ("0:1.0-1.el9_2.1", Greater, "0:1.0-1.el9"),
        ],
    );
}

proptest! {
    #[test]
    fn each_scheme_is_a_total_order_on_its_versions(
        debian in prop::array::uniform3("([0-2]:)?[0-9][0-9a-b.+~]{0,6}(-[0-9a-b+~.]{1,4})?"),
        alpine in prop::array::uniform3("[0-9]{1,2}(\\.[0-9]{1,2}){0,2}[ab]?(_(alpha|rc|p|git)[0-9]?){0,2}(-r[0-9]{1,2})?"),
        rpm in prop::array::uniform3("([0-2]:)?[0-9][0-9a-b.~^]{0,6}-[0-9a-b.]{1,4}"),
        any in prop::array::uniform3("[0-9a._~^:-]{0,8}"),
    ) {
        for (scheme, [a, b, c]) in [
            (Scheme::Debian, &debian), (Scheme::Alpine, &alpine), (Scheme::Rpm, &rpm),
            (Scheme::Debian, &any), (Scheme::Alpine, &any), (Scheme::Rpm, &any),
        ] {
            let compare = |a: &String, b: &String| scheme.compare(a, b);
            prop_assert_eq!(compare(a, a), Equal);
            prop_assert_eq!(compare(a, b), compare(b, a).reverse());
            if compare(a, b) != Greater && compare(b, c) != Greater {
                prop_assert_ne!(compare(a, c), Greater, "{} {} {}", a, b, c);
            }
        }
    }

    #[test]
    fn any_text_can_be_compared(a in "\\PC{0,40}", b in "\\PC{0,40}") {
        for scheme in [Scheme::Debian, Scheme::Alpine, Scheme::Rpm] {
            prop_assert_eq!(scheme.compare(&a, &b), scheme.compare(&b, &a).reverse());
        }
    }
}
