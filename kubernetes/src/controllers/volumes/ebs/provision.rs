//! The volume that the driver makes for a claim, as a function of the claim, its class and a zone.
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::super::nodes::ZONE;
use super::super::{EBS, EBS_IN_TREE, VOLUME_PROTECTION};
use super::FINALIZER;
use crate::scheduler::model::{MIGRATED_TO, PROVISIONED_BY};
use crate::{Quantity, fields};

const GIB: i64 = 1 << 30;

/// What a class may say of its volumes, in small letters.
const PARAMETERS: [&str; 20] = [
    "type",
    "iops",
    "iopspergb",
    "allowautoiopspergbincrease",
    "allowautoiopsincreaseonmodify",
    "throughput",
    "encrypted",
    "kmskeyid",
    "blockexpress",
    "blocksize",
    "inodesize",
    "bytesperinode",
    "numberofinodes",
    "ext4bigalloc",
    "ext4clustersize",
    "volumeinitializationrate",
    "outpostarn",
    "fstype",
    "csi.storage.k8s.io/fstype",
    "blockattachuntilinitialized",
];

/// A type of volumes, and its smallest and largest size in GiB.
const TYPES: [(&str, i64, i64); 7] = [
    ("gp2", 1, 16_384),
    ("gp3", 1, 65_536),
    ("io1", 4, 16_384),
    ("io2", 4, 65_536),
    ("sc1", 125, 16_384),
    ("st1", 125, 16_384),
    ("standard", 1, 1_024),
];

/// What is asked for, once it is checked.
#[derive(Debug)]
struct Asked {
    gib: i64,
    fs_type: String,
}

/// The volume of a claim.
///
/// # Errors
/// Why it cannot be made, as the driver says it.
pub(super) fn volume(claim: &Value, class: &Value, zone: &str) -> Result<Value, String> {
    let Asked { gib, fs_type } = check(claim, class)?;
    let (metadata, spec) = (&claim["metadata"], &claim["spec"]);
    let uid = fields::text(metadata, "uid");
    let provisioner = fields::text(class, "provisioner");
    let in_tree = provisioner == EBS_IN_TREE;
    let mut volume = json!({
        "metadata": {
            "name": format!("pvc-{uid}"),
            "annotations": {
                PROVISIONED_BY: provisioner,
                "volume.kubernetes.io/provisioner-deletion-secret-name": "",
                "volume.kubernetes.io/provisioner-deletion-secret-namespace": "",
            },
            "finalizers": [FINALIZER, VOLUME_PROTECTION],
        },
        "spec": {
            "accessModes": spec["accessModes"],
            "capacity": { "storage": format!("{gib}Gi") },
            "claimRef": {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "namespace": metadata["namespace"],
                "name": metadata["name"],
                "uid": uid,
                "resourceVersion": metadata["resourceVersion"],
            },
            "persistentVolumeReclaimPolicy": class["reclaimPolicy"],
            "storageClassName": class["metadata"]["name"],
            "volumeMode": spec["volumeMode"],
        },
    });
    let mut places = vec![place(ZONE, zone)];
    let handle = handle(uid);
    if in_tree {
        let region = zone.trim_end_matches(|c: char| c.is_ascii_lowercase());
        places.push(place("topology.kubernetes.io/region", region));
        volume["metadata"]["labels"] =
            json!({ ZONE: zone, "topology.kubernetes.io/region": region });
        volume["metadata"]["annotations"][MIGRATED_TO] = EBS.into();
        volume["spec"]["awsElasticBlockStore"] = json!({ "fsType": fs_type, "volumeID": handle });
    } else {
        volume["spec"]["csi"] = json!({
            "driver": EBS,
            "fsType": fs_type,
            "volumeHandle": handle,
            "volumeAttributes": {
                "storage.kubernetes.io/csiProvisionerIdentity": format!("1-1-{EBS}"),
            },
        });
    }
    if spec["volumeMode"] == "Block" {
        for source in ["awsElasticBlockStore", "csi"] {
            if let Some(source) = fields::child(&mut volume["spec"], source) {
                fields::remove(source, "fsType");
            }
        }
    }
    volume["spec"]["nodeAffinity"] = json!({
        "required": { "nodeSelectorTerms": [{ "matchExpressions": places }] },
    });
    for key in ["mountOptions", "volumeAttributesClassName"] {
        let from = if key == "mountOptions" { class } else { spec };
        if fields::is_set(&from[key]) {
            volume["spec"][key] = from[key].clone();
        }
    }
    Ok(volume)
}

