//! Scans of images for known vulnerabilities: asked for, done beside the requests, remembered.
//!
//! A [`Scan`] is a document of its image. It is open from the transaction that asks for it, which
//! for a scan on push is that of the push, until the worker ([`run`]) has written what it found.
//!
//! # Guarantees
//! * A scan is complete only if every layer was read to its end and the database has advisories for
//!   the image's distribution. Whatever else comes of it says why; no finding is made up, and none
//!   is left out silently.
//! * Findings and the status that goes with them are written together.
//!
//! Stopped halfway, a scan is still open, and begins anew with the next start. One that takes the
//! program down with it is given up after a few attempts.
mod configuration;
mod database;
mod examine;
mod scan;
mod worker;

pub use configuration::{Applied, Configuration, Frequency, Rule, ScanType, configuration};
pub use scan::{Completed, Finding, Scan, Score, Status, Vulnerable, find, findings};
pub use worker::run;

use std::time::Duration;

use wharf_storage::{ImageRow, ImageStatus, Repository, Write};
use wharf_types::{Digest, Registry, Timestamp, media};

use crate::{Cx, Error};

/// How long after a scan an image may be scanned again, unless the scan failed.
const QUOTA: Duration = Duration::from_hours(24);

/// Whether there can be packages in an image: it is no index, and no artifact that only looks like
/// an image.
fn is_scannable(image: &ImageRow) -> bool {
    let manifest = [media::OCI_MANIFEST, media::DOCKER_MANIFEST];
    let config = [media::OCI_CONFIG, media::DOCKER_CONFIG];
    manifest.contains(&image.media_type.as_str())
        && image.artifact_type.is_none()
        && image
            .config_media_type
            .as_deref()
            .is_some_and(|kind| config.contains(&kind))
}

/// Asks for a scan of a pushed image if its repository is scanned on push; whether it did.
pub fn pushed(
    tx: &Write<'_>,
    repository: &Repository,
    digest: &Digest,
    now: Timestamp,
) -> Result<bool, Error> {
    let applied = configuration(tx, &repository.registry)?.applied(repository);
    if applied.frequency == Frequency::Manual {
        return Ok(false);
    }
    let image = tx.image(repository.id, digest)?;
    let scannable = image.is_some_and(|i| i.status == ImageStatus::Active && is_scannable(&i));
    let before = find(tx, repository.id, digest)?;
    if !scannable || before.as_ref().is_some_and(|scan| scan.is_recent(now)) {
        return Ok(false);
    }
    let scan = Scan::asked(&applied, before, now);
    tx.put_document(&scan::owner(repository.id, digest), "", &scan, now)?;
    Ok(true)
}

/// Asks for a scan of an image, as `StartImageScan` does.
pub fn start(
    tx: &Write<'_>,
    repository: &Repository,
    digest: &Digest,
    now: Timestamp,
) -> Result<Scan, Error> {
    let applied = configuration(tx, &repository.registry)?.applied(repository);
    if applied.scan_type == ScanType::Enhanced {
        return Err(Error::ScanDisabled);
    }
    let image = tx.image(repository.id, digest)?;
    let image = image.ok_or(Error::ManifestUnknown)?;
    if image.status != ImageStatus::Active {
        return Err(Error::ScanArchived {
            digest: digest.clone(),
        });
    }
    if !is_scannable(&image) {
        return Err(Error::ScanUnsupported {
            digest: digest.clone(),
        });
    }
    let before = find(tx, repository.id, digest)?;
    if before.as_ref().is_some_and(|scan| scan.is_recent(now)) {
        return Err(Error::ScanQuota);
    }
    let scan = Scan::asked(&applied, before, now);
    tx.put_document(&scan::owner(repository.id, digest), "", &scan, now)?;
    Ok(scan)
}

/// Sets how a registry's images are scanned.
pub async fn configure(
    cx: &Cx,
    registry: &Registry,
    configuration: Configuration,
) -> Result<(), Error> {
    let (owner, now) = (configuration::owner(registry), cx.store.now());
    let set = cx.store.meta().write(move |tx| {
        let set = tx.put_document(&owner, "", &configuration, now);
        set.map_err(Error::from)
    });
    set.await?;
    cx.work.send_replace(());
    Ok(())
}
