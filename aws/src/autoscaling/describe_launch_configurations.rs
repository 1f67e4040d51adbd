//! Lists launch configurations.
use super::model::{self, refused};
use crate::{Cx, Exception, operation::Operation};
use serde::Deserialize;
use serde_json::{Value, json};
use wharf_compute::configurations::{self, Configuration};
use wharf_types::Registry;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct DescribeLaunchConfigurations {
    launch_configuration_names: Option<Vec<String>>,
    next_token: Option<String>,
    max_records: Option<i64>,
}

impl Operation for DescribeLaunchConfigurations {
    const NAME: &'static str = "DescribeLaunchConfigurations";
    type Output = Value;

    async fn run(self, cx: Cx) -> Result<Value, Exception> {
        let names = self.launch_configuration_names.unwrap_or_default();
        let mut all = configurations::list(&cx.compute, &cx.registry)
            .await
            .map_err(refused)?;
        all.retain(|one| names.is_empty() || names.contains(&one.name));
        let asked = (self.max_records, self.next_token.as_deref());
        let key = |one: &Configuration| one.name.clone();
        let (all, token) = model::page(&cx, Self::NAME, asked, (50, 100), all, key)?;
        let all: Vec<Value> = all.into_iter().map(|one| shown(&cx, one)).collect();
        Ok(json!({ "LaunchConfigurations": all, "NextToken": token }))
    }
}

fn shown(cx: &Cx, one: Configuration) -> Value {
    let Registry { account, region } = &cx.registry;
    let mut shown = json!({
        "LaunchConfigurationName": one.name,
        "LaunchConfigurationARN": format!(
            "arn:aws:autoscaling:{region}:{account}:launchConfiguration:{}:launchConfigurationName/{}",
            one.uuid, one.name
        ),
        "ImageId": one.image,
        "InstanceType": one.instance_type,
        "KeyName": one.key_name.unwrap_or_default(),
        "SecurityGroups": one.security_groups,
        "ClassicLinkVPCSecurityGroups": [],
        "UserData": one.user_data.unwrap_or_default(),
        "KernelId": "",
        "RamdiskId": "",
        "BlockDeviceMappings": [],
        "InstanceMonitoring": { "Enabled": true },
        "SpotPrice": one.spot_price,
        "IamInstanceProfile": one.profile,
        "CreatedTime": model::time(one.created_ms),
        "EbsOptimized": false,
    });
    if let Value::Object(shown) = &mut shown {
        shown.extend(one.more);
    }
    shown
}
