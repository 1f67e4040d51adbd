//! Lets the principal of an access entry do what a policy says.
use serde::Deserialize;
use serde_json::Value;
use wharf_eks::access::{Scope, entries};
use wharf_eks::checks;

use super::{model::Answer, parts_model};
use crate::{Cx, Exception, operation::Operation};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AssociateAccessPolicy {
    cluster_name: String,
    principal_arn: String,
    policy_arn: Option<String>,
    access_scope: Option<AccessScope>,
}

impl Operation for AssociateAccessPolicy {
    const NAME: &'static str = "AssociateAccessPolicy";
    type Output = Answer;

    async fn run(self, cx: Cx) -> Result<Answer, Exception> {
        let policy = checks::required("policyArn", self.policy_arn)?;
        let scope = checks::required("accessScope", self.access_scope)?;
        let kind = scope.kind.unwrap_or_default();
        let scope = Scope::new(&kind, scope.namespaces.unwrap_or_default())?;
        let principal = self.principal_arn;
        let changed = entries::associate(
            &cx.eks,
            &cx.registry,
            self.cluster_name,
            principal,
            policy.clone(),
            scope,
        );
        let changed = changed.await?;
        let found = changed.body.policies.get_key_value(&policy);
        let association =
            found.map(|(arn, association)| parts_model::association(arn, association));
        Ok(Answer::from([
            ("clusterName", Value::from(changed.cluster)),
            ("principalArn", changed.body.principal.into()),
            ("associatedAccessPolicy", association.into()),
        ]))
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct AccessScope {
    #[serde(rename = "type")]
    kind: Option<String>,
    namespaces: Option<Vec<String>>,
}
