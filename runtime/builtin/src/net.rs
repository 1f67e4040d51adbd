//! Networks of pods: a namespace of its own with a bridge in it, and a cable from there to each pod.
//!
//! The bridge's namespace is the virtual private cloud: pods have its addresses and meet no route of
//! the machine. It lives as long as somebody has it open, which every shim does.
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd};

use netlink_packet_core::{
    NLM_F_ACK, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REQUEST, NetlinkMessage, NetlinkPayload,
};
use netlink_packet_route::address::{AddressAttribute, AddressMessage};
use netlink_packet_route::link::{
    InfoData, InfoKind, InfoVeth, LinkAttribute, LinkFlags, LinkInfo, LinkMessage,
};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteProtocol, RouteScope, RouteType,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};
use rustix::fs::{CWD, Mode, OFlags};
use rustix::thread::{LinkNameSpaceType, UnshareFlags};

use crate::Error;
use crate::unpack::unshare;
use crate::wire::PodPlan;

/// The pod's own end of its cable.
const DEVICE: &str = "eth0";

/// The kernel's configuration of the network that the thread is in.
struct Links(Socket);

fn broken(what: &str) -> impl Fn(std::io::Error) -> Error {
    move |error| Error::Network(format!("{what}: {error}"))
}

impl Links {
    fn open() -> Result<Self, Error> {
        let mut socket = Socket::new(NETLINK_ROUTE).map_err(broken("netlink"))?;
        socket.bind_auto().map_err(broken("netlink"))?;
        socket
            .connect(&SocketAddr::new(0, 0))
            .map_err(broken("netlink"))?;
        Ok(Self(socket))
    }

    /// Sends a request and waits for its answer.
    fn ask(&self, what: &str, message: RouteNetlinkMessage, flags: u16) -> Result<(), Error> {
        let mut request = NetlinkMessage::from(message);
        request.header.flags = NLM_F_REQUEST | NLM_F_ACK | flags;
        request.finalize();
        let mut bytes = vec![0; request.buffer_len()];
        request.serialize(&mut bytes);
        self.0.send(&bytes, 0).map_err(broken(what))?;
        let (answer, _) = self.0.recv_from_full().map_err(broken(what))?;
        let answer = NetlinkMessage::<RouteNetlinkMessage>::deserialize(&answer)
            .map_err(|error| Error::Network(error.to_string()))?;
        match answer.payload {
            NetlinkPayload::Error(error) if error.code.is_some() => {
                Err(broken(what)(error.to_io()))
            }
            _ => Ok(()),
        }
    }

    fn index(name: &str) -> Result<u32, Error> {
        let family = rustix::net::AddressFamily::INET;
        let kind = rustix::net::SocketType::DGRAM;
        let socket =
            rustix::net::socket(family, kind, None).map_err(Error::step("open a socket"))?;
        rustix::net::netdevice::name_to_index(&socket, name).map_err(Error::step("find a device"))
    }

    fn add_bridge(&self, name: &str) -> Result<(), Error> {
        let mut link = LinkMessage::default();
        link.attributes = vec![
            LinkAttribute::IfName(name.to_owned()),
            LinkAttribute::LinkInfo(vec![LinkInfo::Kind(InfoKind::Bridge)]),
        ];
        self.ask(
            "make a bridge",
            RouteNetlinkMessage::NewLink(link),
            NLM_F_CREATE | NLM_F_EXCL,
        )
    }

    /// Makes a cable from here to another namespace.
    fn add_cable(&self, name: &str, other: &str, space: BorrowedFd<'_>) -> Result<(), Error> {
        let mut peer = LinkMessage::default();
        peer.attributes = vec![
            LinkAttribute::IfName(other.to_owned()),
            LinkAttribute::NetNsFd(space.as_raw_fd()),
        ];
        let mut link = LinkMessage::default();
        link.attributes = vec![
            LinkAttribute::IfName(name.to_owned()),
            LinkAttribute::LinkInfo(vec![
                LinkInfo::Kind(InfoKind::Veth),
                LinkInfo::Data(InfoData::Veth(InfoVeth::Peer(peer))),
            ]),
        ];
        self.ask(
            "make a cable",
            RouteNetlinkMessage::NewLink(link),
            NLM_F_CREATE | NLM_F_EXCL,
        )
    }

