//! Removes an add-on of a cluster.
use serde::Deserialize;
use wharf_eks::addons;

use super::{
    model::{self, Answer},
    parts_model,
};
use crate::{Cx, Exception, operation::Operation};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeleteAddon {
    cluster_name: String,
    addon_name: String,
    preserve: Option<bool>,
}

impl Operation for DeleteAddon {
    const NAME: &'static str = "DeleteAddon";
    type Output = Answer;

    async fn run(self, cx: Cx) -> Result<Answer, Exception> {
        let preserve = self.preserve.unwrap_or(false);
        let (cluster, name) = (self.cluster_name, self.addon_name);
        let gone = addons::delete(&cx.eks, &cx.registry, cluster, name, preserve).await?;
        Ok(model::one("addon", parts_model::addon(&gone)))
    }
}
