//! Where a check connects to, and by when.
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::{Outcome, go};
use crate::network::{Dial, DialError};
use crate::{Error, Stream};

pub(super) struct Target<'a> {
    pub(super) dial: &'a dyn Dial,
    pub(super) pod: &'a str,
    pub(super) until: Instant,
    pub(super) timeout: Duration,
}

impl Target<'_> {
    /// The pod's own address, as it is written.
    pub(super) async fn own(&self) -> Result<String, Error> {
        let address = timeout_at(self.until, self.dial.address(self.pod)).await;
        let ip = address.ok().flatten().ok_or(Error::NoSuchPod)?;
        Ok(ip.to_string())
    }

    /// Connects to a host; the error is what Go says of a dial that fails.
    pub(super) async fn connect(&self, host: &str, port: u16) -> Result<Box<dyn Stream>, String> {
        let shown = go::join(host, port);
        let Ok(ip) = host.parse::<IpAddr>() else {
            return Err(format!("dial tcp: lookup {host}: no such host"));
        };
        // As a kubelet means it, this is the node, on which nothing of ours listens.
        if ip.is_loopback() {
            return Err(format!("dial tcp {shown}: {}", DialError::Refused));
        }
        let dial = self.dial.dial(self.pod, SocketAddr::new(ip, port));
        match timeout_at(self.until, dial).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(error)) => Err(format!("dial tcp {shown}: {error}")),
            Err(_) => Err(format!("dial tcp {shown}: {}", DialError::TimedOut)),
        }
    }

    pub(super) async fn tcp(&self, host: Option<&str>, port: u16) -> Result<Outcome, Error> {
        let own = self.own().await?;
        let connected = self.connect(host.unwrap_or(&own), port).await;
        Ok(match connected {
            Ok(_) => Outcome::Passed,
            Err(why) => Outcome::Failed(why),
        })
    }
}
