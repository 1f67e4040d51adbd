//! Lists the images that instances can be run from.
use super::{
    filter::{Filter, Filters, one, page},
    model,
};
use crate::{Cx, Exception, operation::Operation};
use serde::Deserialize;
use serde_json::{Value, json};
use wharf_compute::{
    images::{self, Image},
    tags::Tags,
};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct DescribeImages {
    _executable_by: Option<Vec<String>>,
    image_id: Option<Vec<String>>,
    owner: Option<Vec<String>>,
    _include_deprecated: Option<bool>,
    _include_disabled: Option<bool>,
    max_results: Option<i64>,
    next_token: Option<String>,
    _dry_run: Option<bool>,
    filter: Option<Vec<Filter>>,
}

impl Operation for DescribeImages {
    const NAME: &'static str = "DescribeImages";
    type Output = Value;

    async fn run(self, cx: Cx) -> Result<Value, Exception> {
        let filters = Filters::new(self.filter)?;
        let mut all = images::all(&cx.registry.region);
        let ids = self.image_id.unwrap_or_default();
        if let Some(id) = ids
            .iter()
            .find(|id| all.iter().all(|image| image.id != **id))
        {
            let (kind, text) = if images::is_id(id) {
                (
                    "InvalidAMIID.NotFound",
                    format!("The image id '[{id}]' does not exist"),
                )
            } else {
                (
                    "InvalidAMIID.Malformed",
                    format!("Invalid id: \"{id}\" (expecting \"ami-...\")"),
                )
            };
            return Err(Exception::client(kind, text));
        }
        let owners = self.owner.unwrap_or_default();
        let owned = |image: &Image| owners.iter().any(|o| o == "amazon" || o == image.owner);
        all.retain(|image| {
            (ids.is_empty() || ids.contains(&image.id)) && (owners.is_empty() || owned(image))
        });
        all.sort_by(|a, b| a.id.cmp(&b.id));
        let all = filters.keep(
            all,
            |_| Tags::new(),
            |image, name| match name {
                "image-id" => one(&image.id),
                "name" => one(&image.name),
                "description" => one(&image.description),
                "architecture" => one(image.architecture.as_str()),
                "owner-id" => one(image.owner),
                "owner-alias" => one("amazon"),
                "state" => one("available"),
                "is-public" => one("true"),
                "image-type" => one("machine"),
                "root-device-type" => one("ebs"),
                "virtualization-type" => one("hvm"),
                "hypervisor" => one("xen"),
                "creation-date" => one(image.created),
                "ena-support" => one("true"),
                "platform-details" => one("Linux/UNIX"),
                // Only those of Windows have one.
                "platform" => Some(Vec::new()),
                _ => None,
            },
        )?;
        let asked = (self.max_results, self.next_token.as_deref());
        let (all, token) = page(&cx, Self::NAME, asked, (1, 1000), all, |image| {
            image.id.clone()
        })?;
        let shown: Vec<Value> = all.iter().map(model::image).collect();
        Ok(json!({ "imagesSet": shown, "nextToken": token }))
    }
}
