//! Elastic Container Registry: the second door to the domain.
use crate::operation::{Entry, Protocol, Service};

mod batch_check_layer_availability;
mod batch_delete_image;
mod batch_get_image;
mod batch_get_repository_scanning_configuration;
mod complete_layer_upload;
mod create_pull_through_cache_rule;
mod create_repository;
mod create_repository_creation_template;
mod delete_lifecycle_policy;
mod delete_pull_through_cache_rule;
mod delete_registry_policy;
mod delete_repository;
mod delete_repository_creation_template;
mod delete_repository_policy;
mod delete_signing_configuration;
mod deregister_pull_time_update_exclusion;
mod describe_image_replication_status;
mod describe_image_scan_findings;
mod describe_image_signing_status;
mod describe_images;
mod describe_pull_through_cache_rules;
mod describe_registry;
mod describe_replication_backfill_results;
mod describe_repositories;
mod describe_repository_creation_templates;
mod finding;
mod get_account_setting;
mod get_authorization_token;
mod get_download_url_for_layer;
mod get_lifecycle_policy;
mod get_lifecycle_policy_preview;
mod get_registry_policy;
mod get_registry_scanning_configuration;
mod get_repository_policy;
mod get_signing_configuration;
mod initiate_layer_upload;
mod lifecycle;
mod list_image_referrers;
mod list_images;
mod list_pull_time_update_exclusions;
mod list_replication_backfills;
mod list_tags_for_resource;
mod model;
mod one_image;
mod policy_text;
mod put_account_setting;
mod put_image;
mod put_image_scanning_configuration;
mod put_image_tag_mutability;
mod put_lifecycle_policy;
mod put_registry_policy;
mod put_registry_scanning_configuration;
mod put_replication_configuration;
mod put_signing_configuration;
mod register_pull_time_update_exclusion;
mod replication_model;
mod rule_model;
mod scanning;
mod set_repository_policy;
mod signing_model;
mod start_image_scan;
mod start_lifecycle_policy_preview;
mod start_replication_backfill;
mod stop_replication_backfill;
mod tag_resource;
mod template_model;
mod untag_resource;
mod update_image_storage_class;
mod update_pull_through_cache_rule;
mod update_repository_creation_template;
mod upload_layer_part;
mod upstream;
mod validate_pull_through_cache_rule;

