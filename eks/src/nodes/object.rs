//! The machine that an instance is, as Kubernetes makes a node of one.
use wharf_compute::{images, instance_types::Resources, instances::Instance, network};
use wharf_kubernetes::nodes::{LaunchTemplate, Machine, Room, Taint};
use wharf_types::Region;

use crate::{
    nodegroups::{
        Nodegroup,
        config::{self, CapacityType, TaintEffect},
    },
    versions,
};

/// The label with the node group of a node.
pub(super) const NODEGROUP: &str = "eks.amazonaws.com/nodegroup";

/// The size of a disk where nobody says it.
const DISK_GIB: u64 = 20;

/// The machine of an instance, in a managed node group or in none. The version of the cluster counts
/// where its image says none.
pub(super) fn machine(
    region: &Region,
    version: &str,
    instance: &Instance,
    group: Option<&Nodegroup>,
) -> Machine {
    let shape = instance.shape();
    let disk = group.and_then(|group| u64::try_from(group.disk_size?).ok());
    let disk = disk.unwrap_or(DISK_GIB);
    let bottlerocket = group.is_some_and(|group| group.ami_type.is_bottlerocket());
    let spot = if instance.spot {
        CapacityType::Spot
    } else {
        CapacityType::OnDemand
    };
    Machine {
        name: instance.private_dns_name(region),
        instance_id: instance.id.clone(),
        instance_type: instance.instance_type.clone(),
        address: instance.address.to_string(),
        region: region.to_string(),
        zone: instance.zone.clone(),
        zone_id: network::zone_id(region, &instance.zone).unwrap_or_default(),
        nodegroup: group.map(|group| group.name.clone()).unwrap_or_default(),
        image: instance.image.clone(),
        launch_template: instance.template.as_ref().map(|template| LaunchTemplate {
            id: template.id.clone(),
            version: template.version.to_string(),
        }),
        capacity_type: spot.as_str().to_owned(),
        architecture: shape
            .map_or("amd64", |shape| shape.architecture.goarch())
            .to_owned(),
        labels: group.map(|group| group.labels.clone()).unwrap_or_default(),
        taints: group.map(taints).unwrap_or_default(),
        version: versions::kubelet(of_image(region, instance).as_deref().unwrap_or(version)),
        os_image: if bottlerocket {
            "Bottlerocket OS 1.50.0 (aws-k8s)".to_owned()
        } else {
            "Amazon Linux 2023.9.20251105".to_owned()
        },
        capacity: shape.map_or_else(Room::default, |shape| room(shape.capacity(), disk)),
        allocatable: shape.map_or_else(Room::default, |shape| {
            // As the kubelet does it: a tenth is kept so that the disk is never full.
            room(shape.allocatable(), disk - disk / 10)
        }),
    }
}

fn room(of: Resources, storage_gib: u64) -> Room {
    Room {
        cpu_milli: of.cpu_milli,
        memory_mib: of.memory_mib,
        storage_gib,
        pods: of.pods,
    }
}

/// The version of Kubernetes on an instance's image.
fn of_image(region: &Region, instance: &Instance) -> Option<String> {
    let mut all = images::all(region).into_iter();
    let image = all.find(|image| image.id == instance.image)?;
    let (_, after) = image.description.split_once("k8s")?;
    let version = after.trim_start_matches([':', ' ', '-']);
    let is_version = |c: &char| c.is_ascii_digit() || *c == '.';
    let version: String = version.chars().take_while(is_version).collect();
    (!version.is_empty()).then_some(version)
}

/// The taints of a node group's nodes, as nodes have them.
pub(super) fn taints(group: &Nodegroup) -> Vec<Taint> {
    group.taints.iter().filter_map(taint).collect()
}

fn taint(taint: &config::Taint) -> Option<Taint> {
    let effect = match taint.effect? {
        TaintEffect::NoSchedule => "NoSchedule",
        TaintEffect::NoExecute => "NoExecute",
        TaintEffect::PreferNoSchedule => "PreferNoSchedule",
    };
    Some(Taint {
        key: taint.key.clone()?,
        value: taint.value.clone().unwrap_or_default(),
        effect: effect.to_owned(),
    })
}
