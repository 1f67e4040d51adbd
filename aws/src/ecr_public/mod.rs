//! ECR Public: registries that anyone may pull from, in one region.
//!
//! A public repository is one of the registry [`Registry::public`](wharf_types::Registry::public):
//! what the private service does for a repository it does for a public one, and where input and
//! output are the same too, the row here is the private operation's own.
use crate::{
    ecr::{
        BatchCheckLayerAvailability, BatchDeleteImage, CompleteLayerUpload, DeleteRepositoryPolicy,
        GetRepositoryPolicy, InitiateLayerUpload, ListTagsForResource, PutImage,
        SetRepositoryPolicy, TagResource, UntagResource, UploadLayerPart,
    },
    operation::{Entry, Protocol, Service},
};

mod create_repository;
mod delete_repository;
mod describe_image_tags;
mod describe_images;
mod describe_registries;
mod describe_repositories;
mod get_authorization_token;
mod get_registry_catalog_data;
mod get_repository_catalog_data;
mod model;
mod put_registry_catalog_data;
mod put_repository_catalog_data;

use create_repository::CreateRepository;
use delete_repository::DeleteRepository;
use describe_image_tags::DescribeImageTags;
use describe_images::DescribeImages;
use describe_registries::DescribeRegistries;
use describe_repositories::DescribeRepositories;
use get_authorization_token::GetAuthorizationToken;
use get_registry_catalog_data::GetRegistryCatalogData;
use get_repository_catalog_data::GetRepositoryCatalogData;
use put_registry_catalog_data::PutRegistryCatalogData;
use put_repository_catalog_data::PutRepositoryCatalogData;

/// The only region where the service is.
pub(crate) const REGION: &str = "us-east-1";

pub(crate) const SERVICE: Service = Service {
    name: "ecr-public",
    protocol: Protocol::Json11 {
        target: "SpencerFrontendService",
    },
    operations: &[
        Entry::of::<BatchCheckLayerAvailability>(),
        Entry::of::<BatchDeleteImage>(),
        Entry::of::<CompleteLayerUpload>(),
        Entry::of::<CreateRepository>(),
        Entry::of::<DeleteRepository>(),
        Entry::of::<DeleteRepositoryPolicy>(),
        Entry::of::<DescribeImageTags>(),
        Entry::of::<DescribeImages>(),
        Entry::of::<DescribeRegistries>(),
        Entry::of::<DescribeRepositories>(),
        Entry::of::<GetAuthorizationToken>(),
        Entry::of::<GetRegistryCatalogData>(),
        Entry::of::<GetRepositoryCatalogData>(),
        Entry::of::<GetRepositoryPolicy>(),
        Entry::of::<InitiateLayerUpload>(),
        Entry::of::<ListTagsForResource>(),
        Entry::of::<PutImage>(),
        Entry::of::<PutRegistryCatalogData>(),
        Entry::of::<PutRepositoryCatalogData>(),
        Entry::of::<SetRepositoryPolicy>(),
        Entry::of::<TagResource>(),
        Entry::of::<UntagResource>(),
        Entry::of::<UploadLayerPart>(),
    ],
    known: &[
        "BatchCheckLayerAvailability",
        "BatchDeleteImage",
        "CompleteLayerUpload",
        "CreateRepository",
        "DeleteRepository",
        "DeleteRepositoryPolicy",
        "DescribeImageTags",
        "DescribeImages",
        "DescribeRegistries",
        "DescribeRepositories",
        "GetAuthorizationToken",
        "GetRegistryCatalogData",
        "GetRepositoryCatalogData",
        "GetRepositoryPolicy",
        "InitiateLayerUpload",
        "ListTagsForResource",
        "PutImage",
        "PutRegistryCatalogData",
        "PutRepositoryCatalogData",
        "SetRepositoryPolicy",
        "TagResource",
        "UntagResource",
        "UploadLayerPart",
    ],
};
