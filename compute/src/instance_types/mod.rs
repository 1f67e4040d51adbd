//! Instance types, and what of one is left for pods.
mod table;

/// Processors that programs are compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Architecture {
    X86_64,
    Arm64,
}

impl Architecture {
    /// What EC2 calls it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Arm64 => "arm64",
        }
    }

    /// What images of containers call it.
    pub const fn goarch(self) -> &'static str {
        match self {
            Self::X86_64 => "amd64",
            Self::Arm64 => "arm64",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hypervisor {
    Nitro,
    Xen,
}

impl Hypervisor {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Nitro => "nitro",
            Self::Xen => "xen",
        }
    }
}

/// A row of the table.
#[derive(Clone, Copy, Debug)]
pub struct InstanceType {
    pub name: &'static str,
    pub vcpus: u32,
    pub memory_mib: u32,
    pub architecture: Architecture,
    /// How many network interfaces there can be.
    pub interfaces: u32,
    /// How many IPv4 addresses each of them can have.
    pub addresses: u32,
    pub hypervisor: Hypervisor,
    /// How fast the network is, in EC2's words.
    pub network: &'static str,
}

/// What a node has, or what of it is set aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resources {
    /// Thousandths of a CPU.
    pub cpu_milli: u64,
    pub memory_mib: u64,
    pub pods: u32,
}

/// All types, family by family.
pub fn all() -> &'static [InstanceType] {
    table::TYPES
}

/// The type of a name.
pub fn find(name: &str) -> Option<&'static InstanceType> {
    all().iter().find(|row| row.name == name)
}

/// Memory at whose want the kubelet evicts pods.
const EVICTION_MIB: u64 = 100;

impl InstanceType {
    /// How many pods a node takes: each has an address of its own but those on the host's network,
    /// and the first address of each interface is not for pods.
    /// <https://github.com/awslabs/amazon-eks-ami>, `eni-max-pods.txt`
    pub const fn max_pods(&self) -> u32 {
        self.interfaces * (self.addresses - 1) + 2
    }

    pub fn capacity(&self) -> Resources {
        Resources {
            cpu_milli: u64::from(self.vcpus) * 1000,
            memory_mib: u64::from(self.memory_mib),
            pods: self.max_pods(),
        }
    }

    /// What the AMI keeps for the kubelet: 6 % of the first CPU, 1 % of the second, 0.5 % of the next
    /// two and 0.25 % of the others; 255 MiB and 11 MiB for each pod.
    pub fn kube_reserved(&self) -> Resources {
        let mut hundredths = 0;
        for cpu in 0..self.vcpus {
            // Hundredths of a thousandth of a CPU.
            hundredths += match cpu {
                0 => 6000,
                1 => 1000,
                2 | 3 => 500,
                _ => 250,
            };
        }
        Resources {
            cpu_milli: hundredths / 100,
            memory_mib: 255 + 11 * u64::from(self.max_pods()),
            pods: 0,
        }
    }

    /// What is left for pods.
    pub fn allocatable(&self) -> Resources {
        let (capacity, kept) = (self.capacity(), self.kube_reserved());
        Resources {
            cpu_milli: capacity.cpu_milli.saturating_sub(kept.cpu_milli),
            memory_mib: capacity
                .memory_mib
                .saturating_sub(kept.memory_mib + EVICTION_MIB),
            pods: capacity.pods,
        }
    }

    /// Whether it is of a family that bursts.
    pub fn is_burstable(&self) -> bool {
        self.name.starts_with('t')
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn max_pods_are_those_of_the_ami() {
        for (name, pods) in [
            ("t2.micro", 4),
            ("t2.small", 11),
            ("t3.micro", 4),
            ("t3.small", 11),
            ("t3.medium", 17),
            ("t3.large", 35),
            ("t3.xlarge", 58),
            ("t3a.small", 8),
            ("t4g.medium", 17),
            ("m5.large", 29),
            ("m5.xlarge", 58),
            ("m5.4xlarge", 234),
            ("m5.24xlarge", 737),
            ("m6g.medium", 8),
            ("c5.large", 29),
            ("c5.9xlarge", 234),
            ("r5.large", 29),
        ] {
            assert_eq!(find(name).map(InstanceType::max_pods), Some(pods), "{name}");
        }
    }

    // The documented example: m5.large reserves 70m CPU and 574 MiB.
    #[test]
    fn what_is_kept_for_the_kubelet_is_as_the_ami_counts() {
        let kept = find("m5.large").unwrap().kube_reserved();
        assert_eq!((kept.cpu_milli, kept.memory_mib), (70, 574));
        let left = find("m5.large").unwrap().allocatable();
        assert_eq!(
            (left.cpu_milli, left.memory_mib, left.pods),
            (1930, 8192 - 574 - 100, 29)
        );
        let kept = find("m5.2xlarge").unwrap().kube_reserved();
        assert_eq!(kept.cpu_milli, 90);
    }

    #[test]
    fn names_are_unique_and_every_type_has_room() {
        let names: BTreeSet<_> = all().iter().map(|row| row.name).collect();
        assert_eq!(names.len(), all().len());
        assert!(all().len() >= 80, "{}", all().len());
        for row in all() {
            assert!(row.allocatable().cpu_milli > 0, "{}", row.name);
        }
    }
}
