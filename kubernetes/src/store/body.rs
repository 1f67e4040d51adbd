//! The text of an object: as it is sent, or packed until somebody asks for it again.
use std::sync::Arc;

use bytes::Bytes;

/// How long the text is that packed ones refer to. LZ4 looks back 64 KiB at most.
const DICTIONARY: usize = 32 * 1024;

/// A text that does not become this many times smaller is unlike those before it.
const SMALLER: usize = 8;

/// How many texts are packed before another is learned: each time, the dictionary is copied.
const LEARN_EVERY: usize = 64;

/// Texts below this size are left as they are.
const SMALL: usize = 256;

/// JSON.
#[derive(Debug)]
pub(super) enum Body {
    Plain(Bytes),
    Packed {
        block: Box<[u8]>,
        size: usize,
        dictionary: Arc<[u8]>,
    },
}

impl Body {
    pub(super) fn text(&self) -> Bytes {
        match self {
            Self::Plain(text) => text.clone(),
            Self::Packed {
                block,
                size,
                dictionary,
            } => {
                let text = lz4_flex::block::decompress_with_dict(block, *size, dictionary);
                // It was packed by us, and memory does not rot; nobody can do anything about it.
                text.inspect_err(|error| tracing::error!(%error, "an object cannot be unpacked"))
                    .unwrap_or_default()
                    .into()
            }
        }
    }
}

/// Packs texts that are much like each other: what they have in common is kept once.
#[derive(Debug, Default)]
pub(super) struct Packer {
    dictionary: Arc<[u8]>,
    since: usize,
}

impl Packer {
    /// None if there is nothing to gain.
    pub(super) fn pack(&mut self, text: &[u8]) -> Option<Body> {
        if text.len() < SMALL {
            return None;
        }
        let mut block = lz4_flex::block::compress_with_dict(text, &self.dictionary);
        self.since += 1;
        let is_unlike = block.len() > text.len() / SMALLER && self.since >= LEARN_EVERY;
        if is_unlike || self.dictionary.is_empty() {
            self.learn(text);
            block = lz4_flex::block::compress_with_dict(text, &self.dictionary);
        }
        (block.len() < text.len()).then(|| Body::Packed {
            block: block.into(),
            size: text.len(),
            dictionary: Arc::clone(&self.dictionary),
        })
    }

    /// Forgets the oldest for the newest.
    fn learn(&mut self, text: &[u8]) {
        let known = self.dictionary.iter().chain(text);
        let excess = (self.dictionary.len() + text.len()).saturating_sub(DICTIONARY);
        self.dictionary = known.skip(excess).copied().collect();
        self.since = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(number: usize) -> String {
        let all = (0..100).map(|line| format!("{{\"line{line}\":\"of a text\"}},"));
        format!("{{\"uid\":{number},\"all\":[{}]}}", all.collect::<String>())
    }

    #[test]
    fn alike_texts_take_little_and_come_back_whole() {
        let mut packer = Packer::default();
        for number in 0..200 {
            let text = text(number);
            let body = packer.pack(text.as_bytes()).unwrap();
            let Body::Packed { block, .. } = &body else {
                panic!("{body:?} is not packed");
            };
            assert!(block.len() * 20 < text.len(), "{} bytes", block.len());
            assert_eq!(body.text(), text.as_bytes());
        }
    }

    #[test]
    fn texts_of_another_kind_are_learned_and_the_dictionary_stays_small() {
        let mut packer = Packer::default();
        let mut packed = Vec::new();
        for kind in 0..100_usize {
            // Unlike the others, and of no use to them.
            let noise: String = (0..2000_usize)
                .map(|at| char::from(b'!' + u8::try_from((at * at * (kind + 7)) % 89).unwrap()))
                .collect();
            for number in 0..LEARN_EVERY {
                let text = format!("{number}{noise}");
                packed.push((packer.pack(text.as_bytes()).unwrap(), text));
            }
            assert!(packer.dictionary.len() <= DICTIONARY);
        }
        assert!(
            packed
                .iter()
                .all(|(body, text)| body.text() == text.as_bytes())
        );
    }

    #[test]
    fn what_cannot_be_made_smaller_is_left_as_it_is() {
        let mut packer = Packer::default();
        assert!(packer.pack(b"{}").is_none());
    }
}
