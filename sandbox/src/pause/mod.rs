//! `pause`: holds the pod's namespaces and does all that happens in them.
//!
//! One thread and one loop around `poll`, without locks; others only carry a link's bytes. *Guarantees*: it ends by a signal only; a
//! link that breaks, or that breaks the protocol, leaves names and service addresses as they were.

mod connection;
mod gates;
mod names;
mod peer;
mod signals;
mod upstream;

use std::collections::VecDeque;
use std::fs;
use std::io::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::Mode;
use rustix::io::Errno;
use rustix::process::umask;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::error::During as _;
use crate::nft::{Desired, Nft, Place};
use crate::protocol::{Message, StreamId};
use crate::run::{chain, say};
use crate::table::{Staged, Table};
use crate::{Error, LOCAL_ADDRESS, interface, link};
use gates::Gates;
use names::Names;
use peer::{Order, Peer};
use signals::{Received, Signals, forward, reap};

/// How long others in our process namespace have after a signal before we end, and they with us.
const GRACE: Duration = Duration::from_secs(10);

/// How to run.
#[derive(Debug)]
pub(crate) struct Options {
    /// Where the server, or `link`, connects. A path that no container of the pod sees: an abstract
    /// socket would be visible to all of them, because they share the network namespace.
    pub(crate) socket: PathBuf,
    /// The file that the configuration's `resolv_conf` is written to.
    pub(crate) resolv_conf: Option<PathBuf>,
    /// The network namespace to work in, if it is not the one of the process.
    pub(crate) netns: Option<PathBuf>,
    /// Whether the first link is its standard input and output, after the line that it is ready.
    pub(crate) stdio: bool,
}

/// Runs until a signal.
pub(crate) fn run(options: &Options) -> Result<(), Error> {
    let started = start(options);
    // For whoever waits for it; that nobody does is fine.
    match &started {
        Ok(_) => drop(writeln!(io::stdout(), "ready")),
        // Nobody hears what such a one writes elsewhere.
        Err(error) if options.stdio => drop(writeln!(io::stdout(), "{}", chain(error))),
        Err(_) => {}
    }
    let mut pause = started?;
    if options.stdio {
        let socket = options.socket.clone();
        let link = move || {
            if let Err(error) = link::run(&socket) {
                say(&chain(&error));
            }
        };
        std::thread::Builder::new()
            .spawn(link)
            .during("cannot start a thread")?;
    }
    while pause.turn()? {}
    drop(fs::remove_file(&options.socket));
    Ok(())
}

fn start(options: &Options) -> Result<Pause, Error> {
    let signals = Signals::block().during("cannot block signals")?;
    if let Some(netns) = &options.netns {
        let file = fs::File::open(netns).during("cannot open the network namespace")?;
        let kind = Some(LinkNameSpaceType::Network);
        move_into_link_name_space(file.as_fd(), kind)
            .during("cannot enter the network namespace")?;
    }
    interface::prepare(LOCAL_ADDRESS)?;
    let nft = Nft::open();
    if let Err(error) = &nft {
        say(&format!("no service addresses: {}", chain(error)));
    }
    Ok(Pause {
        signals,
        door: listen(&options.socket).during("cannot listen for the server")?,
        peer: None,
        gates: Gates::open()?,
        names: Names::default(),
        table: Table::default(),
        nft,
        resolv_conf: options.resolv_conf.clone(),
        ending: None,
    })
}

/// A socket for root alone, in the place of one that was left behind.
fn listen(path: &Path) -> io::Result<UnixListener> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let before = umask(Mode::from_raw_mode(0o177));
    let door = UnixListener::bind(path);
    umask(before);
    let door = door?;
    door.set_nonblocking(true)?;
    Ok(door)
}

#[derive(Debug)]
struct Pause {
    signals: Signals,
    door: UnixListener,
    peer: Option<Peer>,
    gates: Gates,
    names: Names,
    table: Table,
    /// Or why there is none.
    nft: Result<Nft, Error>,
    resolv_conf: Option<PathBuf>,
    /// A signal came; when to end at the latest.
    ending: Option<Instant>,
}

/// What can be ready.
#[derive(Clone, Copy, Debug)]
enum Token {
    Signal,
    Door,
    Link,
    Connection(StreamId),
    Listener(u16),
    DnsUdp,
    DnsTcp,
    DnsClient(u32),
    Resolver(u32),
}

#[expect(
    clippy::disallowed_methods,
    reason = "a program without tokio; this is the one place that asks for the time"
)]
fn clock() -> Instant {
    Instant::now()
}

