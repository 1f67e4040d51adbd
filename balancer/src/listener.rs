//! A port, and the connections that come in by it.
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep};
use wharf_runtime::Stream;
use wharf_runtime::network::{DialError, Reach};

use crate::choice::Choice;

/// The most connections of a port; others wait to be accepted.
const CONNECTIONS: usize = 4096;
/// How long a connection waits for a pod whose link is being made, as after a start of the server.
const PATIENCE: Duration = Duration::from_secs(5);
const RETRY: Duration = Duration::from_millis(50);
/// How long nothing is accepted when the process has no files left.
const PAUSE: Duration = Duration::from_millis(100);

/// Where connections go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Targets {
    /// Addresses of pods. Without one, connections are reset.
    pub endpoints: Vec<SocketAddr>,
    /// How long a client goes to the same target after its last connection.
    pub affinity: Option<Duration>,
}

/// A port that is open. Dropping it closes it and its connections.
#[derive(Debug)]
pub struct Listener {
    at: SocketAddr,
    targets: watch::Sender<Arc<Targets>>,
    task: JoinHandle<()>,
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Listener {
    /// Opens a port; number 0 is any that is free.
    pub async fn open(at: SocketAddr, targets: Targets, reach: Arc<dyn Reach>) -> io::Result<Self> {
        let socket = TcpListener::bind(at).await?;
        let (sender, receiver) = watch::channel(Arc::new(targets));
        let port = Arc::new(Port {
            targets: receiver,
            choice: Choice::default(),
            reach,
        });
        Ok(Self {
            at: socket.local_addr()?,
            targets: sender,
            task: tokio::spawn(accept(socket, move |client, from| {
                let port = Arc::clone(&port);
                async move { port.connect(client, from).await }
            })),
        })
    }

    pub const fn at(&self) -> SocketAddr {
        self.at
    }

    /// Leads new connections elsewhere.
    pub fn lead_to(&self, targets: Targets) {
        self.targets.send_if_modified(|known| {
            let differs = **known != targets;
            if differs {
                *known = Arc::new(targets);
            }
            differs
        });
    }

    /// Closes it; the port is free afterwards.
    pub async fn close(mut self) {
        self.task.abort();
        // It was cancelled.
        let _end = (&mut self.task).await;
    }
}

#[derive(Debug)]
struct Port {
    targets: watch::Receiver<Arc<Targets>>,
    choice: Choice,
    reach: Arc<dyn Reach>,
}

/// Lets connections in, for ever. Those that there are end with it.
pub(crate) async fn accept<S>(socket: TcpListener, serve: impl Fn(TcpStream, SocketAddr) -> S)
where
    S: Future<Output = ()> + Send + 'static,
{
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    let mut open = JoinSet::new();
    loop {
        while open.try_join_next().is_some() {}
        let Ok(place) = Arc::clone(&room).acquire_owned().await else {
            return;
        };
        match socket.accept().await {
            Ok((client, from)) => {
                let served = serve(client, from);
                open.spawn(async move {
                    served.await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::debug!(%error, "a connection could not be accepted");
                sleep(PAUSE).await;
            }
        }
    }
}

impl Port {
    async fn connect(&self, mut client: TcpStream, from: SocketAddr) {
        let targets = || Arc::clone(&self.targets.borrow());
        let dialled = dial(&*self.reach, &self.choice, from.ip(), targets);
        let mut pod = match dialled.await {
            Ok(pod) => pod,
            Err(error) => {
                tracing::debug!(%error, "a connection was refused by all targets");
                // As where nobody listens. If it does not work the client sees an end.
                let _reset = client.set_zero_linger();
                return;
            }
        };
        // Small answers are sent at once.
        let _slower = client.set_nodelay(true);
        if let Err(error) = copy_bidirectional(&mut client, &mut pod).await {
            tracing::debug!(%error, "a connection broke off");
            let _reset = client.set_zero_linger();
        }
    }
}

/// Connects a client to one of the targets: tries one after the other, and all again while one of
/// them may be about to come.
pub(crate) async fn dial(
    reach: &dyn Reach,
    choice: &Choice,
    client: IpAddr,
    targets: impl Fn() -> Arc<Targets> + Send,
) -> Result<Box<dyn Stream>, DialError> {
    let begun = Instant::now();
    loop {
        let targets = targets();
        let mut failure = DialError::Refused;
        let mut may_come = false;
        for target in choice.order(&targets, client) {
            match reach.reach(target).await {
                Ok(stream) => {
                    choice.took(&targets, client, target);
                    return Ok(stream);
                }
                Err(error) => failure = error,
            }
            may_come |= failure == DialError::NoLink;
        }
        if !may_come || begun.elapsed() >= PATIENCE {
            return Err(failure);
        }
        sleep(RETRY).await;
    }
}
