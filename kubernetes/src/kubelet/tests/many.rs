//! Many pods at once.
use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn hundreds_of_pods_run_and_go() {
    const PODS: usize = 300;
    let s = Story::new().await;
    for n in 0..PODS {
        s.create(pod(&format!("p{n}"))).await;
    }
    let mut addresses = std::collections::BTreeSet::new();
    for n in 0..PODS {
        let pod = s.until(&format!("p{n}"), is_running).await;
        addresses.insert(pod["status"]["podIP"].to_string());
    }
    assert_eq!(addresses.len(), PODS, "each has its own address");
    let how = Deletion::default();
    for n in 0..PODS {
        let name = format!("p{n}");
        let (cluster, by) = (&s.test.cluster, &s.test.by);
        cluster
            .delete("pods", "default", &name, &how, by)
            .await
            .unwrap();
    }
    for n in 0..PODS {
        s.until_gone(&format!("p{n}")).await;
    }
}
