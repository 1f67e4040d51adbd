//! The kernel's configuration of a network: devices, addresses and routes, over netlink.
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::{AsRawFd as _, BorrowedFd};

use netlink_packet_core::{
    NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, NLM_F_REQUEST, NetlinkMessage, NetlinkPayload,
};
use netlink_packet_route::address::{AddressAttribute, AddressFlags, AddressMessage};
use netlink_packet_route::link::{
    InfoData, InfoKind, InfoVeth, LinkAttribute, LinkFlags, LinkInfo, LinkMessage,
};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteProtocol, RouteScope, RouteType,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};

use crate::Error;

/// The kernel's configuration of the network that the thread is in.
pub(super) struct Links(Socket);

fn broken(what: &str) -> impl Fn(io::Error) -> Error {
    move |error| Error::Network(format!("{what}: {error}"))
}

impl Links {
    pub(super) fn open() -> Result<Self, Error> {
        let mut socket = Socket::new(NETLINK_ROUTE).map_err(broken("netlink"))?;
        socket.bind_auto().map_err(broken("netlink"))?;
        socket
            .connect(&SocketAddr::new(0, 0))
            .map_err(broken("netlink"))?;
        Ok(Self(socket))
    }

    /// Sends a request and waits for its answer.
    fn ask(&self, what: &str, message: RouteNetlinkMessage, flags: u16) -> Result<(), Error> {
        self.call(message, flags).map_err(broken(what))
    }

    fn send(&self, message: RouteNetlinkMessage, flags: u16) -> io::Result<()> {
        let mut request = NetlinkMessage::from(message);
        request.header.flags = NLM_F_REQUEST | flags;
        request.finalize();
        let mut bytes = vec![0; request.buffer_len()];
        request.serialize(&mut bytes);
        self.0.send(&bytes, 0).map(drop)
    }

    fn call(&self, message: RouteNetlinkMessage, flags: u16) -> io::Result<()> {
        self.send(message, NLM_F_ACK | flags)?;
        let (answer, _) = self.0.recv_from_full()?;
        let answer = NetlinkMessage::<RouteNetlinkMessage>::deserialize(&answer)
            .map_err(io::Error::other)?;
        match answer.payload {
            NetlinkPayload::Error(error) if error.code.is_some() => Err(error.to_io()),
            _ => Ok(()),
        }
    }

    /// Asks for a list.
    fn list(&self, message: RouteNetlinkMessage) -> io::Result<Vec<RouteNetlinkMessage>> {
        self.send(message, NLM_F_DUMP)?;
        let mut all = Vec::new();
        loop {
            let (answers, _) = self.0.recv_from_full()?;
            let mut rest = answers.as_slice();
            while !rest.is_empty() {
                let answer = NetlinkMessage::<RouteNetlinkMessage>::deserialize(rest)
                    .map_err(io::Error::other)?;
                let length = usize::try_from(answer.header.length).unwrap_or(usize::MAX);
                rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
                match answer.payload {
                    NetlinkPayload::Done(_) => return Ok(all),
                    NetlinkPayload::Error(error) => return Err(error.to_io()),
                    NetlinkPayload::InnerMessage(message) => all.push(message),
                    _ => {}
                }
            }
        }
    }

    /// What the machine sends to a known place: each first address, and how many bits it shares
    /// with the others, of all tables.
    pub(super) fn routes(&self) -> Result<Vec<(Ipv4Addr, u8)>, Error> {
        let mut question = RouteMessage::default();
        question.header.address_family = AddressFamily::Inet;
        let listed = self.list(RouteNetlinkMessage::GetRoute(question));
        let routes = listed.map_err(broken("list routes"))?.into_iter();
        let routes = routes.filter_map(|route| {
            let RouteNetlinkMessage::NewRoute(route) = route else {
                return None;
            };
            let to = route.attributes.iter().find_map(|one| match one {
                RouteAttribute::Destination(RouteAddress::Inet(ip)) => Some(*ip),
                _ => None,
            });
            Some((to?, route.header.destination_prefix_length))
        });
        Ok(routes.collect())
    }

    /// The first address of a device.
    pub(super) fn address(&self, name: &str) -> Result<Option<Ipv4Addr>, Error> {
        let Ok(index) = Self::index(name) else {
            return Ok(None);
        };
        let mut question = AddressMessage::default();
        question.header.family = AddressFamily::Inet;
        let listed = self.list(RouteNetlinkMessage::GetAddress(question));
        let mut listed = listed.map_err(broken("list addresses"))?.into_iter();
        Ok(listed.find_map(|address| match address {
            RouteNetlinkMessage::NewAddress(address) if address.header.index == index => {
                let mut all = address.attributes.iter();
                all.find_map(|one| match one {
                    AddressAttribute::Local(IpAddr::V4(ip)) => Some(*ip),
                    _ => None,
                })
            }
            _ => None,
        }))
    }

