//! Does what was asked for, one image at a time.
use std::{collections::HashMap, path::PathBuf, time::Duration};

use tokio::time::MissedTickBehavior;
use wharf_storage::{ImageRow, ImageStatus, Owner, Repository, Sparse, Stored, Write};
use wharf_types::{Digest, Manifest, Role, Timestamp};

use super::{
    Completed, Configuration, Finding, Frequency, Scan, ScanType, Status,
    database::Source,
    examine::{self, Failure, Found, Layer},
    is_scannable, scan,
};
use crate::{Cx, Error};

/// How often the directory of the database is looked at, and what could not be done tried again.
const TICK: Duration = Duration::from_mins(1);

/// How often a scan is begun that never comes to its end.
const MAX_ATTEMPTS: u32 = 3;

/// How many rows are read at once.
const PAGE: usize = 100;

/// How many configurations, which is registries, are looked at.
const MAX_REGISTRIES: usize = 1000;

const NO_DATABASE: &str =
    "no vulnerability database is configured: start wharf with --vulnerability-db DIR";

/// Scans ask no upstream for anything.
const NOT_CACHED: &str =
    "some layers of the image are not in the cache yet: pull the image, then scan it again";

/// Scans what is to be scanned, for as long as the task lives.
pub async fn run(cx: Cx, database: Option<PathBuf>) {
    let mut asked = cx.work.subscribe();
    let mut worker = Worker {
        database: Source::new(database),
        swept: None,
        cx,
    };
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let ticked = tokio::select! {
            _ = ticks.tick() => true,
            asked = asked.changed() => {
                if asked.is_err() {
                    return;
                }
                false
            }
        };
        if let Err(error) = worker.round(ticked).await {
            let error: &dyn std::error::Error = &error;
            tracing::warn!(error, "images could not be scanned");
        }
    }
}

struct Worker {
    cx: Cx,
    database: Source,
    /// What configurations and database were like when images were last looked through.
    swept: Option<(Vec<Timestamp>, String)>,
}

/// A scan that was begun.
struct Job {
    repository: i64,
    digest: Digest,
    scan: Scan,
    layers: Vec<Layer>,
}

impl Worker {
    async fn round(&mut self, ticked: bool) -> Result<(), Error> {
        self.sweep(ticked).await?;
        loop {
            let meta = self.cx.store.meta();
            let open = meta.read(|tx| tx.open_documents::<Scan>(1)).await?;
            let Some(first) = open.into_iter().next() else {
                return Ok(());
            };
            self.scan(first).await?;
        }
    }

    async fn scan(&mut self, stored: Stored<Scan>) -> Result<(), Error> {
        let Some(job) = begin(&self.cx, stored).await? else {
            return Ok(());
        };
        let found = match self.database.current().await {
            None => Err(Failure::failed(NO_DATABASE)),
            Some(Err(e)) => Err(Failure::of(&e)),
            Some(Ok(database)) => {
                let about = About::of(&database);
                let found = examine::examine(&self.cx, job.layers, database).await;
                found.map(|found| (found, about))
            }
        };
        let (repository, digest) = (job.repository, job.digest);
        let mut scan = job.scan;
        let asked_ms = scan.asked_ms;
        scan.tried = Some(match &found {
            Ok((_, about)) => about.fingerprint.clone(),
            Err(_) => self.database.fingerprint().await,
        });
        scan.attempts = 0;
        let now = self.cx.store.now();
        let (findings, postponed) = match found {
            Ok((found, about)) => (Some(complete(&mut scan, found, &about, now)), None),
            Err(Failure::Final {
                status,
                description,
            }) => {
                tracing::info!(%digest, ?status, description, "an image was not scanned");
                (scan.open, scan.status, scan.description) = (false, status, description);
                (None, None)
            }
            Err(Failure::Later(e)) => (None, Some(e)),
        };
        let written = self.cx.store.meta().write(move |tx| {
            let now_there = scan::find(tx, repository, &digest)?;
            // The image is gone, or was deleted and pushed again.
            if now_there.is_some_and(|there| there.open && there.asked_ms == asked_ms) {
                write(tx, repository, &digest, &scan, findings.as_deref(), now)?;
            }
            Ok::<_, Error>(())
        });
        written.await?;
        postponed.map_or(Ok(()), Err)
    }

