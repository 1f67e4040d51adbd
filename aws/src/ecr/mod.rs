//! Elastic Container Registry: the second door to the domain.
use crate::operation::{Entry, Protocol, Service};

mod batch_delete_image;
mod batch_get_image;
mod create_pull_through_cache_rule;
mod create_repository;
mod create_repository_creation_template;
mod delete_pull_through_cache_rule;
mod delete_repository;
mod delete_repository_creation_template;
mod describe_images;
mod describe_pull_through_cache_rules;
mod describe_repositories;
mod describe_repository_creation_templates;
mod get_authorization_token;
mod list_images;
mod list_tags_for_resource;
mod model;
mod put_image;
mod put_image_tag_mutability;
mod rule_model;
mod tag_resource;
mod template_model;
mod untag_resource;
mod update_pull_through_cache_rule;
mod update_repository_creation_template;
mod upstream;
mod validate_pull_through_cache_rule;

use batch_delete_image::BatchDeleteImage;
use batch_get_image::BatchGetImage;
use create_pull_through_cache_rule::CreatePullThroughCacheRule;
use create_repository::CreateRepository;
use create_repository_creation_template::CreateRepositoryCreationTemplate;
use delete_pull_through_cache_rule::DeletePullThroughCacheRule;
use delete_repository::DeleteRepository;
use delete_repository_creation_template::DeleteRepositoryCreationTemplate;
use describe_images::DescribeImages;
use describe_pull_through_cache_rules::DescribePullThroughCacheRules;
use describe_repositories::DescribeRepositories;
use describe_repository_creation_templates::DescribeRepositoryCreationTemplates;
use get_authorization_token::GetAuthorizationToken;
use list_images::ListImages;
use list_tags_for_resource::ListTagsForResource;
use put_image::PutImage;
use put_image_tag_mutability::PutImageTagMutability;
use tag_resource::TagResource;
use untag_resource::UntagResource;
use update_pull_through_cache_rule::UpdatePullThroughCacheRule;
use update_repository_creation_template::UpdateRepositoryCreationTemplate;
use validate_pull_through_cache_rule::ValidatePullThroughCacheRule;

pub(crate) const SERVICE: Service = Service {
    name: "ecr",
    protocol: Protocol::Json11 {
        target: "AmazonEC2ContainerRegistry_V20150921",
    },
    operations: &[
        Entry::of::<BatchDeleteImage>(),
        Entry::of::<BatchGetImage>(),
        Entry::of::<CreatePullThroughCacheRule>(),
        Entry::of::<CreateRepository>(),
        Entry::of::<CreateRepositoryCreationTemplate>(),
        Entry::of::<DeletePullThroughCacheRule>(),
        Entry::of::<DeleteRepository>(),
        Entry::of::<DeleteRepositoryCreationTemplate>(),
        Entry::of::<DescribeImages>(),
        Entry::of::<DescribePullThroughCacheRules>(),
        Entry::of::<DescribeRepositories>(),
        Entry::of::<DescribeRepositoryCreationTemplates>(),
        Entry::of::<GetAuthorizationToken>(),
        Entry::of::<ListImages>(),
        Entry::of::<ListTagsForResource>(),
        Entry::of::<PutImage>(),
        Entry::of::<PutImageTagMutability>(),
        Entry::of::<TagResource>(),
        Entry::of::<UntagResource>(),
        Entry::of::<UpdatePullThroughCacheRule>(),
        Entry::of::<UpdateRepositoryCreationTemplate>(),
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
