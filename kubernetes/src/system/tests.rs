use super::*;
use crate::cluster::Deletion;
use crate::cluster::testing::TestCluster;

#[tokio::test]
async fn a_new_cluster_has_what_eks_gives_it() {
    let test = TestCluster::new().await;
    let cluster = &test.cluster;
    bootstrap(cluster).await.unwrap();
    for (resource, namespace, name) in [
        ("namespaces", "", "kube-public"),
        ("storageclasses.storage.k8s.io", "", "gp2"),
        (
            "priorityclasses.scheduling.k8s.io",
            "",
            "system-node-critical",
        ),
        ("daemonsets.apps", "kube-system", "aws-node"),
        ("daemonsets.apps", "kube-system", "kube-proxy"),
        ("serviceaccounts", "kube-system", "coredns"),
        ("configmaps", "kube-system", MARK),
        (
            "clusterroles.rbac.authorization.k8s.io",
            "",
            "cluster-admin",
        ),
        (
            "clusterrolebindings.rbac.authorization.k8s.io",
            "",
            "cluster-admin",
        ),
        ("poddisruptionbudgets.policy", "kube-system", "coredns"),
    ] {
        assert!(
            cluster.get(resource, namespace, name).is_some(),
            "{resource} {name}"
        );
    }
    let dns = cluster
        .get("services", "kube-system", "kube-dns")
        .unwrap()
        .value();
    assert_eq!(dns["spec"]["clusterIP"], "10.100.0.10");
    let api = cluster
        .get("services", "default", "kubernetes")
        .unwrap()
        .value();
    assert_eq!(api["spec"]["clusterIP"], "10.100.0.1");
    let coredns = cluster
        .get("deployments.apps", "kube-system", "coredns")
        .unwrap()
        .value();
    assert_eq!(coredns["spec"]["replicas"], 2);
    assert_eq!(
        coredns["spec"]["template"]["spec"]["containers"][0]["image"],
        "602401143452.dkr.ecr.us-east-1.amazonaws.com/eks/coredns:v1.12.1-eksbuild.2"
    );
}

#[tokio::test]
async fn at_the_next_start_only_what_must_be_is_restored() {
    let test = TestCluster::new().await;
    let (cluster, by) = (&test.cluster, &test.by);
    bootstrap(cluster).await.unwrap();
    let before = cluster.store().revision();
    bootstrap(cluster).await.unwrap();
    assert_eq!(
        cluster.store().revision(),
        before,
        "nothing is written twice"
    );
    let how = Deletion::default();
    cluster
        .delete("daemonsets.apps", "kube-system", "kube-proxy", &how, by)
        .await
        .unwrap();
    let roles = "clusterroles.rbac.authorization.k8s.io";
    let empty = |role: &mut Value| {
        role["rules"] = json!([]);
        Ok(())
    };
    cluster
        .modify(roles, "", "system:basic-user", Part::Main, by, empty)
        .await
        .unwrap();
    bootstrap(cluster).await.unwrap();
    assert!(
        cluster
            .get("daemonsets.apps", "kube-system", "kube-proxy")
            .is_none()
    );
    let role = cluster.get(roles, "", "system:basic-user").unwrap().value();
    assert!(!fields::list(&role, "rules").is_empty());
}

#[tokio::test]
async fn a_cluster_that_does_without_add_ons_has_none() {
    let test = TestCluster::new().await;
    let cluster = &test.cluster;
    cluster.change_settings(|settings| settings.self_managed_addons = false);
    bootstrap(cluster).await.unwrap();
    for resource in [
        "daemonsets.apps",
        "deployments.apps",
        "poddisruptionbudgets.policy",
        "serviceaccounts",
        "services",
    ] {
        let found = cluster.list(resource, Some("kube-system"));
        assert!(found.is_empty(), "{resource}");
    }
    assert!(cluster.get("services", "default", "kubernetes").is_some());
    let classes = cluster.list("storageclasses.storage.k8s.io", None);
    assert_eq!(classes.len(), 1);
}
