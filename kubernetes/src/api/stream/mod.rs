//! Connections to processes and ports of pods: `exec`, `attach`, `portforward`.
//!
//! A request is answered with 101 and the connection then speaks WebSocket, or SPDY for older clients.
//! Nothing of it passes through HTTP any more.
//!
//! # Guarantees
//! * What waits in a connection is bounded: who reads slowly slows the process, and a process that
//!   does not read slows its client.
//! * A connection ends when its client, its pod or its cluster does, or after four silent hours.
mod channels;
mod forward;
mod handshake;
mod idle;
mod ports;
mod remote;
mod spdy;
mod streams;
#[cfg(test)]
mod tests;
mod tunnel;
mod websocket;

use std::sync::Arc;
use std::time::Duration;

use axum::response::{IntoResponse as _, Response};
use http::{Method, StatusCode};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use idle::Idle;
use remote::{Report, Wanted};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wharf_runtime::engine::{AttachSpec, ExecSpec};

use super::route::Target;
use super::serve::Asked;
use super::{ApiServer, Patience};
use crate::kubelet::{Door, Refusal, Started};
use crate::{Status, Subresource};

/// How long a client may take to go when everything was said, and a connection to say how its pod
/// ended.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// How many connections a cluster has at once.
const CONNECTIONS: usize = 1000;

const TUNNEL: &str = "SPDY/3.1+portforward.k8s.io";

/// How many more connections may be made.
#[derive(Clone, Debug)]
pub(super) struct Room(Arc<Semaphore>);

impl Default for Room {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(CONNECTIONS)))
    }
}

/// A connection that is about to leave HTTP.
struct Leaving {
    upgrade: OnUpgrade,
    door: Door,
    room: OwnedSemaphorePermit,
    patience: Option<Patience>,
}

impl ApiServer {
    /// Connects a client to a pod.
    pub(super) async fn stream(
        &self,
        asked: &Asked,
        target: &Target,
        what: Subresource,
    ) -> Result<Response, Status> {
        let method = &asked.parts.method;
        if ![Method::GET, Method::POST].contains(method) {
            return Err(Status::method_not_allowed());
        }
        let wanted = handshake::read(method, &asked.parts.headers)?;
        let answered = match what {
            Subresource::PortForward => self.forward(asked, target, wanted),
            _ => self.remote(asked, target, what, wanted).await,
        };
        match answered {
            Ok(response) => Ok(response),
            Err(Refusal::Status(status)) => Err(status),
            Err(Refusal::Text(text)) => {
                let code = StatusCode::INTERNAL_SERVER_ERROR;
                Ok(handshake::plain(code, text))
            }
        }
    }

    fn leave(&self, asked: &Asked, door: Door) -> Result<Leaving, Status> {
        let upgrade = asked.parts.extensions.get::<OnUpgrade>().cloned();
        let upgrade = upgrade
            .ok_or_else(|| Status::bad_request("this connection cannot change its protocol"))?;
        let room = Arc::clone(&self.0.room.0).try_acquire_owned();
        let room =
            room.map_err(|_full| Status::too_many_requests("too many connections to pods", 1))?;
        Ok(Leaving {
            upgrade,
            door,
            room,
            patience: asked.parts.extensions.get().cloned(),
        })
    }

    async fn remote(
        &self,
        asked: &Asked,
        target: &Target,
        what: Subresource,
        how: handshake::Wanted,
    ) -> Result<Response, Refusal> {
        let query = &asked.query;
        let tty = query.flag("tty");
        let wanted = Wanted {
            stdin: query.flag("stdin"),
            stdout: query.flag("stdout"),
            // A terminal has one output.
            stderr: query.flag("stderr") && !tty,
            tty,
        };
        if !wanted.stdin && !wanted.stdout && !wanted.stderr {
            let text = "you must specify at least 1 of stdin, stdout, stderr";
            return Err(Status::bad_request(text).into());
        }
        let container = query.get("container").unwrap_or_default();
        let kubelet = self.kubelet()?;
        let door = kubelet.door(&target.namespace, &target.name, container)?;
        // Before anything is started.
        let agreed = match &how {
            handshake::Wanted::WebSocket { protocols, .. } => {
                handshake::choose(protocols, &channels::PROTOCOLS, |one| one.name)
                    .map(|one| Agreed::Channels(*one))
            }
            handshake::Wanted::Spdy { protocols } => {
                handshake::choose(protocols, &streams::PROTOCOLS, |one| one.name)
                    .map(|one| Agreed::Streams(*one))
            }
        };
        let agreed = match agreed {
            Ok(agreed) => agreed,
            Err(response) => return Ok(response),
        };
        let leaving = self.leave(asked, door.clone())?;
        let command = query.all("command");
        let stdin = wanted.stdin;
        let (started, command) = if what == Subresource::Attach {
            (door.attach(AttachSpec { stdin }).await?, None)
        } else if command.is_empty() {
            let text = "you must specify a command";
            return Err(Status::bad_request(text).into());
        } else {
            let spec = ExecSpec {
                command: command.clone(),
                tty,
                stdin,
            };
            (door.exec(spec).await?, Some(command))
        };
        let response = agreed.answer(&how);
        leaving.spawn(move |io, idle| agreed.serve(io, started, wanted, command, idle));
        Ok(response)
    }

