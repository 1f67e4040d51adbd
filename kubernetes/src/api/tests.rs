use std::sync::Arc;

use axum::body::Body;
use http::{Method, Request, StatusCode, header};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use wharf_auth::service_account::{Audiences, Claims, Kubernetes, Reference, mint};
use wharf_auth::{Auth, SigningKey};

use super::{Access, ApiServer};
use crate::cluster::Deletion;
use crate::cluster::testing::TestCluster;

pub(super) struct Server {
    pub(super) api: ApiServer,
    pub(super) token: String,
    test: TestCluster,
}

impl Server {
    /// A server that knows one user, a service account that may do everything.
    pub(super) async fn new() -> Self {
        let test = TestCluster::new().await;
        let cluster = test.cluster.clone();
        let admin = json!({
            "metadata": { "name": "all" },
            "rules": [{ "apiGroups": ["*"], "resources": ["*"], "verbs": ["*"] }],
        });
        cluster
            .create("clusterroles.rbac.authorization.k8s.io", admin, &test.by)
            .await
            .unwrap();
        let bound = json!({
            "metadata": { "name": "all" },
            "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "all" },
            "subjects": [{ "kind": "ServiceAccount", "name": "default", "namespace": "default" }],
        });
        cluster
            .create(
                "clusterrolebindings.rbac.authorization.k8s.io",
                bound,
                &test.by,
            )
            .await
            .unwrap();
        let account = cluster
            .get("serviceaccounts", "default", "default")
            .unwrap();
        let claims = Claims {
            aud: Audiences(vec![super::identify::AUDIENCE.to_owned()]),
            exp: Some(cluster.now().as_secs() + 3600),
            iss: cluster.settings().issuer.clone(),
            sub: "system:serviceaccount:default:default".to_owned(),
            kubernetes: Kubernetes {
                namespace: "default".to_owned(),
                serviceaccount: Reference {
                    name: "default".to_owned(),
                    uid: account.uid.clone(),
                },
                ..Kubernetes::default()
            },
            ..Claims::default()
        };
        let token = mint(&cluster.keys()[0], &claims)
            .unwrap()
            .expose()
            .to_owned();
        Self {
            api: api(&test),
            token,
            test,
        }
    }

    /// The same after it was started again.
    pub(super) fn restart(self) -> Self {
        let Self {
            api: old,
            token,
            test,
        } = self;
        drop(old);
        let test = test.restart();
        Self {
            api: api(&test),
            token,
            test,
        }
    }

    pub(super) async fn send(
        &self,
        method: Method,
        path: &str,
        kind: &str,
        body: &Value,
    ) -> (StatusCode, Value) {
        let text = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::AUTHORIZATION, format!("Bearer {}", self.token))
            .header(header::CONTENT_TYPE, kind)
            .body(Body::from(text));
        let response = self.api.serve(request.unwrap()).await;
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&body).unwrap_or_default())
    }

    pub(super) async fn get(&self, path: &str) -> (StatusCode, Value) {
        self.send(Method::GET, path, "", &Value::Null).await
    }

    pub(super) async fn post(&self, path: &str, body: Value) -> (StatusCode, Value) {
        self.send(Method::POST, path, "application/json", &body)
            .await
    }
}

fn api(test: &TestCluster) -> ApiServer {
    let access = Access {
        auth: Auth::Local,
        key: Arc::new(SigningKey::generate().unwrap()),
        default_account: "000000000000".parse().unwrap(),
        is_ours: Arc::new(|_| false),
    };
    ApiServer::new(test.cluster.clone(), access)
}

const MAPS: &str = "/api/v1/namespaces/default/configmaps";

fn map(name: &str) -> Value {
    json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": name, "labels": { "n": name } } })
}

#[tokio::test]
async fn without_credentials_every_route_but_health_answers_401() {
    let s = Server::new().await;
    for path in [
        "/",
        "/api",
        "/apis",
        "/version",
        MAPS,
        "/nowhere",
        "/openapi/v2",
        "/openapi/v3",
    ] {
        let request = Request::builder().uri(path).body(Body::empty()).unwrap();
        let response = s.api.serve(request).await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{path}");
    }
    for token in ["k8s-aws-v1.bad", "a.b.c", "x"] {
        let request = Request::builder()
            .uri(MAPS)
            .header("authorization", format!("Bearer {token}"));
        let response = s.api.serve(request.body(Body::empty()).unwrap()).await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{token}");
    }
}

