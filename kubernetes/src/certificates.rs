//! Certificate signing requests: those that are approved get a certificate, and old ones go.
//!
//! The signers are those of EKS. It signs servers of applications
//! (`beta.eks.amazonaws.com/app-serving`) and of its own kubelets, and no client certificates:
//! <https://docs.aws.amazon.com/eks/latest/userguide/cert-signing.html>. Requests for other signers
//! stay approved and without a certificate, as there.
use std::sync::Arc;
use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use futures::future::BoxFuture;
use serde_json::{Value, json};
use wharf_types::Timestamp;

use crate::cluster::time::{parse_rfc3339, rfc3339};
use crate::cluster::{Actor, Cluster, Deletion, Part};
use crate::controllers::{Frame, Key, Outcome};
use crate::store::Object;
use crate::{Status, fields};

pub const APP_SERVING: &str = "beta.eks.amazonaws.com/app-serving";
pub const KUBELET_SERVING: &str = "kubernetes.io/kubelet-serving";

const REQUESTS: &str = "certificatesigningrequests.certificates.k8s.io";

/// How long a certificate is good for if nothing less is asked for.
const YEAR: Duration = Duration::from_hours(24 * 365);
/// Clocks of others may be behind.
const BACKDATED: Duration = Duration::from_mins(5);
/// What is shorter ends when it was asked to.
const SHORT: Duration = Duration::from_hours(8);
const SHORTEST: Duration = Duration::from_mins(10);

/// How long decided requests stay, and those that nobody decides.
const DECIDED: Duration = Duration::from_hours(1);
const PENDING: Duration = Duration::from_hours(24);

/// Who has the key of the cluster's authority.
pub trait Signer: std::fmt::Debug + Send + Sync {
    /// Makes a certificate: PEM.
    fn sign<'a>(&'a self, wanted: &'a Wanted) -> BoxFuture<'a, Result<String, Refusal>>;
}

/// A certificate that is to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The request: PEM.
    pub request: String,
    pub signer: String,
    /// Who asked for it.
    pub user: String,
    /// As in `spec.usages`.
    pub usages: Vec<String>,
    pub not_before: Timestamp,
    pub not_after: Timestamp,
}

/// Why a certificate was not made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The request is not one that the signer takes; it never will be.
    Invalid(String),
    /// It may be made later.
    Unavailable(String),
}

/// Works until it is dropped.
pub async fn run(cluster: Cluster, signer: Arc<dyn Signer>) -> Result<(), Status> {
    let mut frame = Frame::of("certificatesigningrequest", &cluster);
    frame.on(cluster.shelf(REQUESTS)?, |seen| {
        seen.new.map(|one| Key::of(one)).into_iter().collect()
    });
    frame
        .run(1, move |key| {
            let (cluster, signer) = (cluster.clone(), Arc::clone(&signer));
            async move { sync(&cluster, &*signer, &key.name).await }
        })
        .await;
    Ok(())
}

async fn sync(cluster: &Cluster, signer: &dyn Signer, name: &str) -> Outcome {
    let Some(object) = cluster.get(REQUESTS, "", name) else {
        return Ok(None);
    };
    let request = object.value();
    let left = end(&request).map(|end| end.since(cluster.now()));
    if left.is_some_and(|left| left.is_zero()) {
        return remove(cluster, &object).await;
    }
    if is_to_be_signed(&request) {
        sign(cluster, signer, &object, &request).await?;
    }
    Ok(left)
}

fn condition<'a>(request: &'a Value, kind: &str) -> Option<&'a Value> {
    let all = fields::list(&request["status"], "conditions");
    all.iter().find(|one| fields::text(one, "type") == kind)
}

fn has_certificate(request: &Value) -> bool {
    !fields::text(&request["status"], "certificate").is_empty()
}

fn is_to_be_signed(request: &Value) -> bool {
    let ours = [APP_SERVING, KUBELET_SERVING];
    ours.contains(&fields::text(&request["spec"], "signerName"))
        && condition(request, "Approved").is_some()
        && condition(request, "Denied").is_none()
        && condition(request, "Failed").is_none()
        && !has_certificate(request)
}

/// When a request is to go. What is approved and never gets a certificate stays.
fn end(request: &Value) -> Option<Timestamp> {
    let since = |one: &Value| {
        let mut times = ["lastUpdateTime", "lastTransitionTime"].into_iter();
        times.find_map(|key| parse_rfc3339(fields::text(one, key)))
    };
    let created = parse_rfc3339(fields::text(&request["metadata"], "creationTimestamp"));
    for kind in ["Denied", "Failed", "Approved"] {
        if let Some(found) = condition(request, kind) {
            let waits = kind == "Approved" && !has_certificate(request);
            let from = since(found).or(created)?;
            return (!waits).then(|| from + DECIDED);
        }
    }
    Some(created? + PENDING)
}

