//! What the operations share: their errors, filters, pages, and how groups and activities look.
use serde::Deserialize;
use serde_json::{Map, Value, json};
use wharf_compute::{
    Code, Error,
    groups::{Activity, Group, Member, Mixed, Source, Tag},
    instances::OfTemplate,
    network,
    templates::{Key, Spec},
};
use wharf_types::Timestamp;

use crate::{Cx, Exception, page::Pages};

/// A filter of a list.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Filter {
    pub(crate) name: Option<String>,
    pub(crate) values: Option<Vec<String>>,
}

/// A tag of a group as calls have it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct TagInput {
    pub(crate) resource_id: Option<String>,
    pub(crate) resource_type: Option<String>,
    pub(crate) key: Option<String>,
    pub(crate) value: Option<String>,
    pub(crate) propagate_at_launch: Option<bool>,
}

/// Which launch template.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct TemplateInput {
    pub(crate) launch_template_id: Option<String>,
    pub(crate) launch_template_name: Option<String>,
    pub(crate) version: Option<String>,
}

pub(crate) fn invalid(text: impl Into<String>) -> Exception {
    Exception::client("ValidationError", text)
}

/// An error of the domain in the words of Auto Scaling.
pub(crate) fn refused(e: Error) -> Exception {
    let Some(code) = e.code() else {
        return match e {
            Error::Store(e) => e.into(),
            other @ Error::Refused { .. } => Exception::internal(other),
        };
    };
    let kind = match code {
        Code::Exists | Code::TemplateExists => "AlreadyExists",
        Code::InUse => "ResourceInUse",
        Code::Scaling => "ScalingActivityInProgress",
        Code::LimitExceeded | Code::TagLimitExceeded => "LimitExceeded",
        _ => "ValidationError",
    };
    Exception::client(kind, e.to_string())
}

/// A member that must be there, in the words of Auto Scaling.
pub(crate) fn required<T>(member: &str, value: Option<T>) -> Result<T, Exception> {
    value.ok_or_else(|| broken(member, "null", "Member must not be null"))
}

fn broken(member: &str, value: &str, constraint: &str) -> Exception {
    let mut name = member.to_owned();
    if let Some(first) = name.get_mut(..1) {
        first.make_ascii_lowercase();
    }
    invalid(format!(
        "1 validation error detected: Value '{value}' at '{name}' failed to satisfy constraint: {constraint}"
    ))
}

/// The name of a group, a launch configuration or a hook.
pub(crate) fn name(member: &str, value: Option<String>) -> Result<String, Exception> {
    let value = required(member, value)?;
    text(member, &value, 1, 255)?;
    let printable = |c: char| c >= ' ' || matches!(c, '\r' | '\n' | '\t');
    if value.chars().all(printable) {
        return Ok(value);
    }
    Err(broken(
        member,
        "",
        "Member must have only printable characters",
    ))
}

/// The name of a hook.
pub(crate) fn hook_name(value: Option<String>) -> Result<String, Exception> {
    let value = name("LifecycleHookName", value)?;
    let word = |b: u8| b.is_ascii_alphanumeric() || b"-_/".contains(&b);
    if value.bytes().all(word) {
        return Ok(value);
    }
    let text = "Member must satisfy regular expression pattern: [A-Za-z0-9\\-_\\/]+";
    Err(broken("LifecycleHookName", &value, text))
}

pub(crate) fn text(member: &str, value: &str, min: usize, max: usize) -> Result<(), Exception> {
    let length = value.chars().count();
    if length < min {
        let text = format!("Member must have length greater than or equal to {min}");
        return Err(broken(member, value, &text));
    }
    if length > max {
        let text = format!("Member must have length less than or equal to {max}");
        return Err(broken(member, "", &text));
    }
    Ok(())
}

/// A number from 0 on.
pub(crate) fn size(member: &str, value: i64) -> Result<u32, Exception> {
    let text = "Member must have value greater than or equal to 0";
    u32::try_from(value).map_err(|_range| broken(member, &value.to_string(), text))
}

