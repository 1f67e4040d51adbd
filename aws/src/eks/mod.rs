//! Elastic Kubernetes Service.
use crate::operation::{Entry, Protocol, Service};

mod access;
mod associate_encryption_config;
mod cancel_update;
mod create_cluster;
mod delete_cluster;
mod deregister_cluster;
mod describe_cluster;
mod describe_cluster_versions;
mod describe_update;
mod list_clusters;
mod list_tags_for_resource;
mod list_updates;
mod model;
mod register_cluster;
mod routes;
mod tag_resource;
mod untag_resource;
mod update_cluster_config;
mod update_cluster_version;

pub(crate) use access::admit;
use associate_encryption_config::AssociateEncryptionConfig;
use cancel_update::CancelUpdate;
use create_cluster::CreateCluster;
use delete_cluster::DeleteCluster;
use deregister_cluster::DeregisterCluster;
use describe_cluster::DescribeCluster;
use describe_cluster_versions::DescribeClusterVersions;
use describe_update::DescribeUpdate;
use list_clusters::ListClusters;
use list_tags_for_resource::ListTagsForResource;
use list_updates::ListUpdates;
use register_cluster::RegisterCluster;
use tag_resource::TagResource;
use untag_resource::UntagResource;
use update_cluster_config::UpdateClusterConfig;
use update_cluster_version::UpdateClusterVersion;

pub(crate) const SERVICE: Service = Service {
    name: "eks",
    protocol: Protocol::RestJson {
        routes: routes::ROUTES,
    },
    operations: &[
        Entry::of::<AssociateEncryptionConfig>(),
        Entry::of::<CancelUpdate>(),
        Entry::of::<CreateCluster>(),
        Entry::of::<DeleteCluster>(),
        Entry::of::<DeregisterCluster>(),
        Entry::of::<DescribeCluster>(),
        Entry::of::<DescribeClusterVersions>(),
        Entry::of::<DescribeUpdate>(),
        Entry::of::<ListClusters>(),
        Entry::of::<ListTagsForResource>(),
        Entry::of::<ListUpdates>(),
        Entry::of::<RegisterCluster>(),
        Entry::of::<TagResource>(),
        Entry::of::<UntagResource>(),
        Entry::of::<UpdateClusterConfig>(),
        Entry::of::<UpdateClusterVersion>(),
    ],
    known: &[],
};
