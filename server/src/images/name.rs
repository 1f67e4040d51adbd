//! Names of images as pods write them.
use wharf_types::{ManifestRef, Tag};

/// Docker Hub's name, which is left out in names of images.
const DOCKER_HUB: &str = "docker.io";

/// `[host/]repository[:tag][@digest]`, read as Docker does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ImageName {
    /// With its port, if it names one.
    pub(super) host: String,
    pub(super) repository: String,
    /// The digest, if there is one beside a tag.
    pub(super) at: ManifestRef,
}

impl ImageName {
    /// None: it is no name of an image.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (name, digest) = match text.split_once('@') {
            Some((name, digest)) => (name, Some(digest.parse().ok()?)),
            None => (text, None),
        };
        let (host, path) = match name.split_once('/') {
            Some((host, path)) if is_host(host) => (host, path),
            _ => (DOCKER_HUB, name),
        };
        let (path, tag) = match path.rsplit_once(':') {
            Some((path, tag)) => (path, Some(tag.parse::<Tag>().ok()?)),
            None => (path, None),
        };
        if !is_bare_host(host) || !path.split('/').all(is_component) {
            return None;
        }
        let official = host == DOCKER_HUB && !path.contains('/');
        Some(Self {
            host: host.to_owned(),
            repository: if official {
                format!("library/{path}")
            } else {
                path.to_owned()
            },
            at: match (digest, tag) {
                (Some(digest), _) => ManifestRef::Digest(digest),
                (None, Some(tag)) => ManifestRef::Tag(tag),
                (None, None) => ManifestRef::Tag("latest".parse().ok()?),
            },
        })
    }

    /// Where the registry of that name is.
    pub(super) fn server(&self) -> &str {
        match self.host.as_str() {
            DOCKER_HUB | "index.docker.io" => "registry-1.docker.io",
            host => host,
        }
    }

    /// In full, without what is wanted of it.
    pub(super) fn in_full(&self) -> String {
        format!("{}/{}", self.host, self.repository)
    }
}

/// Whether the first component of a name is a host, and not part of a path.
fn is_host(text: &str) -> bool {
    text.contains(['.', ':']) || text == "localhost" || text.bytes().any(|b| b.is_ascii_uppercase())
}

/// Whether a host has a port if it has room for one.
fn is_bare_host(text: &str) -> bool {
    let port = text.rsplit_once(':').map(|(_, port)| port);
    !text.is_empty() && port.is_none_or(|port| port.ends_with(']') || port.parse::<u16>().is_ok())
}

/// Whether this can stand between two slashes of a repository's name.
fn is_component(text: &str) -> bool {
    let ends = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = text.as_bytes();
    bytes.first().is_some_and(ends)
        && bytes.last().is_some_and(ends)
        && bytes.iter().all(|byte| ends(byte) || b"._-".contains(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_docker_reads_them() {
        let digest = format!("sha256:{}", "a".repeat(64));
        for (text, expected) in [
            ("nginx", "docker.io/library/nginx latest"),
            ("nginx:1.27", "docker.io/library/nginx 1.27"),
            ("bitnami/mariadb:11", "docker.io/bitnami/mariadb 11"),
            ("docker.io/nginx", "docker.io/library/nginx latest"),
            ("localhost/shop", "localhost/shop latest"),
            ("localhost:4566/a/b:1", "localhost:4566/a/b 1"),
            ("127.0.0.1:4566/shop", "127.0.0.1:4566/shop latest"),
            ("[::1]:4566/shop:2", "[::1]:4566/shop 2"),
            (
                "000000000000.dkr.ecr.us-east-1.amazonaws.com/shop:1",
                "000000000000.dkr.ecr.us-east-1.amazonaws.com/shop 1",
            ),
            ("quay.io/a/b", "quay.io/a/b latest"),
        ] {
            let name = ImageName::parse(text).unwrap();
            assert_eq!(format!("{} {}", name.in_full(), name.at), expected);
        }
        let both = ImageName::parse(&format!("nginx:1@{digest}")).unwrap();
        assert_eq!(both.at.to_string(), digest);
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for text in [
            "",
            "Shop",
            "a b",
            "shop:",
            "shop:-a",
            "shop@sha256:1",
            "localhost:4566/",
            "quay.io/A",
            ":1",
            "http://a/b",
            "localhost:x/a",
            "a//b",
            "a/-b",
        ] {
            assert_eq!(ImageName::parse(text), None, "{text}");
        }
    }
}
