//! Shows what a version of an add-on can be configured with.
use serde::Deserialize;
use serde_json::{Value, json};
use wharf_eks::{Error, addons};

use super::model::Answer;
use crate::{Cx, Exception, operation::Operation};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DescribeAddonConfiguration {
    addon_name: String,
    addon_version: String,
}

impl Operation for DescribeAddonConfiguration {
    const NAME: &'static str = "DescribeAddonConfiguration";
    type Output = Answer;

    async fn run(self, _cx: Cx) -> Result<Answer, Exception> {
        let addon = addons::known(&self.addon_name)?;
        if addon.release(&self.addon_version).is_none() {
            let refused = Error::invalid_parameter("Addon version specified is not supported");
            return Err(refused.addon(addon.name).into());
        }
        let identities = addon.service_account.iter().map(|(account, policies)| {
            json!({ "serviceAccount": account, "recommendedManagedPolicies": policies })
        });
        Ok(Answer::from([
            ("addonName", Value::from(addon.name)),
            ("addonVersion", self.addon_version.into()),
            ("configurationSchema", addon.schema().to_string().into()),
            ("podIdentityConfiguration", identities.collect()),
        ]))
    }
}