    fn forward(
        &self,
        asked: &Asked,
        target: &Target,
        how: handshake::Wanted,
    ) -> Result<Response, Refusal> {
        let door = self.kubelet()?.ports(&target.namespace, &target.name)?;
        door.has_ports()?;
        match how {
            handshake::Wanted::WebSocket { accept, protocols }
                if protocols.iter().any(|one| one == TUNNEL) =>
            {
                self.leave(asked, door.clone())?
                    .spawn(|io, idle| async move {
                        let inner = |inner| async move { forward::serve(inner, door, &idle).await };
                        tunnel::serve(io, inner).await;
                    });
                Ok(handshake::websocket(&accept, TUNNEL))
            }
            handshake::Wanted::WebSocket { accept, protocols } => {
                let wanted = asked.query.all("ports");
                let protocol = match handshake::choose(&protocols, &channels::PORTS, |one| one.name)
                {
                    Ok(protocol) => *protocol,
                    Err(response) => return Ok(response),
                };
                let ports = ports::read(&wanted)?;
                let leaving = self.leave(asked, door.clone())?;
                leaving.spawn(move |io, idle| async move {
                    ports::serve(io, protocol, door, ports, &idle).await;
                });
                Ok(handshake::websocket(&accept, protocol.name))
            }
            handshake::Wanted::Spdy { protocols } => {
                if let Err(response) =
                    handshake::choose(&protocols, &[forward::PROTOCOL], |name| name)
                {
                    return Ok(response);
                }
                let leaving = self.leave(asked, door.clone())?;
                leaving.spawn(|io, idle| async move { forward::serve(io, door, &idle).await });
                Ok(handshake::spdy(forward::PROTOCOL))
            }
        }
    }
}

/// How a client and we talk of a process.
#[derive(Clone, Copy, Debug)]
enum Agreed {
    Channels(channels::Protocol),
    Streams(streams::Protocol),
}

impl Agreed {
    fn answer(self, how: &handshake::Wanted) -> Response {
        match (self, how) {
            (Self::Channels(protocol), handshake::Wanted::WebSocket { accept, .. }) => {
                handshake::websocket(accept, protocol.name)
            }
            (Self::Streams(protocol), _) => handshake::spdy(protocol.name),
            (Self::Channels(_), handshake::Wanted::Spdy { .. }) => {
                Status::bad_request("Upgrade request required").into_response()
            }
        }
    }

    async fn serve(
        self,
        io: TokioIo<Upgraded>,
        started: Started,
        wanted: Wanted,
        command: Option<Vec<String>>,
        idle: Idle,
    ) {
        let report = |json| Report { json, command };
        match self {
            Self::Channels(protocol) => {
                let report = report(protocol.json);
                channels::serve(io, protocol, started, wanted, report, &idle).await;
            }
            Self::Streams(protocol) => {
                let report = report(protocol.json);
                streams::serve(io, protocol, started, wanted, report, &idle).await;
            }
        }
    }
}

impl Leaving {
    /// Goes on with a connection once HTTP has let go of it, for as long as its pod lives.
    fn spawn<F>(self, talk: impl FnOnce(TokioIo<Upgraded>, Idle) -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send,
    {
        let Self {
            upgrade,
            door,
            room,
            patience,
        } = self;
        // A terminal may be held up, and a pager may wait for its reader.
        if let Some(patience) = patience {
            patience.grant();
        }
        tokio::spawn(async move {
            let _room = room;
            let io = match upgrade.await {
                Ok(io) => TokioIo::new(io),
                Err(error) => {
                    tracing::debug!(%error, "a connection did not change its protocol");
                    return;
                }
            };
            let idle = Idle::new();
            let over = async {
                door.ended().await;
                tokio::time::sleep(LAST_WORDS).await;
            };
            tokio::select! {
                () = talk(io, idle.clone()) => {}
                () = over => {}
                () = idle.expired() => {}
            }
        });
    }
}
