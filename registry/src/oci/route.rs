//! Paths of `/v2/`, parsed once.
use wharf_types::{Digest, Invalid, ManifestRef, RepoName, UploadId};

use super::{Code, Refusal};

/// A parsed path. Values are valid by construction.
#[derive(Debug, PartialEq, Eq)]
pub enum Route {
    Ping,
    Catalog,
    Tags(RepoName),
    Manifest(RepoName, ManifestRef),
    Blob(RepoName, Digest),
    Uploads(RepoName),
    Upload(RepoName, UploadId),
    Referrers(RepoName, Digest),
}

impl Route {
    /// Reads a path. Names contain slashes, so it is matched from its end.
    pub fn parse(path: &str) -> Result<Self, Refusal> {
        let rest = path.strip_prefix("/v2").unwrap_or_default();
        let decoded: Vec<String> = rest
            .strip_prefix('/')
            .unwrap_or(rest)
            .split('/')
            .map(decode)
            .collect();
        let segments: Vec<&str> = decoded.iter().map(String::as_str).collect();
        Ok(match segments.as_slice() {
            [""] => Self::Ping,
            ["_catalog"] => Self::Catalog,
            [name @ .., "tags", "list"] => Self::Tags(repo(name)?),
            [name @ .., "manifests", reference] => {
                Self::Manifest(repo(name)?, manifest(reference)?)
            }
            [name @ .., "blobs", "uploads"] | [name @ .., "blobs", "uploads", ""] => {
                Self::Uploads(repo(name)?)
            }
            [name @ .., "blobs", "uploads", id] => {
                let unknown = |_malformed| Refusal::from(Code::BlobUploadUnknown);
                Self::Upload(repo(name)?, id.parse().map_err(unknown)?)
            }
            [name @ .., "blobs", digest] => Self::Blob(repo(name)?, parse_digest(digest)?),
            [name @ .., "referrers", digest] => Self::Referrers(repo(name)?, parse_digest(digest)?),
            _ => {
                return Err(Refusal::new(
                    Code::NotFound,
                    "there is nothing at this path",
                ));
            }
        })
    }

    /// The label used for spans and metrics.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Ping => "ping",
            Self::Catalog => "catalog",
            Self::Tags(_) => "tags",
            Self::Manifest(..) => "manifest",
            Self::Blob(..) => "blob",
            Self::Uploads(_) => "uploads",
            Self::Upload(..) => "upload",
            Self::Referrers(..) => "referrers",
        }
    }

    /// The repository, if the path has one.
    pub const fn repository(&self) -> Option<&RepoName> {
        match self {
            Self::Ping | Self::Catalog => None,
            Self::Tags(name)
            | Self::Manifest(name, _)
            | Self::Blob(name, _)
            | Self::Uploads(name)
            | Self::Upload(name, _)
            | Self::Referrers(name, _) => Some(name),
        }
    }

    /// The value of `Allow`.
    pub(super) const fn methods(&self) -> &'static str {
        match self {
            Self::Ping => "GET, HEAD",
            Self::Catalog | Self::Tags(_) | Self::Referrers(..) => "GET",
            Self::Manifest(..) => "GET, HEAD, PUT, DELETE",
            Self::Blob(..) => "GET, HEAD, DELETE",
            Self::Uploads(_) => "POST",
            Self::Upload(..) => "GET, PATCH, PUT, DELETE",
        }
    }
}

/// Some clients escape the colon of a digest. Nothing else in a path needs escaping, and what is
/// escaped all the same stays so and is no valid name.
fn decode(segment: &str) -> String {
    segment.replace("%3A", ":").replace("%3a", ":")
}

fn repo(segments: &[&str]) -> Result<RepoName, Refusal> {
    RepoName::join(segments).map_err(|e| Refusal::new(Code::NameInvalid, e))
}

fn parse_digest(text: &str) -> Result<Digest, Refusal> {
    text.parse()
        .map_err(|e: Invalid| Refusal::new(Code::DigestInvalid, e))
}

fn manifest(text: &str) -> Result<ManifestRef, Refusal> {
    let code = if text.contains(':') {
        Code::DigestInvalid
    } else {
        Code::TagInvalid
    };
    text.parse().map_err(|e: Invalid| Refusal::new(code, e))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const D: &str = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    const U: &str = "0123abcd-0000-4000-8000-00000000ffff";

    #[test]
    fn paths_are_matched_from_their_end() {
        for (path, name, repository) in [
            ("/v2", "ping", None),
            ("/v2/", "ping", None),
            ("/v2/_catalog", "catalog", None),
            ("/v2/aa/tags/list", "tags", Some("aa")),
            ("/v2/a/b/c/manifests/latest", "manifest", Some("a/b/c")),
            ("/v2/aa/manifests/tags/list", "tags", Some("aa/manifests")),
            ("/v2/aa/blobs/uploads", "uploads", Some("aa")),
            ("/v2/aa/blobs/uploads/", "uploads", Some("aa")),
            (&format!("/v2/aa/blobs/uploads/{U}"), "upload", Some("aa")),
            (
                &format!("/v2/blobs/uploads/blobs/uploads/{U}"),
                "upload",
                Some("blobs/uploads"),
            ),
            (&format!("/v2/aa/blobs/{D}"), "blob", Some("aa")),
            (
                &format!("/v2/aa/blobs/{}", D.replace(':', "%3A")),
                "blob",
                Some("aa"),
            ),
            (
                &format!("/v2/aa/blobs/uploads/b/blobs/{D}"),
                "blob",
                Some("aa/blobs/uploads/b"),
            ),
            (&format!("/v2/aa/referrers/{D}"), "referrers", Some("aa")),
        ] {
            let route = Route::parse(path).unwrap();
            assert_eq!(
                (route.name(), route.repository().map(RepoName::as_str)),
                (name, repository),
                "{path}"
            );
        }
    }

    proptest! {
        #[test]
        fn never_panics(path in "\\PC*") {
            drop(Route::parse(&format!("/v2/{path}")));
        }
    }
}
