//! Elastic Kubernetes Service.
use crate::operation::{Entry, Protocol, Service};

mod access;
mod activate_certificate_authority;
mod associate_access_policy;
mod associate_encryption_config;
mod associate_identity_provider_config;
mod cancel_update;
mod create_access_entry;
mod create_addon;
mod create_capability;
mod create_certificate_authority;
mod create_cluster;
mod create_eks_anywhere_subscription;
mod create_fargate_profile;
mod create_nodegroup;
mod create_pod_identity_association;
mod delete_access_entry;
mod delete_addon;
mod delete_capability;
mod delete_certificate_authority;
mod delete_cluster;
mod delete_eks_anywhere_subscription;
mod delete_fargate_profile;
mod delete_nodegroup;
mod delete_pod_identity_association;
mod deregister_cluster;
mod describe_access_entry;
mod describe_addon;
mod describe_addon_configuration;
mod describe_addon_versions;
mod describe_capability;
mod describe_certificate_authority;
mod describe_cluster;
mod describe_cluster_versions;
mod describe_eks_anywhere_subscription;
mod describe_fargate_profile;
mod describe_identity_provider_config;
mod describe_insight;
mod describe_insights_refresh;
mod describe_nodegroup;
mod describe_pod_identity_association;
mod describe_update;
mod disassociate_access_policy;
mod disassociate_identity_provider_config;
mod list_access_entries;
mod list_access_policies;
mod list_addons;
mod list_associated_access_policies;
mod list_capabilities;
mod list_certificate_authorities;
mod list_clusters;
mod list_eks_anywhere_subscriptions;
mod list_fargate_profiles;
mod list_identity_provider_configs;
mod list_insights;
mod list_nodegroups;
mod list_pod_identity_associations;
mod list_tags_for_resource;
mod list_updates;
mod model;
mod parts_model;
mod register_cluster;
mod routes;
mod start_insights_refresh;
mod tag_resource;
mod untag_resource;
mod update_access_entry;
mod update_addon;
mod update_capability;
mod update_cluster_config;
mod update_cluster_version;
mod update_eks_anywhere_subscription;
mod update_nodegroup_config;
mod update_nodegroup_version;
mod update_pod_identity_association;

pub(crate) use access::admit;
use activate_certificate_authority::ActivateCertificateAuthority;
use associate_access_policy::AssociateAccessPolicy;
use associate_encryption_config::AssociateEncryptionConfig;
use associate_identity_provider_config::AssociateIdentityProviderConfig;
use cancel_update::CancelUpdate;
use create_access_entry::CreateAccessEntry;
use create_addon::CreateAddon;
use create_capability::CreateCapability;
use create_certificate_authority::CreateCertificateAuthority;
use create_cluster::CreateCluster;
use create_eks_anywhere_subscription::CreateEksAnywhereSubscription;
use create_fargate_profile::CreateFargateProfile;
use create_nodegroup::CreateNodegroup;
use create_pod_identity_association::CreatePodIdentityAssociation;
use delete_access_entry::DeleteAccessEntry;
use delete_addon::DeleteAddon;
use delete_capability::DeleteCapability;
use delete_certificate_authority::DeleteCertificateAuthority;
use delete_cluster::DeleteCluster;
use delete_eks_anywhere_subscription::DeleteEksAnywhereSubscription;
use delete_fargate_profile::DeleteFargateProfile;
use delete_nodegroup::DeleteNodegroup;
use delete_pod_identity_association::DeletePodIdentityAssociation;
use deregister_cluster::DeregisterCluster;
use describe_access_entry::DescribeAccessEntry;
use describe_addon::DescribeAddon;
use describe_addon_configuration::DescribeAddonConfiguration;
use describe_addon_versions::DescribeAddonVersions;
use describe_capability::DescribeCapability;
use describe_certificate_authority::DescribeCertificateAuthority;
use describe_cluster::DescribeCluster;
use describe_cluster_versions::DescribeClusterVersions;
use describe_eks_anywhere_subscription::DescribeEksAnywhereSubscription;
use describe_fargate_profile::DescribeFargateProfile;
use describe_identity_provider_config::DescribeIdentityProviderConfig;
use describe_insight::DescribeInsight;
use describe_insights_refresh::DescribeInsightsRefresh;
use describe_nodegroup::DescribeNodegroup;
use describe_pod_identity_association::DescribePodIdentityAssociation;
use describe_update::DescribeUpdate;
use disassociate_access_policy::DisassociateAccessPolicy;
use disassociate_identity_provider_config::DisassociateIdentityProviderConfig;
use list_access_entries::ListAccessEntries;
use list_access_policies::ListAccessPolicies;
use list_addons::ListAddons;
use list_associated_access_policies::ListAssociatedAccessPolicies;
use list_capabilities::ListCapabilities;
use list_certificate_authorities::ListCertificateAuthorities;
use list_clusters::ListClusters;
use list_eks_anywhere_subscriptions::ListEksAnywhereSubscriptions;
use list_fargate_profiles::ListFargateProfiles;
use list_identity_provider_configs::ListIdentityProviderConfigs;
use list_insights::ListInsights;
use list_nodegroups::ListNodegroups;
use list_pod_identity_associations::ListPodIdentityAssociations;
use list_tags_for_resource::ListTagsForResource;
use list_updates::ListUpdates;
use register_cluster::RegisterCluster;
use start_insights_refresh::StartInsightsRefresh;
use tag_resource::TagResource;
use untag_resource::UntagResource;
use update_access_entry::UpdateAccessEntry;
use update_addon::UpdateAddon;
use update_capability::UpdateCapability;
use update_cluster_config::UpdateClusterConfig;
use update_cluster_version::UpdateClusterVersion;
use update_eks_anywhere_subscription::UpdateEksAnywhereSubscription;
use update_nodegroup_config::UpdateNodegroupConfig;
use update_nodegroup_version::UpdateNodegroupVersion;
use update_pod_identity_association::UpdatePodIdentityAssociation;

