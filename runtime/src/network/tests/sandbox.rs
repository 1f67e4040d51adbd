//! A sandbox of the mind: the real protocol at the other end of a link in memory.
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::sync::{mpsc, watch};
use wharf_sandbox::protocol::{Event, Message, Mux, Reason, Side, StreamId, Target};
use wharf_sandbox::table::{Config, Service, ServiceKey};

/// Nobody listens there.
pub(super) const CLOSED: u16 = 1;
/// Whoever listens there never answers nor reads.
pub(super) const DEAF: u16 = 2;

/// What is in force in a pod.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    pub(super) generation: u64,
    /// How often something was committed.
    pub(super) commits: usize,
    pub(super) config: Config,
    pub(super) services: BTreeMap<ServiceKey, Service>,
    /// Links that were made.
    pub(super) links: usize,
}

/// What a test tells a sandbox to do.
#[derive(Debug)]
pub(super) enum Order {
    /// A connection of an application to a listener; what it writes, and where its answer goes.
    Connect(u16, Vec<u8>, mpsc::UnboundedSender<Vec<u8>>),
    Ask(u32, Vec<u8>, mpsc::UnboundedSender<Vec<u8>>),
    /// Says that tables from here on cannot be put in force.
    Refuse,
    /// Breaks the protocol.
    Babble,
    /// Reads and says nothing.
    Mute,
    Hang,
}

#[derive(Debug)]
pub(super) struct TestPod {
    pub(super) known: watch::Sender<Known>,
    orders: Mutex<Option<mpsc::UnboundedSender<Order>>>,
    refuses: Mutex<bool>,
}

impl TestPod {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            known: watch::Sender::new(Known::default()),
            orders: Mutex::default(),
            refuses: Mutex::default(),
        })
    }

    /// One more link to it, which ends the one before.
    pub(super) fn link(self: &Arc<Self>) -> DuplexStream {
        let (server, sandbox) = tokio::io::duplex(32 * 1024);
        let (sender, orders) = mpsc::unbounded_channel();
        *self.orders.lock().unwrap() = Some(sender);
        self.known.send_modify(|known| known.links += 1);
        let talk = Talk {
            pod: Arc::clone(self),
            mux: Mux::new(Side::Sandbox, self.known.borrow().generation),
            staged: Vec::new(),
            echoes: HashMap::new(),
            ended: Vec::new(),
            clients: HashMap::new(),
            questions: HashMap::new(),
        };
        tokio::spawn(talk.run(sandbox, orders));
        server
    }

    pub(super) fn order(&self, order: Order) {
        if matches!(order, Order::Refuse) {
            *self.refuses.lock().unwrap() = true;
        }
        let orders = self.orders.lock().unwrap();
        orders.as_ref().unwrap().send(order).unwrap();
    }

    pub(super) fn accept_tables(&self) {
        *self.refuses.lock().unwrap() = false;
    }

    pub(super) async fn until(&self, wanted: impl Fn(&Known) -> bool + Send + Sync) -> Known {
        let mut known = self.known.subscribe();
        known.wait_for(|known| wanted(known)).await.unwrap().clone()
    }
}

struct Talk {
    pod: Arc<TestPod>,
    mux: Mux,
    staged: Vec<Message>,
    echoes: HashMap<StreamId, VecDeque<u8>>,
    ended: Vec<StreamId>,
    clients: HashMap<StreamId, mpsc::UnboundedSender<Vec<u8>>>,
    questions: HashMap<u32, mpsc::UnboundedSender<Vec<u8>>>,
}

impl Talk {
    async fn run(mut self, mut link: DuplexStream, mut orders: mpsc::UnboundedReceiver<Order>) {
        let mut buffer = vec![0; 16 * 1024];
        loop {
            while let Some(event) = self.mux.event() {
                self.handle(event);
            }
            while !self.mux.output().is_empty() {
                let Ok(sent @ 1..) = link.write(self.mux.output()).await else {
                    return;
                };
                self.mux.sent(sent);
            }
            tokio::select! {
                read = link.read(&mut buffer) => match read {
                    Ok(filled @ 1..) => self.mux.feed(&buffer[..filled]).unwrap(),
                    _ => return,
                },
                order = orders.recv() => match order {
                    None | Some(Order::Hang) => return,
                    Some(Order::Babble) => {
                        // The server closes it.
                        let _written = link.write_all(&[0xff; 64]).await;
                        let _end = link.read_to_end(&mut Vec::new()).await;
                        return;
                    }
                    Some(Order::Mute) => {
                        let _end = link.read_to_end(&mut Vec::new()).await;
                        return;
                    }
                    Some(order) => self.obey(order),
                },
            }
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Connect(listener, bytes, answer) => {
                let from: SocketAddr = "10.0.0.1:50000".parse().unwrap();
                let id = self.mux.open(Target::Accepted { listener, from }).unwrap();
                assert_eq!(self.mux.write(id, &bytes), bytes.len());
                self.mux.finish(id);
                self.clients.insert(id, answer);
            }
            Order::Ask(id, packet, answer) => {
                self.mux.send(&Message::Query { id, packet }).unwrap();
                self.questions.insert(id, answer);
            }
            _ => {}
        }
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Message(message) => self.told(message),
            Event::Open(id, Target::Dial(to)) => match to.port() {
                CLOSED => self.mux.reset(id, Reason::Refused),
                DEAF => self.mux.accept(id),
                _ => {
                    self.echoes.insert(id, VecDeque::new());
                    self.mux.accept(id);
                }
            },
            Event::Data(id, bytes) => {
                if let Some(client) = self.clients.get(&id) {
                    self.mux.consumed(id, bytes.len());
                    let _heard = client.send(bytes);
                } else if let Some(echo) = self.echoes.get_mut(&id) {
                    self.mux.consumed(id, bytes.len());
                    echo.extend(bytes);
                    self.echo(id);
                }
            }
            Event::End(id) => {
                self.ended.push(id);
                self.clients.remove(&id);
                self.echo(id);
            }
            Event::Writable(id) => self.echo(id),
            Event::Reset(id, _) => {
                self.echoes.remove(&id);
                self.clients.remove(&id);
            }
            _ => {}
        }
    }

    fn echo(&mut self, id: StreamId) {
        let Some(echo) = self.echoes.get_mut(&id) else {
            return;
        };
        let taken = self.mux.write(id, echo.make_contiguous());
        echo.drain(..taken);
        if echo.is_empty() && self.ended.contains(&id) {
            self.mux.finish(id);
            self.echoes.remove(&id);
        }
    }

    fn told(&mut self, message: Message) {
        match message {
            Message::Commit { generation } => self.commit(generation),
            Message::Answer { id, packet } => {
                let _heard = self.questions[&id].send(packet);
            }
            staged if staged.from_server() => self.staged.push(staged),
            other => panic!("{other:?} is not the server's"),
        }
    }

    fn commit(&mut self, generation: u64) {
        let staged = std::mem::take(&mut self.staged);
        if *self.pod.refuses.lock().unwrap() {
            let why = "nf_tables is missing".to_owned();
            self.mux.send(&Message::Failed { generation, why }).unwrap();
            return;
        }
        self.pod.known.send_modify(|known| {
            known.generation = generation;
            known.commits += 1;
            for message in staged {
                match message {
                    Message::Clear => known.services.clear(),
                    Message::Config(config) => known.config = config,
                    Message::Put(service) => {
                        known.services.insert(service.key.clone(), service);
                    }
                    Message::Remove(key) => {
                        known.services.remove(&key);
                    }
                    _ => {}
                }
            }
        });
        self.mux.send(&Message::Applied { generation }).unwrap();
    }
}
