//! Endpoint slices of `Endpoints` that somebody made by hand: services without a selector have such.
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use serde_json::{Value, json};

use super::{Frame, Index, Key, Outcome, WORKERS};
use crate::cluster::{Actor, Cluster, Deletion, EventType, Part, Reference};
use crate::store::Object;
use crate::{Status, fields};

const SLICES: &str = "endpointslices.discovery.k8s.io";
const SERVICE: &str = "kubernetes.io/service-name";
const MANAGED_BY: &str = "endpointslice.kubernetes.io/managed-by";
const MANAGER: &str = "endpointslicemirroring-controller.k8s.io";
const SKIP: &str = "endpointslice.kubernetes.io/skip-mirror";
/// Endpoints that are a lock lead nowhere.
const LOCK: &str = "control-plane.alpha.kubernetes.io/leader";
/// Annotations that say something of the object itself.
const OWN_NOTES: [&str; 3] = [
    "endpoints.kubernetes.io/over-capacity",
    "endpoints.kubernetes.io/last-change-trigger-time",
    "kubectl.kubernetes.io/last-applied-configuration",
];

/// The most addresses of a subset that are told.
const MOST: usize = 1000;

/// Works until it is dropped.
pub(crate) async fn run(cluster: Cluster) -> Result<(), Status> {
    let mut frame = Frame::of("endpointslicemirroring", &cluster);
    for resource in ["endpoints", "services"] {
        frame.on(cluster.shelf(resource)?, |seen| {
            let latest = seen.latest().map(|object| Key::of(object));
            latest.into_iter().collect()
        });
    }
    let slices = cluster.shelf(SLICES)?;
    frame.on(Arc::clone(&slices), |seen| {
        let ours = seen
            .old
            .filter(|slice| slice.label(MANAGED_BY) == Some(MANAGER));
        let own = ours.and_then(|slice| Some(Key::new(&slice.namespace, slice.label(SERVICE)?)));
        own.into_iter().collect()
    });
    let mirror = Arc::new(Mirror {
        slices: Index::new(cluster.store(), slices, |slice| {
            let ours = slice.label(MANAGED_BY) == Some(MANAGER);
            let name = slice.label(SERVICE).filter(|_| ours);
            let term = name.map(|name| format!("{}/{name}", slice.namespace));
            term.into_iter().collect()
        }),
        cluster,
        by: Actor::controller("endpoint-slice-mirroring-controller"),
    });
    frame
        .run(WORKERS, move |key| {
            let mirror = Arc::clone(&mirror);
            async move { mirror.sync(&key).await }
        })
        .await;
    Ok(())
}

#[derive(Debug)]
struct Mirror {
    cluster: Cluster,
    /// Ours, by service.
    slices: Index,
    by: Actor,
}

impl Mirror {
    async fn sync(&self, key: &Key) -> Outcome {
        let mut slices = Vec::new();
        if let Some(endpoints) = self.mirrored(key) {
            let (wanted, skipped) = wanted(&endpoints.value());
            slices = wanted;
            if skipped > 0 {
                self.warn(&endpoints, skipped).await;
            }
        }
        match self.put(key, slices).await {
            // The namespace is on its way.
            Err(status) if status.reason == "Forbidden" || status.is_not_found() => Ok(None),
            Err(status) => Err(status),
            Ok(()) => Ok(None),
        }
    }

    /// The endpoints, if they are to be mirrored.
    fn mirrored(&self, key: &Key) -> Option<Arc<Object>> {
        let Key { namespace, name } = key;
        let endpoints = self.cluster.get("endpoints", namespace, name)?;
        let service = self.cluster.get("services", namespace, name)?.value();
        let by_hand = fields::count(&service["spec"]["selector"]) == 0;
        let skips = endpoints.label(SKIP) == Some("true");
        let locks = fields::has(&endpoints.value()["metadata"]["annotations"], LOCK);
        Some(endpoints).filter(|endpoints| by_hand && !skips && !locks && !endpoints.deleting)
    }

    async fn warn(&self, endpoints: &Object, skipped: usize) {
        let text = format!(
            "A max of {MOST} addresses can be mirrored to EndpointSlices per Endpoints subset. {skipped} addresses were skipped"
        );
        let about = Reference::to("v1", "Endpoints", endpoints);
        let (kind, reason) = (EventType::Warning, "TooManyAddressesToMirror");
        self.cluster
            .event(&self.by, &about, kind, reason, &text)
            .await;
    }