    /// Says for people what a device is for.
    pub(super) fn describe(&self, name: &str, text: &str) -> Result<(), Error> {
        let mut link = LinkMessage::default();
        link.header.index = Self::index(name)?;
        link.attributes = vec![LinkAttribute::IfAlias(text.to_owned())];
        self.ask("describe a device", RouteNetlinkMessage::SetLink(link), 0)
    }

    /// Leads some addresses to a device, unless exactly they lead somewhere already: of all who ask
    /// for them one gets them.
    pub(super) fn claim(&self, name: &str, first: Ipv4Addr, prefix: u8) -> Result<bool, Error> {
        let mut route = static_route(RouteScope::Link);
        route.header.destination_prefix_length = prefix;
        route.attributes = vec![
            RouteAttribute::Destination(RouteAddress::Inet(first)),
            RouteAttribute::Oif(Self::index(name)?),
        ];
        let flags = NLM_F_CREATE | NLM_F_EXCL;
        match self.call(RouteNetlinkMessage::NewRoute(route), flags) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(broken("give a route")(error)),
        }
    }

    /// Gives a device an address whose neighbours have a route already.
    pub(super) fn add_address_of_claim(
        &self,
        name: &str,
        ip: Ipv4Addr,
        prefix: u8,
    ) -> Result<(), Error> {
        let mut address = address(Self::index(name)?, ip, prefix);
        let flags = AddressAttribute::Flags(AddressFlags::Noprefixroute);
        address.attributes.push(flags);
        self.ask(
            "give an address",
            RouteNetlinkMessage::NewAddress(address),
            NLM_F_CREATE | NLM_F_EXCL,
        )
    }

    pub(super) fn index(name: &str) -> Result<u32, Error> {
        let family = rustix::net::AddressFamily::INET;
        let kind = rustix::net::SocketType::DGRAM;
        let socket =
            rustix::net::socket(family, kind, None).map_err(Error::step("open a socket"))?;
        rustix::net::netdevice::name_to_index(&socket, name).map_err(Error::step("find a device"))
    }

    pub(super) fn add_bridge(&self, name: &str) -> Result<(), Error> {
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
    pub(super) fn add_cable(
        &self,
        name: &str,
        other: &str,
        space: BorrowedFd<'_>,
    ) -> Result<(), Error> {
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
    pub(super) fn remove(&self, name: &str) {
        let mut link = LinkMessage::default();
        if let Ok(index) = Self::index(name) {
            link.header.index = index;
            let _gone = self.ask("remove a cable", RouteNetlinkMessage::DelLink(link), 0);
        }
    }

    pub(super) fn up(&self, name: &str, bridge: Option<&str>) -> Result<(), Error> {
        let mut link = LinkMessage::default();
        link.header.index = Self::index(name)?;
        link.header.flags = LinkFlags::Up;
        link.header.change_mask = LinkFlags::Up;
        if let Some(bridge) = bridge {
            link.attributes = vec![LinkAttribute::Controller(Self::index(bridge)?)];
        }
        self.ask("start a device", RouteNetlinkMessage::SetLink(link), 0)
    }

    pub(super) fn add_address(&self, name: &str, ip: Ipv4Addr, prefix: u8) -> Result<(), Error> {
        let address = address(Self::index(name)?, ip, prefix);
        self.ask(
            "give an address",
            RouteNetlinkMessage::NewAddress(address),
            NLM_F_CREATE | NLM_F_EXCL,
        )
    }

    /// Harmless if there is one.
    pub(super) fn ensure_default_route(&self, gateway: Ipv4Addr) -> Result<(), Error> {
        let mut route = static_route(RouteScope::Universe);
        route.attributes = vec![RouteAttribute::Gateway(RouteAddress::Inet(gateway))];
        let flags = NLM_F_CREATE | NLM_F_EXCL;
        match self.call(RouteNetlinkMessage::NewRoute(route), flags) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                Err(broken("give a route")(error))
            }
            _ => Ok(()),
        }
    }
}

fn address(index: u32, ip: Ipv4Addr, prefix: u8) -> AddressMessage {
    let mut address = AddressMessage::default();
    address.header.family = AddressFamily::Inet;
    address.header.prefix_len = prefix;
    address.header.index = index;
    let ip = IpAddr::V4(ip);
    address.attributes = vec![AddressAttribute::Local(ip), AddressAttribute::Address(ip)];
    address
}

fn static_route(scope: RouteScope) -> RouteMessage {
    let mut route = RouteMessage::default();
    route.header = RouteHeader {
        address_family: AddressFamily::Inet,
        table: RouteHeader::RT_TABLE_MAIN,
        protocol: RouteProtocol::Static,
        scope,
        kind: RouteType::Unicast,
        ..RouteHeader::default()
    };
    route
}
