//! The registries that rules may name.
use serde::{Deserialize, Serialize};
use wharf_types::{AccountId, Region};
use wharf_upstream::Origin;

/// A registry as ECR spells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UpstreamRegistry {
    Ecr,
    EcrPublic,
    Quay,
    K8s,
    DockerHub,
    GithubContainerRegistry,
    AzureContainerRegistry,
    GitlabContainerRegistry,
    Chainguard,
}

impl UpstreamRegistry {
    const ALL: [Self; 9] = [
        Self::Ecr,
        Self::EcrPublic,
        Self::Quay,
        Self::K8s,
        Self::DockerHub,
        Self::GithubContainerRegistry,
        Self::AzureContainerRegistry,
        Self::GitlabContainerRegistry,
        Self::Chainguard,
    ];

    /// The registry at a host, if it is one of these.
    pub(super) fn at(host: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|registry| registry.is_at(host))
    }

    fn is_at(self, host: &str) -> bool {
        match self {
            Self::Ecr => is_private_ecr(host),
            Self::AzureContainerRegistry => {
                let name = host.strip_suffix(".azurecr.io").unwrap_or_default();
                !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric())
            }
            Self::EcrPublic => host == "public.ecr.aws",
            Self::Quay => host == "quay.io",
            Self::K8s => host == "registry.k8s.io",
            Self::DockerHub => host == "registry-1.docker.io",
            Self::GithubContainerRegistry => host == "ghcr.io",
            Self::GitlabContainerRegistry => host == "registry.gitlab.com",
            Self::Chainguard => host == "cgr.dev",
        }
    }

    /// Whether a rule must have credentials.
    pub(super) const fn needs_credentials(self) -> bool {
        match self {
            Self::Ecr | Self::EcrPublic | Self::Quay | Self::K8s => false,
            Self::DockerHub
            | Self::GithubContainerRegistry
            | Self::AzureContainerRegistry
            | Self::GitlabContainerRegistry
            | Self::Chainguard => true,
        }
    }

    /// Where its tokens come from, if not from itself.
    pub(super) fn token_services(self) -> Vec<Origin> {
        let host = match self {
            Self::DockerHub => "auth.docker.io",
            Self::GitlabContainerRegistry => "gitlab.com",
            _ => return Vec::new(),
        };
        Origin::https(host).into_iter().collect()
    }

    /// What it calls a repository that users call `name`.
    pub(super) fn repository(self, name: String) -> String {
        // Official images are called without it.
        if self == Self::DockerHub && !name.contains('/') {
            return format!("library/{name}");
        }
        name
    }
}

/// `<account>.dkr.ecr.<region>.amazonaws.com`, also of AWS in China.
fn is_private_ecr(host: &str) -> bool {
    let host = host.strip_suffix(".cn").unwrap_or(host);
    let parts: Vec<&str> = host.split('.').collect();
    let [account, "dkr", "ecr", region, "amazonaws", "com"] = parts.as_slice() else {
        return false;
    };
    account.parse::<AccountId>().is_ok() && region.parse::<Region>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registries_are_known_by_their_host() {
        for (host, expected) in [
            ("registry-1.docker.io", Some("docker-hub")),
            ("quay.io", Some("quay")),
            ("ghcr.io", Some("github-container-registry")),
            ("public.ecr.aws", Some("ecr-public")),
            ("registry.k8s.io", Some("k8s")),
            ("registry.gitlab.com", Some("gitlab-container-registry")),
            ("mine.azurecr.io", Some("azure-container-registry")),
            ("cgr.dev", Some("chainguard")),
            ("123456789012.dkr.ecr.eu-west-1.amazonaws.com", Some("ecr")),
            (
                "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn",
                Some("ecr"),
            ),
            ("docker.io", None),
            ("azurecr.io", None),
            ("a.b.azurecr.io", None),
            ("mine.azurecr.io.evil.example", None),
            ("1.dkr.ecr.eu-west-1.amazonaws.com", None),
            ("dkr.ecr.eu-west-1.amazonaws.com", None),
        ] {
            let found = UpstreamRegistry::at(host).map(|r| serde_json::to_value(r).unwrap());
            assert_eq!(found, expected.map(Into::into), "{host}");
        }
    }

    #[test]
    fn official_images_of_docker_hub_are_in_library() {
        let hub = UpstreamRegistry::DockerHub;
        assert_eq!(hub.repository("alpine".into()), "library/alpine");
        assert_eq!(hub.repository("grafana/loki".into()), "grafana/loki");
        assert_eq!(UpstreamRegistry::Quay.repository("alpine".into()), "alpine");
    }
}