/// The instances of a call.
pub(crate) fn instance_ids(value: Option<Vec<String>>) -> Result<Vec<String>, Exception> {
    let ids = value.unwrap_or_default();
    if ids.is_empty() {
        return Err(invalid("At least one instance ID is required."));
    }
    for id in &ids {
        text("InstanceIds", id, 1, 19)?;
    }
    Ok(ids)
}

impl TemplateInput {
    /// Which template, by its id or its name.
    pub(crate) fn spec(self) -> Result<Spec, Exception> {
        let template = match (self.launch_template_id, self.launch_template_name) {
            (Some(id), None) => Key::Id(id),
            (None, Some(name)) => Key::Name(name),
            _ => {
                return Err(invalid(
                    "Valid requests must contain either launchTemplateId or LaunchTemplateName",
                ));
            }
        };
        Ok(Spec {
            template,
            version: self.version,
        })
    }
}

/// What a group launches with: exactly one of three.
pub(crate) fn source(
    configuration: Option<String>,
    template: Option<TemplateInput>,
    mixed: Option<Value>,
) -> Result<Option<Source>, Exception> {
    let source = match (configuration, template, mixed) {
        (None, None, None) => return Ok(None),
        (Some(name), None, None) => Source::Configuration(name),
        (None, Some(template), None) => Source::Template(template.spec()?),
        (None, None, Some(policy)) => Source::Mixed(mixed_policy(policy)?),
        _ => {
            return Err(invalid(
                "Valid requests must contain either LaunchTemplate, LaunchConfigurationName, InstanceId or MixedInstancesPolicy parameter.",
            ));
        }
    };
    Ok(Some(source))
}

fn mixed_policy(policy: Value) -> Result<Mixed, Exception> {
    let template = &policy["LaunchTemplate"];
    let spec = &template["LaunchTemplateSpecification"];
    let field = |name: &str| spec[name].as_str().map(str::to_owned);
    let template_input = TemplateInput {
        launch_template_id: field("LaunchTemplateId"),
        launch_template_name: field("LaunchTemplateName"),
        version: field("Version"),
    };
    let overrides = template["Overrides"].as_array().into_iter().flatten();
    let types = overrides.filter_map(|one| Some(one["InstanceType"].as_str()?.to_owned()));
    let types: Vec<String> = types.collect();
    let number = |name: &str, default: u32| -> Result<u32, Exception> {
        match policy["InstancesDistribution"][name].as_str() {
            None => Ok(default),
            Some(text) => text
                .parse()
                .map_err(|_malformed| invalid(format!("{name} must be a number from 0 on"))),
        }
    };
    let above_base = number("OnDemandPercentageAboveBaseCapacity", 100)?;
    if above_base > 100 {
        return Err(invalid(
            "OnDemandPercentageAboveBaseCapacity must be between 0 and 100.",
        ));
    }
    Ok(Mixed {
        template: template_input.spec()?,
        types,
        base: number("OnDemandBaseCapacity", 0)?,
        above_base,
        policy,
    })
}

/// A tag as a call has it.
pub(crate) fn tag(input: TagInput) -> Result<Tag, Exception> {
    let key = required("Key", input.key)?;
    text("Key", &key, 1, 128)?;
    let value = input.value.unwrap_or_default();
    text("Value", &value, 0, 256)?;
    if key.starts_with("aws:") {
        return Err(invalid("Tag keys starting with aws: are reserved"));
    }
    Ok(Tag {
        key,
        value,
        propagate: input.propagate_at_launch.unwrap_or_default(),
    })
}

