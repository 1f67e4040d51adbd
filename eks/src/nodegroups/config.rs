//! What a node group is configured with, as AWS's model has it.
use std::collections::BTreeMap;

use crate::shape::{enums, shapes};

enums! {
    AmiType {
        Al2X86 = "AL2_x86_64",
        Al2X86Gpu = "AL2_x86_64_GPU",
        Al2Arm = "AL2_ARM_64",
        Custom = "CUSTOM",
        BottlerocketArm = "BOTTLEROCKET_ARM_64",
        BottlerocketX86 = "BOTTLEROCKET_x86_64",
        BottlerocketArmFips = "BOTTLEROCKET_ARM_64_FIPS",
        BottlerocketX86Fips = "BOTTLEROCKET_x86_64_FIPS",
        BottlerocketArmNvidia = "BOTTLEROCKET_ARM_64_NVIDIA",
        BottlerocketX86Nvidia = "BOTTLEROCKET_x86_64_NVIDIA",
        BottlerocketArmNvidiaFips = "BOTTLEROCKET_ARM_64_NVIDIA_FIPS",
        BottlerocketX86NvidiaFips = "BOTTLEROCKET_x86_64_NVIDIA_FIPS",
        WindowsCore2019 = "WINDOWS_CORE_2019_x86_64",
        WindowsFull2019 = "WINDOWS_FULL_2019_x86_64",
        WindowsCore2022 = "WINDOWS_CORE_2022_x86_64",
        WindowsFull2022 = "WINDOWS_FULL_2022_x86_64",
        WindowsCore2025 = "WINDOWS_CORE_2025_x86_64",
        WindowsFull2025 = "WINDOWS_FULL_2025_x86_64",
        Al2023X86 = "AL2023_x86_64_STANDARD",
        Al2023Arm = "AL2023_ARM_64_STANDARD",
        Al2023X86Neuron = "AL2023_x86_64_NEURON",
        Al2023X86Nvidia = "AL2023_x86_64_NVIDIA",
        Al2023ArmNvidia = "AL2023_ARM_64_NVIDIA",
    }
    CapacityType { OnDemand = "ON_DEMAND", Spot = "SPOT", CapacityBlock = "CAPACITY_BLOCK" }
    TaintEffect {
        NoSchedule = "NO_SCHEDULE",
        NoExecute = "NO_EXECUTE",
        PreferNoSchedule = "PREFER_NO_SCHEDULE",
    }
    UpdateStrategy { Default = "DEFAULT", Minimal = "MINIMAL" }
    RepairAction { Replace = "Replace", Reboot = "Reboot", NoAction = "NoAction" }
    PoolState { Stopped = "STOPPED", Running = "RUNNING", Hibernated = "HIBERNATED" }
}

impl AmiType {
    /// Whether its machines are ARM; `None` where it is not said.
    pub fn is_arm(self) -> Option<bool> {
        (self != Self::Custom).then(|| self.as_str().contains("ARM_64"))
    }

    pub fn is_windows(self) -> bool {
        self.as_str().starts_with("WINDOWS")
    }

    pub fn is_bottlerocket(self) -> bool {
        self.as_str().starts_with("BOTTLEROCKET")
    }

    /// Whether it is Amazon Linux 2, which has an end.
    pub const fn is_al2(self) -> bool {
        matches!(self, Self::Al2X86 | Self::Al2X86Gpu | Self::Al2Arm)
    }
}

shapes! {
    ScalingConfig { min_size: i64, max_size: i64, desired_size: i64 }
    RemoteAccess { ec2_ssh_key: String, source_security_groups: Vec<String> }
    Taint { key: String, value: String, effect: TaintEffect }
    LaunchTemplate { name: String, version: String, id: String }
    GroupUpdateConfig {
        max_unavailable: i64,
        max_unavailable_percentage: i64,
        update_strategy: UpdateStrategy,
    }
    RepairConfig {
        enabled: bool,
        max_unhealthy_node_threshold_count: i64,
        max_unhealthy_node_threshold_percentage: i64,
        max_parallel_nodes_repaired_count: i64,
        max_parallel_nodes_repaired_percentage: i64,
        node_repair_config_overrides: Vec<RepairOverride>,
    }
    RepairOverride {
        node_monitoring_condition: String,
        node_unhealthy_reason: String,
        min_repair_wait_time_mins: i64,
        repair_action: RepairAction,
    }
    WarmPool {
        enabled: bool,
        min_size: i64,
        max_group_prepared_capacity: i64,
        pool_state: PoolState,
        reuse_on_scale_in: bool,
    }
    UpdateLabels {
        add_or_update_labels: BTreeMap<String, String>,
        remove_labels: Vec<String>,
    }
    UpdateTaints { add_or_update_taints: Vec<Taint>, remove_taints: Vec<Taint> }

    /// The request of `CreateNodegroup`.
    NewNodegroup {
        cluster_name: String,
        nodegroup_name: String,
        scaling_config: ScalingConfig,
        disk_size: i64,
        subnets: Vec<String>,
        instance_types: Vec<String>,
        ami_type: AmiType,
        remote_access: RemoteAccess,
        node_role: String,
        labels: BTreeMap<String, String>,
        taints: Vec<Taint>,
        tags: BTreeMap<String, String>,
        client_request_token: String,
        launch_template: LaunchTemplate,
        update_config: GroupUpdateConfig,
        node_repair_config: RepairConfig,
        capacity_type: CapacityType,
        version: String,
        release_version: String,
        warm_pool_config: WarmPool,
    }
    /// The request of `UpdateNodegroupConfig`.
    UpdateNodegroup {
        cluster_name: String,
        nodegroup_name: String,
        labels: UpdateLabels,
        taints: UpdateTaints,
        scaling_config: ScalingConfig,
        update_config: GroupUpdateConfig,
        node_repair_config: RepairConfig,
        warm_pool_config: WarmPool,
        client_request_token: String,
    }
    /// The request of `UpdateNodegroupVersion`.
    UpdateNodegroupVersion {
        cluster_name: String,
        nodegroup_name: String,
        version: String,
        release_version: String,
        launch_template: LaunchTemplate,
        force: bool,
        client_request_token: String,
    }
}