pub(crate) use batch_check_layer_availability::BatchCheckLayerAvailability;
pub(crate) use batch_delete_image::BatchDeleteImage;
use batch_get_image::BatchGetImage;
use batch_get_repository_scanning_configuration::BatchGetRepositoryScanningConfiguration;
pub(crate) use complete_layer_upload::CompleteLayerUpload;
use create_pull_through_cache_rule::CreatePullThroughCacheRule;
pub(crate) use create_repository::CreateRepository;
use create_repository_creation_template::CreateRepositoryCreationTemplate;
use delete_lifecycle_policy::DeleteLifecyclePolicy;
use delete_pull_through_cache_rule::DeletePullThroughCacheRule;
use delete_registry_policy::DeleteRegistryPolicy;
pub(crate) use delete_repository::DeleteRepository;
use delete_repository_creation_template::DeleteRepositoryCreationTemplate;
pub(crate) use delete_repository_policy::DeleteRepositoryPolicy;
use delete_signing_configuration::DeleteSigningConfiguration;
use deregister_pull_time_update_exclusion::DeregisterPullTimeUpdateExclusion;
use describe_image_replication_status::DescribeImageReplicationStatus;
use describe_image_scan_findings::DescribeImageScanFindings;
use describe_image_signing_status::DescribeImageSigningStatus;
pub(crate) use describe_images::DescribeImages;
use describe_pull_through_cache_rules::DescribePullThroughCacheRules;
use describe_registry::DescribeRegistry;
use describe_replication_backfill_results::DescribeReplicationBackfillResults;
pub(crate) use describe_repositories::DescribeRepositories;
use describe_repository_creation_templates::DescribeRepositoryCreationTemplates;
use get_account_setting::GetAccountSetting;
use get_authorization_token::GetAuthorizationToken;
use get_download_url_for_layer::GetDownloadUrlForLayer;
use get_lifecycle_policy::GetLifecyclePolicy;
use get_lifecycle_policy_preview::GetLifecyclePolicyPreview;
use get_registry_policy::GetRegistryPolicy;
use get_registry_scanning_configuration::GetRegistryScanningConfiguration;
pub(crate) use get_repository_policy::GetRepositoryPolicy;
use get_signing_configuration::GetSigningConfiguration;
pub(crate) use initiate_layer_upload::InitiateLayerUpload;
use list_image_referrers::ListImageReferrers;
pub(crate) use list_images::ListImages;
use list_pull_time_update_exclusions::ListPullTimeUpdateExclusions;
use list_replication_backfills::ListReplicationBackfills;
pub(crate) use list_tags_for_resource::ListTagsForResource;
use put_account_setting::PutAccountSetting;
pub(crate) use put_image::PutImage;
use put_image_scanning_configuration::PutImageScanningConfiguration;
use put_image_tag_mutability::PutImageTagMutability;
use put_lifecycle_policy::PutLifecyclePolicy;
use put_registry_policy::PutRegistryPolicy;
use put_registry_scanning_configuration::PutRegistryScanningConfiguration;
use put_replication_configuration::PutReplicationConfiguration;
use put_signing_configuration::PutSigningConfiguration;
use register_pull_time_update_exclusion::RegisterPullTimeUpdateExclusion;
pub(crate) use set_repository_policy::SetRepositoryPolicy;
use start_image_scan::StartImageScan;
use start_lifecycle_policy_preview::StartLifecyclePolicyPreview;
use start_replication_backfill::StartReplicationBackfill;
use stop_replication_backfill::StopReplicationBackfill;
pub(crate) use tag_resource::TagResource;
pub(crate) use untag_resource::UntagResource;
use update_image_storage_class::UpdateImageStorageClass;
use update_pull_through_cache_rule::UpdatePullThroughCacheRule;
use update_repository_creation_template::UpdateRepositoryCreationTemplate;
pub(crate) use upload_layer_part::UploadLayerPart;
use validate_pull_through_cache_rule::ValidatePullThroughCacheRule;

pub(crate) use model::{ImageId, Tag};

