//! Runs instances.
use super::model::{self, invalid, refused, required};
use crate::{Cx, Exception, operation::Operation};
use serde::Deserialize;
use serde_json::{Value, json};
use wharf_compute::{
    instances::{self, Instance, Run},
    launch::Parameters,
    templates::Spec,
};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct RunInstances {
    _block_device_mapping: Option<Value>,
    image_id: Option<String>,
    instance_type: Option<String>,
    _ipv6_address_count: Option<i64>,
    _ipv6_address: Option<Value>,
    _kernel_id: Option<String>,
    key_name: Option<String>,
    max_count: Option<i64>,
    min_count: Option<i64>,
    _monitoring: Option<Value>,
    placement: Option<Value>,
    _ramdisk_id: Option<String>,
    security_group_id: Option<Vec<String>>,
    _security_group: Option<Vec<String>>,
    subnet_id: Option<String>,
    user_data: Option<String>,
    _elastic_gpu_specification: Option<Value>,
    _elastic_inference_accelerator: Option<Value>,
    tag_specification: Option<Value>,
    launch_template: Option<Value>,
    instance_market_options: Option<Value>,
    _credit_specification: Option<Value>,
    _cpu_options: Option<Value>,
    _capacity_reservation_specification: Option<Value>,
    _hibernation_options: Option<Value>,
    _license_specification: Option<Value>,
    _metadata_options: Option<Value>,
    _enclave_options: Option<Value>,
    _private_dns_name_options: Option<Value>,
    _maintenance_options: Option<Value>,
    _disable_api_stop: Option<bool>,
    _enable_primary_ipv6: Option<bool>,
    _network_performance_options: Option<Value>,
    _operator: Option<Value>,
    _secondary_interface: Option<Value>,
    _dry_run: Option<bool>,
    disable_api_termination: Option<bool>,
    _instance_initiated_shutdown_behavior: Option<String>,
    private_ip_address: Option<String>,
    client_token: Option<String>,
    _additional_info: Option<String>,
    network_interface: Option<Value>,
    iam_instance_profile: Option<Value>,
    _ebs_optimized: Option<bool>,
}

impl Operation for RunInstances {
    const NAME: &'static str = "RunInstances";
    type Output = Value;

    async fn run(self, cx: Cx) -> Result<Value, Exception> {
        let min = required("MinCount", self.min_count)?;
        let max = required("MaxCount", self.max_count)?;
        let count =
            |n: i64| usize::try_from(n).map_err(|_range| invalid(format!("Invalid count: {n}")));
        let template = self
            .launch_template
            .as_ref()
            .map(template_spec)
            .transpose()?;
        let client_token = self.client_token.clone();
        let run = Run {
            parameters: self.parameters(),
            template,
            min: count(min)?,
            max: count(max)?,
            client_token,
        };
        let run = instances::run(&cx.compute, &cx.registry, run).await;
        let all = run.map_err(refused)?;
        let id = all.first().map(|one| one.reservation.clone());
        let all: Vec<&Instance> = all.iter().collect();
        Ok(model::reservation(&cx, &id.unwrap_or_default(), &all))
    }
}

impl RunInstances {
    /// What is said of the instances in the call itself.
    fn parameters(self) -> Parameters {
        let protected = self.disable_api_termination.unwrap_or_default();
        Parameters::from_data(&json!({
            "ImageId": self.image_id,
            "InstanceType": self.instance_type,
            "KeyName": self.key_name,
            "SecurityGroupId": self.security_group_id,
            "SubnetId": self.subnet_id,
            "UserData": self.user_data,
            "TagSpecification": self.tag_specification,
            "InstanceMarketOptions": self.instance_market_options,
            "Placement": self.placement,
            "PrivateIpAddress": self.private_ip_address,
            "NetworkInterface": self.network_interface,
            "IamInstanceProfile": self.iam_instance_profile,
            "DisableApiTermination": protected.to_string(),
        }))
    }
}

fn template_spec(value: &Value) -> Result<Spec, Exception> {
    let field = |name: &str| value[name].as_str().map(str::to_owned);
    Ok(Spec {
        template: model::template_key(field("LaunchTemplateId"), field("LaunchTemplateName"))?,
        version: field("Version"),
    })
}