async fn sign(
    cluster: &Cluster,
    signer: &dyn Signer,
    object: &Object,
    request: &Value,
) -> Result<(), Status> {
    let wanted = wanted(request, cluster.now());
    let set: (&str, Value) = match signer.sign(&wanted).await {
        Ok(pem) => ("certificate", STANDARD.encode(pem).into()),
        Err(Refusal::Invalid(why)) => {
            let mut all = fields::list(&request["status"], "conditions").to_vec();
            let now = rfc3339(cluster.now());
            all.push(json!({
                "type": "Failed", "status": "True", "reason": "SignerValidationFailure",
                "message": why, "lastUpdateTime": now, "lastTransitionTime": now,
            }));
            ("conditions", all.into())
        }
        Err(Refusal::Unavailable(why)) => return Err(Status::unavailable(&why)),
    };
    let by = Actor::controller("certificate-controller");
    let put = |value: &mut Value| {
        if value["metadata"]["uid"] == object.uid.as_str()
            && let Some(status) = fields::ensure(value, "status")
        {
            fields::set(status, set.0, set.1.clone());
        }
        Ok(())
    };
    let done = cluster.modify(REQUESTS, "", &object.name, Part::Status, &by, put);
    match done.await {
        Err(status) if !status.is_not_found() => Err(status),
        _ => Ok(()),
    }
}

fn wanted(request: &Value, now: Timestamp) -> Wanted {
    let spec = &request["spec"];
    let bytes = STANDARD.decode(fields::text(spec, "request"));
    let asked = fields::number(&spec["expirationSeconds"]);
    let asked = asked.and_then(|secs| u64::try_from(secs).ok());
    let life = asked.map_or(YEAR, |secs| Duration::from_secs(secs).clamp(SHORTEST, YEAR));
    let shorter = if life < SHORT {
        Duration::ZERO
    } else {
        BACKDATED
    };
    let usages = fields::list(spec, "usages").iter();
    Wanted {
        request: String::from_utf8(bytes.unwrap_or_default()).unwrap_or_default(),
        signer: fields::text(spec, "signerName").to_owned(),
        user: fields::text(spec, "username").to_owned(),
        usages: usages
            .filter_map(|u| u.as_str().map(str::to_owned))
            .collect(),
        not_before: now - BACKDATED,
        not_after: now + life.saturating_sub(shorter),
    }
}

async fn remove(cluster: &Cluster, request: &Object) -> Outcome {
    let by = Actor::controller("certificate-controller");
    let how = Deletion {
        revision: Some(request.revision.to_string()),
        ..Deletion::default()
    };
    match cluster.delete(REQUESTS, "", &request.name, &how, &by).await {
        Err(status) if !status.is_not_found() && !status.is_conflict() => Err(status),
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;
    use crate::cluster::testing::TestCluster;

    #[derive(Debug)]
    struct Stamp;

    impl Signer for Stamp {
        fn sign<'a>(&'a self, wanted: &'a Wanted) -> BoxFuture<'a, Result<String, Refusal>> {
            let done = if wanted.usages.contains(&"client auth".to_owned()) {
                Err(Refusal::Invalid("no clients".to_owned()))
            } else {
                let life = wanted.not_after.since(wanted.not_before);
                Ok(format!("good for {} s", life.as_secs()))
            };
            futures::future::ready(done).boxed()
        }
    }

    async fn ask(test: &TestCluster, name: &str, signer: &str, usage: &str) {
        let request = STANDARD.encode("-----BEGIN CERTIFICATE REQUEST-----\n");
        let asked = json!({
            "metadata": { "name": name },
            "spec": {
                "request": request, "signerName": signer, "usages": [usage],
                "expirationSeconds": 3600,
            },
        });
        let (cluster, by) = (&test.cluster, &test.by);
        cluster.create(REQUESTS, asked, by).await.unwrap();
        sync(cluster, &Stamp, name).await.unwrap();
        assert!(!has_certificate(&read(test, name)), "nobody approved it");
        let now = rfc3339(cluster.now());
        let approve = |request: &mut Value| {
            request["status"]["conditions"] = json!([{
                "type": "Approved", "status": "True", "reason": "KubectlApprove",
                "lastUpdateTime": now,
            }]);
            Ok(())
        };
        let approved = cluster.modify(REQUESTS, "", name, Part::Approval, by, approve);
        approved.await.unwrap();
        sync(cluster, &Stamp, name).await.unwrap();
    }

    fn read(test: &TestCluster, name: &str) -> Value {
        test.cluster.get(REQUESTS, "", name).unwrap().value()
    }

    #[tokio::test]
    async fn what_is_approved_is_signed_and_goes_an_hour_later() {
        let test = TestCluster::new().await;
        ask(&test, "web", APP_SERVING, "server auth").await;
        let certificate = read(&test, "web")["status"]["certificate"].clone();
        // Five minutes before it was asked for, too.
        assert_eq!(certificate, STANDARD.encode("good for 3900 s"));
        test.clock.advance(DECIDED);
        sync(&test.cluster, &Stamp, "web").await.unwrap();
        assert!(test.cluster.get(REQUESTS, "", "web").is_none());
    }

    #[tokio::test]
    async fn client_certificates_are_not_signed() {
        let test = TestCluster::new().await;
        ask(
            &test,
            "jane",
            "kubernetes.io/kube-apiserver-client",
            "client auth",
        )
        .await;
        assert!(!has_certificate(&read(&test, "jane")));
        assert!(condition(&read(&test, "jane"), "Failed").is_none());
        ask(&test, "bad", APP_SERVING, "client auth").await;
        let bad = read(&test, "bad");
        let failed = condition(&bad, "Failed").unwrap();
        assert_eq!(failed["reason"], "SignerValidationFailure");
        assert_eq!(failed["message"], "no clients");
    }
}