#[tokio::test]
async fn whoever_may_not_is_told_so_in_the_words_of_kubernetes() {
    let s = Server::new().await;
    let all = "clusterrolebindings.rbac.authorization.k8s.io";
    s.test
        .cluster
        .delete(all, "", "all", &Deletion::default(), &s.test.by)
        .await
        .unwrap();
    let (status, body) = s.get(MAPS).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert_eq!(
        body["message"],
        "configmaps is forbidden: User \"system:serviceaccount:default:default\" cannot list resource \"configmaps\" in API group \"\" in the namespace \"default\""
    );
}

#[tokio::test]
async fn objects_are_made_read_listed_in_pages_and_deleted() {
    let s = Server::new().await;
    for name in ["a", "b", "c"] {
        let (status, made) = s.post(MAPS, map(name)).await;
        assert_eq!(
            (status, &made["metadata"]["name"]),
            (StatusCode::CREATED, &json!(name))
        );
    }
    let (status, body) = s.post(MAPS, map("a")).await;
    assert_eq!(
        (status, &body["reason"]),
        (StatusCode::CONFLICT, &json!("AlreadyExists"))
    );
    let (_, page) = s.get(&format!("{MAPS}?limit=2")).await;
    assert_eq!(page["items"].as_array().unwrap().len(), 2);
    assert_eq!(page["metadata"]["remainingItemCount"], 1);
    // A page is of the same state as the one before it.
    let (_, _) = s.post(MAPS, map("bb")).await;
    let next = page["metadata"]["continue"].as_str().unwrap();
    let (_, rest) = s.get(&format!("{MAPS}?limit=2&continue={next}")).await;
    assert_eq!(rest["items"][0]["metadata"]["name"], "c");
    assert_eq!(rest["items"].as_array().unwrap().len(), 1);
    let (_, some) = s.get(&format!("{MAPS}?labelSelector=n+in+(a,c)")).await;
    assert_eq!(some["items"].as_array().unwrap().len(), 2);
    let (_, one) = s
        .get(&format!("{MAPS}?fieldSelector=metadata.name%3Db"))
        .await;
    assert_eq!(one["items"].as_array().unwrap().len(), 1);
    let (status, _) = s
        .send(Method::DELETE, &format!("{MAPS}/a"), "", &Value::Null)
        .await;
    assert_eq!(status, StatusCode::OK);
    let (status, body) = s.get(&format!("{MAPS}/a")).await;
    assert_eq!(
        (status, &body["message"]),
        (StatusCode::NOT_FOUND, &json!("configmaps \"a\" not found"))
    );
}

#[tokio::test]
async fn all_four_patches_change_an_object_and_apply_finds_conflicts() {
    let s = Server::new().await;
    s.post(MAPS, map("a")).await;
    let path = format!("{MAPS}/a?fieldManager=one");
    let patch = |kind: &'static str, body: Value| {
        let path = path.clone();
        let s = &s;
        async move { s.send(Method::PATCH, &path, kind, &body).await }
    };
    let (_, done) = patch(
        "application/merge-patch+json",
        json!({ "data": { "m": "1" } }),
    )
    .await;
    assert_eq!(done["data"], json!({ "m": "1" }));
    let operations = json!([{ "op": "add", "path": "/data/j", "value": "2" }]);
    let (_, done) = patch("application/json-patch+json", operations).await;
    assert_eq!(done["data"], json!({ "m": "1", "j": "2" }));
    let strategic = json!({ "data": { "m": null, "s": "3" } });
    let (_, done) = patch("application/strategic-merge-patch+json", strategic).await;
    assert_eq!(done["data"], json!({ "j": "2", "s": "3" }));
    let mut config = map("a");
    config["data"] = json!({ "s": "4" });
    let apply = format!("{MAPS}/a?fieldManager=two");
    let kind = "application/apply-patch+yaml";
    let (status, body) = s.send(Method::PATCH, &apply, kind, &config).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert_eq!(
        body["message"],
        "Apply failed with 1 conflict: conflict with \"one\" using v1: .data.s"
    );
    let (status, done) = s
        .send(Method::PATCH, &format!("{apply}&force=true"), kind, &config)
        .await;
    assert_eq!((status, &done["data"]["s"]), (StatusCode::OK, &json!("4")));
    let (status, _) = s
        .send(
            Method::PATCH,
            &format!("{MAPS}/new?fieldManager=two"),
            kind,
            &map("new"),
        )
        .await;
    assert_eq!(status, StatusCode::CREATED);
    let (status, _) = s.send(Method::PATCH, &path, "text/plain", &config).await;
    assert_eq!(status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
}

