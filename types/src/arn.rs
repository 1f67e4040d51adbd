//! Accounts, regions and resource names of AWS.
use std::{fmt, str::FromStr};

use crate::{Invalid, RepoName};

/// Twelve digits.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccountId(Box<str>);

impl AccountId {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for AccountId {
    type Err = Invalid;

    fn from_str(s: &str) -> Result<Self, Invalid> {
        if s.len() == 12 && s.bytes().all(|b| b.is_ascii_digit()) {
            Ok(Self(s.into()))
        } else {
            Err(Invalid::new("account id (12 digits)", s))
        }
    }
}

/// A region such as `eu-central-1`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Region(Box<str>);

/// Where public registries are: no region, and no text that a signature's scope or a host can have.
const PUBLIC: &str = "us-east-1/public";

impl Region {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The region of AWS where it is: what requests to it are signed for.
    pub fn place(&self) -> &str {
        self.0.split('/').next().unwrap_or_default()
    }

    /// Whether this stands for ECR Public rather than a region.
    pub fn is_public(&self) -> bool {
        &*self.0 == PUBLIC
    }
}

impl FromStr for Region {
    type Err = Invalid;

    fn from_str(s: &str) -> Result<Self, Invalid> {
        let part = |p: &str| {
            !p.is_empty()
                && p.bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        };
        if s == PUBLIC || s.len() <= 32 && s.contains('-') && s.split('-').all(part) {
            Ok(Self(s.into()))
        } else {
            Err(Invalid::new("region", s))
        }
    }
}

macro_rules! text {
    ($($type:ty),*) => {$(
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}
text!(AccountId, Region);

/// One registry, an account's in a region or its public one: repositories of two registries never
/// see each other.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Registry {
    pub account: AccountId,
    pub region: Region,
}

/// What comes before the account in the alias of a public registry.
const ALIAS: &str = "w";

impl Registry {
    /// The public registry of an account.
    pub fn public(account: AccountId) -> Self {
        Self {
            account,
            region: Region(PUBLIC.into()),
        }
    }

    /// The public registry with an alias.
    pub fn by_alias(alias: &str) -> Option<Self> {
        let account = alias.strip_prefix(ALIAS)?.parse().ok()?;
        Some(Self::public(account))
    }

    /// The alias that an account's public registry has from the beginning.
    pub fn alias(&self) -> String {
        format!("{ALIAS}{}", self.account)
    }
}

/// `arn:aws:<service>:<region>:<account>:<resource>`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Arn {
    pub partition: String,
    pub service: String,
    pub region: String,
    pub account: String,
    pub resource: String,
}

impl Arn {
    /// The ARN of a repository. That of a public one has no region.
    pub fn repository(registry: &Registry, name: &RepoName) -> Self {
        let (service, region) = if registry.region.is_public() {
            ("ecr-public", String::new())
        } else {
            ("ecr", registry.region.to_string())
        };
        Self {
            partition: "aws".into(),
            service: service.into(),
            region,
            account: registry.account.to_string(),
            resource: format!("repository/{name}"),
        }
    }

    /// The ARN of a user of IAM, or of the account itself for the user `root`.
    pub fn user(account: &AccountId, user: &str) -> Self {
        let resource = if user == "root" {
            "root".to_owned()
        } else {
            format!("user/{user}")
        };
        Self {
            partition: "aws".into(),
            service: "iam".into(),
            region: String::new(),
            account: account.to_string(),
            resource,
        }
    }

    /// The registry and name, if this is a repository's ARN.
    pub fn as_repository(&self) -> Option<(Registry, RepoName)> {
        let name = self.resource.strip_prefix("repository/")?.parse().ok()?;
        let account = self.account.parse().ok()?;
        let registry = match (self.service.as_str(), self.region.as_str()) {
            ("ecr-public", "") => Registry::public(account),
            ("ecr", region) => Registry {
                account,
                region: region.parse().ok().filter(|r: &Region| !r.is_public())?,
            },
            _ => return None,
        };
        Some((registry, name))
    }
}

impl FromStr for Arn {
    type Err = Invalid;

    fn from_str(s: &str) -> Result<Self, Invalid> {
        let parts: Vec<&str> = s.splitn(6, ':').collect();
        let ["arn", partition, service, region, account, resource] = parts.as_slice() else {
            return Err(Invalid::new("ARN", s));
        };
        if !partition.starts_with("aws") || service.is_empty() || resource.is_empty() {
            return Err(Invalid::new("ARN", s));
        }
        Ok(Self {
            partition: (*partition).into(),
            service: (*service).into(),
            region: (*region).into(),
            account: (*account).into(),
            resource: (*resource).into(),
        })
    }
}

impl fmt::Display for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            partition,
            service,
            region,
            account,
            resource,
        } = self;
        write!(f, "arn:{partition}:{service}:{region}:{account}:{resource}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_arn_names_its_registry() {
        let text = "arn:aws:ecr:us-east-1:000000000000:repository/shop/web";
        let arn: Arn = text.parse().unwrap();
        assert_eq!(arn.to_string(), text);
        let (registry, name) = arn.as_repository().unwrap();
        assert_eq!(
            (
                registry.account.as_str(),
                registry.region.as_str(),
                name.as_str()
            ),
            ("000000000000", "us-east-1", "shop/web")
        );
        assert_eq!(Arn::repository(&registry, &name), arn);
        for bad in [
            "",
            "arn",
            "arn:aws:ecr:us-east-1:000000000000",
            "arn:gcp:ecr:r:a:x",
            "urn:aws:ecr:r:a:x",
        ] {
            bad.parse::<Arn>().unwrap_err();
        }
    }

    #[test]
    fn a_public_repository_has_neither_a_region_nor_an_alias_of_choice() {
        let text = "arn:aws:ecr-public::000000000000:repository/shop/web";
        let arn: Arn = text.parse().unwrap();
        let (registry, name) = arn.as_repository().unwrap();
        assert!(registry.region.is_public());
        assert_eq!(registry.region.place(), "us-east-1");
        assert_eq!(Arn::repository(&registry, &name), arn);
        assert_eq!(registry.alias(), "w000000000000");
        assert_eq!(Registry::by_alias("w000000000000"), Some(registry.clone()));
        assert_eq!(
            registry.region.as_str().parse(),
            Ok(registry.region.clone())
        );
        for bad in [
            "w",
            "000000000000",
            "w00000000000",
            "w0000000000000",
            "x000000000000",
        ] {
            assert_eq!(Registry::by_alias(bad), None);
        }
        for bad in [
            "arn:aws:ecr:us-east-1/public:000000000000:repository/app",
            "arn:aws:ecr-public:us-east-1:000000000000:repository/app",
        ] {
            assert_eq!(bad.parse::<Arn>().unwrap().as_repository(), None);
        }
    }

    #[test]
    fn accounts_and_regions_have_their_form() {
        "123456789012".parse::<AccountId>().unwrap();
        "us-gov-west-1".parse::<Region>().unwrap();
        for bad in [
            "12345678901",
            "1234567890123",
            "12345678901a",
            "１２３４５６７８９０１２",
        ] {
            bad.parse::<AccountId>().unwrap_err();
        }
        for bad in ["", "us", "US-east-1", "us--1", "us-east-1/../x"] {
            bad.parse::<Region>().unwrap_err();
        }
    }
}
