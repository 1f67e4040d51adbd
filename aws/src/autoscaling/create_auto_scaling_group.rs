//! Makes a group, which begins to launch what it is to have.
use serde::Deserialize;
use serde_json::Map;
use serde_json::{Value, json};
use wharf_compute::groups::{self, Group};

use super::model::{self, TagInput, TemplateInput, invalid, name, refused, required};
use super::put_lifecycle_hook::HookInput;
use crate::{Cx, Exception, operation::Operation};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct CreateAutoScalingGroup {
    auto_scaling_group_name: Option<String>,
    launch_configuration_name: Option<String>,
    launch_template: Option<TemplateInput>,
    mixed_instances_policy: Option<Value>,
    instance_id: Option<String>,
    min_size: Option<i64>,
    max_size: Option<i64>,
    desired_capacity: Option<i64>,
    default_cooldown: Option<i64>,
    availability_zones: Option<Vec<String>>,
    _availability_zone_ids: Option<Vec<String>>,
    load_balancer_names: Option<Vec<String>>,
    #[serde(rename = "TargetGroupARNs")]
    target_group_arns: Option<Vec<String>>,
    health_check_type: Option<String>,
    health_check_grace_period: Option<i64>,
    placement_group: Option<String>,
    #[serde(rename = "VPCZoneIdentifier")]
    vpc_zone_identifier: Option<String>,
    termination_policies: Option<Vec<String>>,
    new_instances_protected_from_scale_in: Option<bool>,
    capacity_rebalance: Option<bool>,
    lifecycle_hook_specification_list: Option<Vec<HookInput>>,
    _deletion_protection: Option<String>,
    tags: Option<Vec<TagInput>>,
    #[serde(rename = "ServiceLinkedRoleARN")]
    service_linked_role_arn: Option<String>,
    max_instance_lifetime: Option<i64>,
    context: Option<String>,
    desired_capacity_type: Option<String>,
    default_instance_warmup: Option<i64>,
    traffic_sources: Option<Value>,
    instance_maintenance_policy: Option<Value>,
    availability_zone_distribution: Option<Value>,
    availability_zone_impairment_policy: Option<Value>,
    _skip_zonal_shift_validation: Option<bool>,
    capacity_reservation_specification: Option<Value>,
    _instance_lifecycle_policy: Option<Value>,
    _operator: Option<Value>,
}

impl Operation for CreateAutoScalingGroup {
    const NAME: &'static str = "CreateAutoScalingGroup";
    type Output = ();

    async fn run(self, cx: Cx) -> Result<(), Exception> {
        if self.instance_id.is_some() {
            return Err(invalid(
                "wharf does not make groups from instances: give a launch template or configuration",
            ));
        }
        let more = self.shown();
        let group_name = name("AutoScalingGroupName", self.auto_scaling_group_name)?;
        if group_name.contains(':') {
            return Err(invalid("Auto Scaling Group name cannot contain ':'"));
        }
        let source = model::source(
            self.launch_configuration_name,
            self.launch_template,
            self.mixed_instances_policy,
        )?;
        let source = source.ok_or_else(|| {
            invalid("Valid requests must contain either LaunchTemplate, LaunchConfigurationName, InstanceId or MixedInstancesPolicy parameter.")
        })?;
        let min = model::size("MinSize", required("MinSize", self.min_size)?)?;
        let max = model::size("MaxSize", required("MaxSize", self.max_size)?)?;
        let desired = match self.desired_capacity {
            Some(desired) => model::size("DesiredCapacity", desired)?,
            None => min,
        };
        let tags = self.tags.unwrap_or_default().into_iter().map(model::tag);
        let mut tags = tags.collect::<Result<Vec<_>, _>>()?;
        tags.sort_by(|a, b| a.key.cmp(&b.key));
        tags.dedup_by(|a, b| a.key == b.key);
        let policies = self.termination_policies.unwrap_or_default();
        let new = Group {
            name: group_name,
            uuid: String::new(),
            created_ms: 0,
            min,
            max,
            desired,
            cooldown_secs: model::size("DefaultCooldown", self.default_cooldown.unwrap_or(300))?,
            zones: self.availability_zones.unwrap_or_default(),
            subnets: subnets(self.vpc_zone_identifier.as_deref()),
            source,
            health_check: health_check(self.health_check_type)?,
            grace_secs: model::size(
                "HealthCheckGracePeriod",
                self.health_check_grace_period.unwrap_or(0),
            )?,
            termination_policies: if policies.is_empty() {
                vec!["Default".into()]
            } else {
                policies
            },
            protect_new: self
                .new_instances_protected_from_scale_in
                .unwrap_or_default(),
            tags,
            more,
            suspended: Vec::new(),
            hooks: Vec::new(),
            members: Vec::new(),
            deleting: false,
            cause: None,
            last: None,
            retry_ms: 0,
        };
        let hooks = self.lifecycle_hook_specification_list.unwrap_or_default();
        let hooks = hooks.into_iter().map(HookInput::changes);
        let hooks = hooks.collect::<Result<Vec<_>, _>>()?;
        let done = groups::create(&cx.compute, &cx.registry, new, hooks).await;
        done.map_err(refused)
    }
}

impl CreateAutoScalingGroup {
    /// The members that are only shown again.
    fn shown(&self) -> Map<String, Value> {
        let shown = json!({
            "LoadBalancerNames": self.load_balancer_names,
            "TargetGroupARNs": self.target_group_arns,
            "PlacementGroup": self.placement_group,
            "CapacityRebalance": self.capacity_rebalance,
            "ServiceLinkedRoleARN": self.service_linked_role_arn,
            "MaxInstanceLifetime": self.max_instance_lifetime,
            "Context": self.context,
            "DesiredCapacityType": self.desired_capacity_type,
            "DefaultInstanceWarmup": self.default_instance_warmup,
            "TrafficSources": self.traffic_sources,
            "InstanceMaintenancePolicy": self.instance_maintenance_policy,
            "AvailabilityZoneDistribution": self.availability_zone_distribution,
            "AvailabilityZoneImpairmentPolicy": self.availability_zone_impairment_policy,
            "CapacityReservationSpecification": self.capacity_reservation_specification,
        });
        without_nulls(shown)
    }
}

/// The members of an object that there are.
pub(super) fn without_nulls(shown: Value) -> Map<String, Value> {
    let Value::Object(shown) = shown else {
        return Map::new();
    };
    let there = shown.into_iter().filter(|(_, value)| !value.is_null());
    there.collect()
}

/// The subnets of a text with commas.
pub(super) fn subnets(text: Option<&str>) -> Vec<String> {
    let ids = text.unwrap_or_default().split(',').map(str::trim);
    ids.filter(|id| !id.is_empty()).map(str::to_owned).collect()
}

/// `EC2`, and the other kinds that it comes with.
pub(super) fn health_check(value: Option<String>) -> Result<String, Exception> {
    let value = value.unwrap_or_else(|| "EC2".into());
    let known = ["EC2", "ELB", "EBS", "VPC_LATTICE"];
    if value.split(',').all(|one| known.contains(&one.trim())) {
        return Ok(value);
    }
    Err(invalid(format!("Invalid HealthCheckType: {value}")))
}
