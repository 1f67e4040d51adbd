//! Shapes that several operations share, and their constraints.
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use wharf_storage::{ImageStatus, Mutability, Repository as Stored};
use wharf_types::{Arn, Digest, Manifest, ManifestRef, Tag as ImageTag};

use crate::{Cx, Exception, check};

/// The most tags of a resource.
const MAX_RESOURCE_TAGS: usize = 50;

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Repository {
    repository_arn: String,
    registry_id: String,
    repository_name: String,
    repository_uri: String,
    created_at: f64,
    image_tag_mutability: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    image_tag_mutability_exclusion_filters: Vec<ExclusionFilter>,
    image_scanning_configuration: ScanningConfiguration,
    encryption_configuration: serde_json::Value,
}

impl Repository {
    pub(super) fn new(cx: &Cx, r: Stored) -> Self {
        Self {
            repository_arn: Arn::repository(&r.registry, &r.name).to_string(),
            registry_id: r.registry.account.to_string(),
            repository_uri: cx.names.repository_uri(&r.registry, &r.name, &cx.host),
            repository_name: r.name.into(),
            created_at: r.created.as_secs_f64(),
            image_tag_mutability: r.mutability.as_str(),
            image_tag_mutability_exclusion_filters: ExclusionFilter::all(&r.exclusions),
            image_scanning_configuration: ScanningConfiguration {
                scan_on_push: r.scan_on_push,
            },
            encryption_configuration: r.encryption,
        }
    }
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ScanningConfiguration {
    #[serde(default)]
    pub(super) scan_on_push: bool,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ExclusionFilter {
    filter_type: String,
    filter: String,
}

impl ExclusionFilter {
    pub(super) fn all(filters: &[String]) -> Vec<Self> {
        let one = |filter: &String| Self {
            filter_type: "WILDCARD".into(),
            filter: filter.clone(),
        };
        filters.iter().map(one).collect()
    }
}

/// `imageTagMutability` and its filters, which go together: the modes with exclusions need some,
/// the others must have none.
pub(super) fn mutability(
    mode: Option<&str>,
    filters: Option<Vec<ExclusionFilter>>,
) -> Result<(Mutability, Vec<String>), Exception> {
    let invalid = |constraint: &str| {
        Exception::invalid_parameter(format!(
            "Invalid parameter at 'imageTagMutabilityExclusionFilters' failed to satisfy constraint: '{constraint}'"
        ))
    };
    let mode: Mutability = mode.unwrap_or("MUTABLE").parse().map_err(|_unknown| {
        Exception::invalid_parameter(
            "Invalid parameter at 'imageTagMutability' failed to satisfy constraint: 'Member must satisfy enum value set: \
             [IMMUTABLE, MUTABLE, IMMUTABLE_WITH_EXCLUSION, MUTABLE_WITH_EXCLUSION]'",
        )
    })?;
    let excludes = matches!(
        mode,
        Mutability::MutableWithExclusion | Mutability::ImmutableWithExclusion
    );
    if filters.as_ref().is_some_and(Vec::is_empty) {
        return Err(invalid(
            "Member must have length greater than or equal to 1",
        ));
    }
    let filters = filters.unwrap_or_default();
    if excludes && filters.is_empty() {
        return Err(invalid("filters are required with this mutability"));
    }
    if !excludes && !filters.is_empty() {
        return Err(invalid(
            "filters are only allowed with a mutability that has exclusions",
        ));
    }
    if filters.len() > 5 {
        return Err(invalid("Member must have length less than or equal to 5"));
    }
    for f in &filters {
        let word = |b: u8| b.is_ascii_alphanumeric() || b"._*-".contains(&b);
        if f.filter_type != "WILDCARD" {
            return Err(invalid(
                "filterType must satisfy enum value set: [WILDCARD]",
            ));
        }
        if f.filter.is_empty() || f.filter.len() > 128 || !f.filter.bytes().all(word) {
            return Err(invalid(
                "filter must satisfy regular expression '^[0-9a-zA-Z._*-]{1,128}$'",
            ));
        }
        if f.filter.matches('*').count() > 2 {
            return Err(invalid("a filter can have at most two wildcards"));
        }
    }
    Ok((mode, filters.into_iter().map(|f| f.filter).collect()))
}

/// A tag of a resource; its members are capitalised, unlike all others.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Tag {
    pub(super) key: Option<String>,
    pub(super) value: Option<String>,
}

/// `tags` of a request, checked.
pub(super) fn resource_tags(tags: Vec<Tag>) -> Result<BTreeMap<String, String>, Exception> {
    let mut found = BTreeMap::new();
    for Tag { key, value } in tags {
        let (Some(key), Some(value)) = (key, value) else {
            return Err(invalid_tag("tags", "a tag has a key and a value"));
        };
        check_tag_key("tags", &key)?;
        if value.chars().count() > 256 || !value.chars().all(is_of_tags) {
            return Err(invalid_tag(
                "tags",
                "a value has at most 256 characters: letters, numbers, spaces, and + - = . _ : / @",
            ));
        }
        let prefix = key.get(..4).unwrap_or_default();
        if prefix.eq_ignore_ascii_case("aws:") {
            return Err(invalid_tag(
                "tags",
                "keys with the prefix 'aws:' are reserved",
            ));
        }
        if found.insert(key, value).is_some() {
            return Err(invalid_tag("tags", "a key is there twice"));
        }
    }
    too_many_tags(found.len())?;
    Ok(found)
}

fn invalid_tag(member: &str, constraint: &str) -> Exception {
    let e = check::unsatisfied(member, constraint);
    Exception::client("InvalidTagParameterException", e.message)
}

/// What all services of AWS allow in tags.
fn is_of_tags(c: char) -> bool {
    c.is_alphanumeric() || c == ' ' || "+-=._:/@".contains(c)
}

/// The key of a tag, to set or to remove.
pub(super) fn check_tag_key(member: &str, key: &str) -> Result<(), Exception> {
    let characters = key.chars().count();
    if (1..=128).contains(&characters) && key.chars().all(is_of_tags) {
        return Ok(());
    }
    Err(invalid_tag(
        member,
        "a key has 1 to 128 characters: letters, numbers, spaces, and + - = . _ : / @",
    ))
}

/// How many tags a resource may have.
pub(super) fn too_many_tags(count: usize) -> Result<(), Exception> {
    if count > MAX_RESOURCE_TAGS {
        return Err(Exception::client(
            "TooManyTagsException",
            format!(
                "The list of tags on the repository is over the limit of {MAX_RESOURCE_TAGS} tags"
            ),
        ));
    }
    Ok(())
}

const INVALID_DIGEST: &str = "Invalid request parameters: image digest should satisfy the regex '[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+'";
const INVALID_TAG: &str = "Invalid request parameters: image tag should satisfy the regex '[a-zA-Z0-9_][a-zA-Z0-9._-]{0,299}'";

/// An image by tag, digest, or both.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ImageId {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) image_digest: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) image_tag: Option<String>,
}

