//! Sets tags of resources.
use super::model::{refused, required};
use crate::{Cx, Exception, operation::Operation};
use serde::Deserialize;
use serde_json::{Value, json};
use wharf_compute::tags::{self, Tags};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct CreateTags {
    _dry_run: Option<bool>,
    resource_id: Option<Vec<String>>,
    tag: Option<Vec<TagInput>>,
}

impl Operation for CreateTags {
    const NAME: &'static str = "CreateTags";
    type Output = Value;

    async fn run(self, cx: Cx) -> Result<Value, Exception> {
        let resources = required("ResourceId", self.resource_id)?;
        let tags = required("Tag", self.tag)?;
        let tags = tags.into_iter().map(|tag| {
            let key = required("Tag.Key", tag.key)?;
            Ok((key, tag.value.unwrap_or_default()))
        });
        let tags = tags.collect::<Result<Tags, Exception>>()?;
        let done = tags::create(&cx.compute, &cx.registry, resources, tags).await;
        done.map_err(refused)?;
        Ok(json!({ "return": true }))
    }
}

/// A tag as calls have it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct TagInput {
    pub(super) key: Option<String>,
    pub(super) value: Option<String>,
}
