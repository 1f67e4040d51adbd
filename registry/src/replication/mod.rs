//! Replication: images that are pushed to one registry come to others, on this server or another.
//!
//! # Guarantees
//! * A push leaves its jobs in its own transaction: documents of the image, one a destination.
//! * A child arrives before the index that names it; a tag moves only if it still names the image.
//! * What arrives as a replica is not replicated further, so rules can neither chain nor loop.
//!
//! # Assumptions
//! * Every step may be done twice: what is at the destination already is left as it is.
//!
//! Stopped halfway, a job is still open, and is done from its beginning after the start.
use std::collections::BTreeSet;

use wharf_auth::Secret;
use wharf_storage::{Read, Repository};
use wharf_types::{AccountId, Digest, Region, Registry, Tag};
use wharf_upstream::push::Origin;

use crate::{
    Cx, Error,
    policies::{self, Act},
};

pub mod backfill;
mod configuration;
mod copy;
mod parcel;
mod remote;
mod replica;
mod retry;
mod worker;

pub use configuration::{Configuration, Destination, Rule, configuration, configure, describe};
pub use replica::{Failure, Replica, Status, pushed, replicas};
pub use worker::run;

/// How many documents are looked at, or jobs done, at once.
const BATCH: usize = 32;

/// What the configuration of the server says of replication.
#[derive(Clone, Debug)]
pub struct Settings {
    pub endpoints: Vec<Endpoint>,
    pub cross_account: CrossAccount,
}

/// Whether an account may replicate to another one on this server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CrossAccount {
    /// Everybody may be everybody.
    Allowed,
    /// If the policies of the other one permit it.
    ByPolicy,
}

/// A region that is on another server.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// Only this account's registry is there, if one is named.
    pub account: Option<AccountId>,
    pub region: Region,
    pub origin: Origin,
    /// Certificates to trust besides those of the system.
    pub ca_pem: Option<String>,
    pub access_key: String,
    pub secret: Secret,
}

impl Settings {
    /// The server where a registry is, if it is another one: one that names the account comes first.
    fn endpoint(&self, destination: &Registry) -> Option<&Endpoint> {
        let there = |endpoint: &&Endpoint| endpoint.region == destination.region;
        let of = |account: Option<&AccountId>| {
            let named = |endpoint: &&Endpoint| endpoint.account.as_ref() == account;
            self.endpoints.iter().filter(there).find(named)
        };
        of(Some(&destination.account)).or_else(|| of(None))
    }
}

/// An image to bring to a destination.
#[derive(Clone, Debug)]
struct Job {
    /// The repository that it is in.
    repository: i64,
    digest: Digest,
    tags: Vec<Tag>,
    destination: Registry,
}

/// What became of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Outcome {
    Complete,
    /// For good.
    Failed(Failed),
    /// For now.
    Later(Failure),
}

/// A failure, and those of the images that an index names.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Failed {
    failure: Failure,
    children: BTreeSet<Failure>,
}

impl From<Failure> for Outcome {
    /// A failure that trying again does not help.
    fn from(failure: Failure) -> Self {
        Self::Failed(Failed {
            failure,
            children: BTreeSet::new(),
        })
    }
}

/// Whether the registry of `destination` lets the account of a repository replicate images to it, and
/// make the repository there if it is missing.
fn may_replicate(
    tx: &Read<'_>,
    cx: &Cx,
    cross_account: CrossAccount,
    source: &Repository,
    destination: &Registry,
) -> Result<bool, Error> {
    let account = &source.registry.account;
    if cross_account == CrossAccount::Allowed || *account == destination.account {
        return Ok(true);
    }
    let acts = [
        Act::on(&source.name, "ecr:ReplicateImage"),
        Act::create_if_missing(&source.name),
    ];
    for act in acts {
        if !policies::account_may(tx, cx, account, destination, act)? {
            return Ok(false);
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_of_the_account_comes_before_one_of_the_region() {
        let endpoint = |account: Option<&str>, port| Endpoint {
            account: account.map(|id| id.parse().unwrap()),
            region: "eu-west-1".parse().unwrap(),
            origin: Origin::secure(&format!("http://localhost:{port}")).unwrap(),
            ca_pem: None,
            access_key: "test".into(),
            secret: Secret::new("test"),
        };
        let settings = Settings {
            endpoints: vec![
                endpoint(None, 1),
                endpoint(Some("111111111111"), 2),
                endpoint(Some("222222222222"), 3),
            ],
            cross_account: CrossAccount::Allowed,
        };
        let port = |account: &str, region: &str| {
            let registry = Registry {
                account: account.parse().unwrap(),
                region: region.parse().unwrap(),
            };
            let found = settings.endpoint(&registry);
            found.map(|endpoint| format!("{:?}", endpoint.origin))
        };
        assert_eq!(
            port("111111111111", "eu-west-1").unwrap(),
            "http://localhost:2/"
        );
        assert_eq!(
            port("000000000000", "eu-west-1").unwrap(),
            "http://localhost:1/"
        );
        assert_eq!(port("111111111111", "us-east-1"), None);
    }
}
