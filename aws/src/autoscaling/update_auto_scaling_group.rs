//! Changes a group.
use super::{
    create_auto_scaling_group::{health_check, subnets, without_nulls},
    model::{self, TemplateInput, name, refused},
};
use crate::{Cx, Exception, operation::Operation};
use serde::Deserialize;
use serde_json::{Value, json};
use wharf_compute::groups::{self, Changes, Limits};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct UpdateAutoScalingGroup {
    auto_scaling_group_name: Option<String>,
    launch_configuration_name: Option<String>,
    launch_template: Option<TemplateInput>,
    mixed_instances_policy: Option<Value>,
    min_size: Option<i64>,
    max_size: Option<i64>,
    desired_capacity: Option<i64>,
    default_cooldown: Option<i64>,
    availability_zones: Option<Vec<String>>,
    _availability_zone_ids: Option<Vec<String>>,
    health_check_type: Option<String>,
    health_check_grace_period: Option<i64>,
    placement_group: Option<String>,
    #[serde(rename = "VPCZoneIdentifier")]
    vpc_zone_identifier: Option<String>,
    termination_policies: Option<Vec<String>>,
    new_instances_protected_from_scale_in: Option<bool>,
    #[serde(rename = "ServiceLinkedRoleARN")]
    service_linked_role_arn: Option<String>,
    max_instance_lifetime: Option<i64>,
    capacity_rebalance: Option<bool>,
    context: Option<String>,
    desired_capacity_type: Option<String>,
    default_instance_warmup: Option<i64>,
    instance_maintenance_policy: Option<Value>,
    availability_zone_distribution: Option<Value>,
    availability_zone_impairment_policy: Option<Value>,
    _skip_zonal_shift_validation: Option<bool>,
    capacity_reservation_specification: Option<Value>,
    _instance_lifecycle_policy: Option<Value>,
    _deletion_protection: Option<String>,
}

impl Operation for UpdateAutoScalingGroup {
    const NAME: &'static str = "UpdateAutoScalingGroup";
    type Output = ();

    async fn run(self, cx: Cx) -> Result<(), Exception> {
        let more = without_nulls(json!({
            "PlacementGroup": self.placement_group,
            "CapacityRebalance": self.capacity_rebalance,
            "ServiceLinkedRoleARN": self.service_linked_role_arn,
            "MaxInstanceLifetime": self.max_instance_lifetime,
            "Context": self.context,
            "DesiredCapacityType": self.desired_capacity_type,
            "DefaultInstanceWarmup": self.default_instance_warmup,
            "InstanceMaintenancePolicy": self.instance_maintenance_policy,
            "AvailabilityZoneDistribution": self.availability_zone_distribution,
            "AvailabilityZoneImpairmentPolicy": self.availability_zone_impairment_policy,
            "CapacityReservationSpecification": self.capacity_reservation_specification,
        }));
        let group = name("AutoScalingGroupName", self.auto_scaling_group_name)?;
        let size = |member: &str, value: Option<i64>| {
            value.map(|value| model::size(member, value)).transpose()
        };
        let changes = Changes {
            limits: Limits {
                min: size("MinSize", self.min_size)?,
                max: size("MaxSize", self.max_size)?,
                desired: size("DesiredCapacity", self.desired_capacity)?,
            },
            source: model::source(
                self.launch_configuration_name,
                self.launch_template,
                self.mixed_instances_policy,
            )?,
            zones: self.availability_zones.filter(|zones| !zones.is_empty()),
            subnets: self
                .vpc_zone_identifier
                .map(|text| subnets(Some(&text)))
                .filter(|subnets| !subnets.is_empty()),
            cooldown_secs: size("DefaultCooldown", self.default_cooldown)?,
            health_check: self
                .health_check_type
                .map(|kind| health_check(Some(kind)))
                .transpose()?,
            grace_secs: size("HealthCheckGracePeriod", self.health_check_grace_period)?,
            termination_policies: self.termination_policies.filter(|all| !all.is_empty()),
            protect_new: self.new_instances_protected_from_scale_in,
            more,
        };
        let done = groups::update(&cx.compute, &cx.registry, &group, changes).await;
        done.map_err(refused)
    }
}
