//! Elastic Container Registry: the second door to the domain.
use crate::operation::{Entry, Protocol, Service};

mod batch_delete_image;
mod batch_get_image;
mod batch_get_repository_scanning_configuration;
mod create_repository;
mod delete_repository;
mod describe_image_scan_findings;
mod describe_images;
mod describe_repositories;
mod finding;
mod get_authorization_token;
mod get_registry_scanning_configuration;
mod list_images;
mod list_tags_for_resource;
mod model;
mod put_image;
mod put_image_scanning_configuration;
mod put_image_tag_mutability;
mod put_registry_scanning_configuration;
mod scanning;
mod start_image_scan;
mod tag_resource;
mod untag_resource;

use batch_delete_image::BatchDeleteImage;
use batch_get_image::BatchGetImage;
use batch_get_repository_scanning_configuration::BatchGetRepositoryScanningConfiguration;
use create_repository::CreateRepository;
use delete_repository::DeleteRepository;
use describe_image_scan_findings::DescribeImageScanFindings;
use describe_images::DescribeImages;
use describe_repositories::DescribeRepositories;
use get_authorization_token::GetAuthorizationToken;
use get_registry_scanning_configuration::GetRegistryScanningConfiguration;
use list_images::ListImages;
use list_tags_for_resource::ListTagsForResource;
use put_image::PutImage;
use put_image_scanning_configuration::PutImageScanningConfiguration;
use put_image_tag_mutability::PutImageTagMutability;
use put_registry_scanning_configuration::PutRegistryScanningConfiguration;
use start_image_scan::StartImageScan;
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
        Entry::of::<BatchGetRepositoryScanningConfiguration>(),
        Entry::of::<CreateRepository>(),
        Entry::of::<DeleteRepository>(),
        Entry::of::<DescribeImageScanFindings>(),
        Entry::of::<DescribeImages>(),
        Entry::of::<DescribeRepositories>(),
        Entry::of::<GetAuthorizationToken>(),
        Entry::of::<GetRegistryScanningConfiguration>(),
        Entry::of::<ListImages>(),
        Entry::of::<ListTagsForResource>(),
        Entry::of::<PutImage>(),
        Entry::of::<PutImageScanningConfiguration>(),
        Entry::of::<PutImageTagMutability>(),
        Entry::of::<PutRegistryScanningConfiguration>(),
        Entry::of::<StartImageScan>(),
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
