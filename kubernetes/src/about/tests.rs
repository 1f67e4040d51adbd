use http::header::ACCEPT;

use super::*;
use crate::cluster::testing::TestCluster;

pub(super) async fn ask(cluster: &Cluster, path: &str, headers: &[(HeaderName, &str)]) -> Answer {
    try_ask(cluster, path, headers).await.unwrap().unwrap()
}

pub(super) async fn try_ask(
    cluster: &Cluster,
    path: &str,
    headers: &[(HeaderName, &str)],
) -> Option<Result<Answer, Status>> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.insert(name.clone(), value.parse().unwrap());
    }
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let method = Method::GET;
    let ask = Ask {
        method: &method,
        path,
        query,
        headers: &map,
    };
    serve(cluster, ask).await
}

pub(super) fn body(answer: &Answer) -> Value {
    serde_json::from_slice(answer.body()).unwrap()
}

/// As `kubectl` 1.32 sends it.
const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json";

/// What Kubernetes 1.34 says of its own resources: name, group of the answer, kind, verbs, hash.
const UPSTREAM: &[(&str, &str, &str, &str, &str, &str)] = &[
    ("", "bindings", "", "Binding", "create", ""),
    (
        "",
        "componentstatuses",
        "",
        "ComponentStatus",
        "get,list",
        "",
    ),
    (
        "",
        "namespaces",
        "",
        "Namespace",
        "create,delete,get,list,patch,update,watch",
        "Q3oi5N2YM8M=",
    ),
    ("", "namespaces/finalize", "", "Namespace", "update", ""),
    (
        "",
        "nodes/proxy",
        "",
        "NodeProxyOptions",
        "create,delete,get,patch,update",
        "",
    ),
    ("", "pods", "", "Pod", ALL, "xPOwRZ+Yhw8="),
    ("", "pods/attach", "", "PodAttachOptions", "create,get", ""),
    ("", "pods/binding", "", "Binding", "create", ""),
    (
        "",
        "pods/ephemeralcontainers",
        "",
        "Pod",
        "get,patch,update",
        "",
    ),
    ("", "pods/eviction", "policy", "Eviction", "create", ""),
    ("", "pods/exec", "", "PodExecOptions", "create,get", ""),
    ("", "pods/log", "", "Pod", "get", ""),
    (
        "",
        "pods/portforward",
        "",
        "PodPortForwardOptions",
        "create,get",
        "",
    ),
    (
        "",
        "pods/proxy",
        "",
        "PodProxyOptions",
        "create,delete,get,patch,update",
        "",
    ),
    ("", "pods/resize", "", "Pod", "get,patch,update", ""),
    ("", "pods/status", "", "Pod", "get,patch,update", ""),
    (
        "",
        "replicationcontrollers/scale",
        "autoscaling",
        "Scale",
        "get,patch,update",
        "",
    ),
    (
        "",
        "serviceaccounts",
        "",
        "ServiceAccount",
        ALL,
        "pbx9ZvyFpBE=",
    ),
    (
        "",
        "serviceaccounts/token",
        "authentication.k8s.io",
        "TokenRequest",
        "create",
        "",
    ),
    (
        "",
        "services/proxy",
        "",
        "ServiceProxyOptions",
        "create,delete,get,patch,update",
        "",
    ),
    ("apps", "deployments", "", "Deployment", ALL, "8aSe+NMegvE="),
    (
        "apps",
        "deployments/scale",
        "autoscaling",
        "Scale",
        "get,patch,update",
        "",
    ),
    (
        "apps",
        "deployments/status",
        "",
        "Deployment",
        "get,patch,update",
        "",
    ),
    (
        "authorization.k8s.io",
        "selfsubjectaccessreviews",
        "",
        "SelfSubjectAccessReview",
        "create",
        "",
    ),
    (
        "autoscaling",
        "horizontalpodautoscalers",
        "",
        "HorizontalPodAutoscaler",
        ALL,
        "qwQve8ut294=",
    ),
    ("batch", "jobs", "", "Job", ALL, "mudhfqk/qZY="),
    (
        "certificates.k8s.io",
        "certificatesigningrequests/approval",
        "",
        "CertificateSigningRequest",
        "get,patch,update",
        "",
    ),
    ("events.k8s.io", "events", "", "Event", ALL, "r2yiGXH7wu8="),
    (
        "networking.k8s.io",
        "ingresses",
        "",
        "Ingress",
        ALL,
        "39NQlfNR+bo=",
    ),
    (
        "rbac.authorization.k8s.io",
        "roles",
        "",
        "Role",
        ALL,
        "7FuwZcIIItM=",
    ),
    (
        "storage.k8s.io",
        "volumeattachments/status",
        "",
        "VolumeAttachment",
        "get,patch,update",
        "",
    ),
];

