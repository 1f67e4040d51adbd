//! Signatures of links: whoever has a link may do what it says, until it expires.
//!
//! *Guarantees*: what [`verify`] accepts was signed by [`sign`] with the same key. A password is signed
//! with that key too; no text of one can be taken for the other, for a link's begins with a prefix
//! of its own.
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::SigningKey;

const PREFIX: &[u8] = b"wharf link 1\n";

fn mac(key: &SigningKey, text: &str) -> Option<Hmac<Sha256>> {
    // HMAC takes keys of any length; the type cannot say so.
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).ok()?;
    mac.update(PREFIX);
    mac.update(text.as_bytes());
    Some(mac)
}

/// The signature of a text, in hex digits.
pub fn sign(key: &SigningKey, text: &str) -> String {
    let Some(mac) = mac(key, text) else {
        // Nothing verifies it.
        return String::new();
    };
    let bytes = mac.finalize().into_bytes();
    let digit = |nibble: u8| char::from_digit(nibble.into(), 16).unwrap_or('0');
    let digits = |byte: &u8| [digit(byte >> 4), digit(byte & 15)];
    bytes.iter().flat_map(digits).collect()
}

/// Whether a signature is that of a text. Takes as long for a wrong one as for the right one.
pub fn verify(key: &SigningKey, text: &str, signature: &str) -> bool {
    let nibble = |b: &u8| match b {
        b'0'..=b'9' => Some(b - b'0'),
        b'a'..=b'f' => Some(b - b'a' + 10),
        _ => None,
    };
    let pairs = signature.as_bytes().chunks(2);
    let bytes: Option<Vec<u8>> = pairs
        .map(|pair| match pair {
            [high, low] => Some(nibble(high)? << 4 | nibble(low)?),
            _ => None,
        })
        .collect();
    match (bytes, mac(key, text)) {
        (Some(bytes), Some(mac)) => mac.verify_slice(&bytes).is_ok(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_signed_text_verifies_and_only_with_its_key() {
        let key = SigningKey::from_bytes(&[7; 32]).unwrap();
        let other = SigningKey::from_bytes(&[8; 32]).unwrap();
        let signature = sign(&key, "GET a");
        assert_eq!(signature.len(), 64);
        assert!(verify(&key, "GET a", &signature));
        assert!(!verify(&key, "GET b", &signature));
        assert!(!verify(&other, "GET a", &signature));
        for wrong in [
            String::new(),
            signature.to_uppercase(),
            format!("{signature}00"),
            signature.chars().skip(1).collect(),
            signature.chars().skip(2).collect(),
            "x".repeat(64),
        ] {
            assert!(!verify(&key, "GET a", &wrong), "{wrong}");
        }
    }
}