    /// Makes the slices what they should be; those of the same ports are changed.
    async fn put(&self, key: &Key, wanted: Vec<Value>) -> Result<(), Status> {
        let mut there = self.slices.of(&key.to_string());
        for new in wanted {
            let like = there.iter().position(|old| is_like(&old.value(), &new));
            let Some(like) = like else {
                self.cluster.create(SLICES, new, &self.by).await?;
                continue;
            };
            let old = there.swap_remove(like);
            let change = |slice: &mut Value| {
                fields::set(slice, "endpoints", new["endpoints"].clone());
                for part in ["labels", "annotations"] {
                    if let Some(metadata) = fields::child(slice, "metadata") {
                        if new["metadata"][part].is_null() {
                            fields::remove(metadata, part);
                        } else {
                            fields::set(metadata, part, new["metadata"][part].clone());
                        }
                    }
                }
                Ok(())
            };
            self.cluster
                .modify(
                    SLICES,
                    &key.namespace,
                    &old.name,
                    Part::Main,
                    &self.by,
                    change,
                )
                .await?;
        }
        for old in there {
            let how = Deletion::default();
            let gone = self
                .cluster
                .delete(SLICES, &key.namespace, &old.name, &how, &self.by);
            match gone.await {
                Err(status) if !status.is_not_found() => return Err(status),
                _ => {}
            }
        }
        Ok(())
    }
}

fn is_like(old: &Value, new: &Value) -> bool {
    old["addressType"] == new["addressType"]
        && fields::list(old, "ports") == fields::list(new, "ports")
}

/// The slices of an object, one for the same ports and kind of addresses, and how many addresses are too
/// many.
fn wanted(endpoints: &Value) -> (Vec<Value>, usize) {
    let mut groups: BTreeMap<(String, String), (Value, Vec<Value>)> = BTreeMap::new();
    let mut skipped = 0;
    for subset in fields::list(endpoints, "subsets") {
        let ports: Vec<Value> = fields::list(subset, "ports").iter().map(port).collect();
        let ports = Value::from(ports);
        let all = [("addresses", true), ("notReadyAddresses", false)]
            .into_iter()
            .flat_map(|(key, ready)| fields::list(subset, key).iter().map(move |a| (a, ready)));
        for (place, (address, ready)) in all.enumerate() {
            let ip = fields::text(address, "ip");
            if place >= MOST {
                skipped += 1;
                continue;
            }
            let kind = match ip.parse::<IpAddr>() {
                Ok(IpAddr::V4(_)) => "IPv4",
                Ok(IpAddr::V6(_)) => "IPv6",
                Err(_) => continue,
            };
            let key = (kind.to_owned(), ports.to_string());
            let group = groups
                .entry(key)
                .or_insert_with(|| (ports.clone(), Vec::new()));
            // Several subsets of the same ports are one slice, which has its own limit.
            if group.1.len() >= MOST {
                skipped += 1;
            } else {
                group.1.push(endpoint(address, ready));
            }
        }
    }
    let slices = groups.into_iter();
    let slices = slices.map(|((kind, _), (ports, made))| slice(endpoints, &kind, &ports, &made));
    (slices.collect(), skipped)
}

fn port(port: &Value) -> Value {
    let mut made = json!({
        "name": fields::text(port, "name"),
        "port": port["port"],
        "protocol": fields::text(port, "protocol"),
    });
    if fields::has(port, "appProtocol") {
        fields::set(&mut made, "appProtocol", port["appProtocol"].clone());
    }
    made
}

fn endpoint(address: &Value, ready: bool) -> Value {
    let mut made = json!({
        "addresses": [fields::text(address, "ip")],
        "conditions": { "ready": ready },
    });
    for key in ["targetRef", "nodeName", "hostname"] {
        if fields::has(address, key) && address[key] != "" {
            fields::set(&mut made, key, address[key].clone());
        }
    }
    made
}

