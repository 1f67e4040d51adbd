//! Removes tags of groups.
use serde::Deserialize;

use super::{
    create_or_update_tags::resource,
    model::{TagInput, refused, required},
};
use crate::{Cx, Exception, operation::Operation};
use wharf_compute::groups::{self, TagChange};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct DeleteTags {
    tags: Option<Vec<TagInput>>,
}

impl Operation for DeleteTags {
    const NAME: &'static str = "DeleteTags";
    type Output = ();

    async fn run(self, cx: Cx) -> Result<(), Exception> {
        let tags = required("Tags", self.tags)?;
        let changes = tags.into_iter().map(|input| {
            Ok(TagChange {
                group: resource(&input)?,
                key: required("Key", input.key)?,
                tag: None,
            })
        });
        let changes = changes.collect::<Result<Vec<_>, Exception>>()?;
        let done = groups::change_tags(&cx.compute, &cx.registry, changes).await;
        done.map_err(refused)
    }
}
