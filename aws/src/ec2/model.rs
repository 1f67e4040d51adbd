//! What the operations share: their errors, and how resources look.
use serde_json::{Map, Value, json};
use wharf_compute::{
    Code, Error,
    images::Image,
    instances::{Instance, State},
    network::{self, Network},
    tags::Tags,
    templates::{Key, LaunchTemplate, Version},
};
use wharf_types::Timestamp;

use crate::{Cx, Exception, protocol::query::EACH};

pub(crate) fn invalid(text: impl Into<String>) -> Exception {
    Exception::client("InvalidParameterValue", text)
}

pub(crate) fn missing(member: &str) -> Exception {
    Exception::client(
        "MissingParameter",
        format!("The request must contain the parameter {member}"),
    )
}

pub(crate) fn required<T>(member: &str, value: Option<T>) -> Result<T, Exception> {
    value.ok_or_else(|| missing(member))
}

/// The instances of a call.
pub(crate) fn instance_ids(value: Option<Vec<String>>) -> Result<Vec<String>, Exception> {
    let ids = value.filter(|ids| !ids.is_empty());
    let ids = required("InstanceId", ids)?;
    if ids.len() > 1000 {
        return Err(invalid("At most 1000 instances can be named at once."));
    }
    Ok(ids)
}

/// An error of the domain in EC2's words.
pub(crate) fn refused(e: Error) -> Exception {
    let Some(code) = e.code() else {
        return match e {
            Error::Store(e) => e.into(),
            other @ Error::Refused { .. } => Exception::internal(other),
        };
    };
    let kind = match code {
        Code::Invalid | Code::GroupNotFound | Code::InUse | Code::Scaling | Code::Exists => {
            "InvalidParameterValue"
        }
        Code::LimitExceeded => "InstanceLimitExceeded",
        Code::TagLimitExceeded => "TagLimitExceeded",
        Code::InstanceNotFound => "InvalidInstanceID.NotFound",
        Code::InstanceMalformed => "InvalidInstanceID.Malformed",
        Code::IncorrectState => "IncorrectInstanceState",
        Code::SubnetNotFound => "InvalidSubnetID.NotFound",
        Code::ImageNotFound => "InvalidAMIID.Malformed",
        Code::InstanceTypeUnknown => "InvalidParameterValue",
        Code::ResourceNotFound => "InvalidID",
        Code::TemplateNotFound => "InvalidLaunchTemplateId.NotFound",
        Code::TemplateNameNotFound => "InvalidLaunchTemplateName.NotFoundException",
        Code::TemplateExists => "InvalidLaunchTemplateName.AlreadyExistsException",
        Code::VersionNotFound => "InvalidLaunchTemplateId.VersionNotFound",
        Code::NoAddress => "InsufficientFreeAddressesInSubnet",
        Code::Protected => "OperationNotPermitted",
        Code::IdempotentMismatch => "IdempotentParameterMismatch",
        Code::Conflict => "InvalidIPAddress.InUse",
    };
    Exception::client(kind, e.to_string())
}

pub(crate) fn time(ms: i64) -> String {
    Timestamp::from_ms(ms).to_string()
}

pub(crate) fn network(cx: &Cx) -> Network {
    Network::new(cx.registry.clone(), cx.compute.settings.vpc)
}

pub(crate) fn tag_set(tags: &Tags) -> Value {
    let tags = tags.iter();
    tags.map(|(key, value)| json!({ "key": key, "value": value }))
        .collect()
}

pub(crate) fn state(state: State) -> Value {
    let (code, name) = state.wire();
    json!({ "code": code, "name": name })
}

/// The security groups of an instance.
fn groups(cx: &Cx, ids: &[String]) -> Value {
    let default = network(cx).security_group_id();
    let one = |id: &String| {
        let name = if *id == default { "default" } else { id };
        json!({ "groupId": id, "groupName": name })
    };
    ids.iter().map(one).collect()
}

