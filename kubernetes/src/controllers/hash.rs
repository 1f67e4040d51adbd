//! Hashes in names and labels.
use serde_json::Value;

/// Consonants and digits: no hash is a word.
const ALPHABET: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";

/// A short text for a value, the same for equal values. `collisions` makes another one of it.
pub(crate) fn short_hash(value: &Value, collisions: Option<i64>) -> String {
    let mut hash = Fnv::default();
    feed(value, &mut hash);
    if let Some(collisions) = collisions {
        hash.write(&collisions.to_le_bytes());
    }
    let digits = hash.0.to_string();
    let encoded = digits.bytes().map(|byte| {
        let place = usize::from(byte) % ALPHABET.len();
        ALPHABET.get(place).copied().map_or('b', char::from)
    });
    encoded.collect()
}

struct Fnv(u32);

impl Default for Fnv {
    fn default() -> Self {
        Self(0x811c_9dc5)
    }
}

impl Fnv {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
        }
    }
}

/// Members in the order of their names, those that are null not at all.
fn feed(value: &Value, hash: &mut Fnv) {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members
                .iter()
                .filter(|(_, value)| !value.is_null())
                .collect();
            members.sort_by_key(|(name, _)| *name);
            hash.write(b"{");
            for (name, value) in members {
                hash.write(name.as_bytes());
                hash.write(&[0]);
                feed(value, hash);
            }
            hash.write(b"}");
        }
        Value::Array(values) => {
            hash.write(b"[");
            for value in values {
                feed(value, hash);
                hash.write(b",");
            }
            hash.write(b"]");
        }
        other => hash.write(other.to_string().as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn equal_values_have_one_hash_in_the_safe_alphabet() {
        let a = short_hash(&json!({ "a": 1, "b": [null, "x"], "c": null }), None);
        assert_eq!(a, short_hash(&json!({ "b": [null, "x"], "a": 1 }), None));
        assert_ne!(a, short_hash(&json!({ "b": [null, "y"], "a": 1 }), None));
        assert_ne!(a, short_hash(&json!({ "b": [null, "x"], "a": 1 }), Some(1)));
        assert!(a.bytes().all(|byte| ALPHABET.contains(&byte)), "{a}");
    }
}
