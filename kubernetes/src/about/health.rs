//! `/healthz`, `/livez`, `/readyz`: whether the server does its work.
use http::{Method, StatusCode};

use super::{Answer, text};

/// What the API server of Kubernetes checks, in its order. One process does all of it here: that
/// it answers is the check.
const CHECKS: [&str; 28] = [
    "ping",
    "log",
    "etcd",
    "poststarthook/start-apiserver-admission-initializer",
    "poststarthook/generic-apiserver-start-informers",
    "poststarthook/priority-and-fairness-config-consumer",
    "poststarthook/priority-and-fairness-filter",
    "poststarthook/storage-object-count-tracker-hook",
    "poststarthook/start-apiextensions-informers",
    "poststarthook/start-apiextensions-controllers",
    "poststarthook/crd-informer-synced",
    "poststarthook/start-system-namespaces-controller",
    "poststarthook/start-cluster-authentication-info-controller",
    "poststarthook/start-kube-apiserver-identity-lease-controller",
    "poststarthook/start-legacy-token-tracking-controller",
    "poststarthook/start-service-ip-repair-controllers",
    "poststarthook/rbac/bootstrap-roles",
    "poststarthook/scheduling/bootstrap-system-priority-classes",
    "poststarthook/priority-and-fairness-config-producer",
    "poststarthook/bootstrap-controller",
    "poststarthook/start-kubernetes-service-cidr-controller",
    "poststarthook/aggregator-reload-proxy-client-cert",
    "poststarthook/start-kube-aggregator-informers",
    "poststarthook/apiservice-registration-controller",
    "poststarthook/apiservice-discovery-controller",
    "poststarthook/kube-apiserver-autoregistration",
    "autoregister-completion",
    "poststarthook/apiservice-openapiv3-controller",
];

/// More that `/readyz` checks.
const READY: [&str; 2] = ["etcd-readiness", "informer-sync"];

/// Answers a path below one of the three; none if there is no such check.
pub(super) fn answer(method: &Method, path: &str, query: &str) -> Option<Answer> {
    let (root, check) = match path.split_once('/') {
        Some((root, check)) => (root, check.trim_end_matches('/')),
        None => (path, ""),
    };
    if !["healthz", "livez", "readyz"].contains(&root) {
        return None;
    }
    let checks = || {
        let more: &[&str] = if root == "readyz" { &READY } else { &[] };
        CHECKS.iter().chain(more).copied()
    };
    if !check.is_empty() {
        let known = checks().any(|own| own == check);
        return known.then(|| text(method, StatusCode::OK, "ok".to_owned()));
    }
    let mut verbose = false;
    let mut excluded = Vec::new();
    for (key, value) in form_urlencoded::parse(query.as_bytes()) {
        match &*key {
            "verbose" => verbose = true,
            "exclude" => excluded.push(value.into_owned()),
            _ => {}
        }
    }
    if !verbose {
        return Some(text(method, StatusCode::OK, "ok".to_owned()));
    }
    let mut body = String::new();
    for check in checks() {
        let skipped = excluded.iter().any(|own| own == check);
        let state = if skipped { "excluded: ok" } else { "ok" };
        body.extend(["[+]", check, " ", state, "\n"]);
    }
    body.extend([root, " check passed\n"]);
    Some(text(method, StatusCode::OK, body))
}
