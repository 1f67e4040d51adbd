//! Lists launch templates.
use super::{
    filter::{Filter, Filters, one, page},
    model::{self, refused},
};
use crate::{Cx, Exception, operation::Operation};
use serde::Deserialize;
use serde_json::{Value, json};
use wharf_compute::templates::{self, LaunchTemplate};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct DescribeLaunchTemplates {
    _dry_run: Option<bool>,
    launch_template_id: Option<Vec<String>>,
    launch_template_name: Option<Vec<String>>,
    filter: Option<Vec<Filter>>,
    next_token: Option<String>,
    max_results: Option<i64>,
    _include_managed_resources: Option<bool>,
}

impl Operation for DescribeLaunchTemplates {
    const NAME: &'static str = "DescribeLaunchTemplates";
    type Output = Value;

    async fn run(self, cx: Cx) -> Result<Value, Exception> {
        let filters = Filters::new(self.filter)?;
        let all = templates::list(&cx.compute, &cx.registry).await;
        let mut all = all.map_err(refused)?;
        let ids = self.launch_template_id.unwrap_or_default();
        let names = self.launch_template_name.unwrap_or_default();
        if let Some(id) = ids.iter().find(|id| all.iter().all(|one| one.id != **id)) {
            let text =
                format!("The specified launch template, with template ID {id}, does not exist.");
            return Err(Exception::client("InvalidLaunchTemplateId.NotFound", text));
        }
        if let Some(name) = names
            .iter()
            .find(|name| all.iter().all(|one| one.name != **name))
        {
            let text = format!(
                "The specified launch template, with template name {name}, does not exist."
            );
            let kind = "InvalidLaunchTemplateName.NotFoundException";
            return Err(Exception::client(kind, text));
        }
        let named = |one: &LaunchTemplate| ids.contains(&one.id) || names.contains(&one.name);
        all.retain(|one| ids.is_empty() && names.is_empty() || named(one));
        let all = filters.keep(
            all,
            |one| one.tags.clone(),
            |template, name| match name {
                "launch-template-name" => one(&template.name),
                "create-time" => one(model::time(template.created_ms)),
                _ => None,
            },
        )?;
        let asked = (self.max_results, self.next_token.as_deref());
        let (all, token) = page(&cx, Self::NAME, asked, (1, 200), all, |one| one.id.clone())?;
        let shown: Vec<Value> = all.iter().map(model::template).collect();
        Ok(json!({ "launchTemplates": shown, "nextToken": token }))
    }
}
