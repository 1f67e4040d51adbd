//! kube-rs, unmodified, with the kubeconfig that the AWS CLI writes.
use std::collections::HashMap;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::config::{Config, KubeConfigOptions, Kubeconfig};
use kube::core::Status;
use kube::{Api, Client};
use serde_json::{Value, json};

use super::cluster::Cluster;

mod applying;
mod controlling;
mod door;
mod objects;
mod watching;

/// A cluster, and the configuration of a client of it.
struct Kube {
    cluster: Cluster,
    config: Config,
}

impl Kube {
    /// None if the AWS CLI is not there.
    async fn new() -> Option<Self> {
        let cluster = Cluster::new().await?;
        let config = configuration(&cluster).await;
        Some(Self { cluster, config })
    }

    fn client(&self) -> Client {
        Client::try_from(self.config.clone()).unwrap()
    }

    fn maps(&self) -> Api<ConfigMap> {
        Api::default_namespaced(self.client())
    }
}

/// Reads the kubeconfig, and adds to the command in it what a user would have in the environment.
async fn configuration(cluster: &Cluster) -> Config {
    let mut kubeconfig = Kubeconfig::read_from(cluster.kubeconfig()).unwrap();
    let pairs = cluster.environment().into_iter().map(|(key, value)| {
        HashMap::from([
            ("name".to_owned(), key.to_owned()),
            ("value".to_owned(), value),
        ])
    });
    let pairs: Vec<HashMap<String, String>> = pairs.collect();
    for user in &mut kubeconfig.auth_infos {
        let info = user.auth_info.as_mut().unwrap();
        let exec = info.exec.as_mut().unwrap();
        assert_eq!(exec.command.as_deref(), Some("aws"));
        exec.env.get_or_insert_default().extend(pairs.clone());
    }
    let options = KubeConfigOptions::default();
    let config = Config::from_custom_kubeconfig(kubeconfig, &options);
    config.await.unwrap()
}

/// The `Status` of a request that must be refused.
#[track_caller]
fn refused<T: std::fmt::Debug>(result: Result<T, kube::Error>, code: u16, reason: &str) -> Status {
    match result {
        Err(kube::Error::Api(status)) => {
            assert_eq!(
                (status.code, status.reason.as_str()),
                (code, reason),
                "{status:?}"
            );
            *status
        }
        other => unreachable!("{other:?}"),
    }
}

fn map(name: &str, data: &Value) -> ConfigMap {
    let labels = json!({ "mine": "yes" });
    serde_json::from_value(json!({ "metadata": { "name": name, "labels": labels }, "data": data }))
        .unwrap()
}

/// The data of a map as JSON.
fn data(map: &ConfigMap) -> Value {
    serde_json::to_value(&map.data).unwrap()
}
