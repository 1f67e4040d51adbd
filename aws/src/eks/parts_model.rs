//! What belongs to clusters, as answers show it.
use serde_json::{Map, Value, json};
use wharf_eks::{
    access::{AccessEntry, Scope, entry},
    addons::Addon,
    capabilities::{self, Capability},
    certificate_authorities::Authority,
    identity_providers::IdentityProvider,
    insights::{Insight, Verdict},
    parts::{Part as _, Shown},
    pod_identity::Association,
    subscriptions,
};
use wharf_types::{Registry, Timestamp};

use super::model::{seconds, set};

/// `addon`
pub(super) fn addon(shown: &Shown<Addon>) -> Value {
    let addon = &shown.body;
    let known = wharf_eks::addons::catalogue::find(&addon.name);
    let mut value = json!({
        "addonName": addon.name,
        "clusterName": shown.cluster,
        "status": addon.life.phase.as_str(),
        "addonVersion": addon.settings.version,
        "health": { "issues": [] },
        "addonArn": shown.arn,
        "createdAt": shown.created.as_secs_f64(),
        "modifiedAt": shown.updated.as_secs_f64(),
        "tags": shown.tags,
        "podIdentityAssociations": addon.associations,
        "namespaceConfig": { "namespace": addon.namespace },
    });
    set(
        &mut value,
        "serviceAccountRoleArn",
        addon.settings.role_arn.as_ref(),
    );
    set(
        &mut value,
        "configurationValues",
        addon.settings.configuration.as_ref(),
    );
    set(
        &mut value,
        "publisher",
        known.map(|known| known.publisher).as_ref(),
    );
    set(&mut value, "owner", known.map(|known| known.owner).as_ref());
    value
}

/// `accessEntry`
pub(super) fn entry(shown: &Shown<AccessEntry>) -> Value {
    let entry = &shown.body;
    json!({
        "clusterName": shown.cluster,
        "principalArn": entry.principal,
        "kubernetesGroups": entry.groups,
        "accessEntryArn": shown.arn,
        "createdAt": shown.created.as_secs_f64(),
        "modifiedAt": shown.updated.as_secs_f64(),
        "tags": shown.tags,
        "username": entry.username,
        "type": entry.kind.as_str(),
    })
}

/// `associatedAccessPolicy`
pub(super) fn association(arn: &str, association: &entry::Association) -> Value {
    let (kind, namespaces) = match &association.scope {
        Scope::Cluster => ("cluster", &[] as &[String]),
        Scope::Namespaces(names) => ("namespace", names.as_slice()),
    };
    json!({
        "policyArn": arn,
        "accessScope": { "type": kind, "namespaces": namespaces },
        "associatedAt": seconds(association.associated_ms),
        "modifiedAt": seconds(association.modified_ms),
    })
}

/// `identityProviderConfig`
pub(super) fn provider(shown: &Shown<IdentityProvider>) -> Value {
    let provider = &shown.body;
    let mut oidc = json!(provider.oidc);
    oidc["identityProviderConfigArn"] = shown.arn.as_str().into();
    oidc["clusterName"] = shown.cluster.as_str().into();
    oidc["tags"] = json!(shown.tags);
    oidc["status"] = provider.life.phase.as_str().into();
    json!({ "oidc": oidc })
}

/// `association`
pub(super) fn pod_identity(registry: &Registry, shown: &Shown<Association>) -> Value {
    let own = &shown.body;
    let mut value = pod_identity_summary(registry, &shown.cluster, own);
    value["roleArn"] = own.role_arn.as_str().into();
    value["tags"] = json!(shown.tags);
    value["createdAt"] = shown.created.as_secs_f64().into();
    value["modifiedAt"] = shown.updated.as_secs_f64().into();
    value["disableSessionTags"] = own.disable_session_tags.into();
    set(&mut value, "targetRoleArn", own.target_role_arn.as_ref());
    set(
        &mut value,
        "externalId",
        own.external_id(registry, &shown.cluster).as_ref(),
    );
    set(&mut value, "policy", own.policy.as_ref());
    value
}

/// What lists have of an association.
pub(super) fn pod_identity_summary(registry: &Registry, cluster: &str, own: &Association) -> Value {
    let mut value = json!({
        "clusterName": cluster,
        "namespace": own.namespace,
        "serviceAccount": own.service_account,
        "associationArn": own.arn(registry, cluster),
        "associationId": own.id,
    });
    set(&mut value, "ownerArn", own.owner_arn.as_ref());
    value
}

