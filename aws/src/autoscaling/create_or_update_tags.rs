//! Sets tags of groups.
use serde::Deserialize;

use super::model::{self, TagInput, refused, required};
use crate::{Cx, Exception, operation::Operation};
use wharf_compute::groups::{self, TagChange};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct CreateOrUpdateTags {
    tags: Option<Vec<TagInput>>,
}

impl Operation for CreateOrUpdateTags {
    const NAME: &'static str = "CreateOrUpdateTags";
    type Output = ();

    async fn run(self, cx: Cx) -> Result<(), Exception> {
        let tags = required("Tags", self.tags)?;
        let changes = tags.into_iter().map(|input| {
            let group = resource(&input)?;
            let tag = model::tag(input)?;
            Ok(TagChange {
                group,
                key: tag.key.clone(),
                tag: Some(tag),
            })
        });
        let changes = changes.collect::<Result<Vec<_>, Exception>>()?;
        let done = groups::change_tags(&cx.compute, &cx.registry, changes).await;
        done.map_err(refused)
    }
}

/// The group that a tag is of: nothing else has any.
pub(super) fn resource(input: &TagInput) -> Result<String, Exception> {
    let kind = input.resource_type.as_deref();
    if kind.is_some_and(|kind| kind != "auto-scaling-group") {
        return Err(model::invalid(
            "The only supported resource type is auto-scaling-group.",
        ));
    }
    model::name("ResourceId", input.resource_id.clone())
}
