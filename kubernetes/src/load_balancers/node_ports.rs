//! Node ports, of all nodes at once.
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use wharf_balancer::Listener;

use super::plan::{Balanced, Wanted};
use super::telling::About;
use super::{Balancers, Live};

const REASON: &str = "NodePortNotAvailable";
/// When a port that somebody else has is asked for again.
const RETRY: Duration = Duration::from_secs(30);

impl Balancers {
    /// Opens and closes node ports. Answers when to try again.
    pub(super) async fn keep_node_ports(
        &self,
        about: &About<'_>,
        wanted: &Wanted,
        live: &mut Live,
    ) -> Option<Duration> {
        let pods = self.pods.as_ref()?;
        if !wanted.others.is_empty() && wanted.balanced == Balanced::No {
            let ports = wanted.others.join(", ");
            let message = format!("only TCP is led into pods from outside, not {ports}");
            if live.said.insert(message.clone()) {
                about.warning(REASON, &message).await;
            }
        }
        let there: Vec<u16> = live.node_ports.keys().copied().collect();
        for number in there {
            if !wanted.node_ports.contains_key(&number)
                && let Some(listener) = live.node_ports.remove(&number)
            {
                listener.close().await;
            }
        }
        let mut again = None;
        for (&number, targets) in &wanted.node_ports {
            if let Some(listener) = live.node_ports.get(&number) {
                listener.lead_to(targets.clone());
                continue;
            }
            let at = SocketAddr::from((Ipv4Addr::LOCALHOST, number));
            match Listener::open(at, targets.clone(), Arc::clone(pods)).await {
                Ok(listener) => {
                    live.node_ports.insert(number, listener);
                }
                Err(error) => {
                    let message = format!(
                        "the node port {number} cannot be opened at {at}, another cluster or program may have it: {error}"
                    );
                    if live.said.insert(message.clone()) {
                        about.warning(REASON, &message).await;
                    }
                    again = Some(RETRY);
                }
            }
        }
        again
    }
}
