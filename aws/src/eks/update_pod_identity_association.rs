//! Changes a pod identity association.
use serde::Deserialize;
use wharf_eks::pod_identity::{self, Changes};

use super::{
    model::{self, Answer},
    parts_model,
};
use crate::{Cx, Exception, operation::Operation};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UpdatePodIdentityAssociation {
    cluster_name: String,
    association_id: String,
    role_arn: Option<String>,
    client_request_token: Option<String>,
    disable_session_tags: Option<bool>,
    target_role_arn: Option<String>,
    policy: Option<String>,
}

impl Operation for UpdatePodIdentityAssociation {
    const NAME: &'static str = "UpdatePodIdentityAssociation";
    type Output = Answer;

    async fn run(self, cx: Cx) -> Result<Answer, Exception> {
        // What is done twice is as done once.
        drop(self.client_request_token);
        let changes = Changes {
            role_arn: self.role_arn,
            disable_session_tags: self.disable_session_tags,
            target_role_arn: self.target_role_arn,
            policy: self.policy,
        };
        let (cluster, id) = (self.cluster_name, self.association_id);
        let changed = pod_identity::update(&cx.eks, &cx.registry, cluster, id, changes).await?;
        let shown = parts_model::pod_identity(&cx.registry, &changed);
        Ok(model::one("association", shown))
    }
}
