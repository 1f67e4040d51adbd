//! Which images a cluster gets, by its version and region.

/// The tags of the system's images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Images {
    minor: u32,
    pub(super) coredns: &'static str,
    pub(super) proxy: &'static str,
    pub(super) cni: &'static str,
    pub(super) policy: &'static str,
}

const fn row(
    minor: u32,
    coredns: &'static str,
    proxy: &'static str,
    cni: &'static str,
    policy: &'static str,
) -> Images {
    Images {
        minor,
        coredns,
        proxy,
        cni,
        policy,
    }
}

/// What EKS gives a new cluster of a version, newest first.
const VERSIONS: [Images; 6] = [
    row(
        34,
        "v1.12.3-eksbuild.1",
        "v1.34.0-eksbuild.2",
        "v1.20.3-eksbuild.1",
        "v1.2.6-eksbuild.1",
    ),
    row(
        33,
        "v1.12.1-eksbuild.2",
        "v1.33.0-eksbuild.2",
        "v1.19.5-eksbuild.1",
        "v1.2.1-eksbuild.1",
    ),
    row(
        32,
        "v1.11.4-eksbuild.2",
        "v1.32.0-eksbuild.2",
        "v1.19.2-eksbuild.1",
        "v1.1.6-eksbuild.1",
    ),
    row(
        31,
        "v1.11.3-eksbuild.1",
        "v1.31.2-eksbuild.3",
        "v1.19.0-eksbuild.1",
        "v1.1.5-eksbuild.1",
    ),
    row(
        30,
        "v1.11.1-eksbuild.8",
        "v1.30.6-eksbuild.3",
        "v1.19.0-eksbuild.1",
        "v1.1.5-eksbuild.1",
    ),
    row(
        29,
        "v1.11.1-eksbuild.4",
        "v1.29.10-eksbuild.3",
        "v1.19.0-eksbuild.1",
        "v1.1.5-eksbuild.1",
    ),
];

fn minor(version: &str) -> u32 {
    let minor = version
        .split('.')
        .nth(1)
        .and_then(|minor| minor.parse().ok());
    minor.unwrap_or(u32::MAX)
}

/// The annotations of the class `gp2`. EKS makes it the default one only below 1.30:
/// <https://docs.aws.amazon.com/eks/latest/userguide/kubernetes-versions-standard.html>
pub(super) fn default_class(version: &str) -> &'static str {
    if minor(version) < 30 {
        "{ storageclass.kubernetes.io/is-default-class: \"true\" }"
    } else {
        "null"
    }
}

/// The images of a version such as `1.33`: of the nearest one that is not newer.
pub(super) fn images(version: &str) -> Images {
    let minor = minor(version);
    let [.., oldest] = VERSIONS;
    let found = VERSIONS.into_iter().find(|images| images.minor <= minor);
    found.unwrap_or(oldest)
}

/// The registry of EKS's images in a region.
pub(super) fn registry(region: &str) -> String {
    let (account, domain) = match region {
        "af-south-1" => ("877085696533", "amazonaws.com"),
        "ap-east-1" => ("800184023465", "amazonaws.com"),
        "cn-north-1" => ("918309763551", "amazonaws.com.cn"),
        "cn-northwest-1" => ("961992271922", "amazonaws.com.cn"),
        "eu-south-1" => ("590381155156", "amazonaws.com"),
        "me-south-1" => ("558608220178", "amazonaws.com"),
        _ => ("602401143452", "amazonaws.com"),
    };
    format!("{account}.dkr.ecr.{region}.{domain}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_gets_the_images_of_its_version() {
        assert_eq!(images("1.32").coredns, "v1.11.4-eksbuild.2");
        assert_eq!(images("1.99").minor, 34);
        assert_eq!(images("1.20").minor, 29);
        assert!(default_class("1.29").contains("true"));
        assert_eq!(default_class("1.30"), "null");
        assert_eq!(
            registry("us-east-1"),
            "602401143452.dkr.ecr.us-east-1.amazonaws.com"
        );
    }
}
