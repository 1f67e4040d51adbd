//! Volumes that are claimed: where they are, or where they can be made.
use super::super::model::{Claim, Pod, StorageClass, Volume, choose};
use super::super::state::{Key, NodeInfo, State};
use super::Refusal;

const NO_PROVISIONER: &str = "kubernetes.io/no-provisioner";

/// The labels of a volume that say where it is.
const ZONES: [(&str, &str); 4] = [
    ("topology.kubernetes.io/zone", "topology.kubernetes.io/zone"),
    (
        "topology.kubernetes.io/region",
        "topology.kubernetes.io/region",
    ),
    (
        "failure-domain.beta.kubernetes.io/zone",
        "topology.kubernetes.io/zone",
    ),
    (
        "failure-domain.beta.kubernetes.io/region",
        "topology.kubernetes.io/region",
    ),
];

/// The claims of a pod.
#[derive(Debug, Default)]
pub(crate) struct Claims {
    /// Names of volumes.
    bound: Vec<String>,
    /// To be bound once a node is chosen.
    delayed: Vec<Key>,
    /// Claims that one pod at a time may use and another one uses.
    busy: bool,
}

impl Claims {
    /// Looks the claims up; the error is why the pod cannot be placed anywhere.
    pub(super) fn of(pod: &Pod, state: &State) -> Result<Self, String> {
        let mut found = Self::default();
        let mut immediate = false;
        for volume in &pod.volumes {
            let name = &volume.claim;
            let key = (pod.namespace.clone(), name.clone());
            let Some(claim) = state.claims.get(&key) else {
                return Err(if volume.ephemeral {
                    format!(
                        "waiting for ephemeral volume controller to create the persistentvolumeclaim \"{name}\""
                    )
                } else {
                    format!("persistentvolumeclaim \"{name}\" not found")
                });
            };
            usable(claim, name)?;
            if volume.ephemeral && claim.owner != pod.uid {
                let (namespace, pod) = (&pod.namespace, &pod.name);
                return Err(format!(
                    "PVC {namespace}/{name} was not created for pod {namespace}/{pod} (pod is not owner)"
                ));
            }
            if claim.modes.iter().any(|mode| mode == "ReadWriteOncePod") {
                found.busy |= state.all_placed().any(|other| {
                    other.namespace == pod.namespace
                        && other.uid != pod.uid
                        && other.volumes.iter().any(|used| used.claim == *name)
                });
            }
            let class = state.classes.get(&claim.class);
            if !claim.volume.is_empty() && claim.bind_completed {
                found.bound.push(claim.volume.clone());
            } else if claim.volume.is_empty() && class.is_some_and(|class| class.delayed) {
                found.delayed.push(key);
            } else {
                immediate = true;
            }
        }
        if immediate {
            return Err("pod has unbound immediate PersistentVolumeClaims".to_owned());
        }
        Ok(found)
    }

    pub(super) fn check(&self, info: &NodeInfo, state: &State) -> Result<(), Refusal> {
        if self.busy {
            let reason = "node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already in-use by another pod";
            return Err(Refusal::crowded(reason));
        }
        for name in &self.bound {
            let Some(volume) = state.volumes.get(name) else {
                let reason =
                    "node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)";
                return Err(Refusal::hopeless(reason));
            };
            if !volume.is_near(&info.node.name, &info.node.labels) {
                let reason = "node(s) didn't match PersistentVolume's node affinity";
                return Err(Refusal::hopeless(reason));
            }
            if !in_zone(volume, info) {
                let reason = "node(s) had no available volume zone";
                return Err(Refusal::hopeless(reason));
            }
        }
        let mut taken = Vec::new();
        for key in &self.delayed {
            let Some(claim) = state.claims.get(key) else {
                continue;
            };
            if let Some(volume) = free(key, claim, info, state, &taken) {
                taken.push(volume);
            } else if !can_provision(state.classes.get(&claim.class), info) {
                let reason = "node(s) didn't find available persistent volumes to bind";
                return Err(Refusal::hopeless(reason));
            }
        }
        Ok(())
    }

    /// Which volumes that are there the claims get on a node, by claim.
    pub(crate) fn choices(&self, info: &NodeInfo, state: &State) -> Vec<(Key, Option<String>)> {
        let mut taken = Vec::new();
        let all = self.delayed.iter().map(|key| {
            let claim = state.claims.get(key);
            let volume = claim.and_then(|claim| free(key, claim, info, state, &taken));
            taken.extend(volume);
            (key.clone(), volume.map(str::to_owned))
        });
        all.collect()
    }
}

fn usable(claim: &Claim, name: &str) -> Result<(), String> {
    if claim.phase == "Lost" {
        let volume = &claim.volume;
        return Err(format!(
            "persistentvolumeclaim \"{name}\" bound to non-existent persistentvolume \"{volume}\""
        ));
    }
    if claim.deleting {
        return Err(format!("persistentvolumeclaim \"{name}\" is being deleted"));
    }
    Ok(())
}

fn in_zone(volume: &Volume, info: &NodeInfo) -> bool {
    ZONES.iter().all(|(own, of_node)| {
        let Some(zones) = volume.labels.get(*own) else {
            return true;
        };
        let here = info.node.labels.get(*of_node);
        here.is_none_or(|here| zones.split("__").any(|zone| zone == here))
    })
}

/// The volume that there is for a claim on a node.
fn free<'a>(
    key: &Key,
    claim: &Claim,
    info: &NodeInfo,
    state: &'a State,
    taken: &[&str],
) -> Option<&'a str> {
    let near = |volume: &Volume| volume.is_near(&info.node.name, &info.node.labels);
    let all = state.volumes.values().filter(|volume| {
        // One that is kept for the claim is the only one, wherever it is.
        let kept = volume.claim.as_ref() == Some(key);
        !taken.contains(&volume.name.as_str()) && (kept || near(volume))
    });
    let found = choose(claim, all).filter(|volume| near(volume));
    found.map(|volume| volume.name.as_str())
}

fn can_provision(class: Option<&StorageClass>, info: &NodeInfo) -> bool {
    let Some(class) = class else {
        return false;
    };
    let (name, labels) = (&info.node.name, &info.node.labels);
    let mut places = class.topologies.iter();
    let near = class.topologies.is_empty() || places.any(|term| term.matches(name, labels));
    class.provisioner != NO_PROVISIONER && near
}
