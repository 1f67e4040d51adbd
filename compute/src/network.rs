//! The default VPC of each account and region: three zones with a public and a private subnet each.
//!
//! Nobody has to make a network first. Every account has one in every region, whose ids follow from
//! both, so that they are the same after a restart and a reset.
//!
//! # Subnets that nobody made
//!
//! Tutorials say `subnet-1`. Any id that begins with `subnet-` is taken: it stands for one of the
//! default subnets, a private one unless it has `public` in it. Which zone is decided by the number
//! at its end (1 is the first zone, 2 the second…), or else by its digest. Two such ids may share a
//! subnet, and then share its addresses, none of which is given out twice.
use std::{fmt, net::Ipv4Addr};

use wharf_types::{Region, Registry};

use crate::{
    Code, Cx, Error, addresses, ids,
    tags::{self, Tags},
};

/// How many zones a region has.
pub const ZONES: usize = 3;

/// The length of a subnet's prefix.
const SUBNET: u8 = 19;

/// A range of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Cidr {
    base: u32,
    prefix: u8,
}

impl Cidr {
    /// The range that an address is in. A prefix over 32 is 32.
    pub fn new(address: Ipv4Addr, prefix: u8) -> Self {
        let prefix = prefix.min(32);
        let mask = u32::MAX
            .checked_shl(32 - u32::from(prefix))
            .unwrap_or_default();
        Self {
            base: address.to_bits() & mask,
            prefix,
        }
    }

    /// How many bits all its addresses have in common.
    pub const fn prefix(self) -> u8 {
        self.prefix
    }

    /// How many addresses it has.
    pub const fn size(self) -> u64 {
        1 << (32 - self.prefix)
    }

    /// The address at a place.
    pub const fn at(self, place: u32) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.base.wrapping_add(place))
    }

    /// The place of an address.
    pub fn place(self, address: Ipv4Addr) -> Option<u32> {
        let place = address.to_bits().checked_sub(self.base)?;
        (u64::from(place) < self.size()).then_some(place)
    }

    /// The subnet with a number.
    fn part(self, number: u32) -> Self {
        Self {
            base: self.base.wrapping_add(number << (32 - SUBNET)),
            prefix: SUBNET,
        }
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", Ipv4Addr::from_bits(self.base), self.prefix)
    }
}

/// An availability zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    /// `us-east-1a`
    pub name: String,
    /// `use1-az1`
    pub id: String,
}

/// The zones of a region.
pub fn zones(region: &Region) -> Vec<Zone> {
    let prefix = zone_id_prefix(region);
    let letters = ["a", "b", "c"];
    let zone = |(letter, number): (&str, usize)| Zone {
        name: format!("{region}{letter}"),
        id: format!("{prefix}-az{number}"),
    };
    letters.into_iter().zip(1..=ZONES).map(zone).collect()
}

/// The id of a zone by its name.
pub fn zone_id(region: &Region, name: &str) -> Option<String> {
    let zone = zones(region).into_iter().find(|zone| zone.name == name);
    zone.map(|zone| zone.id)
}

/// `us-east-1` is `use1`, `ap-southeast-2` is `apse2`.
fn zone_id_prefix(region: &Region) -> String {
    let mut prefix = String::new();
    for word in region.place().split('-') {
        let short = match word {
            "east" => "e",
            "west" => "w",
            "north" => "n",
            "south" => "s",
            "central" => "c",
            "southeast" => "se",
            "southwest" => "sw",
            "northeast" => "ne",
            "northwest" => "nw",
            "gov" => "g",
            other => other,
        };
        prefix.push_str(short);
    }
    prefix
}

/// The name that an address has in the VPC.
pub fn private_dns_name(region: &Region, address: Ipv4Addr) -> String {
    let [a, b, c, d] = address.octets();
    let domain = private_domain(region);
    format!("ip-{a}-{b}-{c}-{d}.{domain}")
}

/// The domain of private names: that of the first region is older than the rule for the others.
pub fn private_domain(region: &Region) -> String {
    if region.place() == "us-east-1" {
        "ec2.internal".into()
    } else {
        format!("{}.compute.internal", region.place())
    }
}

