//! By which name a registry is reached.
use wharf_types::{Registry, RepoName};

/// The host of all public registries.
const PUBLIC: &str = "public.ecr.aws";

/// What `repositoryUri` and `proxyEndpoint` look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum UriStyle {
    /// `localhost:4566/<name>`: works without any set-up.
    #[default]
    Localhost,
    /// `<account>.dkr.ecr.<region>.amazonaws.com/<name>`: as in production, needs `wharf trust`.
    Aws,
}

/// How this server's registries are called.
#[derive(Clone, Debug)]
pub struct Names {
    pub style: UriStyle,
    /// The port that names without one of their own get.
    pub port: u16,
    /// The registry that the plain host name stands for.
    pub default: Registry,
}

impl Names {
    /// The host name of a registry, as `docker login` and image references take it. `asked` is the
    /// host that the client used: it can be reached by that.
    pub fn host(&self, registry: &Registry, asked: &str) -> String {
        let Registry { account, region } = registry;
        match self.style {
            UriStyle::Aws => format!("{account}.dkr.ecr.{region}.amazonaws.com"),
            UriStyle::Localhost if *registry == self.default => {
                let plain = !asked.is_empty()
                    && !asked.contains("amazonaws.com")
                    && !asked.contains(".dkr.ecr.");
                if plain {
                    asked.to_owned()
                } else {
                    format!("localhost:{}", self.port)
                }
            }
            UriStyle::Localhost => format!("{account}.dkr.ecr.{region}.localhost:{}", self.port),
        }
    }

    /// The reference of a repository without a tag.
    pub fn repository_uri(&self, registry: &Registry, name: &RepoName, asked: &str) -> String {
        if registry.region.is_public() {
            return format!("{}/{name}", self.public_uri(registry, asked));
        }
        format!("{}/{name}", self.host(registry, asked))
    }

    /// What references of a public registry begin with. There the name of the host is in the path,
    /// because few systems know the addresses of names below `localhost`.
    pub fn public_uri(&self, registry: &Registry, asked: &str) -> String {
        let alias = registry.alias();
        match self.style {
            UriStyle::Aws => format!("{PUBLIC}/{alias}"),
            UriStyle::Localhost => {
                format!("{}/{PUBLIC}/{alias}", self.host(&self.default, asked))
            }
        }
    }

    /// The URL of a registry.
    pub fn proxy_endpoint(&self, registry: &Registry, asked: &str, tls: bool) -> String {
        let scheme = if tls || self.style == UriStyle::Aws {
            "https"
        } else {
            "http"
        };
        format!("{scheme}://{}", self.host(registry, asked))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_we_print_can_be_reached() {
        let registry = |account: &str, region: &str| Registry {
            account: account.parse().unwrap(),
            region: region.parse().unwrap(),
        };
        let default = registry("000000000000", "us-east-1");
        let mut names = Names {
            style: UriStyle::Localhost,
            port: 4566,
            default: default.clone(),
        };
        let name: RepoName = "shop".parse().unwrap();
        assert_eq!(
            names.repository_uri(&default, &name, "localhost:4566"),
            "localhost:4566/shop"
        );
        assert_eq!(
            names.repository_uri(&default, &name, "wharf:5000"),
            "wharf:5000/shop"
        );
        assert_eq!(
            names.repository_uri(&default, &name, "api.ecr.us-east-1.amazonaws.com"),
            "localhost:4566/shop"
        );
        let other = registry("111122223333", "eu-west-1");
        assert_eq!(
            names.repository_uri(&other, &name, "localhost:4566"),
            "111122223333.dkr.ecr.eu-west-1.localhost:4566/shop"
        );
        let public = Registry::public(other.account.clone());
        assert_eq!(
            names.repository_uri(&public, &name, "localhost:4566"),
            "localhost:4566/public.ecr.aws/w111122223333/shop"
        );
        names.style = UriStyle::Aws;
        assert_eq!(
            names.repository_uri(&public, &name, "localhost:4566"),
            "public.ecr.aws/w111122223333/shop"
        );
        assert_eq!(
            names.proxy_endpoint(&default, "localhost:4566", false),
            "https://000000000000.dkr.ecr.us-east-1.amazonaws.com"
        );
    }
}
