//! What a cluster is configured with, as AWS's model has it.
use std::collections::BTreeMap;

use crate::shape::{enums, shapes};

enums! {
    /// Who may authenticate, and how.
    AuthenticationMode {
        Api = "API",
        ApiAndConfigMap = "API_AND_CONFIG_MAP",
        ConfigMap = "CONFIG_MAP",
    }
    IpFamily { Ipv4 = "ipv4", Ipv6 = "ipv6" }
    /// What the control plane may log.
    LogType {
        Api = "api",
        Audit = "audit",
        Authenticator = "authenticator",
        ControllerManager = "controllerManager",
        Scheduler = "scheduler",
    }
    SupportType { Standard = "STANDARD", Extended = "EXTENDED" }
    Tier {
        Standard = "standard",
        Xl = "tier-xl",
        Xl2 = "tier-2xl",
        Xl4 = "tier-4xl",
        Xl8 = "tier-8xl",
    }
    EgressMode {
        AwsManaged = "AWS_MANAGED",
        CustomerRouted = "CUSTOMER_ROUTED",
        CustomerIsolated = "CUSTOMER_ISOLATED",
    }
    ScoringStrategyType { LeastAllocated = "LeastAllocated", MostAllocated = "MostAllocated" }
    SpreadLevel { Host = "host", Rack = "rack" }
    /// Where a connected cluster runs.
    Provider {
        EksAnywhere = "EKS_ANYWHERE",
        Anthos = "ANTHOS",
        Gke = "GKE",
        Aks = "AKS",
        Openshift = "OPENSHIFT",
        Tanzu = "TANZU",
        Rancher = "RANCHER",
        Ec2 = "EC2",
        Other = "OTHER",
    }
}

shapes! {
    /// `resourcesVpcConfig` of a request.
    VpcConfig {
        subnet_ids: Vec<String>,
        security_group_ids: Vec<String>,
        endpoint_public_access: bool,
        endpoint_private_access: bool,
        public_access_cidrs: Vec<String>,
        control_plane_egress_mode: EgressMode,
    }
    NetworkConfig {
        service_ipv4_cidr: String,
        ip_family: IpFamily,
        elastic_load_balancing: ElasticLoadBalancing,
    }
    ElasticLoadBalancing { enabled: bool, gateway_api: GatewayApi }
    GatewayApi { crds: CrdManagement }
    CrdManagement { managed: bool }
    Logging { cluster_logging: Vec<LogSetup> }
    LogSetup { types: Vec<LogType>, enabled: bool }
    EncryptionConfig { resources: Vec<String>, provider: KeyProvider }
    KeyProvider { key_arn: String }
    AccessConfig {
        bootstrap_cluster_creator_admin_permissions: bool,
        authentication_mode: AuthenticationMode,
    }
    UpdateAccessConfig { authentication_mode: AuthenticationMode }
    UpgradePolicy { support_type: SupportType }
    ZonalShiftConfig { enabled: bool }
    RemoteNetworkConfig {
        remote_node_networks: Vec<RemoteNetwork>,
        remote_pod_networks: Vec<RemoteNetwork>,
    }
    RemoteNetwork { cidrs: Vec<String> }
    ComputeConfig { enabled: bool, node_pools: Vec<String>, node_role_arn: String }
    StorageConfig { block_storage: BlockStorage }
    BlockStorage { enabled: bool }
    ScalingTier { tier: Tier }
    KubeApiServerConfig { event_ttl: String, service_node_port_range: PortRange }
    PortRange { min_port: i64, max_port: i64 }
    KubeSchedulerConfig { node_resources_fit: NodeResourcesFit }
    NodeResourcesFit { scoring_strategy: ScoringStrategy }
    ScoringStrategy {
        #[serde(rename = "type")]
        kind: ScoringStrategyType,
        resources: Vec<ResourceWeight>,
    }
    ResourceWeight { name: String, weight: i64 }
    KubeControllerManagerConfig {
        pod_gc_controller_config: PodGcConfig,
        horizontal_pod_autoscaler_controller_config: AutoscalerConfig,
    }
    PodGcConfig { terminated_pod_gc_threshold: i64 }
    AutoscalerConfig { horizontal_pod_autoscaler_sync_period: String }
    OutpostConfig {
        outpost_arns: Vec<String>,
        control_plane_instance_type: String,
        control_plane_placement: ControlPlanePlacement,
        etcd_instance_type: String,
        etcd_placement: EtcdPlacement,
    }
    ControlPlanePlacement { group_name: String, spread_level: SpreadLevel }
    EtcdPlacement { spread_level: SpreadLevel }
    ConnectorConfig { role_arn: String, provider: Provider }

    /// The request of `CreateCluster`.
    NewCluster {
        name: String,
        version: String,
        role_arn: String,
        resources_vpc_config: VpcConfig,
        kubernetes_network_config: NetworkConfig,
        logging: Logging,
        client_request_token: String,
        tags: BTreeMap<String, String>,
        encryption_config: Vec<EncryptionConfig>,
        outpost_config: OutpostConfig,
        access_config: AccessConfig,
        bootstrap_self_managed_addons: bool,
        upgrade_policy: UpgradePolicy,
        zonal_shift_config: ZonalShiftConfig,
        remote_network_config: RemoteNetworkConfig,
        compute_config: ComputeConfig,
        storage_config: StorageConfig,
        deletion_protection: bool,
        control_plane_scaling_config: ScalingTier,
        kube_api_server_config: KubeApiServerConfig,
        kube_scheduler_config: KubeSchedulerConfig,
        kube_controller_manager_config: KubeControllerManagerConfig,
    }
    /// The request of `UpdateClusterConfig`, whose parts are of the same types.
    UpdateConfig {
        name: String,
        resources_vpc_config: VpcConfig,
        logging: Logging,
        client_request_token: String,
        access_config: UpdateAccessConfig,
        upgrade_policy: UpgradePolicy,
        zonal_shift_config: ZonalShiftConfig,
        compute_config: ComputeConfig,
        kubernetes_network_config: NetworkConfig,
        storage_config: StorageConfig,
        remote_network_config: RemoteNetworkConfig,
        deletion_protection: bool,
        control_plane_scaling_config: ScalingTier,
        kube_api_server_config: KubeApiServerConfig,
        kube_scheduler_config: KubeSchedulerConfig,
        kube_controller_manager_config: KubeControllerManagerConfig,
    }
    /// The request of `RegisterCluster`.
    NewConnection {
        name: String,
        connector_config: ConnectorConfig,
        client_request_token: String,
        tags: BTreeMap<String, String>,
    }
}
