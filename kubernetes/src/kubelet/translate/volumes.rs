//! Volumes: empty directories, files whose bytes are known, and the engine's own directories.
use std::fmt::Write as _;
use std::time::Duration;

use serde_json::Value;
use sha2::{Digest as _, Sha256};
use wharf_runtime::{Content, File, SubPath, Volume, VolumeSource};

use super::{Context, Refusal, Trouble, env};
use crate::validation::Quantity;
use crate::{Path, fields};

/// The mode of files where nothing is said: `rw-r--r--`.
const MODE: u32 = 0o644;

/// What persistent volumes may say that they are. Each becomes a directory of the engine's own; no
/// path in them is ever used.
const DRIVERS: [&str; 3] = [
    "ebs.csi.aws.com",
    "ebs.csi.eks.amazonaws.com",
    "efs.csi.aws.com",
];

pub(super) fn volumes(pod: &Value, context: &Context<'_>) -> Result<Vec<Volume>, Refusal> {
    let list = fields::list(&pod["spec"], "volumes").iter().enumerate();
    let read = |(i, volume): (usize, &Value)| {
        let path = Path::new("spec").field("volumes").index(i);
        let name = fields::text(volume, "name").to_owned();
        let source = source(pod, volume, &name, &path, context)?;
        Ok(Volume { name, source })
    };
    list.map(read).collect()
}

fn source(
    pod: &Value,
    volume: &Value,
    name: &str,
    path: &Path,
    context: &Context<'_>,
) -> Result<VolumeSource, Refusal> {
    const KINDS: [&str; 7] = [
        "emptyDir",
        "configMap",
        "secret",
        "downwardAPI",
        "projected",
        "persistentVolumeClaim",
        "ephemeral",
    ];
    let kind = KINDS.into_iter().find(|kind| fields::has(volume, kind));
    let Some(kind) = kind else {
        let why = "it must say what it holds";
        return Err(Refusal::policy(path, why, None));
    };
    let source = &volume[kind];
    match kind {
        "emptyDir" => {
            let limit = Quantity::of(&source["sizeLimit"]).ok();
            let limit = limit.and_then(|limit| u64::try_from(limit.units()).ok());
            Ok(VolumeSource::EmptyDir {
                memory: fields::text(source, "medium") == "Memory",
                limit_bytes: limit.filter(|bytes| *bytes > 0),
            })
        }
        "persistentVolumeClaim" => {
            let read_only = fields::flag(source, "readOnly");
            claim(
                pod,
                fields::text(source, "claimName"),
                read_only,
                path,
                context,
            )
        }
        "ephemeral" => {
            let claim_name = format!("{}-{name}", fields::text(&pod["metadata"], "name"));
            claim(pod, &claim_name, false, path, context)
        }
        "projected" => {
            let mode = mode(source, "defaultMode", MODE);
            let mut files = Vec::new();
            for projection in fields::list(source, "sources") {
                files.extend(projected(pod, projection, mode, name, context)?);
            }
            Ok(VolumeSource::Files(files))
        }
        _ => {
            let mode = mode(source, "defaultMode", MODE);
            let files = files(pod, kind, source, mode, name, context)?;
            Ok(VolumeSource::Files(files))
        }
    }
}

fn mode(value: &Value, key: &str, usual: u32) -> u32 {
    let given = fields::number(&value[key]).and_then(|mode| u32::try_from(mode).ok());
    given.unwrap_or(usual) & 0o777
}

fn projected(
    pod: &Value,
    projection: &Value,
    usual: u32,
    volume: &str,
    context: &Context<'_>,
) -> Result<Vec<File>, Refusal> {
    let token = &projection["serviceAccountToken"];
    if fields::is_set(token) {
        let secs = fields::number(&token["expirationSeconds"]).unwrap_or(3600);
        return Ok(vec![File {
            path: sub_path(fields::text(token, "path"), volume)?,
            mode: usual,
            content: Content::Token {
                audience: fields::text(token, "audience").to_owned(),
                expiry: Duration::from_secs(u64::try_from(secs).unwrap_or(3600)),
            },
        }]);
    }
    let kinds = ["configMap", "secret", "downwardAPI"];
    let kind = kinds.into_iter().find(|kind| fields::has(projection, kind));
    kind.map_or(Ok(Vec::new()), |kind| {
        files(pod, kind, &projection[kind], usual, volume, context)
    })
}

fn sub_path(text: &str, volume: &str) -> Result<SubPath, Refusal> {
    SubPath::new(text).map_err(|bad| Refusal::mount(volume, &format!("path {text:?} {bad}")))
}

