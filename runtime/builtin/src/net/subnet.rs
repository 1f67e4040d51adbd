//! Four addresses that nothing else on the machine has, for the two ends of a cable.
use std::net::Ipv4Addr;

/// How many bits the four have in common.
pub(super) const PREFIX: u8 = 30;

/// Routes to more than this lead nearly everywhere, as the halves of all addresses that a VPN has:
/// they are no places.
const PLACE: u8 = 8;

/// Four addresses, by the first of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Subnet(u32);

impl Subnet {
    pub(super) const fn of(ip: Ipv4Addr) -> Self {
        Self(ip.to_bits() & !3)
    }

    pub(super) const fn first(self) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.0)
    }

    /// The machine's.
    pub(super) const fn host(self) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.0 + 1)
    }

    /// The pods'.
    pub(super) const fn pods(self) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.0 + 2)
    }

    pub(super) fn is_in(self, first: Ipv4Addr, prefix: u8) -> bool {
        let bits = u32::from(prefix.min(PREFIX));
        let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
        prefix >= PLACE && self.0 & mask == first.to_bits() & mask
    }
}

/// What may be free. First of the addresses that mean something on one link only, without those
/// that AWS and RFC 3927 keep; then of those for measurements (RFC 2544), as some machines think
/// that all of the first are neighbours. Who begins elsewhere seldom meets anybody.
pub(super) fn candidates(seed: u32) -> impl Iterator<Item = Subnet> {
    let kept = |third: u32| matches!(third, 0 | 169 | 170 | 255);
    let links = (0..1 << 14).map(|n| Subnet(0xa9fe_0000 + 4 * n));
    let links: Vec<Subnet> = links.filter(|one| !kept(one.0 >> 8 & 0xff)).collect();
    let others: Vec<Subnet> = (0..1 << 14).map(|n| Subnet(0xc613_0000 + 4 * n)).collect();
    [links, others].into_iter().flat_map(move |mut all| {
        let length = all.len().max(1);
        all.rotate_left(usize::try_from(seed).unwrap_or_default() % length);
        all
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_gets_what_is_kept_and_all_are_apart() {
        let all: Vec<Subnet> = candidates(7).collect();
        let unique: std::collections::BTreeSet<u32> = all.iter().map(|one| one.0).collect();
        assert_eq!((all.len(), unique.len()), (2 * 16_384 - 4 * 64, all.len()));
        for kept in [
            "169.254.169.254",
            "169.254.170.53",
            "169.254.170.23",
            "169.254.0.1",
        ] {
            let kept = Subnet::of(kept.parse().unwrap());
            assert!(!all.contains(&kept), "{kept:?}");
        }
        assert_eq!(all[0].first(), Ipv4Addr::new(169, 254, 1, 28));
        assert_ne!(candidates(8).next(), candidates(7).next());
    }

    #[test]
    fn a_subnet_is_in_what_it_overlaps_but_for_ways_to_everywhere() {
        let one = Subnet::of(Ipv4Addr::new(169, 254, 1, 31));
        assert_eq!(
            [one.first(), one.host(), one.pods()].map(|ip| ip.octets()[3]),
            [28, 29, 30]
        );
        let is_in = |text: &str, prefix| one.is_in(text.parse().unwrap(), prefix);
        assert!(is_in("169.254.0.0", 16) && is_in("169.254.1.30", 32) && is_in("169.0.0.0", 8));
        assert!(!is_in("169.254.1.32", 32) && !is_in("169.254.2.0", 24));
        assert!(!is_in("0.0.0.0", 0) && !is_in("128.0.0.0", 1));
    }
}
