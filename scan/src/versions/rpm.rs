//! rpm-version(7): `[EPOCH:]VERSION[-RELEASE]`, compared as rpm's `rpmvercmp` does.
use std::cmp::Ordering;

use super::{digits, epoch, split};

pub(super) fn compare(a: &str, b: &str) -> Ordering {
    let ((a_epoch, a), (b_epoch, b)) = (epoch(a.trim()), epoch(b.trim()));
    let (a, a_release) = a.split_once('-').unwrap_or((a, ""));
    let (b, b_release) = b.split_once('-').unwrap_or((b, ""));
    digits(a_epoch, b_epoch)
        .then_with(|| part(a.as_bytes(), b.as_bytes()))
        .then_with(|| part(a_release.as_bytes(), b_release.as_bytes()))
}

/// Segments of digits and of letters, whatever separates them. A tilde comes before everything, a
/// caret after the end and before anything else.
fn part(mut a: &[u8], mut b: &[u8]) -> Ordering {
    loop {
        let separator = |c: u8| !c.is_ascii_alphanumeric() && c != b'~' && c != b'^';
        (a, b) = (split(a, separator).1, split(b, separator).1);
        match (a.first(), b.first()) {
            (Some(b'~'), Some(b'~')) | (Some(b'^'), Some(b'^')) => {
                (a, b) = (rest(a), rest(b));
            }
            (Some(b'~'), _) => return Ordering::Less,
            (_, Some(b'~')) => return Ordering::Greater,
            (Some(b'^'), None) => return Ordering::Greater,
            (None, Some(b'^')) => return Ordering::Less,
            (Some(b'^'), _) => return Ordering::Less,
            (_, Some(b'^')) => return Ordering::Greater,
            // Whatever has something left is newer.
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(x), Some(y)) if x.is_ascii_digit() != y.is_ascii_digit() => {
                // A number is newer than letters.
                return x.is_ascii_digit().cmp(&y.is_ascii_digit());
            }
            (Some(x), Some(_)) => {
                let numeric = x.is_ascii_digit();
                let is = |c: u8| c.is_ascii_alphanumeric() && c.is_ascii_digit() == numeric;
                let ((x, a_rest), (y, b_rest)) = (split(a, is), split(b, is));
                let different = if numeric { digits(x, y) } else { x.cmp(y) };
                if different.is_ne() {
                    return different;
                }
                (a, b) = (a_rest, b_rest);
            }
        }
    }
}

fn rest(text: &[u8]) -> &[u8] {
    text.get(1..).unwrap_or_default()
}