#[tokio::test]
async fn a_watch_shows_what_enters_changes_and_leaves_a_selection() {
    let s = Server::new().await;
    let (_, list) = s.get(MAPS).await;
    let from = list["metadata"]["resourceVersion"].as_str().unwrap();
    let path = format!("{MAPS}?watch=true&resourceVersion={from}&labelSelector=n%3Da");
    let request = Request::builder()
        .uri(&path)
        .header("authorization", format!("Bearer {}", s.token));
    let mut events = s
        .api
        .serve(request.body(Body::empty()).unwrap())
        .await
        .into_body();
    s.post(MAPS, map("a")).await;
    s.post(MAPS, map("other")).await;
    let path = format!("{MAPS}/a");
    let merge = "application/merge-patch+json";
    s.send(
        Method::PATCH,
        &path,
        merge,
        &json!({ "data": { "x": "1" } }),
    )
    .await;
    s.send(
        Method::PATCH,
        &path,
        merge,
        &json!({ "metadata": { "labels": { "n": "b" } } }),
    )
    .await;
    let mut seen = Vec::new();
    while seen.len() < 3 {
        let frame = events.frame().await.unwrap().unwrap().into_data().unwrap();
        let event: Value = serde_json::from_slice(&frame).unwrap();
        assert_eq!(event["object"]["metadata"]["name"], "a");
        seen.push(event["type"].as_str().unwrap().to_owned());
    }
    assert_eq!(seen, ["ADDED", "MODIFIED", "DELETED"]);
}

#[tokio::test]
async fn a_watch_can_begin_with_the_state_and_say_where_it_ends() {
    let s = Server::new().await;
    s.post(MAPS, map("a")).await;
    let path = format!(
        "{MAPS}?watch=1&sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan"
    );
    let request = Request::builder()
        .uri(&path)
        .header("authorization", format!("Bearer {}", s.token));
    let mut events = s
        .api
        .serve(request.body(Body::empty()).unwrap())
        .await
        .into_body();
    let mut next = async || -> Value {
        let frame = events.frame().await.unwrap().unwrap().into_data().unwrap();
        serde_json::from_slice(&frame).unwrap()
    };
    assert_eq!(next().await["type"], "ADDED");
    let mark = next().await;
    assert_eq!(mark["type"], "BOOKMARK");
    assert_eq!(
        mark["object"]["metadata"]["annotations"]["k8s.io/initial-events-end"],
        "true"
    );
}

#[tokio::test]
async fn too_old_and_too_new_versions_are_told() {
    let s = Server::new().await;
    let (status, body) = s
        .get(&format!("{MAPS}?watch=1&resourceVersion=999999999"))
        .await;
    assert_eq!(
        (status, &body["reason"]),
        (StatusCode::GATEWAY_TIMEOUT, &json!("Timeout"))
    );
    let (status, body) = s
        .get(&format!(
            "{MAPS}?continue=eyJydiI6MCwibmFtZXNwYWNlIjoiIiwibmFtZSI6IiJ9"
        ))
        .await;
    assert_eq!(
        (status, &body["reason"]),
        (StatusCode::GONE, &json!("Expired"))
    );
    // Who wants the rest as it is now gets that.
    let rest = body["metadata"]["continue"].as_str().unwrap();
    let (status, body) = s.get(&format!("{MAPS}?continue={rest}")).await;
    assert_eq!(
        (status, &body["kind"]),
        (StatusCode::OK, &json!("ConfigMapList"))
    );
}

