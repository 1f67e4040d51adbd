//! The service `kubernetes`: it is there again if somebody deletes it, and leads to the API server.
use std::net::Ipv4Addr;

use serde_json::{Value, json};

use super::{Frame, Key, Outcome};
use crate::cluster::{Actor, Cluster, Part};
use crate::{Status, fields, system};

const NAMESPACE: &str = "default";
const NAME: &str = "kubernetes";
const SLICES: &str = "endpointslices.discovery.k8s.io";
const SKIP_MIRROR: &str = "endpointslice.kubernetes.io/skip-mirror";
const SERVICE: &str = "kubernetes.io/service-name";

/// Works until it is dropped.
pub(crate) async fn run(cluster: Cluster) -> Result<(), Status> {
    let mut frame = Frame::of("kubernetes-service", &cluster);
    frame.queue().add(Key::new(NAMESPACE, NAME));
    for resource in ["services", "endpoints", SLICES] {
        frame.on(cluster.shelf(resource)?, |seen| {
            let ours = seen.latest().map(|object| Key::of(object));
            ours.filter(|key| *key.namespace == *NAMESPACE && *key.name == *NAME)
                .into_iter()
                .collect()
        });
    }
    frame
        .run(1, move |_key| {
            let cluster = cluster.clone();
            async move { keep(&cluster).await }
        })
        .await;
    Ok(())
}

async fn keep(cluster: &Cluster) -> Outcome {
    system::ensure_api_service(cluster).await?;
    let addresses = &cluster.settings().api_addresses;
    for (resource, wanted) in [
        ("endpoints", endpoints(addresses)),
        (SLICES, slice(addresses)),
    ] {
        put(cluster, resource, &wanted).await?;
    }
    Ok(None)
}

/// Makes an object, or gives it back the members that are ours.
async fn put(cluster: &Cluster, resource: &str, wanted: &Value) -> Result<(), Status> {
    let by = Actor::system("system:apiserver", "kube-apiserver", "kube-apiserver");
    if cluster.get(resource, NAMESPACE, NAME).is_none() {
        return match cluster.create(resource, wanted.clone(), &by).await {
            Err(status) if !status.is_already_exists() => Err(status),
            _ => Ok(()),
        };
    }
    let complete = |object: &mut Value| {
        for (key, value) in wanted.as_object().into_iter().flatten() {
            if key != "metadata" {
                fields::set(object, key, value.clone());
            }
        }
        if let Some(metadata) = fields::child(object, "metadata")
            && let Some(labels) = fields::ensure(metadata, "labels")
        {
            for (key, value) in fields::entries(&wanted["metadata"], "labels") {
                fields::set(labels, key, value.clone());
            }
        }
        Ok(())
    };
    let done = cluster.modify(resource, NAMESPACE, NAME, Part::Main, &by, complete);
    match done.await {
        Err(status) if !status.is_not_found() => Err(status),
        _ => Ok(()),
    }
}

fn ports() -> Value {
    json!([{ "name": "https", "port": 443, "protocol": "TCP" }])
}

fn endpoints(addresses: &[Ipv4Addr]) -> Value {
    let all: Vec<Value> = addresses.iter().map(|ip| json!({ "ip": ip })).collect();
    let mut endpoints = json!({
        "apiVersion": "v1",
        "kind": "Endpoints",
        "metadata": {
            "name": NAME,
            "namespace": NAMESPACE,
            // The slice is made by us, not by who mirrors endpoints.
            "labels": { SKIP_MIRROR: "true" },
        },
    });
    if !all.is_empty() {
        fields::set(
            &mut endpoints,
            "subsets",
            json!([{ "addresses": all, "ports": ports() }]),
        );
    }
    endpoints
}

fn slice(addresses: &[Ipv4Addr]) -> Value {
    let one = |ip| json!({ "addresses": [ip], "conditions": { "ready": true } });
    let all: Vec<Value> = addresses.iter().map(one).collect();
    json!({
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": NAME,
            "namespace": NAMESPACE,
            "labels": { SERVICE: NAME },
        },
        "addressType": "IPv4",
        "endpoints": all,
        "ports": ports(),
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing;
    use super::*;
    use crate::cluster::Deletion;
    use futures::FutureExt as _;

    #[tokio::test]
    async fn the_service_leads_to_the_api_server_and_comes_back() {
        let running = testing::running(&[|c| run(c).boxed()]).await;
        let (cluster, by) = (running.cluster(), &running.test.by);
        let at = json!([{ "ip": "192.168.32.4" }, { "ip": "192.168.64.4" }]);
        let told = |value: &Value| value["subsets"][0]["addresses"] == at;
        let endpoints = running
            .until_one("endpoints", NAME, "addresses", told)
            .await;
        let ports = json!([{ "name": "https", "port": 443, "protocol": "TCP" }]);
        assert_eq!(endpoints["subsets"][0]["ports"], ports);
        assert_eq!(endpoints["metadata"]["labels"][SKIP_MIRROR], "true");
        let ready = |value: &Value| {
            value["endpoints"][1]["addresses"][0] == "192.168.64.4"
                && value["endpoints"][1]["conditions"]["ready"] == true
        };
        let slice = running.until_one(SLICES, NAME, "endpoints", ready).await;
        assert_eq!(slice["metadata"]["labels"][SERVICE], NAME);
        for resource in ["services", "endpoints", SLICES] {
            let old = cluster.get(resource, NAMESPACE, NAME).unwrap();
            let how = Deletion::default();
            cluster
                .delete(resource, NAMESPACE, NAME, &how, by)
                .await
                .unwrap();
            let again = |value: &Value| value["metadata"]["uid"] != old.uid.as_str();
            running.until_one(resource, NAME, "a new one", again).await;
        }
        let service = cluster.get("services", NAMESPACE, NAME).unwrap().value();
        assert_eq!(service["spec"]["clusterIP"], "10.100.0.1");
    }
}