/// A subnet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subnet {
    pub id: String,
    pub zone: Zone,
    pub cidr: Cidr,
    pub public: bool,
}

impl Subnet {
    /// `public-a`
    pub fn name(&self) -> String {
        let kind = if self.public { "public" } else { "private" };
        let letter = self.zone.name.chars().last().unwrap_or('a');
        format!("{kind}-{letter}")
    }
}

impl Subnet {
    /// The tags that it has from the beginning: by them load balancers find it.
    fn tags(&self) -> Tags {
        let role = if self.public { "elb" } else { "internal-elb" };
        let role = format!("kubernetes.io/role/{role}");
        Tags::from([("Name".into(), self.name()), (role, "1".into())])
    }
}

/// The network of an account in a region.
#[derive(Clone, Debug)]
pub struct Network {
    place: Registry,
    /// The addresses of the VPC.
    pub cidr: Cidr,
}

impl Network {
    pub const fn new(place: Registry, cidr: Cidr) -> Self {
        Self { place, cidr }
    }

    fn id(&self, prefix: &str, what: &str) -> String {
        let Registry { account, region } = &self.place;
        ids::fixed(prefix, &format!("{account}/{region}/{what}"))
    }

    pub fn vpc_id(&self) -> String {
        self.id("vpc", "default")
    }

    /// The default security group.
    pub fn security_group_id(&self) -> String {
        self.id("sg", "default")
    }

    pub fn internet_gateway_id(&self) -> String {
        self.id("igw", "default")
    }

    pub fn nat_gateway_id(&self) -> String {
        self.id("nat", "default")
    }

    pub fn network_acl_id(&self) -> String {
        self.id("acl", "default")
    }

    pub fn dhcp_options_id(&self) -> String {
        self.id("dopt", "default")
    }

    /// The route table of public or of private subnets.
    pub fn route_table_id(&self, public: bool) -> String {
        self.id("rtb", if public { "public" } else { "private" })
    }

    /// The id of what ties a subnet to its route table.
    pub fn association_id(&self, subnet: &str) -> String {
        self.id("rtbassoc", subnet)
    }

    /// The subnets that there are: the public ones first.
    pub fn subnets(&self) -> Vec<Subnet> {
        let kinds = [("public", true, 0), ("private", false, 3)];
        let zones = zones(&self.place.region);
        let all = kinds.iter().flat_map(|(kind, public, first)| {
            zones.iter().zip(0_u32..).map(move |(zone, number)| Subnet {
                id: self.id("subnet", &format!("{kind}/{number}")),
                zone: zone.clone(),
                cidr: self.cidr.part(first + number),
                public: *public,
            })
        });
        all.collect()
    }

    /// The subnet of an id: one that there is, or the one that an unknown id stands for.
    pub fn subnet(&self, id: &str) -> Option<Subnet> {
        let subnets = self.subnets();
        if let Some(found) = subnets.iter().find(|subnet| subnet.id == id) {
            return Some(found.clone());
        }
        let rest = id.strip_prefix("subnet-").filter(|rest| {
            let word = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
            !rest.is_empty() && rest.len() <= 64 && rest.bytes().all(word)
        })?;
        let start = rest.trim_end_matches(|c: char| c.is_ascii_digit()).len();
        let number: Option<usize> = rest.get(start..).and_then(|digits| digits.parse().ok());
        let place = match number {
            Some(number) if number > 0 => (number - 1) % ZONES,
            _ => usize::from_str_radix(&ids::digits(id, 4), 16).unwrap_or_default() % ZONES,
        };
        let public = rest.contains("public");
        let mut of_kind = subnets.into_iter().filter(|subnet| subnet.public == public);
        of_kind.nth(place).map(|subnet| Subnet {
            id: id.to_owned(),
            ..subnet
        })
    }

    /// The first subnet of a zone, where an instance goes that nobody placed.
    pub fn subnet_in(&self, zone: &str) -> Option<Subnet> {
        let mut subnets = self.subnets().into_iter();
        subnets.find(|subnet| subnet.zone.name == zone)
    }
}