#[tokio::test]
async fn a_token_can_be_asked_for_and_reviewed() {
    let s = Server::new().await;
    let path = "/api/v1/namespaces/default/serviceaccounts/default/token";
    let (status, answer) = s.post(path, json!({ "spec": {} })).await;
    assert_eq!(status, StatusCode::CREATED);
    let token = answer["status"]["token"].as_str().unwrap();
    let review = json!({ "spec": { "token": token } });
    let (_, answer) = s
        .post("/apis/authentication.k8s.io/v1/tokenreviews", review)
        .await;
    assert_eq!(answer["status"]["authenticated"], true);
    let user = &answer["status"]["user"]["username"];
    assert_eq!(user, "system:serviceaccount:default:default");
    let question =
        json!({ "spec": { "resourceAttributes": { "verb": "list", "resource": "pods" } } });
    let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    let (_, answer) = s.post(path, question).await;
    assert_eq!(answer["status"]["allowed"], true);
}

#[tokio::test]
async fn scale_is_read_and_changed_by_itself() {
    let s = Server::new().await;
    let deployment = json!({
        "metadata": { "name": "web" },
        "spec": {
            "selector": { "matchLabels": { "app": "web" } },
            "template": {
                "metadata": { "labels": { "app": "web" } },
                "spec": { "containers": [{ "name": "c", "image": "app:1" }] },
            },
        },
    });
    let path = "/apis/apps/v1/namespaces/default/deployments";
    s.post(path, deployment).await;
    let scale = format!("{path}/web/scale");
    let patch = json!({ "spec": { "replicas": 3 } });
    let (status, body) = s
        .send(
            Method::PATCH,
            &scale,
            "application/merge-patch+json",
            &patch,
        )
        .await;
    assert_eq!(
        (status, &body["kind"], &body["spec"]["replicas"]),
        (StatusCode::OK, &json!("Scale"), &json!(3))
    );
    let (_, web) = s.get(&format!("{path}/web")).await;
    assert_eq!(web["spec"]["replicas"], 3);
}

#[tokio::test]
async fn odd_paths_and_bodies_are_refused_and_nothing_breaks() {
    let s = Server::new().await;
    for path in [
        "/api/v1/nothing",
        "/api/v1/nodes/a/b",
        "/apis/apps/v1/pods",
        "/api/v1/pods/a",
    ] {
        assert_eq!(s.get(path).await.0, StatusCode::NOT_FOUND, "{path}");
    }
    assert_eq!(s.get("/api/v1/%zz/a").await.0, StatusCode::BAD_REQUEST);
    let deep = format!("{}1{}", "[".repeat(5000), "]".repeat(5000));
    let request = Request::builder()
        .method("POST")
        .uri(MAPS)
        .header("authorization", format!("Bearer {}", s.token));
    let response = s.api.serve(request.body(Body::from(deep)).unwrap()).await;
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    let big = json!({ "metadata": { "name": "a" }, "data": { "x": "y".repeat(4 << 20) } });
    assert_eq!(s.post(MAPS, big).await.0, StatusCode::PAYLOAD_TOO_LARGE);
    let wrong = json!({ "kind": "Pod", "apiVersion": "v1", "metadata": { "name": "a" } });
    assert_eq!(s.post(MAPS, wrong).await.0, StatusCode::BAD_REQUEST);
    assert_eq!(s.post(MAPS, json!([])).await.0, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_list_is_a_table_where_kubectl_asks_for_one() {
    let server = Server::new().await;
    let ask = async |path: &str| {
        let table = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json";
        let request = Request::builder()
            .uri(path)
            .header(header::AUTHORIZATION, format!("Bearer {}", server.token))
            .header(header::ACCEPT, table)
            .body(Body::empty());
        let response = server.api.serve(request.unwrap()).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        let body = response.into_body().collect().await.unwrap().to_bytes();
        serde_json::from_slice::<Value>(&body).unwrap()
    };
    let list = ask("/api/v1/namespaces?limit=500").await;
    assert_eq!(list["kind"], "Table");
    let cells = &list["rows"][0]["cells"];
    assert_eq!(
        (&cells[0], &cells[1]),
        (&json!("default"), &json!("Active"))
    );
    assert_eq!(list["rows"][0]["object"]["kind"], "PartialObjectMetadata");
    let one = ask("/api/v1/namespaces/default?includeObject=None").await;
    assert!(one["rows"][0]["object"].is_null());
}
