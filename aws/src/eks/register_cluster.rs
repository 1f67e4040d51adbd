//! Notes a cluster that runs elsewhere and is to connect.
use serde::Deserialize;
use wharf_eks::clusters::{self, config::NewConnection};

use super::model::{self, Answer};
use crate::{Cx, Exception, operation::Operation};

#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(crate) struct RegisterCluster(NewConnection);

impl Operation for RegisterCluster {
    const NAME: &'static str = "RegisterCluster";
    type Output = Answer;

    async fn run(self, cx: Cx) -> Result<Answer, Exception> {
        let made = clusters::register(&cx.eks, &cx.registry, self.0).await?;
        Ok(model::one("cluster", model::cluster(&made)))
    }
}
