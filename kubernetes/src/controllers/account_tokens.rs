//! Secrets of type `kubernetes.io/service-account-token`: they get the token of their account, and go
//! with it.
use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use wharf_auth::service_account::{Reference, mint_legacy};

use super::{Frame, Key, Outcome, WORKERS};
use crate::cluster::{Actor, Cluster, Deletion, Part};
use crate::store::Object;
use crate::{Status, fields};

const TYPE: &str = "kubernetes.io/service-account-token";
const NAME: &str = "kubernetes.io/service-account.name";
const UID: &str = "kubernetes.io/service-account.uid";

/// Works until it is dropped.
pub(crate) async fn run(cluster: Cluster) -> Result<(), Status> {
    let mut frame = Frame::of("serviceaccount-token", &cluster);
    let secrets = cluster.shelf("secrets")?;
    frame.on(Arc::clone(&secrets), |seen| {
        let ours = seen
            .new
            .filter(|secret| account_of(&secret.value()).is_some());
        ours.map(|secret| Key::of(secret)).into_iter().collect()
    });
    frame.on(cluster.shelf("serviceaccounts")?, move |seen| {
        // Only that one goes, or is another one of its name, makes a difference.
        let same = seen
            .old
            .zip(seen.new)
            .is_some_and(|(old, new)| old.uid == new.uid);
        let Some(account) = seen.latest().filter(|_| !same && seen.old.is_some()) else {
            return Vec::new();
        };
        let all = secrets.objects(Some(&account.namespace)).into_iter();
        let own =
            all.filter(|secret| account_of(&secret.value()).as_deref() == Some(&*account.name));
        own.map(|secret| Key::of(&secret)).collect()
    });
    frame
        .run(WORKERS, move |key| {
            let cluster = cluster.clone();
            async move { furnish(&cluster, &key).await }
        })
        .await;
    Ok(())
}

/// The account that a secret is for; none if it is no such secret.
fn account_of(secret: &Value) -> Option<String> {
    let name = fields::text(&secret["metadata"]["annotations"], NAME);
    (fields::text(secret, "type") == TYPE && !name.is_empty()).then(|| name.to_owned())
}

async fn furnish(cluster: &Cluster, key: &Key) -> Outcome {
    let Some(secret) = cluster.get("secrets", &key.namespace, &key.name) else {
        return Ok(None);
    };
    let value = secret.value();
    let Some(name) = account_of(&value) else {
        return Ok(None);
    };
    let account = cluster.get("serviceaccounts", &key.namespace, &name);
    let uid = fields::text(&value["metadata"]["annotations"], UID);
    let account = account.filter(|account| uid.is_empty() || account.uid == uid);
    let Some(account) = account.filter(|account| !account.deleting) else {
        return remove(cluster, &secret).await;
    };
    let by = Actor::controller("tokens-controller");
    let fill = |value: &mut Value| fill(cluster, value, &account);
    let (namespace, name) = (&key.namespace, &key.name);
    let done = cluster.modify("secrets", namespace, name, Part::Main, &by, fill);
    match done.await {
        Err(status) if !status.is_not_found() => Err(status),
        _ => Ok(None),
    }
}

fn fill(cluster: &Cluster, secret: &mut Value, account: &Object) -> Result<(), Status> {
    let (namespace, ca) = (&account.namespace, &cluster.settings().ca_pem);
    let mut wanted = vec![
        ("ca.crt", STANDARD.encode(ca)),
        ("namespace", STANDARD.encode(namespace)),
    ];
    if fields::text(&secret["data"], "token").is_empty() {
        let Some(key) = cluster.keys().first() else {
            return Err(Status::unavailable("the cluster has no key for tokens"));
        };
        let reference = Reference {
            name: account.name.clone(),
            uid: account.uid.clone(),
        };
        let name = fields::text(&secret["metadata"], "name");
        let token = mint_legacy(key, namespace, name, &reference).map_err(Status::internal)?;
        wanted.push(("token", STANDARD.encode(token.expose())));
    }
    if let Some(data) = fields::ensure(secret, "data") {
        for (key, text) in wanted {
            fields::set(data, key, text);
        }
    }
    secret["metadata"]["annotations"][UID] = json!(account.uid);
    Ok(())
}

async fn remove(cluster: &Cluster, secret: &Object) -> Outcome {
    let by = Actor::controller("tokens-controller");
    let how = Deletion {
        uid: Some(secret.uid.clone()),
        ..Deletion::default()
    };
    let (namespace, name) = (&secret.namespace, &secret.name);
    match cluster.delete("secrets", namespace, name, &how, &by).await {
        Err(status) if !status.is_not_found() && !status.is_conflict() => Err(status),
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::super::testing;
    use super::*;

    fn secret(name: &str, account: &str) -> Value {
        json!({
            "metadata": { "name": name, "namespace": "default", "annotations": { NAME: account } },
            "type": TYPE,
        })
    }

    #[tokio::test]
    async fn a_secret_gets_a_token_that_is_good_and_goes_with_its_account() {
        let running = testing::running(&[|c| run(c).boxed()]).await;
        let (cluster, by) = (running.cluster(), &running.test.by);
        let account = json!({ "metadata": { "name": "robot", "namespace": "default" } });
        let account = running.create("serviceaccounts", account).await;
        running
            .create("secrets", secret("robot-token", "robot"))
            .await;
        let full = |secret: &Value| fields::has(&secret["data"], "token");
        let full = running
            .until_one("secrets", "robot-token", "a token", full)
            .await;
        let text = |key: &str| {
            let bytes = STANDARD.decode(fields::text(&full["data"], key)).unwrap();
            String::from_utf8(bytes).unwrap()
        };
        assert_eq!(text("namespace"), "default");
        assert!(fields::has(&full["data"], "ca.crt"));
        assert_eq!(full["metadata"]["annotations"][UID], account.uid.as_str());
        let audience = ["https://kubernetes.default.svc"];
        let read = wharf_auth::service_account::verify(
            cluster.keys(),
            &text("token"),
            &["https://issuer.test"],
            &audience,
            cluster.now(),
        );
        let claims = read.unwrap().claims;
        assert_eq!(claims.sub, "system:serviceaccount:default:robot");
        assert_eq!(claims.kubernetes.secret.unwrap().name, "robot-token");
        let how = Deletion::default();
        cluster
            .delete("serviceaccounts", "default", "robot", &how, by)
            .await
            .unwrap();
        let gone = |secrets: &[Arc<Object>]| secrets.is_empty().then_some(());
        running.until("secrets", "the secret goes", gone).await;
        running.create("secrets", secret("nobodys", "nobody")).await;
        running.until("secrets", "that too", gone).await;
    }
}
