//! A cluster with a node group, what is deployed to it, and their end.
use anyhow::{Context as _, bail, ensure};
use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::{
    image::PORT,
    kubernetes::Kubernetes,
    steps::{Look, Steps, until},
};
use crate::commands::client::{Client, Refused};

/// What the cluster is called.
pub(super) const NAME: &str = "demo";

const NODES: usize = 2;
const PODS: u64 = 2;

/// Where the service is reached; a load balancer may have to take another.
const SERVICE_PORT: u16 = 80;
/// Says which other, as `80=8080`.
const MOVED: &str = "wharf.dev/load-balancer-ports";

const CLUSTER: &str = "/clusters/demo";
const NODEGROUP: &str = "/clusters/demo/node-groups/nodes";
const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/default/deployments";
const SERVICES: &str = "/api/v1/namespaces/default/services";
const ITS_PODS: &str = "/api/v1/namespaces/default/pods?labelSelector=app%3Dhello";
const ITS_FAILURES: &str = "/api/v1/namespaces/default/events?fieldSelector=\
     involvedObject.name%3Dhello%2Creason%3DSyncLoadBalancerFailed";

/// Where a service is reached from outside.
pub(super) enum Reached {
    At(String),
    /// Nowhere, because nothing runs in its pods.
    Simulated,
}

/// The cluster of the demo, whether it is there or not.
pub(super) struct Cluster<'a> {
    pub(super) client: &'a Client,
}

