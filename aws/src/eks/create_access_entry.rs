//! Lets a principal of IAM use a cluster.
use std::collections::BTreeMap;

use serde::Deserialize;
use wharf_eks::access::{entries, entry::NewEntry};
use wharf_eks::checks;

use super::{
    model::{self, Answer},
    parts_model,
};
use crate::{Cx, Exception, operation::Operation};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreateAccessEntry {
    cluster_name: String,
    principal_arn: Option<String>,
    kubernetes_groups: Option<Vec<String>>,
    tags: Option<BTreeMap<String, String>>,
    client_request_token: Option<String>,
    username: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
}

impl Operation for CreateAccessEntry {
    const NAME: &'static str = "CreateAccessEntry";
    type Output = Answer;

    async fn run(self, cx: Cx) -> Result<Answer, Exception> {
        let new = NewEntry {
            cluster: self.cluster_name,
            principal: checks::required("principalArn", self.principal_arn)?,
            kind: self.kind,
            username: self.username,
            groups: self.kubernetes_groups,
            tags: self.tags.unwrap_or_default(),
        };
        let token = self.client_request_token.as_deref();
        let made = entries::create(&cx.eks, &cx.registry, new, token).await?;
        Ok(model::one("accessEntry", parts_model::entry(&made)))
    }
}
