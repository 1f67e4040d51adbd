//! A cluster for tests, with a clock that they move.
use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::json;
use tempfile::TempDir;
use wharf_types::{Clock, Timestamp};

use super::{Actor, Cluster, Settings};

pub(crate) struct TestCluster {
    pub(crate) cluster: Cluster,
    pub(crate) clock: Clock,
    pub(crate) by: Actor,
    dir: TempDir,
}

impl TestCluster {
    /// An empty cluster with the namespace `default` and its service account.
    pub(crate) async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (cluster, clock) = open(&dir.path().join("c.db"));
        let by = Actor::system("tester", "test", "test");
        let object = |kind: &str, metadata: serde_json::Value| json!({ "apiVersion": "v1", "kind": kind, "metadata": metadata });
        let namespace = object("Namespace", json!({ "name": "default" }));
        cluster.create("namespaces", namespace, &by).await.unwrap();
        let account = json!({ "name": "default", "namespace": "default" });
        let account = object("ServiceAccount", account);
        cluster
            .create("serviceaccounts", account, &by)
            .await
            .unwrap();
        Self {
            cluster,
            clock,
            by,
            dir,
        }
    }

    /// The same after the server was started again.
    pub(crate) fn restart(self) -> Self {
        let Self {
            cluster, by, dir, ..
        } = self;
        drop(cluster);
        let (cluster, clock) = open(&dir.path().join("c.db"));
        Self {
            cluster,
            clock,
            by,
            dir,
        }
    }
}

pub(crate) fn open(path: &std::path::Path) -> (Cluster, Clock) {
    let clock = Clock::manual(Timestamp::from_secs(1_700_000_000));
    let hand = clock.clone();
    let settings = Settings {
        id: "abc".to_owned(),
        name: "dev".to_owned(),
        region: "us-east-1".to_owned(),
        account: "000000000000".to_owned(),
        version: "1.33".to_owned(),
        service_cidr: "10.100.0.0/16".to_owned(),
        api_addresses: vec![[192, 168, 32, 4].into(), [192, 168, 64, 4].into()],
        self_managed_addons: true,
        ca_pem: String::new(),
        fargate: Vec::new(),
        pod_identities: BTreeSet::new(),
        issuer: "https://issuer.test".to_owned(),
        access: Arc::default(),
    };
    (Cluster::open(path, false, settings, clock).unwrap(), hand)
}