impl Cluster<'_> {
    pub(super) async fn create(&self, steps: &mut Steps) -> anyhow::Result<()> {
        let input = json!({
            "name": NAME,
            "roleArn": "arn:aws:iam::000000000000:role/eks",
            "resourcesVpcConfig": { "subnetIds": ["subnet-1", "subnet-2"] },
        });
        self.client.eks(Method::POST, "/clusters", &input).await?;
        let cluster = self.active(CLUSTER, "cluster").await?;
        let text = |key: &str| cluster[key].as_str().unwrap_or_default().to_owned();
        steps.done(format_args!(
            "created the cluster {NAME}: Kubernetes {} at {}",
            text("version"),
            text("endpoint")
        ))
    }

    pub(super) async fn add_nodes(&self, steps: &mut Steps) -> anyhow::Result<()> {
        let input = json!({
            "nodegroupName": "nodes",
            "nodeRole": "arn:aws:iam::000000000000:role/nodes",
            "subnets": ["subnet-1", "subnet-2"],
            "scalingConfig": { "minSize": 1, "maxSize": NODES, "desiredSize": NODES },
        });
        let path = format!("{CLUSTER}/node-groups");
        self.client.eks(Method::POST, &path, &input).await?;
        self.active(NODEGROUP, "nodegroup").await?;
        steps.done("created the node group nodes")?;
        let kubernetes = self.kubernetes().await?;
        let names = until("nodes that are Ready", async || {
            let nodes = kubernetes.get("/api/v1/nodes").await?;
            let ready = items(&nodes).iter().filter(|node| is(node, "Ready"));
            let names: Vec<&str> = ready.map(name).collect();
            Ok(if names.len() == NODES {
                Look::There(names.join(", "))
            } else {
                Look::NotYet(format!("{} of {NODES} are", names.len()))
            })
        });
        let names = names.await?;
        steps.done(format_args!("nodes are Ready: {names}"))
    }

    /// Waits for a cluster or a node group.
    async fn active(&self, path: &str, kind: &str) -> anyhow::Result<Value> {
        until(kind, async || {
            let found = self.client.eks(Method::GET, path, &Value::Null).await?;
            let found = &found[kind];
            match found["status"].as_str().unwrap_or_default() {
                "ACTIVE" => Ok(Look::There(found.clone())),
                "CREATING" => Ok(Look::NotYet("it is CREATING".into())),
                status => bail!("the {kind} is {status}: {}", found["health"]),
            }
        })
        .await
    }

    async fn kubernetes(&self) -> anyhow::Result<Kubernetes<'_>> {
        let found = self.client.eks(Method::GET, CLUSTER, &Value::Null).await?;
        Kubernetes::of(self.client, &found["cluster"])
    }

    pub(super) async fn deploy(&self, image: &str, steps: &mut Steps) -> anyhow::Result<()> {
        let kubernetes = self.kubernetes().await?;
        kubernetes.create(DEPLOYMENTS, &deployment(image)).await?;
        kubernetes.create(SERVICES, &service()).await?;
        let path = format!("{DEPLOYMENTS}/hello");
        let ready = until("pods that are ready", async || {
            let deployment = kubernetes.get(&path).await?;
            let ready = deployment["status"]["readyReplicas"].as_u64().unwrap_or(0);
            if ready == PODS {
                return Ok(Look::There(()));
            }
            let pods = kubernetes.get(ITS_PODS).await?;
            let waiting = items(&pods).iter().map(waiting).collect::<String>();
            Ok(Look::NotYet(format!("{ready} of {PODS} are{waiting}")))
        });
        ready.await?;
        steps.done(format_args!(
            "deployed it: a Deployment with {PODS} pods that are ready, and a Service"
        ))
    }

    /// Waits for the load balancer of the service.
    pub(super) async fn reach(&self) -> anyhow::Result<Reached> {
        let kubernetes = self.kubernetes().await?;
        let path = format!("{SERVICES}/hello");
        until("a load balancer", async || {
            let service = kubernetes.get(&path).await?;
            if let Some(url) = url(&service) {
                return Ok(Look::There(Reached::At(url)));
            }
            let failures = kubernetes.get(ITS_FAILURES).await?;
            let failures = items(&failures).iter();
            let mut failures = failures.filter_map(|event| event["message"].as_str());
            let Some(why) = failures.next() else {
                return Ok(Look::NotYet("the service is pending".into()));
            };
            // So the server says it to everyone.
            if why.contains("pods of this cluster are simulated") {
                return Ok(Look::There(Reached::Simulated));
            }
            Ok(Look::NotYet(why.to_owned()))
        })
        .await
    }

    /// Asks for the page, which has to name a pod.
    pub(super) async fn call(&self, url: &str) -> anyhow::Result<String> {
        let pods = self.kubernetes().await?.get(ITS_PODS).await?;
        let answer = until("an answer", async || {
            match self.client.http.get(url).send().await {
                Ok(answer) => Ok(Look::There(answer.error_for_status()?.text().await?)),
                // The load balancer is told of pods a moment after they are ready.
                Err(error) => Ok(Look::NotYet(error.to_string())),
            }
        });
        let answer = answer.await?.trim().to_owned();
        let known = items(&pods).iter().any(|pod| answer.contains(name(pod)));
        ensure!(known, "no pod of ours answers at {url}: {answer}");
        Ok(answer)
    }

    /// Removes what is there, in the order in which one needs the other.
    pub(super) async fn take_down(&self, steps: &mut Steps) -> anyhow::Result<()> {
        let found = self.client.eks(Method::GET, CLUSTER, &Value::Null).await;
        let found = match found {
            Err(error) if is_missing(&error) => return Ok(()),
            found => found?,
        };
        // The end of the cluster is that of its pods, so that is not left out if another step fails.
        let undeployed = if found["cluster"]["status"] == "ACTIVE" {
            self.undeploy(steps).await
        } else {
            Ok(())
        };
        let nodes = || self.delete(NODEGROUP);
        let without_nodes = gone("the node group", nodes).await;
        let without_nodes = without_nodes
            .and_then(|was| tell(steps, was, "deleted the node group with its machines"));
        gone("the cluster", || self.delete(CLUSTER)).await?;
        steps.done("deleted the cluster")?;
        undeployed.and(without_nodes)
    }

    async fn delete(&self, path: &str) -> anyhow::Result<Value> {
        self.client.eks(Method::DELETE, path, &Value::Null).await
    }

    async fn undeploy(&self, steps: &mut Steps) -> anyhow::Result<()> {
        let kubernetes = self.kubernetes().await?;
        let path = format!("{DEPLOYMENTS}/hello");
        // It goes when its pods are gone.
        let last = json!({ "propagationPolicy": "Foreground" });
        let delete = || kubernetes.delete(&path, &last);
        let was = gone("the deployment", delete).await?;
        tell(steps, was, "deleted the Deployment with its pods")?;
        let path = format!("{SERVICES}/hello");
        let delete = || kubernetes.delete(&path, &Value::Null);
        let was = gone("the service", delete).await?;
        tell(steps, was, "deleted the Service with its load balancer")
    }
}

