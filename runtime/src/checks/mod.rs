//! What probes and hooks do, and what they say, word for word as a kubelet.
//!
//! Commands run in the container. Connections come out of the pod's own sandbox: the server needs no
//! way to the pod's network. Nothing is called that is not of the cluster, whatever a probe names.
mod exec;
mod go;
mod grpc;
mod http;
mod target;
#[cfg(test)]
mod tests;
mod tls;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use crate::engine::Engine;
use crate::network::Dial;
use crate::worker::{Checks, Outcome};
use crate::{Action, Error, Later};
use target::Target;

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    Probe,
    Hook,
}

/// Checks over an engine and the links to its pods.
#[derive(Debug)]
pub struct PodChecks {
    engine: Arc<dyn Engine>,
    dial: Arc<dyn Dial>,
    /// Of Kubernetes, as probes say it: `1.33`.
    version: String,
}

impl PodChecks {
    pub fn new(engine: Arc<dyn Engine>, dial: Arc<dyn Dial>, version: String) -> Self {
        Self {
            engine,
            dial,
            version,
        }
    }

    async fn act(
        &self,
        purpose: Purpose,
        pod: &str,
        container: &str,
        action: &Action,
        timeout: Duration,
    ) -> Result<Outcome, Error> {
        let until = Instant::now() + timeout;
        let target = || Target {
            dial: &*self.dial,
            pod,
            until,
            timeout,
        };
        match action {
            Action::Exec(command) => exec::run(&*self.engine, container, command, timeout).await,
            Action::Http {
                host,
                port,
                path,
                tls,
                headers,
            } => {
                let agent = match purpose {
                    Purpose::Probe => format!("kube-probe/{}", self.version),
                    Purpose::Hook => format!("kube-lifecycle/{}", self.version),
                };
                let get = http::Get {
                    host: host.as_deref(),
                    port: *port,
                    path,
                    tls: *tls,
                    headers,
                    agent: &agent,
                };
                match purpose {
                    Purpose::Probe => http::probe(&target(), &get).await,
                    Purpose::Hook => http::hook(&target(), &get).await,
                }
            }
            Action::Tcp { .. } if purpose == Purpose::Hook => {
                Ok(Outcome::Failed("invalid handler: tcpSocket".to_owned()))
            }
            Action::Tcp { host, port } => target().tcp(host.as_deref(), *port).await,
            Action::Grpc { port, service } => {
                grpc::probe(&target(), *port, service, &self.version).await
            }
            Action::Sleep(time) => {
                let slept = timeout_at(until, tokio::time::sleep(*time)).await;
                Ok(match slept {
                    Ok(()) => Outcome::Passed,
                    Err(_) => Outcome::Failed(
                        "container terminated before sleep hook finished".to_owned(),
                    ),
                })
            }
        }
    }
}

impl Checks for PodChecks {
    fn check<'a>(
        &'a self,
        pod: &'a str,
        container: &'a str,
        action: &'a Action,
        timeout: Duration,
    ) -> Later<'a, Outcome> {
        Box::pin(self.act(Purpose::Probe, pod, container, action, timeout))
    }

    fn hook<'a>(
        &'a self,
        pod: &'a str,
        container: &'a str,
        action: &'a Action,
        timeout: Duration,
    ) -> Later<'a, Outcome> {
        Box::pin(self.act(Purpose::Hook, pod, container, action, timeout))
    }
}
