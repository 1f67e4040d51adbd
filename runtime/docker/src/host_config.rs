//! What Docker is told of a container's rights: all of it is here.
//!
//! # Guarantees
//! * Nothing of the host is in it: no path but that of a file in a volume of our own, no device, no
//!   socket, no namespace, no privilege. A container shares the network and the shared memory of its
//!   pod's sandbox, and nothing else.
use serde_json::{Value, json};
use wharf_runtime::engine::ContainerSpec;

/// How many processes a container may have.
const PROCESSES: i64 = 16_384;

/// The same for a sandbox, where the links run too.
const SANDBOX_PROCESSES: i64 = 256;
const SANDBOX_BYTES: u64 = 512 << 20;

/// Docker takes no less.
const LEAST_MEMORY: u64 = 6 << 20;

/// What a container sees of a volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mount {
    /// The name of a volume of ours.
    pub(crate) volume: String,
    pub(crate) path: String,
    pub(crate) part: Part,
    pub(crate) read_only: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Whole,
    /// A path below the volume's root: Docker itself takes care that no link leads out of it.
    Below(String),
    /// A file or directory of a volume that no container can write into, so that there is no link
    /// which could lead out of it: where Docker has it.
    At(String),
}

impl Mount {
    fn json(&self) -> Value {
        let volume = |options: Value| {
            json!({
                "Type": "volume", "Source": self.volume, "Target": self.path,
                "ReadOnly": self.read_only, "VolumeOptions": options,
            })
        };
        match &self.part {
            // A volume is what the pod made of it: nothing is copied from the image.
            Part::Whole => volume(json!({ "NoCopy": true })),
            Part::Below(path) => volume(json!({ "NoCopy": true, "Subpath": path })),
            Part::At(place) => json!({
                "Type": "bind", "Source": place, "Target": self.path,
                // The only way that Docker has for what it keeps itself.
                "ReadOnly": self.read_only, "BindOptions": { "Propagation": "rslave" },
            }),
        }
    }
}

fn mounts(mounts: &[Mount]) -> Vec<Value> {
    mounts.iter().map(Mount::json).collect()
}

/// What a container writes is kept, but not all of it.
pub(crate) fn log() -> Value {
    json!({ "Type": "json-file", "Config": { "max-size": "10m", "max-file": "5" } })
}

/// The rights of a pod's sandbox: to make rules in its own network namespace.
pub(crate) fn sandbox(network: &str, aliases: &[String], volumes: &[Mount]) -> Value {
    json!({
        "NetworkMode": network,
        "IpcMode": "shareable",
        "CapDrop": ["ALL"],
        "CapAdd": ["NET_ADMIN"],
        "SecurityOpt": ["no-new-privileges"],
        "Memory": SANDBOX_BYTES,
        "MemorySwap": SANDBOX_BYTES,
        "PidsLimit": SANDBOX_PROCESSES,
        "RestartPolicy": { "Name": "no" },
        // What it writes is a link.
        "LogConfig": { "Type": "none" },
        "ExtraHosts": aliases,
        "Mounts": mounts(volumes),
    })
}

/// How a container joins the network of a sandbox.
pub(crate) fn joins(sandbox: &str) -> String {
    format!("container:{sandbox}")
}

/// The rights of a pod's container. `sandbox` is the id of the sandbox's container.
pub(crate) fn container(spec: &ContainerSpec, sandbox: &str, volumes: &[Mount]) -> Value {
    let shared = joins(sandbox);
    let capabilities: Vec<&str> = spec.capabilities.iter().map(|one| one.name()).collect();
    let groups: Vec<String> = spec
        .run_as
        .other_groups
        .iter()
        .map(ToString::to_string)
        .collect();
    let options = Some("no-new-privileges").filter(|_| spec.no_new_privileges);
    let options: Vec<&str> = options.into_iter().collect();
    let mut config = json!({
        "NetworkMode": shared,
        "IpcMode": shared,
        "CapDrop": ["ALL"],
        "CapAdd": capabilities,
        "SecurityOpt": options,
        "GroupAdd": groups,
        "ReadonlyRootfs": spec.read_only_root,
        "CpuShares": shares(spec.requests.cpu_milli.unwrap_or(0)),
        "PidsLimit": PROCESSES,
        "RestartPolicy": { "Name": "no" },
        "LogConfig": log(),
        "Mounts": mounts(volumes),
    });
    if let Some(milli) = spec.limits.cpu_milli {
        config["CpuPeriod"] = 100_000.into();
        // The kernel takes no less than a millisecond.
        config["CpuQuota"] = milli.saturating_mul(100).max(1000).into();
    }
    if let Some(bytes) = spec.limits.memory_bytes {
        let bytes = bytes.max(LEAST_MEMORY);
        config["Memory"] = bytes.into();
        config["MemorySwap"] = bytes.into();
    }
    config
}