fn slice(endpoints: &Value, kind: &str, ports: &Value, made: &[Value]) -> Value {
    let metadata = &endpoints["metadata"];
    let name = fields::text(metadata, "name");
    let mut labels = json!({});
    for (key, value) in fields::entries(metadata, "labels") {
        fields::set(&mut labels, key, value.clone());
    }
    fields::set(&mut labels, SERVICE, name);
    fields::set(&mut labels, MANAGED_BY, MANAGER);
    let mut slice = json!({
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "generateName": format!("{name}-"),
            "namespace": fields::text(metadata, "namespace"),
            "labels": labels,
            "ownerReferences": [{
                "apiVersion": "v1",
                "kind": "Endpoints",
                "name": name,
                "uid": fields::text(metadata, "uid"),
                "controller": true,
                "blockOwnerDeletion": true,
            }],
        },
        "addressType": kind,
        "ports": ports,
        "endpoints": made,
    });
    let notes = fields::entries(metadata, "annotations");
    let notes: serde_json::Map<String, Value> = notes
        .filter(|(key, _)| !OWN_NOTES.contains(key))
        .map(|(key, value)| (key.to_owned(), value.clone()))
        .collect();
    if !notes.is_empty() {
        slice["metadata"]["annotations"] = notes.into();
    }
    slice
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::super::testing;
    use super::*;

    fn endpoints(addresses: &Value) -> Value {
        json!({
            "metadata": { "name": "db", "namespace": "default", "labels": { "team": "a" } },
            "subsets": [{
                "addresses": addresses,
                "notReadyAddresses": [{ "ip": "192.0.2.9" }],
                "ports": [{ "name": "sql", "port": 5432, "protocol": "TCP" }],
            }],
        })
    }

    #[test]
    fn a_thousand_addresses_of_a_subset_are_told() {
        let many = (0..1200).map(|n| json!({ "ip": format!("10.0.{}.{}", n / 200, n % 200) }));
        let (slices, skipped) = wanted(&endpoints(&many.collect()));
        assert_eq!((slices.len(), skipped), (1, 201));
        assert_eq!(fields::list(&slices[0], "endpoints").len(), 1000);
    }

    #[tokio::test]
    async fn endpoints_made_by_hand_have_slices_until_they_go() {
        let running = testing::running(&[|c| run(c).boxed()]).await;
        let service = json!({
            "metadata": { "name": "db", "namespace": "default" },
            "spec": { "ports": [{ "port": 5432 }] },
        });
        running.create("services", service).await;
        let addresses = json!([{ "ip": "192.0.2.1", "hostname": "one" }, { "ip": "2001:db8::1" }]);
        running.create("endpoints", endpoints(&addresses)).await;
        let two = |slices: &[Arc<Object>]| {
            let all: Vec<Value> = slices.iter().map(|slice| slice.value()).collect();
            (all.len() == 2).then_some(all)
        };
        let slices = running.until(SLICES, "two slices", two).await;
        let v4 = slices
            .iter()
            .find(|slice| slice["addressType"] == "IPv4")
            .unwrap();
        let told = json!([
            { "addresses": ["192.0.2.1"], "conditions": { "ready": true }, "hostname": "one" },
            { "addresses": ["192.0.2.9"], "conditions": { "ready": false } },
        ]);
        assert_eq!(v4["endpoints"], told);
        let labels = json!({ "team": "a", SERVICE: "db", MANAGED_BY: MANAGER });
        assert_eq!(v4["metadata"]["labels"], labels);
        assert_eq!(v4["metadata"]["ownerReferences"][0]["kind"], "Endpoints");
        let less = |endpoints: &mut Value| {
            endpoints["subsets"][0]["addresses"] = json!([{ "ip": "192.0.2.2" }]);
        };
        running.change("endpoints", "db", less).await;
        let name = v4["metadata"]["name"].as_str().unwrap();
        let one = |slices: &[Arc<Object>]| {
            let only = slices.first().filter(|_| slices.len() == 1)?.value();
            let same = only["metadata"]["name"] == name;
            (same && only["endpoints"][0]["addresses"][0] == "192.0.2.2").then_some(())
        };
        running.until(SLICES, "one, changed", one).await;
        let skip = |endpoints: &mut Value| {
            endpoints["metadata"]["labels"][SKIP] = "true".into();
        };
        running.change("endpoints", "db", skip).await;
        let none = |slices: &[Arc<Object>]| slices.is_empty().then_some(());
        running.until(SLICES, "none", none).await;
    }
}
