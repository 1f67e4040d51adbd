//! Keeps what a group launches instances with.
use super::{
    create_auto_scaling_group::without_nulls,
    model::{invalid, name, refused},
};
use crate::{Cx, Exception, operation::Operation};
use serde::Deserialize;
use serde_json::{Value, json};
use wharf_compute::{
    configurations::{self, Configuration},
    images, instance_types,
};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct CreateLaunchConfiguration {
    launch_configuration_name: Option<String>,
    image_id: Option<String>,
    key_name: Option<String>,
    security_groups: Option<Vec<String>>,
    #[serde(rename = "ClassicLinkVPCId")]
    classic_link_vpc_id: Option<String>,
    #[serde(rename = "ClassicLinkVPCSecurityGroups")]
    classic_link_vpc_security_groups: Option<Vec<String>>,
    user_data: Option<String>,
    instance_id: Option<String>,
    instance_type: Option<String>,
    kernel_id: Option<String>,
    ramdisk_id: Option<String>,
    block_device_mappings: Option<Value>,
    instance_monitoring: Option<Value>,
    spot_price: Option<String>,
    iam_instance_profile: Option<String>,
    ebs_optimized: Option<bool>,
    associate_public_ip_address: Option<bool>,
    placement_tenancy: Option<String>,
    metadata_options: Option<Value>,
}

impl Operation for CreateLaunchConfiguration {
    const NAME: &'static str = "CreateLaunchConfiguration";
    type Output = ();

    async fn run(self, cx: Cx) -> Result<(), Exception> {
        if self.instance_id.is_some() {
            return Err(invalid(
                "wharf does not make launch configurations from instances: give ImageId and InstanceType",
            ));
        }
        let more = without_nulls(json!({
            "ClassicLinkVPCId": self.classic_link_vpc_id,
            "ClassicLinkVPCSecurityGroups": self.classic_link_vpc_security_groups,
            "KernelId": self.kernel_id,
            "RamdiskId": self.ramdisk_id,
            "BlockDeviceMappings": self.block_device_mappings,
            "InstanceMonitoring": self.instance_monitoring,
            "AssociatePublicIpAddress": self.associate_public_ip_address,
            "PlacementTenancy": self.placement_tenancy,
            "MetadataOptions": self.metadata_options,
            "EbsOptimized": self.ebs_optimized,
        }));
        let missing = "Valid requests must contain either the InstanceID parameter or both the ImageId and InstanceType parameters.";
        let (Some(image), Some(instance_type)) = (self.image_id, self.instance_type) else {
            return Err(invalid(missing));
        };
        if !images::is_id(&image) {
            return Err(invalid("AMI cannot be described"));
        }
        if instance_types::find(&instance_type).is_none() {
            return Err(invalid(format!("Invalid instance type '{instance_type}'")));
        }
        let new = Configuration {
            name: name("LaunchConfigurationName", self.launch_configuration_name)?,
            uuid: String::new(),
            created_ms: 0,
            image,
            instance_type,
            key_name: self.key_name,
            security_groups: self.security_groups.unwrap_or_default(),
            user_data: self.user_data,
            profile: self.iam_instance_profile,
            spot_price: self.spot_price,
            more,
        };
        let done = configurations::create(&cx.compute, &cx.registry, new).await;
        done.map_err(refused)
    }
}
