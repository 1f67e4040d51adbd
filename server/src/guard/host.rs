//! The `Host` of a request: its strict form, and what it means.
use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

use wharf_types::{Invalid, Region, Registry};

/// `host[:port]`, in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    pub name: Name,
    pub port: Option<u16>,
}

/// A host without its port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Name {
    Ip(IpAddr),
    Dns(String),
}

/// Which of our names a request was sent to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostKind {
    /// `localhost`, a name below it that means nothing more, or a loopback address.
    Loopback,
    /// Another address of this machine.
    Ip(IpAddr),
    /// `<account>.dkr.ecr.<region>.amazonaws.com`, or a name of that form that is loopback.
    EcrRegistry(Registry),
    /// The host of all public registries, or that name as one that is loopback.
    EcrPublic,
    /// An endpoint of AWS, in the region that its name has.
    Service { region: Option<Region> },
    /// A name that the operator listed.
    Public,
}

impl FromStr for Host {
    type Err = Invalid;

    /// Refuses all that a URL could be hidden in: user information, paths, percent signs, zones of
    /// addresses, trailing dots, numbers that are addresses to some resolvers.
    fn from_str(text: &str) -> Result<Self, Invalid> {
        let invalid = || Invalid {
            what: "host",
            text: text.chars().take(300).collect(),
        };
        let (name, port) = if let Some(rest) = text.strip_prefix('[') {
            let (address, after) = rest.split_once(']').ok_or_else(invalid)?;
            let address: Ipv6Addr = address.parse().map_err(|_not_v6| invalid())?;
            let port = match after {
                "" => None,
                _ => Some(after.strip_prefix(':').ok_or_else(invalid)?),
            };
            (Name::Ip(IpAddr::V6(address).to_canonical()), port)
        } else {
            let (name, port) = match text.split_once(':') {
                Some((name, port)) => (name, Some(port)),
                None => (text, None),
            };
            (parse_name(name).ok_or_else(invalid)?, port)
        };
        let port = match port {
            Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => {
                Some(digits.parse().map_err(|_too_large| invalid())?)
            }
            Some(_) => return Err(invalid()),
            None => None,
        };
        Ok(Self { name, port })
    }
}

fn parse_name(text: &str) -> Option<Name> {
    if let Ok(address) = text.parse::<Ipv4Addr>() {
        return Some(Name::Ip(address.into()));
    }
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    // Resolvers read `127.1`, `0x7f.1` and `2130706433` as addresses: no name ends in a number.
    let last = text.rsplit('.').next().unwrap_or_default();
    let numeric = last.bytes().all(|b| b.is_ascii_digit()) || last.starts_with("0x");
    let valid = text.len() <= 253 && !numeric && text.split('.').all(label);
    valid.then(|| Name::Dns(text.to_ascii_lowercase()))
}

impl Host {
    /// What this host is to us, given the names in `public`; `None` if it is not ours.
    pub(super) fn kind(&self, public: &[String]) -> Option<HostKind> {
        match &self.name {
            // "0.0.0.0-day": browsers let pages reach it where they bar loopback.
            Name::Ip(ip) if ip.is_unspecified() => None,
            Name::Ip(ip) if ip.is_loopback() => Some(HostKind::Loopback),
            Name::Ip(ip) => Some(HostKind::Ip(*ip)),
            Name::Dns(name) => aws(name)
                .or_else(|| local(name))
                .or_else(|| public.contains(name).then_some(HostKind::Public)),
        }
    }
}

/// `localhost` and what is below it is loopback (RFC 6761, section 6.3).
fn local(name: &str) -> Option<HostKind> {
    let is = name == "localhost" || name.ends_with(".localhost");
    is.then_some(HostKind::Loopback)
}

/// Names that only AWS gives addresses to, and the same below `localhost`.
fn aws(name: &str) -> Option<HostKind> {
    if name == "public.ecr.aws" || name == "public.ecr.localhost" {
        return Some(HostKind::EcrPublic);
    }
    let labels: Vec<&str> = name.split('.').collect();
    let (labels, local) = match labels.as_slice() {
        [labels @ .., "localhost"] => (labels, true),
        labels => (labels, false),
    };
    let (labels, aws) = match labels {
        [labels @ .., "amazonaws", "com", "cn"] | [labels @ .., "amazonaws", "com"] => {
            (labels, true)
        }
        [labels @ .., "on" | "api", "aws"] => (labels, true),
        labels => (labels, false),
    };
    if !(aws || local) {
        return None;
    }
    if let Some(registry) = registry(labels) {
        return Some(HostKind::EcrRegistry(registry));
    }
    match labels {
        _ if !aws => None,
        [] => None,
        [_] => Some(HostKind::Service { region: None }),
        [.., region] => {
            let region = aws_region(region)?;
            Some(HostKind::Service {
                region: Some(region),
            })
        }
    }
}

fn registry(labels: &[&str]) -> Option<Registry> {
    let ([account, "dkr", "ecr" | "ecr-fips", region] | [account, "dkr-ecr", region]) = labels
    else {
        return None;
    };
    Some(Registry {
        account: account.parse().ok()?,
        region: aws_region(region)?,
    })
}

/// A region that ends in a number, as all do. Names such as `ec2-….compute-1.amazonaws.com` and
/// `….elb.amazonaws.com` belong to AWS's customers, who choose where they lead.
fn aws_region(label: &str) -> Option<Region> {
    let parts: Vec<&str> = label.split('-').collect();
    let numbered = parts
        .last()
        .is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()));
    (parts.len() >= 3 && numbered)
        .then(|| label.parse().ok())
        .flatten()
}
