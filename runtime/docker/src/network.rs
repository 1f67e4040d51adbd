//! The network of a cluster's pods: one of Docker's bridges, in a range that nothing else is in.
use std::fmt;
use std::net::Ipv4Addr;

use serde_json::json;

use crate::Error;
use crate::answers;
use crate::client::Client;
use crate::files::blocking;
use crate::names::{Kind, Names};

/// The network that pods are wanted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    /// The bridge's own address.
    pub gateway: Ipv4Addr,
    /// How many of its bits all addresses have in common.
    pub prefix: u8,
}

/// Some addresses that have their first bits in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Range {
    first: u32,
    prefix: u8,
}

impl Range {
    fn new(of: Ipv4Addr, prefix: u8) -> Self {
        let prefix = prefix.min(32);
        Self {
            first: u32::from(of) & mask(prefix),
            prefix,
        }
    }

    /// Reads `10.0.0.0/8`. None: it is of another family.
    fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = text.split_once('/')?;
        Some(Self::new(address.parse().ok()?, prefix.parse().ok()?))
    }

    fn overlaps(self, other: Self) -> bool {
        let mask = mask(self.prefix.min(other.prefix));
        self.first & mask == other.first & mask
    }

    fn gateway(self) -> Ipv4Addr {
        Ipv4Addr::from(self.first.saturating_add(1))
    }

    /// Whether a pod can have this address.
    pub(crate) fn has_room_for(self, ip: Ipv4Addr) -> bool {
        let last = self.first | !mask(self.prefix);
        let ip = u32::from(ip);
        ip & mask(self.prefix) == self.first && ip > self.first.saturating_add(1) && ip < last
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", Ipv4Addr::from(self.first), self.prefix)
    }
}

fn mask(prefix: u8) -> u32 {
    u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0)
}

/// The range that is wanted, then others that are seldom used: neither those that Docker itself
/// takes nor those of EKS's services.
fn candidates(wanted: Network) -> impl Iterator<Item = Range> {
    let others = (0..54).map(|n| Range::new(Ipv4Addr::new(10, 254 - n, 0, 0), 16));
    let tests = (18..20).map(|n| Range::new(Ipv4Addr::new(198, n, 0, 0), 16));
    std::iter::once(Range::new(wanted.gateway, wanted.prefix))
        .filter(|range| range.prefix > 0)
        .chain(others)
        .chain(tests)
}

/// The network of the cluster; made if there is none.
pub(crate) async fn ensure(
    client: &Client,
    names: &Names,
    wanted: Network,
) -> Result<Range, Error> {
    if let Some(range) = find(client, names).await? {
        return Ok(range);
    }
    let mut taken = routes().await?;
    let networks: Vec<answers::Network> = client.get("/networks").json().await?;
    let pools = networks
        .into_iter()
        .filter_map(|network| network.ipam.config);
    taken.extend(
        pools
            .flatten()
            .filter_map(|pool| Range::parse(&pool.subnet)),
    );
    let free = |range: &Range| taken.iter().all(|other| !range.overlaps(*other));
    for range in candidates(wanted).filter(free) {
        match make(client, names, range).await {
            Ok(()) => return Ok(range),
            // Docker knows of more networks than it lists.
            Err(Error::Answered { message, .. }) if message.contains("overlap") => {}
            // Somebody else made it.
            Err(error) if error.is_conflict() => {
                if let Some(range) = find(client, names).await? {
                    return Ok(range);
                }
                return Err(error);
            }
            Err(error) => return Err(error),
        }
    }
    Err(Error::Refused(
        "no range of addresses is free for a network of pods".to_owned(),
    ))
}

async fn find(client: &Client, names: &Names) -> Result<Option<Range>, Error> {
    let name = names.network();
    let call = client.get(format!("/networks/{name}"));
    let Some(network) = call.find::<answers::Network>().await? else {
        return Ok(None);
    };
    if !names.is_ours(&network.labels) {
        return Err(Error::Refused(format!("the network {name} is not ours")));
    }
    let mut pools = network.ipam.config.into_iter().flatten();
    let range = pools.find_map(|pool| Range::parse(&pool.subnet));
    range
        .map(Some)
        .ok_or_else(|| Error::Refused(format!("the network {name} has no addresses")))
}

async fn make(client: &Client, names: &Names, range: Range) -> Result<(), Error> {
    let call = client.post("/networks/create").body(&json!({
        "Name": names.network(),
        "CheckDuplicate": true,
        "Driver": "bridge",
        "Labels": names.labels(Kind::Network),
        "IPAM": { "Config": [{ "Subnet": range.to_string(), "Gateway": range.gateway() }] },
    }))?;
    call.json::<answers::Created>().await.map(drop)
}

/// Where this machine sends packets. Of another machine, on which Docker may be, nobody knows.
async fn routes() -> Result<Vec<Range>, Error> {
    blocking(|| {
        let text = std::fs::read_to_string("/proc/net/route").unwrap_or_default();
        Ok(parse_routes(&text))
    })
    .await
}

fn parse_routes(text: &str) -> Vec<Range> {
    let number = |text: &str| u32::from_str_radix(text, 16).ok().map(u32::swap_bytes);
    let route = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (to, mask) = (number(words.get(1)?)?, number(words.get(7)?)?);
        let prefix = u8::try_from(mask.leading_ones()).ok()?;
        // The way to everywhere is no place.
        (prefix > 0).then(|| Range::new(to.into(), prefix))
    };
    text.lines().skip(1).filter_map(route).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_overlap_if_one_is_in_the_other() {
        let range = |text| Range::parse(text).unwrap();
        let vpc = range("192.168.0.0/16");
        assert!(vpc.overlaps(range("192.168.1.0/24")) && range("192.168.1.0/24").overlaps(vpc));
        assert!(vpc.overlaps(range("192.0.0.0/8")) && !vpc.overlaps(range("192.169.0.0/16")));
        assert_eq!(vpc.gateway(), Ipv4Addr::new(192, 168, 0, 1));
        assert_eq!(range("192.168.7.9/16").to_string(), "192.168.0.0/16");
        assert!(Range::parse("fd00::/8").is_none());
    }

    #[test]
    fn pods_have_neither_the_first_addresses_nor_the_last() {
        let range = Range::parse("10.1.2.0/24").unwrap();
        let has = |last| range.has_room_for(Ipv4Addr::new(10, 1, 2, last));
        assert_eq!(
            [0, 1, 2, 254, 255].map(has),
            [false, false, true, true, false]
        );
        assert!(!range.has_room_for(Ipv4Addr::new(10, 1, 3, 7)));
    }

    #[test]
    fn the_wanted_range_comes_first_and_all_are_apart() {
        let wanted = Network {
            gateway: Ipv4Addr::new(192, 168, 0, 1),
            prefix: 16,
        };
        let all: Vec<Range> = candidates(wanted).collect();
        assert_eq!(all[0].to_string(), "192.168.0.0/16");
        let services = ["10.100.0.0/16", "172.20.0.0/16", "172.17.0.0/16"];
        let services = services.map(|text| Range::parse(text).unwrap());
        for (at, one) in all.iter().enumerate() {
            assert!(all[..at].iter().all(|other| !one.overlaps(*other)), "{one}");
            assert!(services.iter().all(|other| !one.overlaps(*other)), "{one}");
        }
    }

    #[test]
    fn routes_of_the_kernel_are_read() {
        let text = "\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t0100A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth0\t0001A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
";
        let routes: Vec<String> = parse_routes(text).iter().map(ToString::to_string).collect();
        assert_eq!(routes, ["192.168.1.0/24"]);
    }
}