/// What lists have of an insight.
pub(super) fn insight_summary(insight: &Insight) -> Value {
    let mut value = json!({
        "id": insight.id,
        "name": insight.name,
        "category": insight.category,
        "lastRefreshTime": insight.refreshed.as_secs_f64(),
        "lastTransitionTime": insight.changed.as_secs_f64(),
        "description": insight.description,
        "insightStatus": status(insight.verdict, &insight.reason),
    });
    set(&mut value, "kubernetesVersion", insight.version.as_ref());
    value
}

fn status(verdict: Verdict, reason: &str) -> Value {
    json!({ "status": verdict, "reason": reason })
}

/// `insight`
pub(super) fn insight(insight: &Insight) -> Value {
    let resources = insight.resources.iter().map(
        |(arn, verdict, reason)| json!({ "arn": arn, "insightStatus": status(*verdict, reason) }),
    );
    let compatible = insight
        .compatible
        .iter()
        .map(|(name, versions)| json!({ "name": name, "compatibleVersions": versions }));
    let mut value = insight_summary(insight);
    value["recommendation"] = insight.recommendation.as_str().into();
    value["additionalInfo"] = json!(insight.links);
    value["resources"] = resources.collect();
    value["categorySpecificSummary"] = json!({
        "deprecationDetails": [],
        "addonCompatibilityDetails": compatible.collect::<Vec<_>>(),
    });
    value
}

/// What lists have of a capability.
pub(super) fn capability_summary(shown: &Shown<Capability>) -> Value {
    json!({
        "capabilityName": shown.body.name,
        "arn": shown.arn,
        "type": shown.body.kind,
        "status": shown.body.life.phase.as_str(),
        "createdAt": shown.created.as_secs_f64(),
        "modifiedAt": shown.updated.as_secs_f64(),
    })
}

/// `capability`
pub(super) fn capability(shown: &Shown<Capability>) -> Value {
    let own = &shown.body;
    let mut value = capability_summary(shown);
    value["clusterName"] = shown.cluster.as_str().into();
    value["roleArn"] = own.role_arn.as_str().into();
    value["configuration"] = json!(own.configuration);
    value["tags"] = json!(shown.tags);
    value["health"] = json!({ "issues": [
        { "code": "ClusterUnreachable", "message": capabilities::NOT_RUN },
    ]});
    value["deletePropagationPolicy"] = "RETAIN".into();
    value
}

/// `subscription`
pub(super) fn subscription(shown: &subscriptions::Shown, status: &str, now: Timestamp) -> Value {
    let own = &shown.body;
    json!({
        "id": own.id,
        "arn": shown.arn,
        "createdAt": seconds(own.created_ms),
        "effectiveDate": seconds(own.created_ms),
        "expirationDate": own.expires(now).as_secs_f64(),
        "licenseQuantity": own.quantity,
        "licenseType": "Cluster",
        "term": { "duration": own.months, "unit": "MONTHS" },
        "status": status,
        "autoRenew": own.auto_renew,
        "licenseArns": [],
        "licenses": [],
        "tags": shown.tags,
    })
}

/// What lists have of a certificate authority.
pub(super) fn authority_summary(own: &Authority) -> Value {
    let mut value = Value::Object(Map::new());
    value["id"] = own.id.as_str().into();
    value["createdAt"] = seconds(own.created_ms).into();
    value["createdBy"] = json!(own.created_by);
    value["signingStatus"] = json!(own.signing());
    value["distributionStatus"] = own.distribution().into();
    set(
        &mut value,
        "activatedAt",
        own.activated_ms.map(seconds).as_ref(),
    );
    set(&mut value, "activatedBy", own.activated_by.as_ref());
    value
}

/// `certificateAuthority`
pub(super) fn authority(own: &Authority, signer: Option<&Authority>) -> Value {
    let mut value = authority_summary(own);
    value["validity"] = json!({
        "notBefore": seconds(own.not_before_ms),
        "notAfter": seconds(own.not_after_ms),
    });
    if let Some((first, last)) = signer.and_then(|signer| own.scheduled(signer)) {
        value["scheduledEvents"] = json!({
            "firstAutoActivation": seconds(first),
            "finalAutoActivation": seconds(last),
        });
    }
    value["rollbackAvailable"] = own.retired.into();
    value["data"] = own.data().into();
    value
}