/// A thousand thousandths of a processor are 1024 shares.
fn shares(milli: u64) -> u64 {
    (milli.saturating_mul(1024) / 1000).clamp(2, 262_144)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;
    use wharf_runtime::engine::{Input, RunAs};
    use wharf_runtime::{Amount, Capability, Directory};

    use super::*;

    /// All that may ever be in it. What is not here gives a container nothing.
    const KEYS: [&str; 17] = [
        "NetworkMode",
        "IpcMode",
        "CapDrop",
        "CapAdd",
        "SecurityOpt",
        "GroupAdd",
        "ReadonlyRootfs",
        "CpuShares",
        "CpuPeriod",
        "CpuQuota",
        "Memory",
        "MemorySwap",
        "PidsLimit",
        "RestartPolicy",
        "LogConfig",
        "ExtraHosts",
        "Mounts",
    ];

    prop_compose! {
        fn spec()(
            text in ".*", path in "/.*", number in any::<u64>(), user in any::<Option<u32>>(),
            groups in proptest::collection::vec(any::<u32>(), 0..4),
            picked in proptest::sample::subsequence(Capability::ALL.to_vec(), 0..14),
            flags in any::<[bool; 6]>(),
        ) -> ContainerSpec {
            let amount = Amount {
                cpu_milli: flags[0].then_some(number),
                memory_bytes: flags[1].then_some(number),
                disk_bytes: flags[2].then_some(number),
            };
            ContainerSpec {
                pod: text.clone(), name: text.clone(), attempt: 0, image: text.clone(),
                argv: vec![text.clone()], env: vec![(text.clone(), text.clone())],
                working_dir: text.clone(),
                run_as: RunAs {
                    image_user: text, user, group: user, other_groups: groups,
                    must_not_be_root: flags[3],
                },
                mounts: Vec::new(), limits: amount, requests: amount, capabilities: picked,
                no_new_privileges: flags[4], read_only_root: flags[5], input: Input::default(),
                termination_path: Directory::new(&path).unwrap_or_else(|_| Directory::new("/t").unwrap()),
            }
        }
    }

    fn check(config: &Value, volume: &str) {
        for (key, value) in config.as_object().unwrap() {
            assert!(KEYS.contains(&key.as_str()), "{key}: {value}");
        }
        assert_eq!(config["CapDrop"], json!(["ALL"]));
        for mount in config["Mounts"].as_array().unwrap() {
            match mount["Type"].as_str().unwrap() {
                "volume" => assert_eq!(mount["Source"], volume),
                "bind" => assert!(mount["Source"].as_str().unwrap().starts_with("/v/_data/")),
                other => panic!("{other}"),
            }
        }
    }

    fn volumes() -> Vec<Mount> {
        let mount = |part, read_only| Mount {
            volume: "v".to_owned(),
            path: "/p".to_owned(),
            part,
            read_only,
        };
        vec![
            mount(Part::Whole, false),
            mount(Part::Below("a".to_owned()), true),
            mount(Part::At("/v/_data/a".to_owned()), false),
        ]
    }

    proptest! {
        #[test]
        fn a_container_never_gets_anything_of_the_host(spec in spec()) {
            let id = "0".repeat(64);
            let config = container(&spec, &id, &volumes());
            check(&config, "v");
            let shared = format!("container:{id}");
            prop_assert_eq!(&config["NetworkMode"], &shared);
            prop_assert_eq!(&config["IpcMode"], &shared);
            let known: BTreeSet<&str> = Capability::ALL.iter().map(|one| one.name()).collect();
            for name in config["CapAdd"].as_array().unwrap() {
                prop_assert!(known.contains(name.as_str().unwrap()), "{name}");
            }
            let options = config["SecurityOpt"].as_array().unwrap();
            prop_assert!(options.iter().all(|one| one == "no-new-privileges"));
            prop_assert_eq!(options.is_empty(), !spec.no_new_privileges);
            if let Some(memory) = config.get("Memory") {
                prop_assert_eq!(memory, &config["MemorySwap"]);
            }
        }
    }

    #[test]
    fn a_sandbox_may_change_its_own_network_and_nothing_else() {
        let config = sandbox("net", &["a:1.2.3.4".to_owned()], &volumes());
        check(&config, "v");
        assert_eq!(config["CapAdd"], json!(["NET_ADMIN"]));
        assert_eq!(config["NetworkMode"], "net");
        assert_eq!(config["IpcMode"], "shareable");
        assert_eq!(config["SecurityOpt"], json!(["no-new-privileges"]));
    }

    #[test]
    fn shares_follow_requests_as_kubernetes_has_them() {
        assert_eq!([0, 1, 100, 1000, 2500].map(shares), [2, 2, 102, 1024, 2560]);
    }
}