fn place(key: &str, value: &str) -> Value {
    json!({ "key": key, "operator": "In", "values": [value] })
}

/// The id of the volume of a claim: always the same.
fn handle(uid: &str) -> String {
    let hash: [u8; 32] = Sha256::digest(uid).into();
    let digits = hash.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    let digits = digits.filter_map(|digit| char::from_digit(digit.into(), 16));
    let digits: String = digits.take(16).collect();
    format!("vol-0{digits}")
}

fn check(claim: &Value, class: &Value) -> Result<Asked, String> {
    let invalid = |why: String| format!("rpc error: code = InvalidArgument desc = {why}");
    let mut fs_type = "ext4".to_owned();
    let (mut kind, mut iops) = ("gp3".to_owned(), false);
    for (key, value) in fields::entries(class, "parameters") {
        let low = key.to_ascii_lowercase();
        let known = PARAMETERS.contains(&low.as_str()) || low.starts_with("tagspecification_");
        let of_provisioner = low.starts_with("csi.storage.k8s.io/");
        if !known && !of_provisioner {
            let why = format!("Invalid parameter key {key} for CreateVolume");
            return Err(invalid(why));
        }
        let value = value.as_str().unwrap_or_default();
        match low.as_str() {
            "type" => value.clone_into(&mut kind),
            "fstype" | "csi.storage.k8s.io/fstype" => value.clone_into(&mut fs_type),
            "iops" | "iopspergb" | "throughput" => {
                if value.parse::<u32>().is_err() {
                    return Err(invalid(format!("Could not parse invalid {low}: {value:?}")));
                }
                iops |= low != "throughput";
            }
            _ => {}
        }
    }
    if !["ext3", "ext4", "xfs", "ntfs"].contains(&fs_type.as_str()) {
        return Err(invalid(format!("Invalid fstype {fs_type:?}")));
    }
    check_modes(&claim["spec"], &kind).map_err(invalid)?;
    let name = format!("pvc-{}", fields::text(&claim["metadata"], "uid"));
    let internal = |why: String| {
        format!("rpc error: code = Internal desc = Could not create volume {name:?}: {why}")
    };
    let of_ec2 = |why: String| internal(format!("could not create volume in EC2: {why}"));
    let known = TYPES.iter().find(|(name, ..)| *name == kind);
    let Some(&(_, least, most)) = known else {
        return Err(internal(format!("invalid AWS VolumeType {kind:?}")));
    };
    if kind.starts_with("io") && !iops {
        let why =
            format!("MissingParameter: The parameter iops must be specified for {kind} volumes");
        return Err(of_ec2(why));
    }
    let gib = gib(claim);
    if gib < least {
        let why = format!(
            "InvalidParameterValue: Volume of {gib}GiB is too small; minimum is {least}GiB."
        );
        return Err(of_ec2(why));
    }
    if gib > most {
        let why = format!(
            "InvalidParameterValue: Volume of {gib}GiB is too large for volume type {kind}; maximum is {most}GiB."
        );
        return Err(of_ec2(why));
    }
    Ok(Asked { gib, fs_type })
}

/// What a claim asks for in whole GiB.
pub(super) fn gib(claim: &Value) -> i64 {
    let size = Quantity::of(&claim["spec"]["resources"]["requests"]["storage"]);
    let bytes = size.map_or(0, Quantity::units);
    bytes.saturating_add(GIB - 1) / GIB
}

/// One machine at a time; several only for blocks of `io2`.
fn check_modes(spec: &Value, kind: &str) -> Result<(), String> {
    let mut modes = fields::list(spec, "accessModes").iter();
    let many = modes.find_map(|mode| match mode.as_str() {
        Some("ReadWriteMany") => Some("MULTI_NODE_MULTI_WRITER"),
        Some("ReadOnlyMany") => Some("MULTI_NODE_READER_ONLY"),
        _ => None,
    });
    match many {
        None => Ok(()),
        Some(_) if spec["volumeMode"] == "Block" && kind == "io2" => Ok(()),
        Some(_) if spec["volumeMode"] == "Block" => {
            Err("Multi-attach is only supported for io2 volumes".to_owned())
        }
        Some(mode) => Err(format!(
            "Volume capabilities {mode} not supported. Only AccessModes[ReadWriteOnce] supported."
        )),
    }
}
