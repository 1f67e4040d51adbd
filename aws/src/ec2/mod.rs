//! The Elastic Compute Cloud, as far as clusters need it.
use bytes::Bytes;
use http::StatusCode;
use serde::Deserialize;

use crate::{
    Exception,
    operation::{Entry, Protocol, Service},
    strict,
};

mod create_launch_template;
mod create_launch_template_version;
mod create_tags;
mod delete_launch_template;
mod delete_tags;
mod describe_availability_zones;
mod describe_images;
mod describe_instance_attribute;
mod describe_instance_status;
mod describe_instance_type_offerings;
mod describe_instance_types;
mod describe_instances;
mod describe_launch_template_versions;
mod describe_launch_templates;
mod describe_network_interfaces;
mod describe_regions;
mod describe_route_tables;
mod describe_security_groups;
mod describe_subnets;
mod describe_tags;
mod describe_vpcs;
mod filter;
mod model;
mod run_instances;
mod start_instances;
mod stop_instances;
mod terminate_instances;

use create_launch_template::CreateLaunchTemplate;
use create_launch_template_version::CreateLaunchTemplateVersion;
use create_tags::CreateTags;
use delete_launch_template::DeleteLaunchTemplate;
use delete_tags::DeleteTags;
use describe_availability_zones::DescribeAvailabilityZones;
use describe_images::DescribeImages;
use describe_instance_attribute::DescribeInstanceAttribute;
use describe_instance_status::DescribeInstanceStatus;
use describe_instance_type_offerings::DescribeInstanceTypeOfferings;
use describe_instance_types::DescribeInstanceTypes;
use describe_instances::DescribeInstances;
use describe_launch_template_versions::DescribeLaunchTemplateVersions;
use describe_launch_templates::DescribeLaunchTemplates;
use describe_network_interfaces::DescribeNetworkInterfaces;
use describe_regions::DescribeRegions;
use describe_route_tables::DescribeRouteTables;
use describe_security_groups::DescribeSecurityGroups;
use describe_subnets::DescribeSubnets;
use describe_tags::DescribeTags;
use describe_vpcs::DescribeVpcs;
use run_instances::RunInstances;
use start_instances::StartInstances;
use stop_instances::StopInstances;
use terminate_instances::TerminateInstances;

pub(crate) const SERVICE: Service = Service {
    name: "ec2",
    protocol: Protocol::Ec2 {
        namespace: "http://ec2.amazonaws.com/doc/2016-11-15/",
    },
    operations: &[
        Entry::of::<CreateLaunchTemplate>(),
        Entry::of::<CreateLaunchTemplateVersion>(),
        Entry::of::<CreateTags>(),
        Entry::of::<DeleteLaunchTemplate>(),
        Entry::of::<DeleteTags>(),
        Entry::of::<DescribeAvailabilityZones>(),
        Entry::of::<DescribeImages>(),
        Entry::of::<DescribeInstanceAttribute>(),
        Entry::of::<DescribeInstanceStatus>(),
        Entry::of::<DescribeInstanceTypeOfferings>(),
        Entry::of::<DescribeInstanceTypes>(),
        Entry::of::<DescribeInstances>(),
        Entry::of::<DescribeLaunchTemplateVersions>(),
        Entry::of::<DescribeLaunchTemplates>(),
        Entry::of::<DescribeNetworkInterfaces>(),
        Entry::of::<DescribeRegions>(),
        Entry::of::<DescribeRouteTables>(),
        Entry::of::<DescribeSecurityGroups>(),
        Entry::of::<DescribeSubnets>(),
        Entry::of::<DescribeTags>(),
        Entry::of::<DescribeVpcs>(),
        Entry::of::<RunInstances>(),
        Entry::of::<StartInstances>(),
        Entry::of::<StopInstances>(),
        Entry::of::<TerminateInstances>(),
    ],
    // Of the others only what their names look like is known: there are too many to list.
    known: &[
        "CreateLaunchTemplate",
        "CreateLaunchTemplateVersion",
        "CreateTags",
        "DeleteLaunchTemplate",
        "DeleteTags",
        "DescribeAvailabilityZones",
        "DescribeImages",
        "DescribeInstanceAttribute",
        "DescribeInstanceStatus",
        "DescribeInstanceTypeOfferings",
        "DescribeInstanceTypes",
        "DescribeInstances",
        "DescribeLaunchTemplateVersions",
        "DescribeLaunchTemplates",
        "DescribeNetworkInterfaces",
        "DescribeRegions",
        "DescribeRouteTables",
        "DescribeSecurityGroups",
        "DescribeSubnets",
        "DescribeTags",
        "DescribeVpcs",
        "RunInstances",
        "StartInstances",
        "StopInstances",
        "TerminateInstances",
    ],
};

/// How many operations AWS has.
pub(crate) const OPERATIONS: usize = 830;

/// What the names of EC2's operations begin with.
const VERBS: &[&str] = &[
    "Accept",
    "Advertise",
    "Allocate",
    "Apply",
    "Assign",
    "Associate",
    "Attach",
    "Authorize",
    "Batch",
    "Bundle",
    "Cancel",
    "Confirm",
    "Copy",
    "Create",
    "Delete",
    "Deprovision",
    "Deregister",
    "Describe",
    "Detach",
    "Disable",
    "Disassociate",
    "Enable",
    "Export",
    "Get",
    "Import",
    "List",
    "Lock",
    "Modify",
    "Monitor",
    "Move",
    "Provision",
    "Purchase",
    "Reboot",
    "Register",
    "Reject",
    "Release",
    "Replace",
    "Report",
    "Request",
    "Reset",
    "Restore",
    "Revoke",
    "Run",
    "Search",
    "Send",
    "Start",
    "Stop",
    "Terminate",
    "Unassign",
    "Unlock",
    "Unmonitor",
    "Update",
    "Validate",
    "Withdraw",
];

/// Whether a name looks like one of EC2's operations: a verb of theirs, and something it is done to.
pub(crate) fn is_action(name: &str) -> bool {
    let noun = |rest: &str| {
        rest.starts_with(|c: char| c.is_ascii_uppercase())
            && rest.len() <= 80
            && rest.bytes().all(|b| b.is_ascii_alphanumeric())
    };
    let mut verbs = VERBS.iter().filter_map(|verb| name.strip_prefix(verb));
    verbs.any(noun)
}

/// Ends a call that only asks whether it might be made: it might.
pub(crate) fn end_dry_run(body: &Bytes) -> Result<(), Exception> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Dry {
        dry_run: Option<bool>,
    }
    let Dry { dry_run } = strict::from_slice(body)?;
    if dry_run != Some(true) {
        return Ok(());
    }
    Err(Exception {
        status: StatusCode::PRECONDITION_FAILED,
        ..Exception::client(
            "DryRunOperation",
            "Request would have succeeded, but DryRun flag is set.",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_an_action_is_one() {
        for (name, is) in [
            ("CreateVpc", true),
            ("DescribeInstances", true),
            ("AssociateAddress", true),
            ("Create", false),
            ("Createvpc", false),
            ("Frobnicate", false),
            ("CreateVpc<x>", false),
            ("", false),
        ] {
            assert_eq!(is_action(name), is, "{name}");
        }
    }
}
