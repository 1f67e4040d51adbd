//! The images of machines: those of EKS for each version, and plain ones. Their ids follow from what
//! they are, so that each is the same everywhere.
use wharf_types::Region;

use crate::{ids, instance_types::Architecture};

/// The versions of Kubernetes that there are images for.
pub const VERSIONS: &[&str] = &[
    "1.26", "1.27", "1.28", "1.29", "1.30", "1.31", "1.32", "1.33", "1.34",
];

/// What an image is for, as node groups call it without the architecture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Amazon Linux 2023 for EKS.
    Al2023,
    /// Amazon Linux 2 for EKS.
    Al2,
    Bottlerocket,
    /// Amazon Linux 2023 for anything.
    Plain,
}

/// An image.
#[derive(Clone, Debug)]
pub struct Image {
    pub id: String,
    pub name: String,
    pub description: String,
    pub architecture: Architecture,
    /// The account of AWS that it is of, and the alias of that, if it has one.
    pub owner: &'static str,
    pub created: &'static str,
}

/// The image of a kind for a version of Kubernetes, which plain ones do not have.
pub fn image(region: &Region, kind: Kind, version: &str, architecture: Architecture) -> Image {
    let arch = architecture.as_str();
    let (name, description, owner) = match kind {
        Kind::Al2023 => (
            format!("amazon-eks-node-al2023-{arch}-standard-{version}-v20250920"),
            format!("EKS-optimized Kubernetes node based on Amazon Linux 2023, (k8s: {version})"),
            "602401143452",
        ),
        Kind::Al2 => {
            let middle = match architecture {
                Architecture::X86_64 => "node",
                Architecture::Arm64 => "arm64-node",
            };
            (
                format!("amazon-eks-{middle}-{version}-v20250920"),
                format!("EKS Kubernetes Worker AMI with AmazonLinux2 image, (k8s: {version})"),
                "602401143452",
            )
        }
        Kind::Bottlerocket => (
            format!("bottlerocket-aws-k8s-{version}-{arch}-v1.47.0"),
            format!("bottlerocket-aws-k8s-{version}"),
            "092701018921",
        ),
        Kind::Plain => (
            format!("al2023-ami-2023.8.20250920.0-kernel-6.1-{arch}"),
            "Amazon Linux 2023 AMI".to_owned(),
            "137112412989",
        ),
    };
    Image {
        id: ids::fixed("ami", &format!("{region}/{name}")),
        name,
        description,
        architecture,
        owner,
        created: "2025-09-20T00:00:00.000Z",
    }
}

/// All images of a region.
pub fn all(region: &Region) -> Vec<Image> {
    let mut all = Vec::new();
    for architecture in [Architecture::X86_64, Architecture::Arm64] {
        all.push(image(region, Kind::Plain, "", architecture));
        for version in VERSIONS {
            for kind in [Kind::Al2023, Kind::Al2, Kind::Bottlerocket] {
                all.push(image(region, kind, version, architecture));
            }
        }
    }
    all
}

/// Whether a text can be the id of an image. Any such is taken: images of one's own cannot be made
/// here, but what names one is to work.
pub fn is_id(text: &str) -> bool {
    let rest = text.strip_prefix("ami-");
    rest.is_some_and(|rest| {
        !rest.is_empty() && rest.len() <= 64 && rest.bytes().all(|b| b.is_ascii_alphanumeric())
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_image_has_an_id_of_its_own() {
        let region = "us-east-1".parse().unwrap();
        let ids: BTreeSet<_> = all(&region).into_iter().map(|image| image.id).collect();
        assert_eq!(ids.len(), 2 + 2 * 3 * VERSIONS.len());
        assert!(ids.iter().all(|id| is_id(id)));
    }
}
