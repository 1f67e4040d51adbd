//! Removes tags of a repository.
use serde::{Deserialize, Serialize};
use wharf_registry::{Error, repositories};
use wharf_types::Arn;

use super::model::check_tag_key;
use crate::{Cx, Exception, check, operation::Operation};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UntagResource {
    resource_arn: Option<String>,
    tag_keys: Option<Vec<String>>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Output {}

impl Operation for UntagResource {
    const NAME: &'static str = "UntagResource";
    type Output = Output;

    async fn run(self, cx: Cx) -> Result<Output, Exception> {
        let (registry, name) = check::repository_arn(&cx, self.resource_arn)?;
        let keys = check::list("tagKeys", self.tag_keys, 0, 200)?;
        for key in &keys {
            check_tag_key("tagKeys", key)?;
        }
        let arn = Arn::repository(&registry, &name).to_string();
        let untagged = cx.domain.store.meta().write(move |tx| {
            repositories::find(tx, &registry, &name)?;
            for key in &keys {
                tx.untag_resource(&arn, key)?;
            }
            Ok::<_, Error>(())
        });
        untagged.await?;
        Ok(Output {})
    }
}
