//! Lists the versions of a launch template, the latest first.
use super::{
    filter::{Filter, Filters, one, page},
    model::{self, invalid, refused},
};
use crate::{Cx, Exception, operation::Operation};
use serde::Deserialize;
use serde_json::{Value, json};
use wharf_compute::{
    tags::Tags,
    templates::{self, Key, LaunchTemplate, Version},
};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct DescribeLaunchTemplateVersions {
    _dry_run: Option<bool>,
    launch_template_id: Option<String>,
    launch_template_name: Option<String>,
    launch_template_version: Option<Vec<String>>,
    min_version: Option<String>,
    max_version: Option<String>,
    next_token: Option<String>,
    max_results: Option<i64>,
    filter: Option<Vec<Filter>>,
    _resolve_alias: Option<bool>,
    _include_managed_resources: Option<bool>,
}

impl Operation for DescribeLaunchTemplateVersions {
    const NAME: &'static str = "DescribeLaunchTemplateVersions";
    type Output = Value;

    async fn run(self, cx: Cx) -> Result<Value, Exception> {
        let filters = Filters::new(self.filter)?;
        let (least, most) = (number(self.min_version)?, number(self.max_version)?);
        let wanted = self.launch_template_version.unwrap_or_default();
        let of_all = self.launch_template_id.is_none() && self.launch_template_name.is_none();
        let mut keys = Vec::new();
        if of_all {
            // Without a template those versions of all are meant that every template has.
            let known = ["$Latest", "$Default"];
            if wanted.is_empty() || wanted.iter().any(|one| !known.contains(&one.as_str())) {
                return Err(model::missing("LaunchTemplateId or LaunchTemplateName"));
            }
            let all = templates::list(&cx.compute, &cx.registry).await;
            let all = all.map_err(refused)?.into_iter();
            keys.extend(all.map(|template| Key::Id(template.id)));
        } else {
            let key = model::template_key(self.launch_template_id, self.launch_template_name);
            keys.push(key?);
        }
        let mut found = Vec::new();
        for key in keys {
            let one = templates::versions(&cx.compute, &cx.registry, key).await;
            let (template, versions) = one.map_err(refused)?;
            let versions = of_template(&template, versions, &wanted)?;
            found.extend(
                versions
                    .into_iter()
                    .map(|version| (template.clone(), version)),
            );
        }
        found.retain(|(_, version)| {
            least.is_none_or(|least| version.number >= least)
                && most.is_none_or(|most| version.number <= most)
        });
        let found = filters.keep(
            found,
            |_| Tags::new(),
            |(template, version), name| attribute(template, version, name),
        )?;
        let asked = (self.max_results, self.next_token.as_deref());
        // The latest come first.
        let key = |(template, version): &(LaunchTemplate, Version)| {
            format!("{}\u{1}{:020}", template.id, u64::MAX - version.number)
        };
        let (found, token) = page(&cx, Self::NAME, asked, (1, 200), found, key)?;
        let shown = found
            .iter()
            .map(|(template, version)| model::version(template, version));
        Ok(json!({ "launchTemplateVersionSet": shown.collect::<Vec<_>>(), "nextToken": token }))
    }
}

fn number(text: Option<String>) -> Result<Option<u64>, Exception> {
    let parse = |text: String| {
        let parsed = text.parse::<u64>();
        parsed.map_err(|_malformed| invalid(format!("Invalid version: {text}")))
    };
    text.map(parse).transpose()
}

/// The versions that are wanted, the latest first; without any, all.
fn of_template(
    template: &LaunchTemplate,
    mut versions: Vec<Version>,
    wanted: &[String],
) -> Result<Vec<Version>, Exception> {
    let mut numbers = Vec::new();
    for text in wanted {
        let found = match text.as_str() {
            "$Latest" => Some(template.latest),
            "$Default" => Some(template.default),
            text => text.parse().ok(),
        };
        let there = found.filter(|number| versions.iter().any(|v| v.number == *number));
        numbers.push(there.ok_or_else(|| {
            let text = format!(
                "Could not find the specified version {text} for the launch template with ID {}.",
                template.id
            );
            Exception::client("InvalidLaunchTemplateId.VersionNotFound", text)
        })?);
    }
    versions.retain(|version| wanted.is_empty() || numbers.contains(&version.number));
    versions.reverse();
    Ok(versions)
}

fn attribute(template: &LaunchTemplate, version: &Version, name: &str) -> Option<Vec<String>> {
    let of_data = |member: &str| {
        let text = version.data[member].as_str();
        Some(text.map(str::to_owned).into_iter().collect())
    };
    match name {
        "create-time" => one(model::time(version.created_ms)),
        "is-default-version" => one((version.number == template.default).to_string()),
        "image-id" => of_data("ImageId"),
        "instance-type" => of_data("InstanceType"),
        "kernel-id" => of_data("KernelId"),
        "ram-disk-id" => of_data("RamDiskId"),
        "ebs-optimized" => of_data("EbsOptimized"),
        "iam-instance-profile" => {
            let profile = &version.data["IamInstanceProfile"];
            let text = profile["Arn"].as_str().or(profile["Name"].as_str());
            Some(text.map(str::to_owned).into_iter().collect())
        }
        _ => None,
    }
}
