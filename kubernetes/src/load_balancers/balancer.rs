//! Load balancers: their life, and what services say of them.
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;

use serde_json::{Value, json};
use wharf_runtime::network::Reach;

use super::places::{Before, Place};
use super::plan::{Balanced, Wanted, hostname};
use super::telling::About;
use super::{Balancers, Live};
use crate::cluster::Part;
use crate::controllers::volumes::{is_kept_by, keep_by, let_go};
use crate::{Status, fields};

/// Keeps a service until its load balancer is gone, as upstream.
const FINALIZER: &str = "service.kubernetes.io/load-balancer-cleanup";
/// Says where ports are that have another number, as `80=8080,443=8443`.
const PORTS: &str = "wharf.dev/load-balancer-ports";
const FAILED: &str = "SyncLoadBalancerFailed";

impl Balancers {
    pub(super) async fn keep_balancer(
        &self,
        about: &About<'_>,
        service: &Value,
        wanted: &Wanted,
        live: &mut Live,
    ) -> Result<(), Status> {
        match (wanted.balanced, &self.pods) {
            (Balanced::Elsewhere, _) => Ok(()),
            (Balanced::No, _) => self.release(about, service, live).await,
            (Balanced::Here, None) => {
                let why = "Error syncing load balancer: the pods of this cluster are simulated, so that nobody would answer; start wharf with an engine that runs them";
                fail_once(about, live, why).await;
                self.write(about, service, json!({}), None).await
            }
            (Balanced::Here, Some(pods)) => self.ensure(about, service, wanted, live, pods).await,
        }
    }

    /// Lets a load balancer go that the service has no more use for.
    async fn release(
        &self,
        about: &About<'_>,
        service: &Value,
        live: &mut Live,
    ) -> Result<(), Status> {
        let place = live.balancer.take();
        if place.is_none() && !is_kept_by(service, FINALIZER) {
            return Ok(());
        }
        let ending = "Deleting load balancer";
        about.normal("DeletingLoadBalancer", ending).await;
        if let Some(place) = place {
            place.close().await;
        }
        let freed = |service: &mut Value| {
            let_go(service, FINALIZER);
            annotate(service, None);
        };
        self.change(about, Part::Main, freed).await?;
        let ended = "Deleted load balancer";
        about.normal("DeletedLoadBalancer", ended).await;
        Ok(())
    }

    async fn ensure(
        &self,
        about: &About<'_>,
        service: &Value,
        wanted: &Wanted,
        live: &mut Live,
        pods: &Arc<dyn Reach>,
    ) -> Result<(), Status> {
        say_limits(about, service, wanted, live).await;
        let had = fields::list(&service["status"]["loadBalancer"], "ingress");
        if live.balancer.is_none() && had.is_empty() {
            let begun = "Ensuring load balancer";
            about.normal("EnsuringLoadBalancer", begun).await;
        }
        if !is_kept_by(service, FINALIZER) {
            let kept = |service: &mut Value| keep_by(service, FINALIZER);
            self.change(about, Part::Main, kept).await?;
        }
        if let Some(place) = &mut live.balancer
            && place.change(&wanted.ports, pods).await.is_err()
            && let Some(place) = live.balancer.take()
        {
            // Not all ports are free at this address: it gets another one.
            place.close().await;
        }
        let place = match live.balancer.take() {
            Some(place) => place,
            None => match Place::open(&wanted.ports, before(service).as_ref(), pods).await {
                Ok(place) => place,
                Err(error) => {
                    let why = format!("Error syncing load balancer: {error}");
                    fail_once(about, live, &why).await;
                    return Err(Status::internal(error));
                }
            },
        };
        let place = live.balancer.insert(place);
        let told = told(place, &hostname(service, &self.cluster.settings().region));
        let moved = moved_text(&place.moved());
        self.write(about, service, told, moved).await
    }

    /// Writes where the load balancer is, if that is new.
    async fn write(
        &self,
        about: &About<'_>,
        service: &Value,
        status: Value,
        moved: Option<String>,
    ) -> Result<(), Status> {
        let known = service["metadata"]["annotations"][PORTS].as_str();
        let same = fields::same(&service["status"]["loadBalancer"], &status);
        if known == moved.as_deref() && same {
            return Ok(());
        }
        if known != moved.as_deref() {
            let change = |service: &mut Value| annotate(service, moved.as_deref());
            self.change(about, Part::Main, change).await?;
        }
        let change = |service: &mut Value| {
            if let Some(all) = fields::ensure(service, "status") {
                fields::set(all, "loadBalancer", status.clone());
            }
        };
        self.change(about, Part::Status, change).await?;
        let addresses = addresses(service, &status, moved.as_deref());
        if !addresses.is_empty() {
            let message = format!("Ensured load balancer at {addresses}");
            about.normal("EnsuredLoadBalancer", &message).await;
        }
        Ok(())
    }