/// The subnets with ids, or those that there are, with how many addresses of each are free and with
/// their tags. Those that EKS looks for are on the subnets that there are.
pub async fn describe(
    cx: &Cx,
    place: &Registry,
    ids: Vec<String>,
) -> Result<Vec<(Subnet, u64, Tags)>, Error> {
    let found = cx.ask(place, move |tx, here| {
        let network = here.network();
        let mut wanted = network.subnets();
        if !ids.is_empty() {
            let one = |id: &String| {
                network.subnet(id).ok_or_else(|| {
                    let text = format!("The subnet ID '{id}' does not exist");
                    Error::refused(Code::SubnetNotFound, text)
                })
            };
            wanted = ids.iter().map(one).collect::<Result<_, _>>()?;
        }
        let mut found = Vec::new();
        for subnet in wanted {
            let free = addresses::free(tx, here, &subnet)?;
            let mut all = subnet.tags();
            all.extend(tags::of(tx, here, &subnet.id)?);
            found.push((subnet, free, all));
        }
        Ok(found)
    });
    found.await
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn place(region: &str) -> Registry {
        Registry {
            account: "000000000000".parse().unwrap(),
            region: region.parse().unwrap(),
        }
    }

    #[test]
    fn zones_and_names_are_as_aws_writes_them() {
        for (region, name, id) in [
            ("us-east-1", "us-east-1a", "use1-az1"),
            ("eu-central-1", "eu-central-1a", "euc1-az1"),
            ("ap-southeast-2", "ap-southeast-2a", "apse2-az1"),
            ("us-gov-west-1", "us-gov-west-1a", "usgw1-az1"),
        ] {
            let zones = zones(&region.parse().unwrap());
            assert_eq!((&*zones[0].name, &*zones[0].id), (name, id));
        }
        let address = Ipv4Addr::new(192, 168, 1, 2);
        for (region, name) in [
            ("us-east-1", "ip-192-168-1-2.ec2.internal"),
            (
                "eu-central-1",
                "ip-192-168-1-2.eu-central-1.compute.internal",
            ),
        ] {
            assert_eq!(private_dns_name(&region.parse().unwrap(), address), name);
        }
    }

    #[test]
    fn the_default_vpc_has_six_subnets_that_do_not_overlap() {
        let network = Network::new(
            place("us-east-1"),
            Cidr::new(Ipv4Addr::new(192, 168, 0, 0), 16),
        );
        let ranges: Vec<String> = network
            .subnets()
            .iter()
            .map(|subnet| subnet.cidr.to_string())
            .collect();
        assert_eq!(
            ranges,
            [
                "192.168.0.0/19",
                "192.168.32.0/19",
                "192.168.64.0/19",
                "192.168.96.0/19",
                "192.168.128.0/19",
                "192.168.160.0/19"
            ]
        );
        let ids: BTreeSet<_> = network.subnets().into_iter().map(|s| s.id).collect();
        assert_eq!(ids.len(), 6);
        for subnet in network.subnets() {
            assert_eq!(network.subnet(&subnet.id), Some(subnet));
        }
    }

    #[test]
    fn a_subnet_that_nobody_made_stands_for_one_that_there_is() {
        let network = Network::new(
            place("eu-west-1"),
            Cidr::new(Ipv4Addr::new(10, 1, 0, 0), 16),
        );
        let zone = |id: &str| network.subnet(id).unwrap().zone.name;
        assert_eq!(
            [zone("subnet-1"), zone("subnet-2"), zone("subnet-3")],
            ["eu-west-1a", "eu-west-1b", "eu-west-1c"]
        );
        let subnet = network.subnet("subnet-1").unwrap();
        assert_eq!((&*subnet.id, subnet.public), ("subnet-1", false));
        assert_eq!(subnet.cidr.to_string(), "10.1.96.0/19");
        assert!(network.subnet("subnet-public-1").unwrap().public);
        assert_eq!(network.subnet("subnet-abc"), network.subnet("subnet-abc"));
        for wrong in ["subnet-", "vpc-1", "", "subnet-a b", "subnet-1/2"] {
            assert_eq!(network.subnet(wrong), None, "{wrong}");
        }
    }
}
