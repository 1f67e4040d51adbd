//! Elastic Container Registry: the second door to the domain.
use crate::operation::{Entry, Protocol, Service};

mod batch_delete_image;
mod batch_get_image;
mod create_repository;
mod delete_repository;
mod delete_signing_configuration;
mod describe_image_replication_status;
mod describe_image_signing_status;
mod describe_images;
mod describe_registry;
mod describe_replication_backfill_results;
mod describe_repositories;
mod get_authorization_token;
mod get_signing_configuration;
mod list_images;
mod list_replication_backfills;
mod list_tags_for_resource;
mod model;
mod one_image;
mod put_image;
mod put_image_tag_mutability;
mod put_replication_configuration;
mod put_signing_configuration;
mod replication_model;
mod signing_model;
mod start_replication_backfill;
mod stop_replication_backfill;
mod tag_resource;
mod untag_resource;

use batch_delete_image::BatchDeleteImage;
use batch_get_image::BatchGetImage;
use create_repository::CreateRepository;
use delete_repository::DeleteRepository;
use delete_signing_configuration::DeleteSigningConfiguration;
use describe_image_replication_status::DescribeImageReplicationStatus;
use describe_image_signing_status::DescribeImageSigningStatus;
use describe_images::DescribeImages;
use describe_registry::DescribeRegistry;
use describe_replication_backfill_results::DescribeReplicationBackfillResults;
use describe_repositories::DescribeRepositories;
use get_authorization_token::GetAuthorizationToken;
use get_signing_configuration::GetSigningConfiguration;
use list_images::ListImages;
use list_replication_backfills::ListReplicationBackfills;
use list_tags_for_resource::ListTagsForResource;
use put_image::PutImage;
use put_image_tag_mutability::PutImageTagMutability;
use put_replication_configuration::PutReplicationConfiguration;
use put_signing_configuration::PutSigningConfiguration;
use start_replication_backfill::StartReplicationBackfill;
use stop_replication_backfill::StopReplicationBackfill;
use tag_resource::TagResource;
use untag_resource::UntagResource;

pub(crate) const SERVICE: Service = Service {
    name: "ecr",
    protocol: Protocol::Json11 {
        target: "AmazonEC2ContainerRegistry_V20150921",
    },
    operations: &[
        Entry::of::<BatchDeleteImage>(),
        Entry::of::<BatchGetImage>(),
        Entry::of::<CreateRepository>(),
        Entry::of::<DeleteRepository>(),
        Entry::of::<DeleteSigningConfiguration>(),
        Entry::of::<DescribeImageReplicationStatus>(),
        Entry::of::<DescribeImageSigningStatus>(),
        Entry::of::<DescribeImages>(),
        Entry::of::<DescribeRegistry>(),
        Entry::of::<DescribeReplicationBackfillResults>(),
        Entry::of::<DescribeRepositories>(),
        Entry::of::<GetAuthorizationToken>(),
        Entry::of::<GetSigningConfiguration>(),
        Entry::of::<ListImages>(),
        Entry::of::<ListReplicationBackfills>(),
        Entry::of::<ListTagsForResource>(),
        Entry::of::<PutImage>(),
        Entry::of::<PutImageTagMutability>(),
        Entry::of::<PutReplicationConfiguration>(),
        Entry::of::<PutSigningConfiguration>(),
        Entry::of::<StartReplicationBackfill>(),
        Entry::of::<StopReplicationBackfill>(),
        Entry::of::<TagResource>(),
        Entry::of::<UntagResource>(),
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