pub(crate) const SERVICE: Service = Service {
    name: "ecr",
    protocol: Protocol::Json11 {
        target: "AmazonEC2ContainerRegistry_V20150921",
    },
    operations: &[
        Entry::of::<BatchCheckLayerAvailability>(),
        Entry::of::<BatchDeleteImage>(),
        Entry::of::<BatchGetImage>(),
        Entry::of::<BatchGetRepositoryScanningConfiguration>(),
        Entry::of::<CompleteLayerUpload>(),
        Entry::of::<CreatePullThroughCacheRule>(),
        Entry::of::<CreateRepository>(),
        Entry::of::<CreateRepositoryCreationTemplate>(),
        Entry::of::<DeleteLifecyclePolicy>(),
        Entry::of::<DeletePullThroughCacheRule>(),
        Entry::of::<DeleteRegistryPolicy>(),
        Entry::of::<DeleteRepository>(),
        Entry::of::<DeleteRepositoryCreationTemplate>(),
        Entry::of::<DeleteRepositoryPolicy>(),
        Entry::of::<DeleteSigningConfiguration>(),
        Entry::of::<DeregisterPullTimeUpdateExclusion>(),
        Entry::of::<DescribeImageReplicationStatus>(),
        Entry::of::<DescribeImageScanFindings>(),
        Entry::of::<DescribeImageSigningStatus>(),
        Entry::of::<DescribeImages>(),
        Entry::of::<DescribePullThroughCacheRules>(),
        Entry::of::<DescribeRegistry>(),
        Entry::of::<DescribeReplicationBackfillResults>(),
        Entry::of::<DescribeRepositories>(),
        Entry::of::<DescribeRepositoryCreationTemplates>(),
        Entry::of::<GetAccountSetting>(),
        Entry::of::<GetAuthorizationToken>(),
        Entry::of::<GetDownloadUrlForLayer>(),
        Entry::of::<GetLifecyclePolicy>(),
        Entry::of::<GetLifecyclePolicyPreview>(),
        Entry::of::<GetRegistryPolicy>(),
        Entry::of::<GetRegistryScanningConfiguration>(),
        Entry::of::<GetRepositoryPolicy>(),
        Entry::of::<GetSigningConfiguration>(),
        Entry::of::<InitiateLayerUpload>(),
        Entry::of::<ListImageReferrers>(),
        Entry::of::<ListImages>(),
        Entry::of::<ListPullTimeUpdateExclusions>(),
        Entry::of::<ListReplicationBackfills>(),
        Entry::of::<ListTagsForResource>(),
        Entry::of::<PutAccountSetting>(),
        Entry::of::<PutImage>(),
        Entry::of::<PutImageScanningConfiguration>(),
        Entry::of::<PutImageTagMutability>(),
        Entry::of::<PutLifecyclePolicy>(),
        Entry::of::<PutRegistryPolicy>(),
        Entry::of::<PutRegistryScanningConfiguration>(),
        Entry::of::<PutReplicationConfiguration>(),
        Entry::of::<PutSigningConfiguration>(),
        Entry::of::<RegisterPullTimeUpdateExclusion>(),
        Entry::of::<SetRepositoryPolicy>(),
        Entry::of::<StartImageScan>(),
        Entry::of::<StartLifecyclePolicyPreview>(),
        Entry::of::<StartReplicationBackfill>(),
        Entry::of::<StopReplicationBackfill>(),
        Entry::of::<TagResource>(),
        Entry::of::<UntagResource>(),
        Entry::of::<UpdateImageStorageClass>(),
        Entry::of::<UpdatePullThroughCacheRule>(),
        Entry::of::<UpdateRepositoryCreationTemplate>(),
        Entry::of::<UploadLayerPart>(),
        Entry::of::<ValidatePullThroughCacheRule>(),
    ],
    known: &[
        "BatchCheckLayerAvailability",
        "BatchDeleteImage",
        "BatchGetImage",
        "BatchGetRepositoryScanningConfiguration",
        "CompleteLayerUpload",
        "CreatePullThroughCacheRule",
        "CreateRepository",
        "CreateRepositoryCreationTemplate",
        "DeleteLifecyclePolicy",
        "DeletePullThroughCacheRule",
        "DeleteRegistryPolicy",
        "DeleteRepository",
        "DeleteRepositoryCreationTemplate",
        "DeleteRepositoryPolicy",
        "DeleteSigningConfiguration",
        "DeregisterPullTimeUpdateExclusion",
        "DescribeImageReplicationStatus",
        "DescribeImageScanFindings",
        "DescribeImageSigningStatus",
        "DescribeImages",
        "DescribePullThroughCacheRules",
        "DescribeRegistry",
        "DescribeReplicationBackfillResults",
        "DescribeRepositories",
        "DescribeRepositoryCreationTemplates",
        "GetAccountSetting",
        "GetAuthorizationToken",
        "GetDownloadUrlForLayer",
        "GetLifecyclePolicy",
        "GetLifecyclePolicyPreview",
        "GetRegistryPolicy",
        "GetRegistryScanningConfiguration",
        "GetRepositoryPolicy",
        "GetSigningConfiguration",
        "InitiateLayerUpload",
        "ListImageReferrers",
        "ListImages",
        "ListPullTimeUpdateExclusions",
        "ListReplicationBackfills",
        "ListTagsForResource",
        "PutAccountSetting",
        "PutImage",
        "PutImageScanningConfiguration",
        "PutImageTagMutability",
        "PutLifecyclePolicy",
        "PutRegistryPolicy",
        "PutRegistryScanningConfiguration",
        "PutReplicationConfiguration",
        "PutSigningConfiguration",
        "RegisterPullTimeUpdateExclusion",
        "SetRepositoryPolicy",
        "StartImageScan",
        "StartLifecyclePolicyPreview",
        "StartReplicationBackfill",
        "StopReplicationBackfill",
        "TagResource",
        "UntagResource",
        "UpdateImageStorageClass",
        "UpdatePullThroughCacheRule",
        "UpdateRepositoryCreationTemplate",
        "UploadLayerPart",
        "ValidatePullThroughCacheRule",
    ],
};
