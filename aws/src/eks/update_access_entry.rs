//! Changes whom a principal is in a cluster.
use serde::Deserialize;
use wharf_eks::access::entries::{self, Changes};

use super::{
    model::{self, Answer},
    parts_model,
};
use crate::{Cx, Exception, operation::Operation};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UpdateAccessEntry {
    cluster_name: String,
    principal_arn: String,
    kubernetes_groups: Option<Vec<String>>,
    client_request_token: Option<String>,
    username: Option<String>,
}

impl Operation for UpdateAccessEntry {
    const NAME: &'static str = "UpdateAccessEntry";
    type Output = Answer;

    async fn run(self, cx: Cx) -> Result<Answer, Exception> {
        // What is done twice is as done once.
        drop(self.client_request_token);
        let changes = Changes {
            username: self.username,
            groups: self.kubernetes_groups,
        };
        let (cluster, principal) = (self.cluster_name, self.principal_arn);
        let changed = entries::update(&cx.eks, &cx.registry, cluster, principal, changes).await?;
        Ok(model::one("accessEntry", parts_model::entry(&changed)))
    }
}