    /// Removes what is left of an earlier cable: the kernel takes its time over one whose other end is
    /// gone.
    fn remove(&self, name: &str) {
        let mut link = LinkMessage::default();
        if let Ok(index) = Self::index(name) {
            link.header.index = index;
            let _gone = self.ask("remove a cable", RouteNetlinkMessage::DelLink(link), 0);
        }
    }

    fn up(&self, name: &str, bridge: Option<&str>) -> Result<(), Error> {
        let mut link = LinkMessage::default();
        link.header.index = Self::index(name)?;
        link.header.flags = LinkFlags::Up;
        link.header.change_mask = LinkFlags::Up;
        if let Some(bridge) = bridge {
            link.attributes = vec![LinkAttribute::Controller(Self::index(bridge)?)];
        }
        self.ask("start a device", RouteNetlinkMessage::SetLink(link), 0)
    }

    fn add_address(&self, name: &str, ip: Ipv4Addr, prefix: u8) -> Result<(), Error> {
        let mut address = AddressMessage::default();
        address.header.family = AddressFamily::Inet;
        address.header.prefix_len = prefix;
        address.header.index = Self::index(name)?;
        let ip = IpAddr::V4(ip);
        address.attributes = vec![AddressAttribute::Local(ip), AddressAttribute::Address(ip)];
        self.ask(
            "give an address",
            RouteNetlinkMessage::NewAddress(address),
            NLM_F_CREATE | NLM_F_EXCL,
        )
    }

    fn add_default_route(&self, gateway: Ipv4Addr) -> Result<(), Error> {
        let mut route = RouteMessage::default();
        route.header = RouteHeader {
            address_family: AddressFamily::Inet,
            table: RouteHeader::RT_TABLE_MAIN,
            protocol: RouteProtocol::Static,
            scope: RouteScope::Universe,
            kind: RouteType::Unicast,
            ..RouteHeader::default()
        };
        route.attributes = vec![RouteAttribute::Gateway(RouteAddress::Inet(gateway))];
        self.ask(
            "give a route",
            RouteNetlinkMessage::NewRoute(route),
            NLM_F_CREATE | NLM_F_EXCL,
        )
    }
}

/// The network namespace of this thread.
fn current() -> Result<OwnedFd, Error> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    rustix::fs::openat(CWD, "/proc/thread-self/ns/net", flags, Mode::empty())
        .map_err(Error::step("open a namespace"))
}

fn enter(space: BorrowedFd<'_>) -> Result<(), Error> {
    rustix::thread::move_into_link_name_space(space, Some(LinkNameSpaceType::Network))
        .map_err(Error::step("enter a namespace"))
}

/// Makes the namespace of the bridge. The thread is in another one afterwards, and must end.
pub(crate) fn make_space(bridge: &str, gateway: Ipv4Addr, prefix: u8) -> Result<OwnedFd, Error> {
    unshare(UnshareFlags::NEWNET)?;
    let links = Links::open()?;
    links.up("lo", None)?;
    links.add_bridge(bridge)?;
    links.add_address(bridge, gateway, prefix)?;
    links.up(bridge, None)?;
    current()
}

/// Moves this process, which has one thread, into a new namespace with a cable to the bridge.
pub(crate) fn join(space: BorrowedFd<'_>, plan: &PodPlan) -> Result<(), Error> {
    unshare(UnshareFlags::NEWNET)?;
    let own = current()?;
    enter(space)?;
    let links = Links::open()?;
    links.remove(&plan.cable);
    links.add_cable(&plan.cable, DEVICE, own.as_fd())?;
    links.up(&plan.cable, Some(&plan.bridge))?;
    enter(own.as_fd())?;
    let links = Links::open()?;
    links.up("lo", None)?;
    links.add_address(DEVICE, plan.ip, plan.prefix)?;
    links.up(DEVICE, None)?;
    links.add_default_route(plan.gateway)
}