/// The ARN of an instance profile that may be only a name.
fn profile(cx: &Cx, profile: &str) -> Value {
    let arn = if profile.starts_with("arn:") {
        profile.to_owned()
    } else {
        format!(
            "arn:aws:iam::{}:instance-profile/{profile}",
            cx.registry.account
        )
    };
    let digits = wharf_compute::digits(&arn, 17).to_ascii_uppercase();
    json!({ "arn": arn, "id": format!("AIPA{digits}") })
}

/// How the network interface of an instance looks in it.
fn interface(cx: &Cx, instance: &Instance) -> Value {
    let region = &cx.registry.region;
    let id = instance.interface_id();
    json!({
        "networkInterfaceId": id,
        "subnetId": instance.subnet,
        "vpcId": network(cx).vpc_id(),
        "description": "",
        "ownerId": cx.registry.account.as_str(),
        "status": "in-use",
        "macAddress": mac(&id),
        "privateIpAddress": instance.address.to_string(),
        "privateDnsName": instance.private_dns_name(region),
        "sourceDestCheck": true,
        "groupSet": groups(cx, &instance.security_groups),
        "attachment": {
            "attachmentId": format!("eni-attach-0{}", wharf_compute::digits(&id, 16)),
            "deviceIndex": 0,
            "status": "attached",
            "attachTime": time(instance.launched_ms),
            "deleteOnTermination": true,
            "networkCardIndex": 0,
        },
        "privateIpAddressesSet": [{
            "privateIpAddress": instance.address.to_string(),
            "privateDnsName": instance.private_dns_name(region),
            "primary": true,
        }],
        "interfaceType": "interface",
    })
}

pub(crate) fn mac(id: &str) -> String {
    let digits = wharf_compute::digits(id, 10);
    let digits: Vec<char> = digits.chars().collect();
    let pairs = digits.chunks(2).map(|pair| pair.iter().collect::<String>());
    std::iter::once("02".to_owned())
        .chain(pairs)
        .collect::<Vec<_>>()
        .join(":")
}

/// How an instance looks.
pub(crate) fn instance(cx: &Cx, instance: &Instance) -> Value {
    let region = &cx.registry.region;
    let there = instance.state != State::Terminated;
    let shape = instance.shape();
    let code = "Client.UserInitiatedShutdown";
    let reason = json!({ "code": code, "message": format!("{code}: User initiated shutdown") });
    let user = instance.reason.as_ref().map(|_| reason);
    let interfaces: Vec<Value> = there.then(|| interface(cx, instance)).into_iter().collect();
    let volume = json!({
        "deviceName": "/dev/xvda",
        "ebs": {
            "volumeId": instance.volume_id(),
            "status": "attached",
            "attachTime": time(instance.launched_ms),
            "deleteOnTermination": true,
        },
    });
    let volumes: Vec<Value> = there.then_some(volume).into_iter().collect();
    json!({
        "instanceId": instance.id,
        "imageId": instance.image,
        "instanceState": state(instance.state),
        "privateDnsName": if there { instance.private_dns_name(region) } else { String::new() },
        "dnsName": "",
        "reason": instance.reason.clone().unwrap_or_default(),
        "keyName": instance.key_name,
        "amiLaunchIndex": instance.index,
        "productCodes": [],
        "instanceType": instance.instance_type,
        "launchTime": time(instance.launched_ms),
        "placement": {
            "availabilityZone": instance.zone,
            "availabilityZoneId": network::zone_id(region, &instance.zone),
            "groupName": "",
            "tenancy": "default",
        },
        "monitoring": { "state": "disabled" },
        "privateIpAddress": there.then(|| instance.address.to_string()),
        "subnetId": there.then_some(&instance.subnet),
        "vpcId": there.then(|| network(cx).vpc_id()),
        "stateReason": user,
        "architecture": shape.map_or("x86_64", |shape| shape.architecture.as_str()),
        "rootDeviceType": "ebs",
        "rootDeviceName": "/dev/xvda",
        "blockDeviceMapping": volumes,
        "virtualizationType": "hvm",
        "instanceLifecycle": instance.spot.then_some("spot"),
        "clientToken": instance.client_token.clone().unwrap_or_default(),
        "tagSet": tag_set(&instance.tags),
        "hypervisor": "xen",
        "networkInterfaceSet": interfaces,
        "iamInstanceProfile": instance.profile.as_deref().map(|name| profile(cx, name)),
        "ebsOptimized": false,
        "enaSupport": true,
        "sourceDestCheck": there,
        "groupSet": if there { groups(cx, &instance.security_groups) } else { json!([]) },
        "cpuOptions": {
            "coreCount": shape.map_or(1, |shape| (shape.vcpus / 2).max(1)),
            "threadsPerCore": shape.map_or(1, |shape| shape.vcpus.min(2)),
        },
        "metadataOptions": {
            "state": "applied",
            "httpTokens": "required",
            "httpPutResponseHopLimit": 2,
            "httpEndpoint": "enabled",
            "httpProtocolIpv6": "disabled",
            "instanceMetadataTags": "disabled",
        },
    })
}