impl ImageId {
    pub(super) fn of(digest: &Digest, tag: Option<&ImageTag>) -> Self {
        Self {
            image_digest: Some(digest.to_string()),
            image_tag: tag.map(ToString::to_string),
        }
    }

    /// What the id asks for, or the failure that it is.
    pub(super) fn parse(&self) -> Result<Wanted, Failure> {
        let digest = self.image_digest.as_deref();
        if digest.is_some_and(|digest| !check::is_digest(digest)) {
            return Err(self.failed("InvalidImageDigest", INVALID_DIGEST));
        }
        let Ok(tag) = self.image_tag.as_deref().map(str::parse).transpose() else {
            return Err(self.failed("InvalidImageTag", INVALID_TAG));
        };
        if digest.is_none() && tag.is_none() {
            return Err(self.failed(
                "MissingDigestAndTag",
                "Invalid request parameters: both tag and digest cannot be null",
            ));
        }
        let parsed: Option<Digest> = digest.and_then(|digest| digest.parse().ok());
        Ok(Wanted {
            unknown: digest.is_some() && parsed.is_none(),
            digest: parsed,
            tag,
        })
    }

    pub(super) fn failed(&self, code: &'static str, reason: impl Into<String>) -> Failure {
        Failure {
            image_id: self.clone(),
            failure_code: code,
            failure_reason: reason.into(),
        }
    }
}

/// A parsed [`ImageId`].
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) digest: Option<Digest>,
    pub(super) tag: Option<ImageTag>,
    /// Whether the digest is one that nothing stored has.
    unknown: bool,
}

impl Wanted {
    /// Finds the image's digest in a repository. With both, the tag must name the digest.
    pub(super) fn resolve(
        &self,
        tx: &wharf_storage::Read<'_>,
        repository: i64,
    ) -> Result<Result<Digest, Unresolved>, wharf_storage::Error> {
        let tagged = match &self.tag {
            None => None,
            Some(tag) => match tx.resolve(repository, &ManifestRef::Tag(tag.clone()))? {
                None => return Ok(Err(Unresolved::NotFound)),
                found => found,
            },
        };
        Ok(match (tagged, &self.digest) {
            (Some(_), _) if self.unknown => Err(Unresolved::Differs),
            (Some(tagged), Some(digest)) if tagged != *digest => Err(Unresolved::Differs),
            (Some(digest), _) => Ok(digest),
            (None, Some(digest)) if tx.manifest_size(repository, digest)?.is_some() => {
                Ok(digest.clone())
            }
            (None, _) => Err(Unresolved::NotFound),
        })
    }
}