/// One page of what is listed, and the token for the next. `key` is unique and in the list's order.
pub(crate) fn page<T>(
    cx: &Cx,
    scope: &str,
    asked: (Option<i64>, Option<&str>),
    (default, most): (usize, usize),
    all: Vec<T>,
    key: impl Fn(&T) -> String,
) -> Result<(Vec<T>, Option<String>), Exception> {
    let max = match asked.0 {
        None => default,
        Some(max) => match usize::try_from(max) {
            Ok(max) if (1..=most).contains(&max) => max,
            _ => {
                return Err(invalid(format!(
                    "The value {max} of MaxRecords is not between 1 and {most}."
                )));
            }
        },
    };
    let pages = Pages {
        cx,
        scope: scope.to_owned(),
    };
    let after = pages.after(asked.1).map_err(|_refused| {
        Exception::client("InvalidNextToken", "The token 'NextToken' is invalid.")
    })?;
    Ok(pages.cut(all, &after, max, key))
}

pub(crate) fn time(ms: i64) -> String {
    Timestamp::from_ms(ms).to_string()
}

fn of_template(template: &OfTemplate) -> Value {
    json!({
        "LaunchTemplateId": template.id,
        "LaunchTemplateName": template.name,
        "Version": template.version.to_string(),
    })
}

/// How a member looks in a group, and in a list of all instances.
pub(crate) fn member(cx: &Cx, member: &Member) -> Map<String, Value> {
    let shown = json!({
        "InstanceId": member.id,
        "InstanceType": member.instance_type,
        "AvailabilityZone": member.zone,
        "AvailabilityZoneId": network::zone_id(&cx.registry.region, &member.zone),
        "LifecycleState": member.stage.as_str(),
        "HealthStatus": if member.healthy { "Healthy" } else { "Unhealthy" },
        "LaunchConfigurationName": member.configuration,
        "LaunchTemplate": member.template.as_ref().map(of_template),
        "ImageId": member.image,
        "ProtectedFromScaleIn": member.protected,
    });
    match shown {
        Value::Object(shown) => shown,
        _ => Map::new(),
    }
}

/// How a tag looks.
pub(crate) fn shown_tag(group: &str, tag: &Tag) -> Value {
    json!({
        "ResourceId": group,
        "ResourceType": "auto-scaling-group",
        "Key": tag.key,
        "Value": tag.value,
        "PropagateAtLaunch": tag.propagate,
    })
}

/// How a group looks.
pub(crate) fn group(cx: &Cx, group: &Group, ids: &TemplateNames, instances: bool) -> Value {
    let mut members: Vec<&Member> = group.members.iter().collect();
    members.sort_by(|a, b| a.id.cmp(&b.id));
    let members = members.into_iter().filter(|_| instances);
    let suspended = group
        .suspended
        .iter()
        .map(|process| json!({ "ProcessName": process, "SuspensionReason": "User suspended" }));
    let mut shown = json!({
        "AutoScalingGroupName": group.name,
        "AutoScalingGroupARN": group.arn(&cx.registry),
        "MinSize": group.min,
        "MaxSize": group.max,
        "DesiredCapacity": group.desired,
        "DefaultCooldown": group.cooldown_secs,
        "AvailabilityZones": group.zones,
        "AvailabilityZoneIds": group.zones.iter()
            .filter_map(|zone| network::zone_id(&cx.registry.region, zone)).collect::<Vec<_>>(),
        "LoadBalancerNames": [],
        "TargetGroupARNs": [],
        "TrafficSources": [],
        "HealthCheckType": group.health_check,
        "HealthCheckGracePeriod": group.grace_secs,
        "Instances": members.map(|m| Value::Object(member(cx, m))).collect::<Vec<_>>(),
        "CreatedTime": time(group.created_ms),
        "SuspendedProcesses": suspended.collect::<Vec<_>>(),
        "VPCZoneIdentifier": group.subnets.join(","),
        "EnabledMetrics": [],
        "Tags": group.tags.iter().map(|tag| shown_tag(&group.name, tag)).collect::<Vec<_>>(),
        "TerminationPolicies": group.termination_policies,
        "NewInstancesProtectedFromScaleIn": group.protect_new,
        "ServiceLinkedRoleARN": format!(
            "arn:aws:iam::{}:role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling",
            cx.registry.account
        ),
        "Status": group.deleting.then_some("Delete in progress"),
    });
    if let Value::Object(shown) = &mut shown {
        shown.extend(group.more.clone());
        match &group.source {
            Source::Configuration(name) => {
                shown.insert("LaunchConfigurationName".into(), name.as_str().into());
            }
            Source::Template(spec) => {
                shown.insert("LaunchTemplate".into(), ids.spec(spec));
            }
            Source::Mixed(mixed) => {
                let mut policy = mixed.policy.clone();
                policy["LaunchTemplate"]["LaunchTemplateSpecification"] = ids.spec(&mixed.template);
                shown.insert("MixedInstancesPolicy".into(), policy);
            }
        }
    }
    shown
}