/// How instances of one launch look together.
pub(crate) fn reservation(cx: &Cx, id: &str, instances: &[&Instance]) -> Value {
    let shown: Vec<Value> = instances.iter().map(|one| instance(cx, one)).collect();
    let grouped = instances.iter().any(|one| one.group.is_some());
    json!({
        "reservationId": id,
        "ownerId": cx.registry.account.as_str(),
        "requesterId": grouped.then_some("940372691376"),
        "groupSet": [],
        "instancesSet": shown,
    })
}

/// How a network interface looks in a list of them.
pub(crate) fn listed_interface(cx: &Cx, instance: &Instance) -> Value {
    let mut shown = interface(cx, instance);
    let attachment =
        json!({ "instanceId": instance.id, "instanceOwnerId": cx.registry.account.as_str() });
    if let (Value::Object(into), Value::Object(more)) = (&mut shown["attachment"], attachment) {
        into.extend(more);
    }
    shown["availabilityZone"] = instance.zone.as_str().into();
    shown["requesterManaged"] = false.into();
    shown["tagSet"] = json!([]);
    shown
}

pub(crate) fn image(image: &Image) -> Value {
    json!({
        "imageId": image.id,
        "imageLocation": format!("amazon/{}", image.name),
        "imageState": "available",
        "imageOwnerId": image.owner,
        "imageOwnerAlias": "amazon",
        "creationDate": image.created,
        "isPublic": true,
        "architecture": image.architecture.as_str(),
        "imageType": "machine",
        "name": image.name,
        "description": image.description,
        "rootDeviceType": "ebs",
        "rootDeviceName": "/dev/xvda",
        "virtualizationType": "hvm",
        "hypervisor": "xen",
        "enaSupport": true,
        "platformDetails": "Linux/UNIX",
        "usageOperation": "RunInstances",
        "blockDeviceMapping": [{
            "deviceName": "/dev/xvda",
            "ebs": { "volumeSize": 20, "volumeType": "gp3", "deleteOnTermination": true, "encrypted": false },
        }],
        "tagSet": [],
    })
}

pub(crate) fn template(template: &LaunchTemplate) -> Value {
    json!({
        "launchTemplateId": template.id,
        "launchTemplateName": template.name,
        "createTime": time(template.created_ms),
        "createdBy": template.created_by,
        "defaultVersionNumber": template.default,
        "latestVersionNumber": template.latest,
        "tagSet": tag_set(&template.tags),
    })
}

pub(crate) fn version(template: &LaunchTemplate, version: &Version) -> Value {
    json!({
        "launchTemplateId": template.id,
        "launchTemplateName": template.name,
        "versionNumber": version.number,
        "versionDescription": version.description,
        "createTime": time(version.created_ms),
        "createdBy": version.created_by,
        "defaultVersion": version.number == template.default,
        "launchTemplateData": data(&version.data),
    })
}

