//! Elastic Kubernetes Service.
use crate::operation::{Entry, Protocol, Service};

mod access;
mod associate_encryption_config;
mod cancel_update;
mod create_cluster;
mod create_fargate_profile;
mod create_nodegroup;
mod delete_cluster;
mod delete_fargate_profile;
mod delete_nodegroup;
mod deregister_cluster;
mod describe_cluster;
mod describe_cluster_versions;
mod describe_fargate_profile;
mod describe_nodegroup;
mod describe_update;
mod list_clusters;
mod list_fargate_profiles;
mod list_nodegroups;
mod list_tags_for_resource;
mod list_updates;
mod model;
mod register_cluster;
mod routes;
mod tag_resource;
mod untag_resource;
mod update_cluster_config;
mod update_cluster_version;
mod update_nodegroup_config;
mod update_nodegroup_version;

pub(crate) use access::admit;
use associate_encryption_config::AssociateEncryptionConfig;
use cancel_update::CancelUpdate;
use create_cluster::CreateCluster;
use create_fargate_profile::CreateFargateProfile;
use create_nodegroup::CreateNodegroup;
use delete_cluster::DeleteCluster;
use delete_fargate_profile::DeleteFargateProfile;
use delete_nodegroup::DeleteNodegroup;
use deregister_cluster::DeregisterCluster;
use describe_cluster::DescribeCluster;
use describe_cluster_versions::DescribeClusterVersions;
use describe_fargate_profile::DescribeFargateProfile;
use describe_nodegroup::DescribeNodegroup;
use describe_update::DescribeUpdate;
use list_clusters::ListClusters;
use list_fargate_profiles::ListFargateProfiles;
use list_nodegroups::ListNodegroups;
use list_tags_for_resource::ListTagsForResource;
use list_updates::ListUpdates;
use register_cluster::RegisterCluster;
use tag_resource::TagResource;
use untag_resource::UntagResource;
use update_cluster_config::UpdateClusterConfig;
use update_cluster_version::UpdateClusterVersion;
use update_nodegroup_config::UpdateNodegroupConfig;
use update_nodegroup_version::UpdateNodegroupVersion;

pub(crate) const SERVICE: Service = Service {
    name: "eks",
    protocol: Protocol::RestJson {
        routes: routes::ROUTES,
    },
    operations: &[
        Entry::of::<AssociateEncryptionConfig>(),
        Entry::of::<CancelUpdate>(),
        Entry::of::<CreateCluster>(),
        Entry::of::<CreateFargateProfile>(),
        Entry::of::<CreateNodegroup>(),
        Entry::of::<DeleteCluster>(),
        Entry::of::<DeleteFargateProfile>(),
        Entry::of::<DeleteNodegroup>(),
        Entry::of::<DeregisterCluster>(),
        Entry::of::<DescribeCluster>(),
        Entry::of::<DescribeClusterVersions>(),
        Entry::of::<DescribeFargateProfile>(),
        Entry::of::<DescribeNodegroup>(),
        Entry::of::<DescribeUpdate>(),
        Entry::of::<ListClusters>(),
        Entry::of::<ListFargateProfiles>(),
        Entry::of::<ListNodegroups>(),
        Entry::of::<ListTagsForResource>(),
        Entry::of::<ListUpdates>(),
        Entry::of::<RegisterCluster>(),
        Entry::of::<TagResource>(),
        Entry::of::<UntagResource>(),
        Entry::of::<UpdateClusterConfig>(),
        Entry::of::<UpdateClusterVersion>(),
        Entry::of::<UpdateNodegroupConfig>(),
        Entry::of::<UpdateNodegroupVersion>(),
    ],
    known: &[],
};