    async fn change(
        &self,
        about: &About<'_>,
        part: Part,
        change: impl Fn(&mut Value) + Send + Sync,
    ) -> Result<(), Status> {
        let object = about.object;
        let change = |service: &mut Value| {
            // A new service of the same name is another one.
            if service["metadata"]["uid"] == *object.uid {
                change(service);
            }
            Ok(())
        };
        let (namespace, name) = (&object.namespace, &object.name);
        let cluster = &self.cluster;
        let done = cluster.modify("services", namespace, name, part, &about.by, change);
        match done.await {
            Err(status) if !status.is_not_found() => Err(status),
            _ => Ok(()),
        }
    }
}

async fn fail_once(about: &About<'_>, live: &mut Live, why: &str) {
    if live.said.insert(why.to_owned()) {
        about.warning(FAILED, why).await;
    }
}

/// Says once what a load balancer here does not do.
async fn say_limits(about: &About<'_>, service: &Value, wanted: &Wanted, live: &mut Live) {
    if !wanted.others.is_empty() {
        let ports = wanted.others.join(", ");
        let why = format!("Error syncing load balancer: only TCP is led into pods, not {ports}");
        fail_once(about, live, &why).await;
    }
    let ranges = fields::list(&service["spec"], "loadBalancerSourceRanges");
    let why =
        "loadBalancerSourceRanges is not applied: only this machine reaches the load balancer";
    if !ranges.is_empty() && live.said.insert(why.to_owned()) {
        about.warning("SourceRangesNotApplied", why).await;
    }
}

/// What the status says. The name is 127.0.0.1, so it is not told of another address. `Proxy`: pods
/// do not take the address for the service's own.
fn told(place: &Place, hostname: &str) -> Value {
    if place.ports.is_empty() {
        return json!({});
    }
    let address = json!({ "ip": place.ip, "ipMode": "Proxy" });
    if place.ip == Ipv4Addr::LOCALHOST {
        return json!({ "ingress": [{ "hostname": hostname }, address] });
    }
    json!({ "ingress": [address] })
}

fn moved_text(moved: &BTreeMap<u16, u16>) -> Option<String> {
    let all = moved.iter().map(|(port, at)| format!("{port}={at}"));
    let all: Vec<String> = all.collect();
    (!all.is_empty()).then(|| all.join(","))
}

fn moved_of(text: &str) -> BTreeMap<u16, u16> {
    let pairs = text.split(',').filter_map(|pair| pair.split_once('='));
    let pairs = pairs.filter_map(|(port, at)| Some((port.parse().ok()?, at.parse().ok()?)));
    pairs.collect()
}

fn annotate(service: &mut Value, moved: Option<&str>) {
    let Some(metadata) = fields::child(service, "metadata") else {
        return;
    };
    if let Some(moved) = moved {
        if let Some(annotations) = fields::ensure(metadata, "annotations") {
            fields::set(annotations, PORTS, moved);
        }
    } else if let Some(annotations) = fields::child(metadata, "annotations") {
        fields::remove(annotations, PORTS);
    }
}

/// Where the service says that its load balancer is.
fn before(service: &Value) -> Option<Before> {
    let mut all = fields::list(&service["status"]["loadBalancer"], "ingress").iter();
    let ip: Ipv4Addr = all.find_map(|one| fields::text(one, "ip").parse().ok())?;
    let moved = moved_of(fields::text(&service["metadata"]["annotations"], PORTS));
    ip.is_loopback().then_some(Before { ip, moved })
}

/// As people read it: `127.0.0.1:80, 127.0.0.1:8443 (port 443)`.
fn addresses(service: &Value, status: &Value, moved: Option<&str>) -> String {
    let mut all = fields::list(status, "ingress").iter();
    let Some(ip) = all.find_map(|one| one["ip"].as_str()) else {
        return String::new();
    };
    let moved = moved.map(moved_of).unwrap_or_default();
    let ports = fields::list(&service["spec"], "ports").iter();
    let tcp = ports.filter(|port| ["", "TCP"].contains(&fields::text(port, "protocol")));
    let texts = tcp.filter_map(|port| {
        let port = u16::try_from(fields::integer(port, "port")).ok()?;
        Some(match moved.get(&port) {
            Some(at) => format!("{ip}:{at} (port {port})"),
            None => format!("{ip}:{port}"),
        })
    });
    texts.collect::<Vec<String>>().join(", ")
}
