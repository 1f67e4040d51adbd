//! Shows an add-on of a cluster.
use serde::Deserialize;
use wharf_eks::addons;

use super::{
    model::{self, Answer},
    parts_model,
};
use crate::{Cx, Exception, operation::Operation};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DescribeAddon {
    cluster_name: String,
    addon_name: String,
}

impl Operation for DescribeAddon {
    const NAME: &'static str = "DescribeAddon";
    type Output = Answer;

    async fn run(self, cx: Cx) -> Result<Answer, Exception> {
        let found = addons::get(&cx.eks, &cx.registry, self.cluster_name, self.addon_name).await?;
        Ok(model::one("addon", parts_model::addon(&found)))
    }
}