const ALL: &str = "create,delete,deletecollection,get,list,patch,update,watch";

#[tokio::test]
async fn resources_are_told_as_kubernetes_tells_them() {
    let test = TestCluster::new().await;
    for &(group, name, other, kind, verbs, hash) in UPSTREAM {
        let path = match group {
            "" => "/api/v1".to_owned(),
            group => format!("/apis/{group}/v1"),
        };
        let list = body(&ask(&test.cluster, &path, &[]).await);
        let all = list["resources"].as_array().unwrap();
        let found = all.iter().find(|one| one["name"] == name).unwrap();
        assert_eq!(found["kind"], kind, "{name}");
        assert_eq!(found["group"].as_str().unwrap_or_default(), other, "{name}");
        let own: Vec<&str> = found["verbs"]
            .as_array()
            .unwrap()
            .iter()
            .map(|v| v.as_str().unwrap())
            .collect();
        assert_eq!(own.join(","), verbs, "{name}");
        assert_eq!(
            found["storageVersionHash"].as_str().unwrap_or_default(),
            hash,
            "{name}"
        );
        let names: Vec<&str> = all
            .iter()
            .map(|one| one["name"].as_str().unwrap())
            .collect();
        assert!(names.is_sorted(), "{names:?}");
    }
}

#[tokio::test]
async fn groups_are_in_the_order_of_kubernetes() {
    let test = TestCluster::new().await;
    let list = body(&ask(&test.cluster, "/apis", &[]).await);
    assert_eq!(list["kind"], "APIGroupList");
    let names: Vec<&str> = list["groups"]
        .as_array()
        .unwrap()
        .iter()
        .map(|g| g["name"].as_str().unwrap())
        .collect();
    assert_eq!(names.first(), Some(&"apiregistration.k8s.io"));
    assert_eq!(names.get(1), Some(&"apps"));
    assert_eq!(names.last(), Some(&"metrics.k8s.io"));
    let group = body(&ask(&test.cluster, "/apis/autoscaling", &[]).await);
    assert_eq!(group["kind"], "APIGroup");
    assert_eq!(
        group["preferredVersion"],
        json!({ "groupVersion": "autoscaling/v2", "version": "v2" })
    );
    assert_eq!(group["versions"].as_array().unwrap().len(), 2);
    let versions = body(&ask(&test.cluster, "/api/", &[(HOST, "h:1")]).await);
    assert_eq!(versions["versions"], json!(["v1"]));
    assert_eq!(
        versions["serverAddressByClientCIDRs"][0]["serverAddress"],
        "h:1"
    );
    let gone = try_ask(&test.cluster, "/apis/nothing.example.com", &[])
        .await
        .unwrap();
    assert_eq!(gone.unwrap_err().code, 404);
    assert!(try_ask(&test.cluster, "/api/v1/pods", &[]).await.is_none());
}

