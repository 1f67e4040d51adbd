//! Domain names: lower case inside, whatever came.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The longest name on the wire (RFC 1035, 2.3.4).
const MAX_LENGTH: usize = 255;
/// Pointers that one name may go through; each leads backwards, so that this is generous.
const MAX_POINTERS: usize = 16;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Name(Vec<Box<[u8]>>);

impl Name {
    /// From text, as `web.default.svc.cluster.local`. None: a label or the whole is too long or empty.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.strip_suffix('.').unwrap_or(text);
        let labels: Vec<Box<[u8]>> = text
            .split('.')
            .map(|label| label.to_ascii_lowercase().into_bytes().into_boxed_slice())
            .collect();
        let right = labels.iter().all(|label| (1..=63).contains(&label.len()));
        (right && text.len() + 2 <= MAX_LENGTH).then_some(Self(labels))
    }

    /// Reads a name at `at`; answers it and where what follows begins.
    pub(super) fn read(packet: &[u8], at: usize) -> Option<(Self, usize)> {
        let mut labels = Vec::new();
        let mut at = at;
        let mut end = None;
        let mut pointers = 0;
        let mut length = 1;
        loop {
            let first = *packet.get(at)?;
            match first {
                0 => return Some((Self(labels), end.unwrap_or(at + 1))),
                1..=63 => {
                    let size = usize::from(first);
                    let label = packet.get(at + 1..at + 1 + size)?;
                    length += size + 1;
                    if length > MAX_LENGTH {
                        return None;
                    }
                    labels.push(label.to_ascii_lowercase().into_boxed_slice());
                    at += 1 + size;
                }
                0xc0.. => {
                    let low = *packet.get(at + 1)?;
                    let to = usize::from(u16::from_be_bytes([first & 0x3f, low]));
                    pointers += 1;
                    if to >= at || pointers > MAX_POINTERS {
                        return None;
                    }
                    end.get_or_insert(at + 2);
                    at = to;
                }
                _ => return None,
            }
        }
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        for label in &self.0 {
            out.push(u8::try_from(label.len()).unwrap_or_default());
            out.extend_from_slice(label);
        }
        out.push(0);
    }

    /// The labels before `suffix`, if the name ends with it.
    pub(super) fn below(&self, suffix: &Self) -> Option<Vec<&str>> {
        let labels = self.0.strip_suffix(suffix.0.as_slice())?;
        // A label that is no text is no name of ours; it stays a label that matches nothing.
        Some(
            labels
                .iter()
                .map(|label| str::from_utf8(label).unwrap_or("\u{0}"))
                .collect(),
        )
    }

    /// `label.self`; the same name if that would be no name.
    pub(super) fn child(&self, label: &str) -> Self {
        let mut labels = vec![label.to_ascii_lowercase().into_bytes().into_boxed_slice()];
        labels.extend(self.0.iter().cloned());
        Self(labels)
    }

    /// The address that a name below `in-addr.arpa` or `ip6.arpa` is of.
    pub(super) fn reversed(&self) -> Option<IpAddr> {
        let labels = self.below(&Self(Vec::new()))?;
        match labels.as_slice() {
            [d, c, b, a, "in-addr", "arpa"] => {
                let text = format!("{a}.{b}.{c}.{d}");
                text.parse::<Ipv4Addr>().ok().map(IpAddr::V4)
            }
            [nibbles @ .., "ip6", "arpa"] if nibbles.len() == 32 => {
                let mut value = 0_u128;
                for nibble in nibbles.iter().rev() {
                    let digit = (nibble.len() == 1).then(|| u128::from_str_radix(nibble, 16));
                    value = value << 4 | digit?.ok()?;
                }
                Some(IpAddr::V6(Ipv6Addr::from(value)))
            }
            _ => None,
        }
    }
}

/// `10-1-2-3` for an address, as names of pods and of endpoints have it.
pub(super) fn dashed(ip: IpAddr) -> String {
    ip.to_string().replace(['.', ':'], "-")
}

/// The address of a dashed label.
pub(super) fn undashed(label: &str) -> Option<IpAddr> {
    let v4 = label.replace('-', ".").parse().map(IpAddr::V4);
    v4.or_else(|_| label.replace('-', ":").parse().map(IpAddr::V6))
        .ok()
}