impl Pause {
    /// Waits for something and handles it. False: it is time to end.
    fn turn(&mut self) -> Result<bool, Error> {
        let ready = self.wait().during("cannot wait for events")?;
        let now = clock();
        let mut orders = VecDeque::new();
        for (token, flags) in ready {
            self.handle(token, flags, now, &mut orders);
        }
        for order in orders {
            self.obey(order);
        }
        self.tick(now);
        self.flush();
        Ok(self.ending.is_none_or(|until| until > now))
    }

    fn wait(&self) -> Result<Vec<(Token, PollFlags)>, Errno> {
        let (tokens, mut polls) = self.interests();
        let left = self.deadline().map(|until| {
            let left = until.saturating_duration_since(clock());
            // Rounded up, so that it is over when we look again.
            Timespec::try_from(left + Duration::from_millis(1))
        });
        let timeout = left.and_then(Result::ok);
        match poll(&mut polls, timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(e) => return Err(e),
        }
        let ready = tokens.into_iter().zip(polls.iter().map(PollFd::revents));
        Ok(ready.filter(|(_, flags)| !flags.is_empty()).collect())
    }

    fn interests<'a>(&'a self) -> (Vec<Token>, Vec<PollFd<'a>>) {
        let mut tokens = Vec::new();
        let mut polls = Vec::new();
        let mut add = |token, fd: BorrowedFd<'a>, flags: PollFlags| {
            if !flags.is_empty() {
                tokens.push(token);
                polls.push(PollFd::from_borrowed_fd(fd, flags));
            }
        };
        add(Token::Signal, self.signals.as_fd(), PollFlags::IN);
        add(Token::Door, self.door.as_fd(), PollFlags::IN);
        let gates = &self.gates;
        add(Token::DnsUdp, gates.dns_udp.as_fd(), PollFlags::IN);
        if self.names.takes_clients() {
            add(Token::DnsTcp, gates.dns_tcp.as_fd(), PollFlags::IN);
        }
        for (id, socket, flags) in self.names.clients() {
            add(Token::DnsClient(id), socket.as_fd(), flags);
        }
        for (key, fd, flags) in self.names.upstream.sockets() {
            add(Token::Resolver(key), fd, flags);
        }
        if let Some(peer) = &self.peer {
            add(Token::Link, peer.socket.as_fd(), peer.interest());
            for (id, connection) in &peer.connections {
                let socket = connection.socket.as_fd();
                add(Token::Connection(*id), socket, connection.interest());
            }
            // Without a link, or room on it, clients wait in the queue until there is.
            if peer.ready && peer.mux.can_open() {
                for (id, listener) in &gates.listeners {
                    add(Token::Listener(*id), listener.as_fd(), PollFlags::IN);
                }
            }
        }
        (tokens, polls)
    }

    fn deadline(&self) -> Option<Instant> {
        let peer = self.peer.iter();
        let connections = peer.flat_map(|peer| peer.connections.values());
        let connections = connections.filter_map(connection::Connection::deadline);
        let names = self.names.deadline();
        connections.chain(names).chain(self.ending).min()
    }

    fn handle(
        &mut self,
        token: Token,
        flags: PollFlags,
        now: Instant,
        orders: &mut VecDeque<Order>,
    ) {
        match token {
            Token::Signal => self.signal(now),
            Token::Door => self.greet(),
            Token::Link => self.read_link(flags, now, orders),
            Token::Connection(id) => {
                if let Some(peer) = &mut self.peer
                    && let Some(connection) = peer.connections.get_mut(&id)
                {
                    connection.ready(&mut peer.mux);
                }
            }
            Token::Listener(id) => {
                if let Some(peer) = &mut self.peer
                    && let Some((socket, from)) = self.gates.accept(id)
                {
                    peer.accepted(id, socket, from);
                }
            }
            Token::DnsUdp => {
                let mux = self.peer.as_mut().map(|peer| &mut peer.mux);
                let socket = &self.gates.dns_udp;
                self.names.read_udp(socket, &self.table, mux, now);
            }
            Token::DnsTcp => self.names.accept(&self.gates.dns_tcp, now),
            Token::DnsClient(id) => {
                let mux = self.peer.as_mut().map(|peer| &mut peer.mux);
                self.names.serve(id, &self.table, mux, now);
            }
            Token::Resolver(key) => {
                let answer = self.names.upstream.ready(key);
                let answers = answer.into_iter().collect();
                self.names.deliver(&self.gates.dns_udp, answers);
            }
        }
    }

    fn signal(&mut self, now: Instant) {
        while let Some(received) = self.signals.next() {
            if let Received::End(signal) = received {
                forward(signal);
                // A second one does not wait.
                let until = if self.ending.is_some() {
                    now
                } else {
                    now + GRACE
                };
                self.ending = Some(until);
            }
        }
        if !reap() && self.ending.is_some() {
            self.ending = Some(now);
        }
    }

    /// The newest link is the one that counts: the server that opened the one before is gone, or
    /// will be told so.
    fn greet(&mut self) {
        let Ok((socket, _)) = self.door.accept() else {
            return;
        };
        if socket.set_nonblocking(true).is_ok() {
            self.peer = Some(Peer::new(socket, self.table.generation));
        }
    }

    fn read_link(&mut self, flags: PollFlags, now: Instant, orders: &mut VecDeque<Order>) {
        let Some(peer) = &mut self.peer else { return };
        if !flags.intersects(PollFlags::IN | PollFlags::HUP | PollFlags::ERR) {
            return;
        }
        match peer.read(&self.table, now, orders) {
            Ok(true) => {}
            Ok(false) => self.peer = None,
            Err(error) => {
                say(&format!("the link is closed: {}", chain(&error)));
                self.peer = None;
            }
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Answer { id, packet } => {
                let answer = self.names.upstream.answered_by_server(id, &packet);
                let answers = answer.into_iter().collect();
                self.names.deliver(&self.gates.dns_udp, answers);
            }
            Order::Commit { staged, generation } => {
                let message = match self.commit(*staged, generation) {
                    Ok(()) => Message::Applied { generation },
                    Err(why) => Message::Failed { generation, why },
                };
                if let Some(peer) = &mut self.peer {
                    // Too long for a frame it is not.
                    drop(peer.mux.send(&message));
                }
            }
        }
    }

    /// Puts changes in force. Names come first: one that is known and leads nowhere yet is better
    /// than an address that is in force and has no name.
    fn commit(&mut self, staged: Staged, generation: u64) -> Result<(), String> {
        let text = |error: Error| chain(&error);
        staged.commit(&mut self.table, generation).map_err(text)?;
        let config = &self.table.config;
        self.gates.configure(config).map_err(text)?;
        if let (Some(path), Some(content)) = (&self.resolv_conf, &config.resolv_conf) {
            // In place: containers have this very file mounted.
            let written = fs::write(path, content).during("cannot write resolv.conf");
            written.map_err(text)?;
        }
        self.program().map_err(|error| match &self.nft {
            Err(missing) => chain(missing),
            Ok(_) => chain(&error),
        })
    }

    /// Makes the kernel's table follow ours.
    fn program(&mut self) -> Result<(), Error> {
        let places = self.gates.places(&self.table.config);
        let places = places.during("a listener has no address")?;
        self.route(&places)?;
        let Ok(nft) = &mut self.nft else {
            return Err(Error::Protocol("there is no table"));
        };
        if nft.apply(Desired::new(&self.table, &places)).is_err() {
            // Somebody changed the table: it is made again, from nothing.
            *nft = Nft::open()?;
            nft.apply(Desired::new(&self.table, &places))?;
        }
        Ok(())
    }

    fn route(&self, places: &[Place]) -> Result<(), Error> {
        let config = &self.table.config;
        let v4 = |ip: &IpAddr| match ip {
            IpAddr::V4(ip) => Some(*ip),
            IpAddr::V6(_) => None,
        };
        let Some(from) = config.addresses.iter().find_map(v4) else {
            return Ok(());
        };
        let ranges = config.service_ranges.iter();
        let ranges = ranges.map(|range| (range.ip, range.length));
        let places = places.iter().map(|place| (place.at.ip(), 32));
        let all = ranges.chain(places);
        let all: Vec<(Ipv4Addr, u8)> = all
            .filter_map(|(ip, length)| Some((v4(&ip)?, length)))
            .collect();
        interface::route(&all, from)
    }

    fn tick(&mut self, now: Instant) {
        let answers = self.names.upstream.tick(&self.table.config.upstream, now);
        self.names.deliver(&self.gates.dns_udp, answers);
        self.names.tick(now);
        if let Some(peer) = &mut self.peer {
            for connection in peer.connections.values_mut() {
                connection.tick(&mut peer.mux, now);
            }
            peer.sweep();
        }
    }

    /// Sends what the turn has produced, and handles that there is room again.
    fn flush(&mut self) {
        let Some(peer) = &mut self.peer else { return };
        let mut orders = VecDeque::new();
        let sent = peer
            .write()
            .and_then(|()| peer.handle(&self.table, clock(), &mut orders));
        if sent.is_err() {
            self.peer = None;
        }
    }
}