fn tell(steps: &mut Steps, was: bool, what: &str) -> anyhow::Result<()> {
    if was { steps.done(what) } else { Ok(()) }
}

/// Deletes until it is gone. Says whether it was there.
async fn gone<D>(what: &str, delete: impl Fn() -> D + Send + Sync) -> anyhow::Result<bool>
where
    D: Future<Output = anyhow::Result<Value>> + Send,
{
    let mut was = false;
    until(what, async || match delete().await {
        Ok(_) => {
            was = true;
            Ok(Look::NotYet("it is being deleted".into()))
        }
        Err(error) if is_missing(&error) => Ok(Look::There(())),
        // Something is still in it.
        Err(error) if error.is::<Refused>() => Ok(Look::NotYet(error.to_string())),
        Err(error) => Err(error),
    })
    .await
    .with_context(|| format!("{what} is left"))?;
    Ok(was)
}

fn is_missing(error: &anyhow::Error) -> bool {
    let refused = error.downcast_ref::<Refused>();
    refused.is_some_and(|refused| refused.status == StatusCode::NOT_FOUND)
}

fn deployment(image: &str) -> Value {
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": { "name": "hello" },
        "spec": {
            "replicas": PODS,
            "selector": { "matchLabels": { "app": "hello" } },
            "template": {
                "metadata": { "labels": { "app": "hello" } },
                "spec": { "containers": [{
                    "name": "hello",
                    "image": image,
                    "ports": [{ "containerPort": PORT }],
                    "readinessProbe": { "httpGet": { "path": "/", "port": PORT }, "periodSeconds": 1 },
                }] },
            },
        },
    })
}

fn service() -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": { "name": "hello" },
        "spec": {
            "type": "LoadBalancer",
            "selector": { "app": "hello" },
            "ports": [{ "port": SERVICE_PORT, "targetPort": PORT }],
        },
    })
}

fn items(list: &Value) -> &[Value] {
    list["items"].as_array().map_or(&[], Vec::as_slice)
}

fn name(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap_or_default()
}

/// Whether a condition holds.
fn is(object: &Value, condition: &str) -> bool {
    let conditions = object["status"]["conditions"].as_array();
    let mut all = conditions.into_iter().flatten();
    all.any(|one| one["type"] == condition && one["status"] == "True")
}

/// What the container of a pod waits for.
fn waiting(pod: &Value) -> String {
    let waiting = &pod["status"]["containerStatuses"][0]["state"]["waiting"];
    let text = |key: &str| waiting[key].as_str().unwrap_or_default();
    match text("reason") {
        "" => String::new(),
        reason => format!("; {}: {reason} {}", name(pod), text("message")),
    }
}

/// Where the load balancer of a service listens.
fn url(service: &Value) -> Option<String> {
    let places = service["status"]["loadBalancer"]["ingress"].as_array()?;
    let ip = places.iter().find_map(|place| place["ip"].as_str())?;
    let moved = service["metadata"]["annotations"][MOVED].as_str();
    let moved = moved.and_then(|moved| moved.split_once('=')?.1.parse().ok());
    Some(format!("http://{ip}:{}/", moved.unwrap_or(SERVICE_PORT)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_load_balancer_may_be_at_another_port() {
        let mut service = service();
        assert_eq!(url(&service), None);
        let ingress = json!([{ "hostname": "a.elb.localhost" }, { "ip": "127.0.0.2" }]);
        service["status"] = json!({ "loadBalancer": { "ingress": ingress } });
        assert_eq!(url(&service).as_deref(), Some("http://127.0.0.2:80/"));
        service["metadata"]["annotations"] = json!({ MOVED: "80=8080" });
        assert_eq!(url(&service).as_deref(), Some("http://127.0.0.2:8080/"));
    }
}
