//! Content digests: <https://github.com/opencontainers/image-spec/blob/main/descriptor.md#digests>.
use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use sha2::{
    Digest as _, Sha256, Sha512,
    digest::common::hazmat::{SerializableState as _, SerializedState},
};

use crate::Invalid;

/// The hash functions that the image specification registers and every client may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Algorithm {
    Sha256,
    Sha512,
}

impl Algorithm {
    /// The name before the colon.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
        }
    }

    const fn hex_len(self) -> usize {
        match self {
            Self::Sha256 => 64,
            Self::Sha512 => 128,
        }
    }
}

impl FromStr for Algorithm {
    type Err = Invalid;

    fn from_str(s: &str) -> Result<Self, Invalid> {
        match s {
            "sha256" => Ok(Self::Sha256),
            "sha512" => Ok(Self::Sha512),
            _ => Err(Invalid::new("digest algorithm", s)),
        }
    }
}

/// `sha256:` or `sha512:` and the lower-case hexadecimal hash.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest(Box<str>);

impl Digest {
    /// The digest of `bytes`.
    pub fn of(algorithm: Algorithm, bytes: &[u8]) -> Self {
        let mut hasher = Hasher::new(algorithm);
        hasher.update(bytes);
        hasher.finish()
    }

    /// The sha256 digest of `bytes`.
    pub fn sha256(bytes: &[u8]) -> Self {
        Self::of(Algorithm::Sha256, bytes)
    }

    pub fn algorithm(&self) -> Algorithm {
        if self.0.starts_with("sha512") {
            Algorithm::Sha512
        } else {
            Algorithm::Sha256
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `bytes` hash to this digest.
    pub fn matches(&self, bytes: &[u8]) -> bool {
        *self == Self::of(self.algorithm(), bytes)
    }

    fn from_hash(algorithm: Algorithm, hash: &[u8]) -> Self {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        let mut text = String::with_capacity(7 + algorithm.hex_len());
        text.push_str(algorithm.name());
        text.push(':');
        for byte in hash {
            text.push(char::from(HEX[usize::from(byte >> 4)]));
            text.push(char::from(HEX[usize::from(byte & 15)]));
        }
        Self(text.into())
    }
}

impl FromStr for Digest {
    type Err = Invalid;

    fn from_str(s: &str) -> Result<Self, Invalid> {
        let invalid = || Invalid::new("digest", s);
        let (algorithm, hex) = s.split_once(':').ok_or_else(invalid)?;
        let algorithm: Algorithm = algorithm.parse().map_err(|_unknown| invalid())?;
        let lower_hex = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
        if hex.len() == algorithm.hex_len() && hex.bytes().all(lower_hex) {
            Ok(Self(s.into()))
        } else {
            Err(invalid())
        }
    }
}

impl TryFrom<String> for Digest {
    type Error = Invalid;

    fn try_from(s: String) -> Result<Self, Invalid> {
        s.parse()
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.0.into()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A running hash whose state can be stored, so that an upload resumes without reading its bytes
/// again.
#[derive(Clone, Debug)]
pub enum Hasher {
    Sha256(Sha256),
    Sha512(Sha512),
}

impl Hasher {
    pub fn new(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Sha256 => Self::Sha256(Sha256::new()),
            Algorithm::Sha512 => Self::Sha512(Sha512::new()),
        }
    }

    pub const fn algorithm(&self) -> Algorithm {
        match self {
            Self::Sha256(_) => Algorithm::Sha256,
            Self::Sha512(_) => Algorithm::Sha512,
        }
    }

    pub fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(h) => h.update(bytes),
            Self::Sha512(h) => h.update(bytes),
        }
    }

    pub fn finish(self) -> Digest {
        let algorithm = self.algorithm();
        match self {
            Self::Sha256(h) => Digest::from_hash(algorithm, &h.finalize()),
            Self::Sha512(h) => Digest::from_hash(algorithm, &h.finalize()),
        }
    }

    /// The state after what was hashed so far.
    pub fn midstate(&self) -> Vec<u8> {
        match self {
            Self::Sha256(h) => h.serialize().to_vec(),
            Self::Sha512(h) => h.serialize().to_vec(),
        }
    }

    /// Continues from a stored state. `None` if the state is not one of this algorithm.
    pub fn resume(algorithm: Algorithm, midstate: &[u8]) -> Option<Self> {
        match algorithm {
            Algorithm::Sha256 => {
                let state = SerializedState::<Sha256>::try_from(midstate).ok()?;
                Sha256::deserialize(&state).ok().map(Self::Sha256)
            }
            Algorithm::Sha512 => {
                let state = SerializedState::<Sha512>::try_from(midstate).ok()?;
                Sha512::deserialize(&state).ok().map(Self::Sha512)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Test vectors of FIPS 180-2.
    const ABC_256: &str = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    const ABC_512: &str = "sha512:ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f";

    #[test]
    fn hashes_match_the_published_vectors() {
        assert_eq!(Digest::sha256(b"abc").as_str(), ABC_256);
        assert_eq!(Digest::of(Algorithm::Sha512, b"abc").as_str(), ABC_512);
    }

    #[test]
    fn a_stored_state_continues_where_it_stopped() {
        for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
            for cut in [0, 1, 63, 64, 65, 127, 128, 200] {
                let bytes = [7_u8; 300];
                let mut first = Hasher::new(algorithm);
                first.update(&bytes[..cut]);
                let mut second = Hasher::resume(algorithm, &first.midstate()).unwrap();
                second.update(&bytes[cut..]);
                assert_eq!(second.finish(), Digest::of(algorithm, &bytes));
            }
        }
        assert!(Hasher::resume(Algorithm::Sha256, b"short").is_none());
    }

    #[test]
    fn only_whole_lower_case_digests_of_known_algorithms_parse() {
        for good in [ABC_256, ABC_512] {
            assert_eq!(good.parse::<Digest>().unwrap().to_string(), good);
        }
        for bad in [
            "",
            "sha256",
            "sha256:",
            "sha256:abc",
            "sha256:../../etc/passwd",
            "md5:900150983cd24fb0d6963f7d28e17f72",
            &ABC_256.to_uppercase(),
            &ABC_256.replace("ba78", "BA78"),
            &format!("{ABC_256}0"),
            &ABC_512.replace("sha512", "sha256"),
        ] {
            bad.parse::<Digest>().unwrap_err();
        }
    }
}
