//! Addresses and networks as texts.
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::{Errors, Path};

/// Reads an address. Leading zeros are taken, as the API server takes them in old fields.
pub(super) fn parse_ip(text: &str) -> Option<IpAddr> {
    if text.contains(':') {
        return text.parse::<Ipv6Addr>().ok().map(IpAddr::V6);
    }
    let mut octets = [0u8; 4];
    let mut parts = text.split('.');
    for octet in &mut octets {
        let part = parts.next()?;
        if part.is_empty() || part.len() > 32 || !part.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let digits = part.trim_start_matches('0');
        *octet = if digits.is_empty() {
            0
        } else {
            digits.parse().ok()?
        };
    }
    match parts.next() {
        None => Some(IpAddr::V4(Ipv4Addr::from(octets))),
        Some(_) => None,
    }
}

/// A network: its address and the length of its prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Network {
    pub(super) address: IpAddr,
    pub(super) length: u8,
}

impl Network {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (address, length) = text.split_once('/')?;
        let address = parse_ip(address)?;
        if length.is_empty() || length.len() > 3 || !length.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let length: u8 = length.parse().ok()?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        (length <= most).then_some(Self { address, length })
    }

    pub(super) fn contains(self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let shift = 32 - u32::from(self.length);
                let mask = u32::MAX.checked_shl(shift).unwrap_or(0);
                own.to_bits() & mask == other.to_bits() & mask
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let shift = 128 - u32::from(self.length);
                let mask = u128::MAX.checked_shl(shift).unwrap_or(0);
                own.to_bits() & mask == other.to_bits() & mask
            }
            _ => false,
        }
    }
}

/// An address that can be read; what it is.
pub(super) fn validate_ip(text: &str, path: &Path, errors: &mut Errors) -> Option<IpAddr> {
    let address = parse_ip(text);
    if address.is_none() {
        let why = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";
        errors.invalid(path, &text.into(), why);
    }
    address
}

/// A network that can be read; what it is.
pub(super) fn validate_cidr(text: &str, path: &Path, errors: &mut Errors) -> Option<Network> {
    let network = Network::parse(text);
    if network.is_none() {
        let why = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)";
        errors.invalid(path, &text.into(), why);
    }
    network
}

/// An address that traffic can be sent to.
pub(super) fn validate_endpoint_ip(text: &str, path: &Path, errors: &mut Errors) {
    let Some(address) = parse_ip(text) else {
        errors.invalid(path, &text.into(), "must be a valid IP address");
        return;
    };
    let (link_local, link_multicast) = match address {
        IpAddr::V4(v4) => (v4.is_link_local(), v4.octets().starts_with(&[224, 0, 0])),
        IpAddr::V6(v6) => (
            v6.is_unicast_link_local(),
            v6.segments()[0] & 0xff0f == 0xff02,
        ),
    };
    let mut refuse = |why: &str| errors.invalid(path, &text.into(), why);
    if address.is_unspecified() {
        refuse(&format!("may not be unspecified ({text})"));
    }
    if address.is_loopback() {
        refuse("may not be in the loopback range (127.0.0.0/8, ::1/128)");
    }
    if link_local {
        refuse("may not be in the link-local range (169.254.0.0/16, fe80::/10)");
    }
    if link_multicast {
        refuse("may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_may_have_leading_zeros() {
        assert_eq!(parse_ip("010.000.0.1"), "10.0.0.1".parse().ok());
        for bad in ["", "1.2.3", "1.2.3.4.5", "256.0.0.1", "a.b.c.d", "1..2.3"] {
            assert_eq!(parse_ip(bad), None, "{bad}");
        }
        assert!(parse_ip("2001:db8::1").is_some());
    }

    #[test]
    fn networks_know_what_is_in_them() {
        let network = Network::parse("10.0.0.0/8").unwrap();
        assert!(network.contains(parse_ip("10.255.0.1").unwrap()));
        assert!(!network.contains(parse_ip("11.0.0.1").unwrap()));
        assert!(!network.contains(parse_ip("::1").unwrap()));
        let all = Network::parse("0.0.0.0/0").unwrap();
        assert!(all.contains(parse_ip("11.0.0.1").unwrap()));
        for bad in ["10.0.0.0", "10.0.0.0/33", "::/129", "10.0.0.0/+8", "/8"] {
            assert_eq!(Network::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn no_traffic_to_loopback() {
        let mut errors = Errors::default();
        validate_endpoint_ip("127.0.0.1", &Path::new("ip"), &mut errors);
        assert_eq!(
            errors.to_string(),
            "ip: Invalid value: \"127.0.0.1\": may not be in the loopback range (127.0.0.0/8, ::1/128)"
        );
    }
}
