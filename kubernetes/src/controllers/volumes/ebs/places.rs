//! In which zone a volume is made.
use super::super::nodes::{EBS_ZONE, ZONE};
use crate::scheduler::model::{Claim, StorageClass};

/// What a zone is called in `allowedTopologies`.
const KEYS: [&str; 3] = [EBS_ZONE, ZONE, "failure-domain.beta.kubernetes.io/zone"];

/// The zone for a claim. `nodes` are the zones of the node that was selected, or of all.
///
/// # Errors
/// Why there is none, in the words of the provisioner.
pub(super) fn zone(
    claim: &Claim,
    class: &StorageClass,
    nodes: &[String],
) -> Result<String, String> {
    let terms = class.topologies.iter().flat_map(|t| &t.match_expressions);
    let terms = terms.filter(|one| KEYS.contains(&one.key.as_str()));
    let allowed: Vec<&String> = terms.flat_map(|one| &one.values).collect();
    let failed = |why: String| format!("error generating accessibility requirements: {why}");
    if !claim.selected_node.is_empty() {
        let node = &claim.selected_node;
        let Some(zone) = nodes.first() else {
            return Err(failed(format!("no topology key found on CSINode {node}")));
        };
        if !allowed.is_empty() && !allowed.contains(&zone) {
            return Err(failed(format!(
                "selected node '{node}' topology '{ZONE}: {zone}' is not in allowed topologies: {allowed:?}"
            )));
        }
        return Ok(zone.clone());
    }
    let mut zones: Vec<&String> = if allowed.is_empty() {
        nodes.iter().collect()
    } else {
        allowed
    };
    zones.sort();
    zones.dedup();
    let (hash, index) = hash_and_index(&claim.name);
    let at = u64::from(hash).wrapping_add(u64::from(index));
    let count = u64::try_from(zones.len()).unwrap_or(u64::MAX);
    let at = at
        .checked_rem(count)
        .and_then(|at| usize::try_from(at).ok());
    let found = at.and_then(|at| zones.get(at));
    found
        .map(|zone| (*zone).clone())
        .ok_or_else(|| failed("no available topology found".to_owned()))
}

/// The replicas of a stateful set get zones one after the other: FNV-1 of the name before the number,
/// and the number.
fn hash_and_index(name: &str) -> (u32, u32) {
    let numbered = name.rsplit_once('-');
    let numbered = numbered.and_then(|(base, number)| Some((base, number.parse::<u32>().ok()?)));
    let (base, index) = numbered.unwrap_or((name, 0));
    let hash = base.bytes().fold(0x811c_9dc5_u32, |hash, byte| {
        hash.wrapping_mul(0x0100_0193) ^ u32::from(byte)
    });
    (hash, index)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn chosen(name: &str, selected: &str, class: &serde_json::Value, nodes: &[&str]) -> String {
        let claim = Claim::read(&json!({ "metadata": {
            "name": name,
            "annotations": { "volume.kubernetes.io/selected-node": selected },
        } }));
        let nodes: Vec<String> = nodes.iter().map(|&zone| zone.to_owned()).collect();
        zone(&claim, &StorageClass::read(class), &nodes).unwrap_or_else(|why| why)
    }

    #[test]
    fn a_volume_is_where_its_pod_will_be() {
        let any = json!({});
        let allowed = |zones: &[&str]| {
            json!({ "allowedTopologies": [{ "matchLabelExpressions": [
            { "key": "topology.ebs.csi.aws.com/zone", "values": zones },
        ] }] })
        };
        assert_eq!(chosen("a", "n", &any, &["z1"]), "z1");
        assert_eq!(chosen("a", "n", &allowed(&["z1", "z2"]), &["z1"]), "z1");
        assert!(
            chosen("a", "n", &allowed(&["z2"]), &["z1"]).contains("is not in allowed topologies")
        );
        assert_eq!(chosen("a", "", &allowed(&["z2"]), &[]), "z2");
        assert!(chosen("a", "", &any, &[]).ends_with("no available topology found"));
    }

    #[test]
    fn replicas_are_spread_over_the_zones() {
        let any = json!({});
        let zones = ["z1", "z2", "z3"];
        let mut found: Vec<String> = (0..3)
            .map(|i| chosen(&format!("data-db-{i}"), "", &any, &zones))
            .collect();
        found.sort();
        assert_eq!(found, zones);
        // FNV-1 of 32 bits, as published: http://www.isthe.com/chongo/tech/comp/fnv/
        assert_eq!(hash_and_index("foobar"), (0x31f0_b262, 0));
        assert_eq!(hash_and_index("foobar-7"), (0x31f0_b262, 7));
    }
}
