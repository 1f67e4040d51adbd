//! Deletes a cluster that has nothing left in it.
use serde::Deserialize;
use wharf_eks::clusters;

use super::model::{self, Answer};
use crate::{Cx, Exception, operation::Operation};

#[derive(Debug, Deserialize)]
pub(crate) struct DeleteCluster {
    name: String,
}

impl Operation for DeleteCluster {
    const NAME: &'static str = "DeleteCluster";
    type Output = Answer;

    async fn run(self, cx: Cx) -> Result<Answer, Exception> {
        let found = clusters::delete(&cx.eks, &cx.registry, &self.name).await?;
        Ok(model::one("cluster", model::cluster(&found)))
    }
}
