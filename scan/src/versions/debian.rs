//! deb-version(7): `[EPOCH:]UPSTREAM[-REVISION]`, compared as dpkg does.
use std::cmp::Ordering;

use super::{digits, epoch, split};

pub(super) fn compare(a: &str, b: &str) -> Ordering {
    let ((a_epoch, a), (b_epoch, b)) = (epoch(a.trim()), epoch(b.trim()));
    let (a, a_revision) = a.rsplit_once('-').unwrap_or((a, ""));
    let (b, b_revision) = b.rsplit_once('-').unwrap_or((b, ""));
    digits(a_epoch, b_epoch)
        .then_with(|| part(a.as_bytes(), b.as_bytes()))
        .then_with(|| part(a_revision.as_bytes(), b_revision.as_bytes()))
}

/// Text and numbers take turns. In text, letters come before all other characters, and a tilde
/// even before the end.
fn part(mut a: &[u8], mut b: &[u8]) -> Ordering {
    while !a.is_empty() || !b.is_empty() {
        let (a_text, a_rest) = split(a, |c| !c.is_ascii_digit());
        let (b_text, b_rest) = split(b, |c| !c.is_ascii_digit());
        let longest = a_text.len().max(b_text.len());
        let weight = |text: &[u8], i: usize| text.get(i).map_or(0, |c| order(*c));
        for i in 0..longest {
            let different = weight(a_text, i).cmp(&weight(b_text, i));
            if different.is_ne() {
                return different;
            }
        }
        let (a_number, a_rest) = split(a_rest, |c| c.is_ascii_digit());
        let (b_number, b_rest) = split(b_rest, |c| c.is_ascii_digit());
        let different = digits(a_number, b_number);
        if different.is_ne() {
            return different;
        }
        (a, b) = (a_rest, b_rest);
    }
    Ordering::Equal
}

fn order(c: u8) -> i32 {
    match c {
        b'~' => -1,
        c if c.is_ascii_alphabetic() => i32::from(c),
        c => i32::from(c) + 256,
    }
}
