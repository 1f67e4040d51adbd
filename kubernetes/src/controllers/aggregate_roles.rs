//! Cluster roles that are the sum of others: those that their `aggregationRule` selects.
use std::sync::Arc;

use serde_json::{Value, json};

use super::{Frame, Key, Outcome};
use crate::authz::rbac::{self, ClusterRole};
use crate::cluster::{Actor, Cluster, Part};
use crate::{Status, fields};

const ROLES: &str = "clusterroles.rbac.authorization.k8s.io";

/// Works until it is dropped.
pub(crate) async fn run(cluster: Cluster) -> Result<(), Status> {
    let mut frame = Frame::of("clusterrole-aggregation", &cluster);
    let all = cluster.shelf(ROLES)?;
    let roles = Arc::clone(&all);
    // Whatever changes may be selected by any of them.
    frame.on(all, move |_seen| {
        let all = roles.objects(None).into_iter();
        let sums = all.filter(|role| fields::has(&role.value(), "aggregationRule"));
        sums.map(|role| Key::of(&role)).collect()
    });
    frame
        .run(1, move |key| {
            let cluster = cluster.clone();
            async move { sum(&cluster, &key).await }
        })
        .await;
    Ok(())
}

async fn sum(cluster: &Cluster, key: &Key) -> Outcome {
    let all: Vec<Value> = cluster
        .list(ROLES, None)
        .iter()
        .map(|role| role.value())
        .collect();
    let by = Actor::controller("clusterrole-aggregation-controller");
    let add = |object: &mut Value| {
        if let Some(role) = ClusterRole::from_object(object)
            && role.is_aggregated()
            && let Some(rule) = &role.aggregation
            && let Some(rules) =
                rbac::aggregated_rules(&key.name, rule, &role.role.rules, all.iter())
        {
            fields::set(object, "rules", json!(rules));
        }
        Ok(())
    };
    match cluster
        .modify(ROLES, "", &key.name, Part::Main, &by, add)
        .await
    {
        Err(status) if !status.is_not_found() => Err(status),
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::super::testing;
    use super::*;
    use crate::cluster::Deletion;

    fn role(name: &str, label: &str, resource: &str) -> Value {
        json!({
            "metadata": { "name": name, "labels": { label: "true" } },
            "rules": [{ "apiGroups": ["shop"], "resources": [resource], "verbs": ["get"] }],
        })
    }

    #[tokio::test]
    async fn roles_of_the_user_come_to_edit_and_to_sums_of_its_own() {
        const TO_EDIT: &str = "rbac.authorization.k8s.io/aggregate-to-edit";
        let running = testing::running(&[|c| run(c).boxed()]).await;
        let (cluster, by) = (running.cluster(), &running.test.by);
        let shelf = cluster.shelf(ROLES).unwrap();
        let resources = |name: &str| -> Vec<String> {
            let value = shelf.get("", name).map(|role| role.value());
            let value = value.unwrap_or_default();
            let rules = fields::list(&value, "rules").iter();
            let all = rules.flat_map(|rule| fields::list(rule, "resources"));
            all.filter_map(|r| r.as_str().map(str::to_owned)).collect()
        };
        let until = async |name: &str, wanted: &[&str]| {
            let mut news = shelf.subscribe();
            while resources(name) != wanted {
                news.changed().await.unwrap();
            }
        };
        for (name, label) in [("edit", TO_EDIT), ("sum", "shop.example.com/sum")] {
            let sum = json!({
                "metadata": { "name": name },
                "aggregationRule": { "clusterRoleSelectors": [{ "matchLabels": { label: "true" } }] },
                "rules": [{ "apiGroups": ["gone"], "resources": ["gone"], "verbs": ["get"] }],
            });
            running.create(ROLES, sum).await;
            until(name, &[]).await;
            running
                .create(ROLES, role(&format!("{name}-b"), label, "orders"))
                .await;
            running
                .create(ROLES, role(&format!("{name}-a"), label, "carts"))
                .await;
            until(name, &["carts", "orders"]).await;
            let how = Deletion::default();
            let source = format!("{name}-a");
            cluster.delete(ROLES, "", &source, &how, by).await.unwrap();
            until(name, &["orders"]).await;
        }
    }
}
