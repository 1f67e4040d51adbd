//! When images were last pulled, and by whom it is not noted.
use serde::{Deserialize, Serialize};
use wharf_auth::Principal;
use wharf_storage::{Document, ManifestRow, Owner, Read, Repository, Stored};
use wharf_types::{Arn, Registry, Timestamp};

use crate::{Caller, Cx, Error};

/// How long a pull's time stands before another is noted.
const STEP: std::time::Duration = std::time::Duration::from_hours(24);

/// The most principals that a registry excludes.
pub const MAX_EXCLUSIONS: usize = 100;

/// A principal whose pulls are not noted: a document of the registry, named by the ARN.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Exclusion {}

impl Document for Exclusion {
    const KIND: &'static str = "pull-time-exclusion";
}

/// Excludes a principal from now on.
pub async fn exclude(cx: &Cx, registry: &Registry, arn: &str) -> Result<Timestamp, Error> {
    let (owner, arn, now) = (
        Owner::Registry(registry.clone()),
        arn.to_owned(),
        cx.store.now(),
    );
    let excluded = cx.store.meta().write(move |tx| {
        if tx.document::<Exclusion>(&owner, &arn)?.is_some() {
            return Err(Error::ExclusionExists { arn: arn.clone() });
        }
        if tx.count_documents::<Exclusion>(&owner)? >= MAX_EXCLUSIONS {
            return Err(Error::TooManyExclusions {
                limit: MAX_EXCLUSIONS,
            });
        }
        tx.put_document(&owner, &arn, &Exclusion {}, now)?;
        Ok(now)
    });
    excluded.await
}

/// Includes a principal again.
pub async fn include(cx: &Cx, registry: &Registry, arn: &str) -> Result<(), Error> {
    let (owner, arn) = (Owner::Registry(registry.clone()), arn.to_owned());
    let included = cx.store.meta().write(move |tx| {
        tx.delete_document::<Exclusion>(&owner, &arn)?
            .then_some(())
            .ok_or_else(|| Error::ExclusionNotFound { arn: arn.clone() })
    });
    included.await
}

/// The excluded principals by ARN, those after `after` only.
pub async fn exclusions(
    cx: &Cx,
    registry: &Registry,
    after: &str,
    limit: usize,
) -> Result<Vec<String>, Error> {
    let (owner, after) = (Owner::Registry(registry.clone()), after.to_owned());
    let found = cx
        .store
        .meta()
        .read(move |tx| Ok::<_, Error>(tx.documents::<Exclusion>(&owner, &after, limit)?));
    Ok(names(found.await?))
}

fn names(found: Vec<Stored<Exclusion>>) -> Vec<String> {
    found.into_iter().map(|found| found.name).collect()
}

fn is_excluded(
    tx: &Read<'_>,
    registry: &Registry,
    principal: &Principal,
) -> Result<bool, wharf_storage::Error> {
    let owner = Owner::Registry(registry.clone());
    let excluded = tx.documents::<Exclusion>(&owner, "", MAX_EXCLUSIONS)?;
    Ok(names(excluded)
        .iter()
        .any(|excluded| is_meant(excluded, &principal.arn)))
}

/// Whether an excluded ARN means a principal: it is its own, or that of the role whose session the
/// principal is. A session's ARN has the role's name, but not its path.
fn is_meant(excluded: &str, principal: &Arn) -> bool {
    if excluded == principal.to_string() {
        return true;
    }
    let session = principal.resource.strip_prefix("assumed-role/");
    let Some((role, _)) = session.and_then(|session| session.split_once('/')) else {
        return false;
    };
    let Ok(excluded) = excluded.parse::<Arn>() else {
        return false;
    };
    let name = excluded.resource.strip_prefix("role/");
    principal.service == "sts"
        && excluded.account == principal.account
        && excluded.partition == principal.partition
        && name.and_then(|path| path.rsplit('/').next()) == Some(role)
}

fn is_due(before: Option<Timestamp>, now: Timestamp) -> bool {
    before.is_none_or(|then| now.since(then) >= STEP)
}

/// Notes a pull, at most once a day and without making the client wait.
pub fn pulled(cx: &Cx, caller: &Caller, repository: &Repository, row: &ManifestRow) {
    let now = cx.store.now();
    if !is_due(row.pulled, now) {
        return;
    }
    let (meta, id, digest) = (cx.store.meta().clone(), repository.id, row.digest.clone());
    let (registry, principal) = (repository.registry.clone(), caller.principal.clone());
    tokio::spawn(async move {
        let noted = async {
            // Not on the writer: it is asked on every pull of one who is excluded.
            let excluded = meta.read(move |tx| is_excluded(tx, &registry, &principal));
            if excluded.await? {
                return Ok(());
            }
            let note = meta.write_relaxed(move |tx| match tx.image(id, &digest)? {
                // Another pull may have been noted meanwhile.
                Some(image) if is_due(image.pulled, now) => tx.pulled(id, &digest, now),
                _ => Ok(()),
            });
            note.await
        };
        if let Err::<(), wharf_storage::Error>(error) = noted.await {
            let error: &dyn std::error::Error = &error;
            tracing::warn!(error, "a pull could not be noted");
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exclusion_means_its_principal_and_the_sessions_of_its_role() {
        for (excluded, principal, meant) in [
            (
                "iam::000000000000:user/ci",
                "iam::000000000000:user/ci",
                true,
            ),
            (
                "iam::000000000000:user/ci",
                "iam::000000000000:user/ci2",
                false,
            ),
            (
                "iam::000000000000:user/ci",
                "iam::111122223333:user/ci",
                false,
            ),
            (
                "iam::000000000000:role/scan",
                "iam::000000000000:role/scan",
                true,
            ),
            (
                "iam::000000000000:role/scan",
                "sts::000000000000:assumed-role/scan/i-1",
                true,
            ),
            (
                "iam::000000000000:role/a/b/scan",
                "sts::000000000000:assumed-role/scan/i-1",
                true,
            ),
            (
                "iam::000000000000:role/scan/b",
                "sts::000000000000:assumed-role/scan/i-1",
                false,
            ),
            (
                "iam::000000000000:role/scan",
                "sts::111122223333:assumed-role/scan/i-1",
                false,
            ),
            (
                "iam::000000000000:role/scan",
                "sts::000000000000:assumed-role/scanner/i-1",
                false,
            ),
            (
                "iam::000000000000:user/scan",
                "sts::000000000000:assumed-role/scan/i-1",
                false,
            ),
            (
                "iam::000000000000:role/scan",
                "iam::000000000000:root",
                false,
            ),
        ] {
            let principal: Arn = format!("arn:aws:{principal}").parse().unwrap();
            let found = is_meant(&format!("arn:aws:{excluded}"), &principal);
            assert_eq!(found, meant, "{excluded} {principal}");
        }
    }

    #[test]
    fn a_pull_is_noted_once_in_24_hours() {
        let then = Timestamp::from_secs(1_000_000);
        assert!(is_due(None, then));
        assert!(!is_due(Some(then), then));
        assert!(!is_due(
            Some(then),
            then + STEP - std::time::Duration::from_millis(1)
        ));
        assert!(is_due(Some(then), then + STEP));
    }
}