/// The ids and names of launch templates: groups name one of both and show both.
pub(crate) struct TemplateNames(pub(crate) Vec<(String, String)>);

impl TemplateNames {
    pub(crate) async fn load(cx: &Cx) -> Result<Self, Exception> {
        let all = wharf_compute::templates::list(&cx.compute, &cx.registry).await;
        let all = all.map_err(refused)?.into_iter();
        Ok(Self(
            all.map(|template| (template.id, template.name)).collect(),
        ))
    }

    fn spec(&self, spec: &Spec) -> Value {
        let found = self.0.iter().find(|(id, name)| match &spec.template {
            Key::Id(wanted) => wanted == id,
            Key::Name(wanted) => wanted == name,
        });
        let (id, name) = match (found, &spec.template) {
            (Some((id, name)), _) => (Some(id), Some(name)),
            (None, Key::Id(id)) => (Some(id), None),
            (None, Key::Name(name)) => (None, Some(name)),
        };
        json!({
            "LaunchTemplateId": id,
            "LaunchTemplateName": name,
            "Version": spec.version,
        })
    }
}

/// How an activity looks.
pub(crate) fn activity(activity: &Activity) -> Value {
    json!({
        "ActivityId": activity.id,
        "AutoScalingGroupName": activity.group,
        "AutoScalingGroupARN": activity.group_arn,
        "Description": activity.description,
        "Cause": activity.cause,
        "StartTime": time(activity.start_ms),
        "EndTime": activity.end_ms.map(time),
        "StatusCode": activity.status.as_str(),
        "StatusMessage": activity.message,
        "Progress": activity.progress,
        "Details": activity.details,
    })
}

/// Activities as the answer to a call.
pub(crate) fn activities(all: &[Activity]) -> Value {
    json!({ "Activities": all.iter().map(activity).collect::<Vec<_>>() })
}

/// The values of a filter; a filter without a name is wrong.
pub(crate) fn filters(
    filters: Option<Vec<Filter>>,
) -> Result<Vec<(String, Vec<String>)>, Exception> {
    let all = filters.unwrap_or_default().into_iter();
    all.map(|filter| {
        let name = required("Filters.Name", filter.name)?;
        Ok((name, filter.values.unwrap_or_default()))
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mixed_policy_names_a_template_and_its_numbers_are_read() {
        let policy = json!({
            "LaunchTemplate": {
                "LaunchTemplateSpecification": { "LaunchTemplateName": "nodes", "Version": "$Latest" },
                "Overrides": [{ "InstanceType": "t3.small" }, { "InstanceType": "t3.medium" }],
            },
            "InstancesDistribution": { "OnDemandBaseCapacity": "1", "OnDemandPercentageAboveBaseCapacity": "0" },
        });
        let mixed = mixed_policy(policy.clone()).unwrap();
        assert_eq!(mixed.types, ["t3.small", "t3.medium"]);
        assert_eq!((mixed.base, mixed.above_base), (1, 0));
        let mut wrong = policy;
        wrong["InstancesDistribution"]["OnDemandPercentageAboveBaseCapacity"] = "101".into();
        assert!(mixed_policy(wrong).is_err());
        assert!(mixed_policy(json!({})).is_err());
    }
}