#[tokio::test]
async fn aggregated_discovery_is_asked_for_and_cached() {
    let test = TestCluster::new().await;
    let answer = ask(&test.cluster, "/apis", &[(ACCEPT, AGGREGATED)]).await;
    assert_eq!(
        answer.headers()[CONTENT_TYPE],
        "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
    );
    let list = body(&answer);
    assert_eq!(list["apiVersion"], "apidiscovery.k8s.io/v2");
    let items = list["items"].as_array().unwrap();
    let apps = items
        .iter()
        .find(|item| item["metadata"]["name"] == "apps")
        .unwrap();
    let deployments = &apps["versions"][0]["resources"][2];
    assert_eq!(
        *deployments,
        json!({
            "resource": "deployments", "singularResource": "deployment", "scope": "Namespaced",
            "responseKind": { "group": "", "version": "", "kind": "Deployment" },
            "shortNames": ["deploy"], "categories": ["all"],
            "verbs": ALL.split(',').collect::<Vec<_>>(),
            "subresources": [
                {
                    "subresource": "scale", "verbs": ["get", "patch", "update"],
                    "responseKind": { "group": "autoscaling", "version": "v1", "kind": "Scale" },
                },
                {
                    "subresource": "status", "verbs": ["get", "patch", "update"],
                    "responseKind": { "group": "", "version": "", "kind": "Deployment" },
                },
            ],
        })
    );
    let etag = answer.headers()[ETAG].to_str().unwrap();
    let again = ask(
        &test.cluster,
        "/apis",
        &[(ACCEPT, AGGREGATED), (IF_NONE_MATCH, etag)],
    )
    .await;
    assert_eq!(again.status(), 304);
    let core = ask(&test.cluster, "/api", &[(ACCEPT, AGGREGATED)]).await;
    assert_eq!(body(&core)["items"].as_array().unwrap().len(), 1);
    let old = ask(
        &test.cluster,
        "/api",
        &[(
            ACCEPT,
            "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList",
        )],
    );
    assert_eq!(
        body(&old.await)["apiVersion"],
        "apidiscovery.k8s.io/v2beta1"
    );
}

#[tokio::test]
async fn documents_are_found_by_their_hash() {
    let test = TestCluster::new().await;
    let index = body(
        &ask(
            &test.cluster,
            "/openapi/v3",
            &[(ACCEPT, "application/json, */*")],
        )
        .await,
    );
    let url = index["paths"]["apis/apps/v1"]["serverRelativeURL"]
        .as_str()
        .unwrap();
    let answer = ask(&test.cluster, url, &[]).await;
    assert_eq!(answer.headers()[CACHE_CONTROL], "public, immutable");
    assert_eq!(answer.headers()[EXPIRES], "Wed, 13 Nov 2024 22:13:20 GMT");
    let document = body(&answer);
    assert!(
        document["paths"]["/apis/apps/v1/namespaces/{namespace}/deployments/{name}/scale"]
            .is_object()
    );
    let stale = ask(&test.cluster, "/openapi/v3/apis/apps/v1?hash=x", &[]).await;
    assert_eq!(
        (
            stale.status().as_u16(),
            stale.headers()[LOCATION].to_str().unwrap()
        ),
        (301, url)
    );
    let protobuf = [(
        ACCEPT,
        "application/com.github.proto-openapi.spec.v3@v1.0+protobuf",
    )];
    let refused = try_ask(&test.cluster, "/openapi/v3/api/v1", &protobuf)
        .await
        .unwrap();
    assert_eq!(refused.unwrap_err().code, 406);
}

#[tokio::test]
async fn health_is_told_with_its_checks() {
    let test = TestCluster::new().await;
    let answer = ask(&test.cluster, "/readyz", &[]).await;
    assert_eq!(answer.body(), "ok");
    let answer = ask(&test.cluster, "/readyz?verbose&exclude=etcd", &[]).await;
    let text = std::str::from_utf8(answer.body()).unwrap();
    assert!(
        text.starts_with("[+]ping ok\n[+]log ok\n[+]etcd excluded: ok\n"),
        "{text}"
    );
    assert!(
        text.ends_with("[+]informer-sync ok\nreadyz check passed\n"),
        "{text}"
    );
    assert_eq!(ask(&test.cluster, "/livez/ping", &[]).await.body(), "ok");
    let unknown = try_ask(&test.cluster, "/healthz/x", &[]).await.unwrap();
    assert_eq!(unknown.unwrap_err().code, 404);
    let version = body(&ask(&test.cluster, "/version", &[]).await);
    assert_eq!(version["platform"], "linux/amd64");
}
