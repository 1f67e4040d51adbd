//! What `wharf lifecycle run` asks for and gets.
use std::collections::BTreeSet;

use axum::{
    Router,
    extract::{Query, State},
    routing::post,
};
use serde::{Deserialize, Serialize};
use wharf_registry::{
    Error,
    lifecycle::{self, Action, Mode, Swept, Taken},
};
use wharf_storage::{Repository, Store};
use wharf_types::{RepoName, Timestamp};

use crate::admin::reply;

/// What may be asked for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Options {
    pub(crate) dry_run: bool,
    /// Names of repositories, with commas between them; empty for all.
    pub(crate) repositories: String,
}

/// What was done, or would be.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Report {
    pub(crate) images: Vec<Image>,
    pub(crate) repositories: u64,
    pub(crate) expired: u64,
    pub(crate) archived: u64,
    pub(crate) skipped: u64,
    pub(crate) failed: Vec<Failed>,
    /// Repositories that were asked for and have no policy.
    pub(crate) missing: Vec<String>,
}

/// An image that goes, and why.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Image {
    pub(crate) repository: Name,
    pub(crate) digest: String,
    pub(crate) tags: Vec<String>,
    pub(crate) pushed_ms: i64,
    pub(crate) expires: bool,
    pub(crate) rule: u32,
    /// The image that it goes with.
    pub(crate) follows: Option<String>,
}

impl Image {
    pub(crate) fn pushed(&self) -> Timestamp {
        Timestamp::from_ms(self.pushed_ms)
    }
}

/// A policy that could not be applied.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Failed {
    pub(crate) repository: Name,
    pub(crate) reason: String,
}

/// A repository with its registry.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Name {
    pub(crate) account: String,
    pub(crate) region: String,
    pub(crate) name: String,
}

impl Name {
    fn of(repository: &Repository) -> Self {
        Self {
            account: repository.registry.account.to_string(),
            region: repository.registry.region.to_string(),
            name: repository.name.to_string(),
        }
    }
}

pub(crate) fn router() -> Router<Store> {
    Router::new().route(
        "/lifecycle",
        post(async |State(s): State<Store>, Query(o): Query<Options>| reply(run(&s, o).await)),
    )
}

/// Applies policies, on a store that this process has open.
pub(crate) async fn run(store: &Store, options: Options) -> Result<Report, Error> {
    let names: Result<BTreeSet<RepoName>, _> = options
        .repositories
        .split(',')
        .filter(|name| !name.is_empty())
        .map(str::parse)
        .collect();
    let names = names.map_err(wharf_storage::Error::from)?;
    let mode = if options.dry_run {
        Mode::DryRun
    } else {
        Mode::Apply
    };
    let Swept {
        named,
        repositories,
        expired,
        archived,
        skipped,
        failed,
        missing,
    } = lifecycle::sweep(store, names, mode).await?;
    let failed = failed.into_iter().map(|(repository, reason)| Failed {
        repository: Name::of(&repository),
        reason,
    });
    Ok(Report {
        images: named.into_iter().map(image).collect(),
        repositories,
        expired,
        archived,
        skipped,
        failed: failed.collect(),
        missing: missing.into_iter().map(String::from).collect(),
    })
}

fn image((repository, taken): (Repository, Taken)) -> Image {
    Image {
        repository: Name::of(&repository),
        digest: taken.image.digest.to_string(),
        tags: taken.image.tags.into_iter().map(String::from).collect(),
        pushed_ms: taken.image.pushed.as_ms(),
        expires: taken.action == Action::Expire,
        rule: taken.priority,
        follows: taken.follows.map(String::from),
    }
}
