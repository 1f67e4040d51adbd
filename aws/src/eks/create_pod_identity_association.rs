//! Lets the pods of a service account act as a role.
use std::collections::BTreeMap;

use serde::Deserialize;
use wharf_eks::checks;
use wharf_eks::pod_identity::{self, NewAssociation};

use super::{
    model::{self, Answer},
    parts_model,
};
use crate::{Cx, Exception, operation::Operation};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreatePodIdentityAssociation {
    cluster_name: String,
    namespace: Option<String>,
    service_account: Option<String>,
    role_arn: Option<String>,
    client_request_token: Option<String>,
    tags: Option<BTreeMap<String, String>>,
    disable_session_tags: Option<bool>,
    target_role_arn: Option<String>,
    policy: Option<String>,
}

impl Operation for CreatePodIdentityAssociation {
    const NAME: &'static str = "CreatePodIdentityAssociation";
    type Output = Answer;

    async fn run(self, cx: Cx) -> Result<Answer, Exception> {
        let new = NewAssociation {
            cluster: self.cluster_name,
            namespace: checks::required("namespace", self.namespace)?,
            service_account: checks::required("serviceAccount", self.service_account)?,
            role_arn: checks::required("roleArn", self.role_arn)?,
            disable_session_tags: self.disable_session_tags.unwrap_or(false),
            target_role_arn: self.target_role_arn,
            policy: self.policy,
            tags: self.tags.unwrap_or_default(),
        };
        let token = self.client_request_token.as_deref();
        let made = pod_identity::create(&cx.eks, &cx.registry, new, token).await?;
        let shown = parts_model::pod_identity(&cx.registry, &made);
        Ok(model::one("association", shown))
    }
}
