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

impl Region {
    pub fn as_str(&self) -> &str {
        &self.0
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
        if s.len() <= 32 && s.contains('-') && s.split('-').all(part) {
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

/// One private registry: repositories of two registries never see each other.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Registry {
    pub account: AccountId,
    pub region: Region,
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
    /// The ARN of a repository.
    pub fn repository(registry: &Registry, name: &RepoName) -> Self {
        Self {
            partition: "aws".into(),
            service: "ecr".into(),
            region: registry.region.to_string(),
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
        let registry = Registry {
            account: self.account.parse().ok()?,
            region: self.region.parse().ok()?,
        };
        (self.service == "ecr").then_some((registry, name))
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
