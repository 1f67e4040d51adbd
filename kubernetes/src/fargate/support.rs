//! What Fargate does not do, in its scheduler's words.
use serde_json::Value;

use crate::fields;
use crate::scheduler::model::{Claim, Volume};

/// The only driver whose volumes Fargate mounts.
const EFS: &str = "efs.csi.aws.com";

const VOLUMES: [&str; 6] = [
    "configMap",
    "secret",
    "emptyDir",
    "projected",
    "downwardAPI",
    "persistentVolumeClaim",
];

/// What resources a machine has.
const RESOURCES: [&str; 3] = ["cpu", "memory", "ephemeral-storage"];

/// Looks claims and volumes up.
pub(super) trait Lookup {
    fn claim(&self, name: &str) -> Option<Claim>;
    fn volume(&self, name: &str) -> Option<Volume>;
}

/// Why a pod cannot run on Fargate; nothing if it can.
pub(super) fn unsupported(spec: &Value, lookup: &impl Lookup) -> Option<String> {
    let mut reasons = Vec::new();
    let mut add = |what: &str, found: &[String], between: &str| {
        if !found.is_empty() {
            reasons.push(format!("{what}: {}", found.join(between)));
        }
    };
    add("fields not supported", &host_fields(spec), ", ");
    add("invalid SecurityContext fields", &privileges(spec), ",");
    add("resources not supported", &resources(spec), ", ");
    if has_host_ports(spec) {
        reasons.push("port contains HostIP or HostPort".to_owned());
    }
    let volumes = volumes(spec, lookup);
    if !volumes.is_empty() {
        reasons.push(format!("volumes not supported: {}", volumes.join(", ")));
    }
    let reasons = reasons.join(", ");
    (!reasons.is_empty()).then(|| format!("Pod not supported on Fargate: {reasons}"))
}

fn containers(spec: &Value) -> impl Iterator<Item = &Value> {
    let lists = ["initContainers", "containers"];
    lists.into_iter().flat_map(|list| fields::list(spec, list))
}

fn host_fields(spec: &Value) -> Vec<String> {
    let all = [
        ("hostNetwork", "HostNetwork"),
        ("hostPID", "HostPID"),
        ("hostIPC", "HostIPC"),
    ];
    let set = all
        .into_iter()
        .filter(|(field, _)| fields::flag(spec, field));
    set.map(|(_, name)| name.to_owned()).collect()
}

/// One word for each container, as Fargate says it.
fn privileges(spec: &Value) -> Vec<String> {
    let privileged = |one: &&Value| fields::flag(&one["securityContext"], "privileged");
    let found = containers(spec).filter(privileged);
    found.map(|_| "Privileged".to_owned()).collect()
}

fn resources(spec: &Value) -> Vec<String> {
    let mut found: Vec<String> = containers(spec)
        .flat_map(|one| {
            let of = |kind| fields::entries(&one["resources"], kind).map(|(name, _)| name);
            of("requests").chain(of("limits")).collect::<Vec<_>>()
        })
        .filter(|name| !RESOURCES.contains(name))
        .map(str::to_owned)
        .collect();
    found.sort();
    found.dedup();
    found
}

fn has_host_ports(spec: &Value) -> bool {
    let mut ports = containers(spec).flat_map(|one| fields::list(one, "ports"));
    ports.any(|port| {
        fields::integer(port, "hostPort") != 0 || !fields::text(port, "hostIP").is_empty()
    })
}

fn volumes(spec: &Value, lookup: &impl Lookup) -> Vec<String> {
    let all = fields::list(spec, "volumes").iter();
    all.filter_map(|volume| {
        let name = fields::text(volume, "name");
        if !VOLUMES.iter().any(|kind| volume[*kind].is_object()) {
            return Some(format!("{name} is of an unsupported volume Type"));
        }
        let claim = volume["persistentVolumeClaim"]["claimName"].as_str()?;
        let why = claimed(claim, lookup)?;
        Some(format!("{name} not supported because: {why}"))
    })
    .collect()
}

/// Why a claim cannot be used.
fn claimed(name: &str, lookup: &impl Lookup) -> Option<String> {
    let volume = lookup
        .claim(name)
        .map(|claim| claim.volume)
        .unwrap_or_default();
    if volume.is_empty() {
        return Some(format!("PVC {name} not bound"));
    }
    let driver = lookup
        .volume(&volume)
        .map(|volume| volume.driver)
        .unwrap_or_default();
    if driver == EFS {
        None
    } else if driver.is_empty() {
        Some(format!("PVC {name} bound to invalid PV {volume}"))
    } else {
        Some(format!(
            "PVC {name} bound to invalid PV {volume} with CSI Driver: {driver}"
        ))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    struct Known;

    impl Lookup for Known {
        fn claim(&self, name: &str) -> Option<Claim> {
            let volume = match name {
                "data" => "pv-ebs",
                "share" => "pv-efs",
                _ => "",
            };
            Some(Claim::read(&json!({ "spec": { "volumeName": volume } })))
        }

        fn volume(&self, name: &str) -> Option<Volume> {
            let driver = if name == "pv-ebs" {
                "ebs.csi.aws.com"
            } else {
                EFS
            };
            Some(Volume::read(
                &json!({ "spec": { "csi": { "driver": driver } } }),
            ))
        }
    }

    fn said(spec: &Value) -> String {
        unsupported(spec, &Known).unwrap_or_default()
    }

    #[test]
    fn refusals_are_in_the_words_of_fargate() {
        let spec = json!({
            "hostNetwork": true,
            "containers": [{ "ports": [{ "containerPort": 80, "hostPort": 80 }] }],
        });
        assert_eq!(
            said(&spec),
            "Pod not supported on Fargate: fields not supported: HostNetwork, port contains HostIP or HostPort"
        );
        let privileged = json!({ "securityContext": { "privileged": true } });
        let spec = json!({
            "containers": [privileged, privileged],
            "volumes": [{ "name": "docker", "hostPath": { "path": "/" } }, { "name": "tmp", "emptyDir": {} }],
        });
        assert_eq!(
            said(&spec),
            "Pod not supported on Fargate: invalid SecurityContext fields: Privileged,Privileged, volumes not supported: docker is of an unsupported volume Type"
        );
        let claim = |name: &str| {
            json!({
                "containers": [{}],
                "volumes": [{ "name": "v", "persistentVolumeClaim": { "claimName": name } }],
            })
        };
        assert_eq!(
            said(&claim("new")),
            "Pod not supported on Fargate: volumes not supported: v not supported because: PVC new not bound"
        );
        assert_eq!(
            said(&claim("data")),
            "Pod not supported on Fargate: volumes not supported: v not supported because: PVC data bound to invalid PV pv-ebs with CSI Driver: ebs.csi.aws.com"
        );
        assert_eq!(said(&claim("share")), "");
    }
}
