//! Elastic Container Registry: the second door to the domain.
use crate::operation::{Entry, Protocol, Service};

mod batch_delete_image;
mod batch_get_image;
mod create_repository;
mod delete_repository;
mod describe_images;
mod describe_repositories;
mod get_authorization_token;
mod list_images;
mod list_tags_for_resource;
mod model;
mod put_image;
mod put_image_tag_mutability;
mod tag_resource;
mod untag_resource;

pub(crate) use batch_delete_image::BatchDeleteImage;
use batch_get_image::BatchGetImage;
pub(crate) use create_repository::CreateRepository;
pub(crate) use delete_repository::DeleteRepository;
pub(crate) use describe_images::DescribeImages;
pub(crate) use describe_repositories::DescribeRepositories;
use get_authorization_token::GetAuthorizationToken;
pub(crate) use list_images::ListImages;
pub(crate) use list_tags_for_resource::ListTagsForResource;
pub(crate) use model::{ImageId, Tag};
pub(crate) use put_image::PutImage;
use put_image_tag_mutability::PutImageTagMutability;
pub(crate) use tag_resource::TagResource;
pub(crate) use untag_resource::UntagResource;

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
        Entry::of::<DescribeImages>(),
        Entry::of::<DescribeRepositories>(),
        Entry::of::<GetAuthorizationToken>(),
        Entry::of::<ListImages>(),
        Entry::of::<ListTagsForResource>(),
        Entry::of::<PutImage>(),
        Entry::of::<PutImageTagMutability>(),
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
