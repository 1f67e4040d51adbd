//! Bytes that no registry has seen before.
use std::{
    hash::{BuildHasher as _, Hasher as _, RandomState},
    sync::atomic::{AtomicU64, Ordering},
};

use bytes::Bytes;

/// A generator (splitmix64) that several tasks may share. Not for secrets.
#[derive(Debug)]
pub(crate) struct Random(AtomicU64);

impl Random {
    /// Starts somewhere else each time.
    pub(crate) fn new() -> Self {
        Self(AtomicU64::new(RandomState::new().build_hasher().finish()))
    }

    fn next(&self) -> u64 {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        let state = self.0.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        let z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn bytes(&self, len: usize) -> Bytes {
        let words = len.div_ceil(8);
        let mut bytes: Vec<u8> = (0..words).flat_map(|_| self.next().to_le_bytes()).collect();
        bytes.truncate(len);
        bytes.into()
    }

    /// Sixteen hexadecimal digits.
    pub(crate) fn word(&self) -> String {
        format!("{:016x}", self.next())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_the_length_and_never_repeat() {
        let random = Random::new();
        for len in [0, 1, 7, 8, 9, 1000] {
            assert_eq!(random.bytes(len).len(), len);
        }
        assert_ne!(random.bytes(32), random.bytes(32));
        assert_ne!(random.word(), Random::new().word());
    }
}