fn files(
    pod: &Value,
    kind: &str,
    source: &Value,
    usual: u32,
    volume: &str,
    context: &Context<'_>,
) -> Result<Vec<File>, Refusal> {
    let file = |path: &str, mode: u32, bytes: Vec<u8>| {
        Ok(File {
            path: sub_path(path, volume)?,
            mode,
            content: Content::Bytes(bytes),
        })
    };
    let items = fields::list(source, "items");
    if kind == "downwardAPI" {
        let item = |item: &Value| {
            let path = fields::text(item, "path");
            let text = if fields::has(item, "fieldRef") {
                env::pod_field(pod, fields::text(&item["fieldRef"], "fieldPath"), context)
            } else {
                env::resource_field(pod, "", &item["resourceFieldRef"], context)
            };
            let text = text.ok_or_else(|| Refusal::mount(volume, "field is not supported"))?;
            file(path, mode(item, "mode", usual), text.into_bytes())
        };
        return items.iter().map(item).collect();
    }
    let Some((resource, name, object)) = find(pod, kind, source, volume, context)? else {
        return Ok(Vec::new());
    };
    if items.is_empty() {
        let data = fields::entries(&object, "data");
        let data = data.filter_map(|(key, value)| Some((key, env::bytes(resource, value)?)));
        let binary = fields::entries(&object, "binaryData");
        let binary = binary.filter_map(|(key, value)| Some((key, env::bytes("secrets", value)?)));
        let all = data.chain(binary);
        return all.map(|(key, bytes)| file(key, usual, bytes)).collect();
    }
    let mut made = Vec::new();
    for item in items {
        let key = fields::text(item, "key");
        let binary = || env::bytes("secrets", &object["binaryData"][key]);
        match env::bytes(resource, &object["data"][key]).or_else(binary) {
            Some(bytes) => {
                let path = fields::text(item, "path");
                made.push(file(path, mode(item, "mode", usual), bytes)?);
            }
            None if fields::flag(source, "optional") => {}
            None => {
                let kind = resource.trim_end_matches('s');
                let message = format!("references non-existent {kind} key: {key}");
                tracing::debug!(name, key, "an entry of a volume is missing");
                return Err(Refusal::mount(volume, &message));
            }
        }
    }
    Ok(made)
}

type Found<'a> = Option<(&'static str, &'a str, Value)>;

fn find<'a>(
    pod: &Value,
    kind: &str,
    source: &'a Value,
    volume: &str,
    context: &Context<'_>,
) -> Result<Found<'a>, Refusal> {
    let (resource, name) = match (kind, fields::text(source, "secretName")) {
        ("secret", "") => ("secrets", fields::text(source, "name")),
        ("secret", name) => ("secrets", name),
        _ => ("configmaps", fields::text(source, "name")),
    };
    let namespace = fields::text(&pod["metadata"], "namespace");
    match (context.lookup)(resource, namespace, name) {
        Some(object) => Ok(Some((resource, name, object))),
        None if fields::flag(source, "optional") => Ok(None),
        None => {
            let kind = resource.trim_end_matches('s');
            Err(Refusal::mount(
                volume,
                &format!("{kind} {name:?} not found"),
            ))
        }
    }
}

/// The persistent volume of a claim, by a name of our own: what it says of itself is only hashed.
fn claim(
    pod: &Value,
    name: &str,
    read_only: bool,
    path: &Path,
    context: &Context<'_>,
) -> Result<VolumeSource, Refusal> {
    let namespace = fields::text(&pod["metadata"], "namespace");
    let found = bound(namespace, name, context).map_err(|why| Refusal {
        trouble: Trouble::Mount,
        container: None,
        message: format!("error processing PVC {namespace}/{name}: {why}"),
    })?;
    let volume = fields::text(&found["metadata"], "name");
    let spec = &found["spec"];
    let block = &spec["awsElasticBlockStore"];
    let handle = match (fields::is_set(block), fields::text(&spec["csi"], "driver")) {
        (true, _) => fields::text(block, "volumeID"),
        (false, driver) if DRIVERS.contains(&driver) => fields::text(&spec["csi"], "volumeHandle"),
        _ => "",
    };
    if handle.is_empty() {
        let why = format!("the persistent volume {volume:?} is neither of EBS nor of EFS");
        return Err(Refusal::policy(path, &why, None));
    }
    let mut id = "pv-".to_owned();
    for byte in Sha256::digest(handle.as_bytes()).iter().take(16) {
        // Writing to a string cannot fail.
        let _infallible = write!(id, "{byte:02x}");
    }
    Ok(VolumeSource::Persistent { id, read_only })
}

/// The volume of a claim. Both must say that they are bound to each other: a claim may name any volume.
fn bound(namespace: &str, name: &str, context: &Context<'_>) -> Result<Value, String> {
    let claim = (context.lookup)("persistentvolumeclaims", namespace, name);
    let claim = claim.ok_or_else(|| {
        format!("failed to fetch PVC from API server: persistentvolumeclaims {name:?} not found")
    })?;
    if claim["status"]["phase"] != "Bound" {
        return Err("PVC is not bound".to_owned());
    }
    let volume = fields::text(&claim["spec"], "volumeName");
    if volume.is_empty() {
        return Err("PVC has empty pvc.Spec.VolumeName".to_owned());
    }
    let found = (context.lookup)("persistentvolumes", "", volume).ok_or_else(|| {
        format!(
            "failed to fetch PV {volume} from API server: persistentvolumes {volume:?} not found"
        )
    })?;
    let reference = &found["spec"]["claimRef"];
    if reference.is_null() {
        return Err(format!(
            "found PV object {volume} but it has a nil pv.Spec.ClaimRef indicating it is not yet bound to the claim"
        ));
    }
    let (own, wanted) = (
        fields::text(reference, "uid"),
        fields::text(&claim["metadata"], "uid"),
    );
    if own != wanted {
        return Err(format!(
            "found PV object {volume} but its pv.Spec.ClaimRef.UID {own} does not point to claim.UID {wanted}"
        ));
    }
    Ok(found)
}
