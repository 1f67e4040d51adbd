//! Removes a pod identity association.
use serde::Deserialize;
use wharf_eks::pod_identity;

use super::{
    model::{self, Answer},
    parts_model,
};
use crate::{Cx, Exception, operation::Operation};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeletePodIdentityAssociation {
    cluster_name: String,
    association_id: String,
}

impl Operation for DeletePodIdentityAssociation {
    const NAME: &'static str = "DeletePodIdentityAssociation";
    type Output = Answer;

    async fn run(self, cx: Cx) -> Result<Answer, Exception> {
        let (cluster, id) = (self.cluster_name, self.association_id);
        let found = pod_identity::delete(&cx.eks, &cx.registry, cluster, id).await?;
        let shown = parts_model::pod_identity(&cx.registry, &found);
        Ok(model::one("association", shown))
    }
}
