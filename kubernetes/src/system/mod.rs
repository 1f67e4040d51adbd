//! The objects that a new cluster has.
//!
//! # Guarantees
//! * It may be stopped halfway and done again: what is there stays as it is.
//! * Roles and bindings of the system are completed at every start, as an API server does, unless
//!   their annotation `autoupdate` says otherwise.
//! * The add-ons are made once. The last object that is made then remembers it, so a user who
//!   deletes one of them does not get it back.
mod add_ons;
mod versions;

pub use add_ons::{AddOn, install, uninstall};
use futures::future::try_join_all;
use serde_json::{Value, json};

use crate::admission::priority::system_classes;
use crate::authz::bootstrap;
use crate::cluster::{Actor, Part};
use crate::{Cluster, Status, fields};

#[cfg(test)]
mod tests;

const STORAGE: &str = include_str!("objects/storage.yaml");
const BASE: &str = include_str!("objects/base.yaml");
const API_SERVICE: &str = include_str!("objects/api_service.yaml");
const DNS_SERVICE: &str = include_str!("objects/dns_service.yaml");
const COREDNS: &str = include_str!("objects/coredns.yaml");
const NODES: &str = include_str!("objects/nodes.yaml");

const NAMESPACES: [&str; 4] = ["default", "kube-node-lease", "kube-public", "kube-system"];

/// Is made last. Clients of aggregated API servers read it, so it is one of Kubernetes' own.
const MARK: &str = "extension-apiserver-authentication";

/// Makes what a cluster must have and restores roles and bindings. To be done at every start.
pub async fn bootstrap(cluster: &Cluster) -> Result<(), Status> {
    let by = Actor::system("system:apiserver", "kube-apiserver", "kube-apiserver");
    let namespaces = NAMESPACES.map(|name| {
        let namespace = json!({
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": { "name": name },
        });
        ensure(cluster, "namespaces", namespace, &by)
    });
    // What is made at the same time shares a transaction.
    try_join_all(namespaces).await?;
    let classes = system_classes().into_iter();
    let classes =
        classes.map(|class| ensure(cluster, "priorityclasses.scheduling.k8s.io", class, &by));
    let roles = bootstrap::objects().into_iter();
    let roles = roles.map(|object| restore(cluster, object, &by));
    let first = cluster.get("configmaps", "kube-system", MARK).is_none();
    let made = (
        try_join_all(classes),
        try_join_all(roles),
        ensure_api_service(cluster),
    );
    futures::try_join!(made.0, made.1, made.2)?;
    if first {
        add_ons(cluster).await?;
        ensure(cluster, "configmaps", mark(cluster), &by).await?;
    }
    Ok(())
}

/// Makes the service `kubernetes`, if it is not there.
pub(crate) async fn ensure_api_service(cluster: &Cluster) -> Result<(), Status> {
    let by = Actor::system("system:apiserver", "kube-apiserver", "kube-apiserver");
    let service = service(cluster, API_SERVICE)?;
    ensure(cluster, "services", service, &by).await
}

/// A service of ours with its fixed address.
fn service(cluster: &Cluster, text: &str) -> Result<Value, Status> {
    let (api, dns) = service_ips(&cluster.settings().service_cidr);
    let text = text.replace("{api-ip}", &api).replace("{dns-ip}", &dns);
    serde_saphyr::from_str(&text).map_err(Status::internal)
}

async fn add_ons(cluster: &Cluster) -> Result<(), Status> {
    let by = Actor::system("eks:cluster-bootstrap", "eks", "eks");
    let settings = cluster.settings();
    let images = versions::images(&settings.version);
    let registry = versions::registry(&settings.region);
    let network: &[&str] = if settings.self_managed_addons {
        ensure(cluster, "services", service(cluster, DNS_SERVICE)?, &by).await?;
        &[BASE, COREDNS, NODES]
    } else {
        &[]
    };
    let mut objects = Vec::new();
    for text in [&[STORAGE], network].concat() {
        let text = text
            .replace("{registry}", &registry)
            .replace("{coredns}", images.coredns)
            .replace("{proxy}", images.proxy)
            .replace("{cni}", images.cni)
            .replace("{policy}", images.policy)
            .replace(
                "{default-class}",
                versions::default_class(&settings.version),
            )
            .replace("{cluster}", &settings.name);
        objects.extend(read(&text)?);
    }
    let made = objects.into_iter().map(|object| {
        let resource = resource(fields::text(&object, "kind"));
        ensure(cluster, resource, object, &by)
    });
    try_join_all(made).await.map(drop)
}

