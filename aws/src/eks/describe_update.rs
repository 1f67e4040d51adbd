//! Shows what became of an update.
use serde::Deserialize;
use wharf_eks::updates;

use super::model::{self, Answer};
use crate::{Cx, Exception, operation::Operation};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DescribeUpdate {
    name: String,
    update_id: String,
    nodegroup_name: Option<String>,
    addon_name: Option<String>,
    capability_name: Option<String>,
}

impl Operation for DescribeUpdate {
    const NAME: &'static str = "DescribeUpdate";
    type Output = Answer;

    async fn run(self, cx: Cx) -> Result<Answer, Exception> {
        let subject = model::subject(self.nodegroup_name, self.addon_name, self.capability_name)?;
        let id = &self.update_id;
        let update = updates::get(&cx.eks, &cx.registry, &self.name, id, subject).await?;
        Ok(model::one("update", model::update(&update)))
    }
}