    /// Asks for scans of the images that are scanned continuously: of new ones when a configuration
    /// has changed, of all when the database has.
    async fn sweep(&mut self, ticked: bool) -> Result<(), Error> {
        let meta = self.cx.store.meta().clone();
        let all = meta
            .read(|tx| tx.all_documents::<Configuration>(None, MAX_REGISTRIES))
            .await?;
        let times: Vec<Timestamp> = all.iter().map(|stored| stored.updated).collect();
        let same = self.swept.as_ref().is_some_and(|(then, _)| *then == times);
        let continuous = |stored: &Stored<Configuration>| {
            let rules = &stored.body.rules;
            stored.body.scan_type == ScanType::Enhanced
                && rules
                    .iter()
                    .any(|r| r.frequency == Frequency::ContinuousScan)
        };
        if (same && !ticked) || !all.iter().any(continuous) {
            return Ok(());
        }
        let mark = (times, self.database.fingerprint().await);
        if self.swept.as_ref() == Some(&mark) {
            return Ok(());
        }
        for stored in all.iter().filter(|stored| continuous(stored)) {
            let Owner::Registry(registry) = &stored.owner else {
                continue;
            };
            let mut after = String::new();
            loop {
                let (key, from) = (registry.clone(), after.clone());
                let page = meta
                    .read(move |tx| tx.repositories(&key, &from, PAGE))
                    .await;
                let page: Vec<Repository> = page.map_err(|e: wharf_storage::Error| e)?;
                let Some(last) = page.last() else { break };
                after = last.name.to_string();
                for repository in page {
                    let applied = stored.body.applied(&repository);
                    if applied.frequency == Frequency::ContinuousScan {
                        self.sweep_repository(repository.id, &applied, &mark.1)
                            .await?;
                    }
                }
            }
        }
        self.swept = Some(mark);
        Ok(())
    }

    async fn sweep_repository(
        &self,
        repository: i64,
        applied: &super::Applied,
        fingerprint: &str,
    ) -> Result<(), Error> {
        let mut after = 0;
        loop {
            let (applied, fingerprint) = (applied.clone(), fingerprint.to_owned());
            let now = self.cx.store.now();
            let swept = self.cx.store.meta().write(move |tx| {
                let images = tx.images(repository, after, PAGE)?;
                for image in &images {
                    renew(tx, repository, image, &applied, &fingerprint, now)?;
                }
                Ok::<_, Error>(images.last().map(|image| image.id))
            });
            match swept.await? {
                Some(last) => after = last,
                None => return Ok(()),
            }
        }
    }
}

/// Opens the scan of an image unless it is up to date.
fn renew(
    tx: &Write<'_>,
    repository: i64,
    image: &ImageRow,
    applied: &super::Applied,
    fingerprint: &str,
    now: Timestamp,
) -> Result<(), Error> {
    if image.status != ImageStatus::Active || !is_scannable(image) {
        return Ok(());
    }
    let before = scan::find(tx, repository, &image.digest)?;
    let current =
        |scan: &Scan| scan.open || (scan.continuous && scan.tried.as_deref() == Some(fingerprint));
    if before.as_ref().is_some_and(current) {
        return Ok(());
    }
    // Until there is more to say, what was said stands.
    let shown = before.as_ref().filter(|scan| scan.status == Status::Active);
    let shown = shown.map(|scan| (scan.status, scan.description.clone()));
    let mut scan = Scan::asked(applied, before, now);
    if let Some(shown) = shown {
        (scan.status, scan.description) = shown;
    }
    let owner = scan::owner(repository, &image.digest);
    Ok(tx.put_document(&owner, "", &scan, now)?)
}