/// Why an image was not found.
#[derive(Clone, Copy, Debug)]
pub(super) enum Unresolved {
    NotFound,
    Differs,
}

impl Wanted {
    /// What is asked of a registry for it.
    pub(super) fn reference(&self) -> Option<ManifestRef> {
        let tag = self.tag.clone().map(ManifestRef::Tag);
        tag.or_else(|| self.digest.clone().map(ManifestRef::Digest))
    }
}

impl Unresolved {
    pub(super) fn failure(self, id: &ImageId) -> Failure {
        match self {
            Self::NotFound => id.failed("ImageNotFound", "Requested image not found"),
            Self::Differs => id.failed(
                "ImageTagDoesNotMatchDigest",
                "Invalid request parameters: tag does not point to the digest",
            ),
        }
    }
}

/// One id of a batch that failed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Failure {
    pub(super) image_id: ImageId,
    pub(super) failure_code: &'static str,
    pub(super) failure_reason: String,
}

/// A stored manifest.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Image {
    pub(super) registry_id: String,
    pub(super) repository_name: String,
    pub(super) image_id: ImageId,
    pub(super) image_manifest: String,
    pub(super) image_manifest_media_type: String,
}

/// `filter` of lists of images.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ImageFilter {
    #[serde(default)]
    tag_status: Option<String>,
    #[serde(default)]
    image_status: Option<String>,
}

/// `filter.tagStatus`: whether images with, and those without tags are listed.
fn tag_status(text: Option<&str>) -> Result<(bool, bool), Exception> {
    match text {
        None | Some("ANY") => Ok((true, true)),
        Some("TAGGED") => Ok((true, false)),
        Some("UNTAGGED") => Ok((false, true)),
        Some(_) => Err(check::unsatisfied(
            "filter.tagStatus",
            "Member must satisfy enum value set: [TAGGED, UNTAGGED, ANY]",
        )),
    }
}

/// `filter` of previews, which show images of every status.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PreviewFilter {
    #[serde(default)]
    tag_status: Option<String>,
}

impl PreviewFilter {
    /// Which images are shown.
    pub(super) fn wants(self) -> Result<Wants, Exception> {
        let (tagged, untagged) = tag_status(self.tag_status.as_deref())?;
        Ok(Wants {
            tagged,
            untagged,
            status: None,
        })
    }
}

impl ImageFilter {
    /// Which images are listed.
    pub(super) fn wants(self) -> Result<Wants, Exception> {
        let (tagged, untagged) = tag_status(self.tag_status.as_deref())?;
        Ok(Wants {
            tagged,
            untagged,
            status: status_filter("imageStatus", self.image_status.as_deref())?,
        })
    }
}

/// Which images are listed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wants {
    pub(super) tagged: bool,
    pub(super) untagged: bool,
    /// With this status, or with any.
    pub(super) status: Option<ImageStatus>,
}

impl Wants {
    /// Whether images of this status are listed.
    pub(super) fn has_status(self, status: ImageStatus) -> bool {
        self.status.is_none_or(|wanted| wanted == status)
    }
}

/// The status that a member of `filter` asks for; `None` for any. What is not asked for is not
/// shown: without the member it is the active ones.
pub(super) fn status_filter(
    member: &str,
    value: Option<&str>,
) -> Result<Option<ImageStatus>, Exception> {
    match value {
        None => Ok(Some(ImageStatus::Active)),
        Some("ANY") => Ok(None),
        Some(text) => text.parse().map(Some).map_err(|_unknown| {
            check::unsatisfied(
                &format!("filter.{member}"),
                "Member must satisfy enum value set: [ACTIVE, ARCHIVED, ACTIVATING, ANY]",
            )
        }),
    }
}

/// Reads `imageManifest` with an optional media type beside it.
pub(super) fn manifest(
    text: String,
    media_type: Option<&str>,
) -> Result<Manifest<bytes::Bytes>, Exception> {
    let bytes = bytes::Bytes::from(text);
    let parsed = match media_type {
        Some(media_type) => Manifest::parse(Some(media_type), bytes),
        None => Manifest::infer(bytes),
    };
    parsed.map_err(|e| {
        Exception::invalid_parameter(format!(
            "Invalid parameter at 'ImageManifest' failed to satisfy constraint: '{e}'"
        ))
    })
}

/// `imageIds`: 1 to 100.
pub(super) fn image_ids(ids: Option<Vec<ImageId>>) -> Result<Vec<ImageId>, Exception> {
    check::list("imageIds", ids, 1, 100)
}
