//! Which addresses may be connected to.
use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// A name stands for no address that may be connected to.
#[derive(Debug, thiserror::Error)]
#[error("{0} has no public address")]
pub(crate) struct Private(String);

/// Whether an address is one of the internet: not of this machine, its networks, a group, or a
/// reserved range. Addresses that carry an IPv4 address are what that one is.
pub(crate) fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

fn is_public_v4(a: Ipv4Addr) -> bool {
    let [one, two, three, _] = a.octets();
    let local = a.is_loopback() || a.is_private() || a.is_link_local();
    let special = a.is_documentation()
        || one == 0
        || one >= 224
        || (one == 100 && (64..128).contains(&two))
        || (one == 192 && two == 0 && three == 0)
        || (one == 198 && (two == 18 || two == 19));
    !local && !special
}

fn is_public_v6(a: Ipv6Addr) -> bool {
    let [first, second, third, .., seventh, eighth] = a.segments();
    let embedded = |high: u16, low: u16| {
        let [[a, b], [c, d]] = [high.to_be_bytes(), low.to_be_bytes()];
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match (first, second) {
        // NAT64
        (0x64, 0xff9b) => third == 0 && embedded(seventh, eighth),
        // 6to4
        (0x2002, _) => embedded(second, third),
        // Teredo, benchmarks and others that nobody serves from; documentation
        (0x2001, 0..0x200 | 0xdb8) => false,
        (0x3fff, 0..0x1000) => false,
        // Global unicast is all that is left.
        _ => first & 0xe000 == 0x2000,
    }
}

/// Looks names up and leaves out what must not be connected to.
#[derive(Debug)]
pub(crate) struct Resolver {
    /// Hosts that may have any address.
    pub(crate) anywhere: Arc<[String]>,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let anywhere = self.anywhere.iter().any(|host| host == name.as_str());
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let kept = permitted(name.as_str(), found.collect(), anywhere)?;
            Ok(Box::new(kept.into_iter()) as Addrs)
        })
    }
}

fn permitted(
    name: &str,
    mut found: Vec<SocketAddr>,
    anywhere: bool,
) -> Result<Vec<SocketAddr>, Private> {
    if !anywhere {
        found.retain(|address| is_public(address.ip()));
    }
    if found.is_empty() {
        return Err(Private(name.to_owned()));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_the_internet_are_public() {
        for public in [
            "1.1.1.1",
            "99.84.0.1",
            "172.32.0.1",
            "2606:4700::1111",
            "::ffff:1.1.1.1",
            "64:ff9b::101:101",
        ] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
        for private in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "127.0.0.1",
            "127.255.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "192.0.0.1",
            "192.168.1.1",
            "192.0.2.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "2002:7f00:1::",
            "2001::1",
            "2001:db8::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!is_public(private.parse().unwrap()), "{private}");
        }
    }

    #[test]
    fn a_name_is_only_what_is_public_of_its_addresses() {
        let at = |text: &str| SocketAddr::new(text.parse().unwrap(), 0);
        let both = vec![at("1.1.1.1"), at("127.0.0.1"), at("::1")];
        assert_eq!(
            permitted("x", both.clone(), false).unwrap(),
            [at("1.1.1.1")]
        );
        assert_eq!(permitted("x", both.clone(), true).unwrap(), both);
        let rebound = permitted("rebound.example", vec![at("169.254.169.254")], false);
        assert!(rebound.unwrap_err().to_string().contains("rebound.example"));
    }

    #[tokio::test]
    async fn names_of_this_machine_are_only_for_those_who_were_allowed_to() {
        let resolve = |anywhere: &[&str]| {
            let anywhere = anywhere.iter().map(ToString::to_string).collect();
            Resolver { anywhere }.resolve("localhost".parse().unwrap())
        };
        assert!(resolve(&[]).await.is_err());
        assert!(resolve(&["other"]).await.is_err());
        assert!(resolve(&["localhost"]).await.is_ok());
    }
}