fn mark(cluster: &Cluster) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": { "name": MARK, "namespace": "kube-system" },
        "data": {
            "client-ca-file": cluster.settings().ca_pem,
            "requestheader-allowed-names": "[\"front-proxy-client\"]",
            "requestheader-client-ca-file": cluster.settings().ca_pem,
            "requestheader-extra-headers-prefix": "[\"X-Remote-Extra-\"]",
            "requestheader-group-headers": "[\"X-Remote-Group\"]",
            "requestheader-username-headers": "[\"X-Remote-User\"]",
        },
    })
}

/// The resource of a kind that is in our files.
fn resource(kind: &str) -> &'static str {
    match kind {
        "ClusterRole" => "clusterroles.rbac.authorization.k8s.io",
        "ClusterRoleBinding" => "clusterrolebindings.rbac.authorization.k8s.io",
        "ConfigMap" => "configmaps",
        "CSIDriver" => "csidrivers.storage.k8s.io",
        "DaemonSet" => "daemonsets.apps",
        "Deployment" => "deployments.apps",
        "PodDisruptionBudget" => "poddisruptionbudgets.policy",
        "Role" => "roles.rbac.authorization.k8s.io",
        "RoleBinding" => "rolebindings.rbac.authorization.k8s.io",
        "Service" => "services",
        "ServiceAccount" => "serviceaccounts",
        "StorageClass" => "storageclasses.storage.k8s.io",
        _ => "",
    }
}

/// The objects of a file of ours.
fn read(text: &str) -> Result<Vec<Value>, Status> {
    let one = |text: &str| serde_saphyr::from_str(text).map_err(Status::internal);
    text.split("\n---\n").map(one).collect()
}

/// The addresses of the API server and of the name server: the first and the tenth one.
fn service_ips(cidr: &str) -> (String, String) {
    let base = cidr.split('/').next().unwrap_or_default();
    let base: std::net::Ipv4Addr = base
        .parse()
        .unwrap_or(std::net::Ipv4Addr::new(10, 100, 0, 0));
    let at = |offset: u32| std::net::Ipv4Addr::from(u32::from(base) | offset).to_string();
    (at(1), at(10))
}

/// Makes an object if there is none.
async fn ensure(
    cluster: &Cluster,
    resource: &str,
    object: Value,
    by: &Actor,
) -> Result<(), Status> {
    let metadata = &object["metadata"];
    let (namespace, name) = (
        fields::text(metadata, "namespace"),
        fields::text(metadata, "name"),
    );
    if cluster.get(resource, namespace, name).is_some() {
        return Ok(());
    }
    match cluster.create(resource, object, by).await {
        Err(status) if !status.is_already_exists() => Err(status),
        _ => Ok(()),
    }
}

/// Makes a role or binding, or gives it back what it lacks.
async fn restore(cluster: &Cluster, wanted: Value, by: &Actor) -> Result<(), Status> {
    let resource = resource(fields::text(&wanted, "kind"));
    let metadata = &wanted["metadata"];
    let namespace = fields::text(metadata, "namespace").to_owned();
    let name = fields::text(metadata, "name").to_owned();
    let Some(there) = cluster.get(resource, &namespace, &name) else {
        return ensure(cluster, resource, wanted, by).await;
    };
    if !lacks(&there.value(), &wanted) {
        return Ok(());
    }
    let complete = |object: &mut Value| {
        complete(object, &wanted);
        Ok(())
    };
    let (namespace, name) = (namespace.as_str(), name.as_str());
    let done = cluster
        .modify(resource, namespace, name, Part::Main, by, complete)
        .await;
    done.map(drop)
}

fn lacks(there: &Value, wanted: &Value) -> bool {
    let mut whole = there.clone();
    complete(&mut whole, wanted);
    whole != *there
}

/// Adds the rules, subjects and labels that are missing. An aggregated role gets its rules from
/// others.
fn complete(object: &mut Value, wanted: &Value) {
    const AUTOUPDATE: &str = "rbac.authorization.kubernetes.io/autoupdate";
    if object["metadata"]["annotations"][AUTOUPDATE] != "true" {
        return;
    }
    for (key, value) in fields::entries(&wanted["metadata"], "labels") {
        object["metadata"]["labels"][key] = value.clone();
    }
    for list in ["rules", "subjects"] {
        if list == "rules" && fields::has(object, "aggregationRule") {
            continue;
        }
        let mut all = fields::list(object, list).to_vec();
        let before = all.len();
        for one in fields::list(wanted, list) {
            if !all.iter().any(|there| fields::same(there, one)) {
                all.push(one.clone());
            }
        }
        if all.len() != before {
            object[list] = all.into();
        }
    }
}