pub(crate) const SERVICE: Service = Service {
    name: "eks",
    protocol: Protocol::RestJson {
        routes: routes::ROUTES,
    },
    operations: &[
        Entry::of::<ActivateCertificateAuthority>(),
        Entry::of::<AssociateAccessPolicy>(),
        Entry::of::<AssociateEncryptionConfig>(),
        Entry::of::<AssociateIdentityProviderConfig>(),
        Entry::of::<CancelUpdate>(),
        Entry::of::<CreateAccessEntry>(),
        Entry::of::<CreateAddon>(),
        Entry::of::<CreateCapability>(),
        Entry::of::<CreateCertificateAuthority>(),
        Entry::of::<CreateCluster>(),
        Entry::of::<CreateEksAnywhereSubscription>(),
        Entry::of::<CreateFargateProfile>(),
        Entry::of::<CreateNodegroup>(),
        Entry::of::<CreatePodIdentityAssociation>(),
        Entry::of::<DeleteAccessEntry>(),
        Entry::of::<DeleteAddon>(),
        Entry::of::<DeleteCapability>(),
        Entry::of::<DeleteCertificateAuthority>(),
        Entry::of::<DeleteCluster>(),
        Entry::of::<DeleteEksAnywhereSubscription>(),
        Entry::of::<DeleteFargateProfile>(),
        Entry::of::<DeleteNodegroup>(),
        Entry::of::<DeletePodIdentityAssociation>(),
        Entry::of::<DeregisterCluster>(),
        Entry::of::<DescribeAccessEntry>(),
        Entry::of::<DescribeAddon>(),
        Entry::of::<DescribeAddonConfiguration>(),
        Entry::of::<DescribeAddonVersions>(),
        Entry::of::<DescribeCapability>(),
        Entry::of::<DescribeCertificateAuthority>(),
        Entry::of::<DescribeCluster>(),
        Entry::of::<DescribeClusterVersions>(),
        Entry::of::<DescribeEksAnywhereSubscription>(),
        Entry::of::<DescribeFargateProfile>(),
        Entry::of::<DescribeIdentityProviderConfig>(),
        Entry::of::<DescribeInsight>(),
        Entry::of::<DescribeInsightsRefresh>(),
        Entry::of::<DescribeNodegroup>(),
        Entry::of::<DescribePodIdentityAssociation>(),
        Entry::of::<DescribeUpdate>(),
        Entry::of::<DisassociateAccessPolicy>(),
        Entry::of::<DisassociateIdentityProviderConfig>(),
        Entry::of::<ListAccessEntries>(),
        Entry::of::<ListAccessPolicies>(),
        Entry::of::<ListAddons>(),
        Entry::of::<ListAssociatedAccessPolicies>(),
        Entry::of::<ListCapabilities>(),
        Entry::of::<ListCertificateAuthorities>(),
        Entry::of::<ListClusters>(),
        Entry::of::<ListEksAnywhereSubscriptions>(),
        Entry::of::<ListFargateProfiles>(),
        Entry::of::<ListIdentityProviderConfigs>(),
        Entry::of::<ListInsights>(),
        Entry::of::<ListNodegroups>(),
        Entry::of::<ListPodIdentityAssociations>(),
        Entry::of::<ListTagsForResource>(),
        Entry::of::<ListUpdates>(),
        Entry::of::<RegisterCluster>(),
        Entry::of::<StartInsightsRefresh>(),
        Entry::of::<TagResource>(),
        Entry::of::<UntagResource>(),
        Entry::of::<UpdateAccessEntry>(),
        Entry::of::<UpdateAddon>(),
        Entry::of::<UpdateCapability>(),
        Entry::of::<UpdateClusterConfig>(),
        Entry::of::<UpdateClusterVersion>(),
        Entry::of::<UpdateEksAnywhereSubscription>(),
        Entry::of::<UpdateNodegroupConfig>(),
        Entry::of::<UpdateNodegroupVersion>(),
        Entry::of::<UpdatePodIdentityAssociation>(),
    ],
    known: &[],
};
