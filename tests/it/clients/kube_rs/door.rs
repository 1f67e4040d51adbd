//! A way to a server that can be cut off.
use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Passes connections on to a server while it is open; when it is shut, all of them end at once.
pub(super) struct Door {
    pub(super) address: SocketAddr,
    /// How often it was shut, and whether it is now.
    state: watch::Sender<(u64, bool)>,
}

impl Door {
    pub(super) async fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (state, seen) = watch::channel((0, true));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass(client, server, seen.clone()));
            }
        });
        Self { address, state }
    }

    /// Ends all connections, and every new one until it opens.
    pub(super) fn shut(&self) {
        self.state.send_modify(|(times, open)| {
            *times += 1;
            *open = false;
        });
    }

    pub(super) fn open(&self) {
        self.state.send_modify(|(_, open)| *open = true);
    }
}

async fn pass(mut client: TcpStream, server: SocketAddr, mut door: watch::Receiver<(u64, bool)>) {
    let (times, open) = *door.borrow_and_update();
    if !open {
        return;
    }
    let Ok(mut server) = TcpStream::connect(server).await else {
        return;
    };
    tokio::select! {
        // An end in good order and one in disorder are the same to a door.
        _ended = tokio::io::copy_bidirectional(&mut client, &mut server) => {}
        _shut = door.wait_for(|(now, _)| *now > times) => {}
    }
}