/// Notes that a scan begins, and collects what it needs. `None` if there is nothing to do.
async fn begin(cx: &Cx, stored: Stored<Scan>) -> Result<Option<Job>, Error> {
    let Owner::Image(repository, digest) = stored.owner else {
        return Ok(None);
    };
    let now = cx.store.now();
    let begun = cx.store.meta().write(move |tx| {
        let Some(mut scan) = scan::find(tx, repository, &digest)?.filter(|scan| scan.open) else {
            return Ok(None);
        };
        scan.attempts += 1;
        let manifest = tx.manifest(repository, &digest)?;
        let layers = match &manifest {
            Some(row) if row.status != ImageStatus::Active => Err((
                Status::ImageArchived,
                "the image is archived and cannot be scanned",
            )),
            _ if scan.attempts > MAX_ATTEMPTS => Err((
                Status::Failed,
                "the scan was begun several times and never came to an end",
            )),
            Some(row) => match Manifest::parse(Some(&row.media_type), row.bytes.as_slice()) {
                Ok(manifest) => match layers(tx, repository, &manifest)? {
                    layers if lacks(tx, repository, &layers)? => Err((Status::Failed, NOT_CACHED)),
                    layers => Ok(layers),
                },
                Err(_malformed) => Err((Status::Failed, "the manifest cannot be read")),
            },
            None => Err((Status::Failed, "the image is gone")),
        };
        if let Err((status, description)) = layers {
            (scan.open, scan.status) = (false, status);
            description.clone_into(&mut scan.description);
        }
        tx.put_document(&scan::owner(repository, &digest), "", &scan, now)?;
        Ok::<_, Error>(layers.ok().map(|layers| Job {
            repository,
            digest: digest.clone(),
            scan,
            layers,
        }))
    });
    begun.await
}

fn layers(
    tx: &Write<'_>,
    repository: i64,
    manifest: &Manifest<&[u8]>,
) -> Result<Vec<Layer>, Error> {
    let layers = manifest.references.iter();
    let layers = layers.filter(|reference| reference.role == Role::Layer);
    let layer = |reference: &wharf_types::Reference| {
        Ok(Layer {
            digest: reference.digest.clone(),
            row: tx.blob(repository, &reference.digest)?,
        })
    };
    layers.map(layer).collect()
}

/// Whether some layers are still to come from an upstream.
fn lacks(tx: &Write<'_>, repository: i64, layers: &[Layer]) -> Result<bool, Error> {
    let cached = tx.document::<Sparse>(&Owner::Repository(repository), "")?;
    Ok(cached.is_some() && layers.iter().any(|layer| layer.row.is_none()))
}

/// What is told of the database beside the findings.
struct About {
    fingerprint: String,
    source_ms: i64,
    problem: Option<String>,
}

impl About {
    fn of(database: &wharf_scan::Database) -> Self {
        let problem = database.problems.first().map(|first| {
            format!(
                "{} parts of the vulnerability database could not be read, the first is {}: {}",
                database.problem_count,
                first.path.display(),
                first.reason
            )
        });
        Self {
            fingerprint: database.fingerprint.to_string(),
            source_ms: database.fingerprint.updated.as_ms(),
            problem,
        }
    }
}

/// Makes a scan a complete one; what it found is returned.
fn complete(scan: &mut Scan, found: Found, about: &About, now: Timestamp) -> Vec<Finding> {
    scan.open = false;
    let text = if scan.continuous {
        scan.status = Status::Active;
        "Continuous scan is selected for image."
    } else {
        scan.status = Status::Complete;
        "The scan was completed successfully."
    };
    scan.description = match &about.problem {
        Some(problem) => format!("{text} {problem}"),
        None => text.to_owned(),
    };
    scan.completed = Some(Completed {
        at_ms: now.as_ms(),
        source_ms: about.source_ms,
        counts: scan::counts(&found.findings),
        platform: found.platform,
        manager: found.manager.to_owned(),
    });
    let findings = found.findings.into_iter();
    findings.map(|finding| Finding::new(finding, now)).collect()
}

/// Writes a scan, and its findings in the place of the last ones if there are any to write.
fn write(
    tx: &Write<'_>,
    repository: i64,
    digest: &Digest,
    scan: &Scan,
    findings: Option<&[Finding]>,
    now: Timestamp,
) -> Result<(), Error> {
    let owner = scan::owner(repository, digest);
    if let Some(findings) = findings {
        let before = scan::findings(tx, repository, digest, "", usize::MAX >> 1)?;
        let known: HashMap<(String, String), i64> = before
            .into_iter()
            .map(|(_, old)| ((old.name, old.package), old.first_ms))
            .collect();
        tx.delete_documents::<Finding>(&owner)?;
        for (i, finding) in findings.iter().enumerate() {
            let mut finding = finding.clone();
            let key = (finding.name.clone(), finding.package.clone());
            finding.first_ms = known.get(&key).copied().unwrap_or(finding.first_ms);
            tx.put_document(&owner, &format!("{i:08}"), &finding, now)?;
        }
    }
    Ok(tx.put_document(&owner, "", scan, now)?)
}