/// Members that answers call otherwise than with a small first letter.
const RENAMED: &[(&str, &str)] = &[
    ("AcceleratorManufacturer", "acceleratorManufacturerSet"),
    ("AcceleratorName", "acceleratorNameSet"),
    ("AcceleratorType", "acceleratorTypeSet"),
    ("AllowedInstanceType", "allowedInstanceTypeSet"),
    ("BlockDeviceMapping", "blockDeviceMappingSet"),
    ("CpuManufacturer", "cpuManufacturerSet"),
    ("ElasticGpuSpecification", "elasticGpuSpecificationSet"),
    (
        "ElasticInferenceAccelerator",
        "elasticInferenceAcceleratorSet",
    ),
    ("ExcludedInstanceType", "excludedInstanceTypeSet"),
    ("InstanceGeneration", "instanceGenerationSet"),
    ("Ipv4Prefix", "ipv4PrefixSet"),
    ("Ipv6Addresses", "ipv6AddressesSet"),
    ("Ipv6Prefix", "ipv6PrefixSet"),
    ("LicenseSpecification", "licenseSet"),
    ("LocalStorageType", "localStorageTypeSet"),
    ("MetricCategoryId", "metricCategoryIdSet"),
    ("NetworkInterface", "networkInterfaceSet"),
    ("PrivateIpAddresses", "privateIpAddressesSet"),
    ("Reference", "referenceSet"),
    ("SecondaryInterface", "secondaryInterfaceSet"),
    ("SecurityGroup", "securityGroupSet"),
    ("SecurityGroupId", "securityGroupIdSet"),
    ("Tag", "tagSet"),
    ("TagSpecification", "tagSpecificationSet"),
];

/// The data of a launch template with the names that answers have for its members.
pub(crate) fn data(value: &Value) -> Value {
    renamed(value, "")
}

fn renamed(value: &Value, of: &str) -> Value {
    match value {
        Value::Array(items) => items.iter().map(|item| renamed(item, of)).collect(),
        Value::Object(members) => {
            let members = members.iter().map(|(name, value)| {
                let new = match (of, name.as_str()) {
                    ("NetworkInterface", "SecurityGroupId") => "groupSet".to_owned(),
                    ("SecondaryInterface", "PrivateIpAddress") => {
                        "privateIpAddressesSet".to_owned()
                    }
                    (_, name) => RENAMED
                        .iter()
                        .find(|(from, _)| *from == name)
                        .map_or_else(|| lower_first(name), |(_, to)| (*to).to_owned()),
                };
                let mut value = renamed(value, name);
                if new == "groupSet" {
                    // The one list whose items are not called so.
                    value = json!({ format!("{EACH}groupId"): value });
                }
                (new, value)
            });
            Value::Object(members.collect::<Map<_, _>>())
        }
        other => other.clone(),
    }
}

fn lower_first(name: &str) -> String {
    let mut name = name.to_owned();
    if let Some(first) = name.get_mut(..1) {
        first.make_ascii_lowercase();
    }
    name
}

/// Which template a call means: by its id or its name, not both.
pub(crate) fn template_key(id: Option<String>, name: Option<String>) -> Result<Key, Exception> {
    match (id, name) {
        (Some(id), None) => Ok(Key::Id(id)),
        (None, Some(name)) => Ok(Key::Name(name)),
        (Some(_), Some(_)) => Err(Exception::client(
            "InvalidParameterCombination",
            "Only one of LaunchTemplateId and LaunchTemplateName can be given.",
        )),
        (None, None) => Err(missing("LaunchTemplateId or LaunchTemplateName")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_data_of_a_template_has_the_names_of_answers() {
        let asked = json!({
            "ImageId": "ami-1",
            "SecurityGroupId": ["sg-1"],
            "NetworkInterface": [{ "DeviceIndex": "0", "SecurityGroupId": ["sg-2"] }],
            "TagSpecification": [{ "ResourceType": "instance", "Tag": [{ "Key": "a" }] }],
        });
        let shown = json!({
            "imageId": "ami-1",
            "securityGroupIdSet": ["sg-1"],
            "networkInterfaceSet": [{ "deviceIndex": "0", "groupSet": { "*groupId": ["sg-2"] } }],
            "tagSpecificationSet": [{ "resourceType": "instance", "tagSet": [{ "key": "a" }] }],
        });
        assert_eq!(data(&asked), shown);
        assert_eq!(mac("eni-1").len(), 17);
    }
}
