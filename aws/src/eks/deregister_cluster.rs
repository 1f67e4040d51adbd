//! Forgets a connected cluster.
use serde::Deserialize;
use wharf_eks::clusters;

use super::model::{self, Answer};
use crate::{Cx, Exception, operation::Operation};

#[derive(Debug, Deserialize)]
pub(crate) struct DeregisterCluster {
    name: String,
}

impl Operation for DeregisterCluster {
    const NAME: &'static str = "DeregisterCluster";
    type Output = Answer;

    async fn run(self, cx: Cx) -> Result<Answer, Exception> {
        let found = clusters::deregister(&cx.eks, &cx.registry, &self.name).await?;
        Ok(model::one("cluster", model::cluster(&found)))
    }
}
