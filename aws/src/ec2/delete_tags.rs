//! Removes tags of resources.
use super::{
    create_tags::TagInput,
    model::{refused, required},
};
use crate::{Cx, Exception, operation::Operation};
use serde::Deserialize;
use serde_json::{Value, json};
use wharf_compute::tags;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct DeleteTags {
    _dry_run: Option<bool>,
    resource_id: Option<Vec<String>>,
    tag: Option<Vec<TagInput>>,
}

impl Operation for DeleteTags {
    const NAME: &'static str = "DeleteTags";
    type Output = Value;

    async fn run(self, cx: Cx) -> Result<Value, Exception> {
        let resources = required("ResourceId", self.resource_id)?;
        let tags = self.tag.unwrap_or_default().into_iter();
        let removals = tags.map(|tag| Ok((required("Tag.Key", tag.key)?, tag.value)));
        let removals = removals.collect::<Result<Vec<_>, Exception>>()?;
        let done = tags::delete(&cx.compute, &cx.registry, resources, removals).await;
        done.map_err(refused)?;
        Ok(json!({ "return": true }))
    }
}
