//! What a case works with: the registry, two repositories, and a log of what went wrong.
use std::{
    fmt,
    sync::{
        Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use bytes::Bytes;
use reqwest::Method;
use wharf_types::{Algorithm, Digest, RepoName, media};

use crate::{
    call::Call,
    client::{Body, Client, Exchange, Stop, Trace, Verdict},
    data::{Blob, Random},
};

/// The most content that a case cleans up behind itself.
const MAX_CLEANED: usize = 400;
/// The most failures of a case that are shown.
const MAX_FAILURES: usize = 20;

/// What all cases of a run share.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) client: Client,
    pub(crate) repo: RepoName,
    pub(crate) repo2: RepoName,
    pub(crate) random: Random,
    /// How large a chunk of an upload must be; asked once.
    pub(crate) chunk: OnceLock<usize>,
    /// Set when the registry has refused to delete.
    pub(crate) keeps_all: AtomicBool,
}

/// What one case works with.
#[derive(Debug)]
pub(crate) struct Cx<'r> {
    run: &'r Run,
    log: Mutex<Log>,
}

#[derive(Debug, Default)]
struct Log {
    trace: Trace,
    checks: usize,
    failures: Vec<String>,
    skipped: Option<String>,
    /// Paths to delete when the case is over.
    pushed: Vec<String>,
}

/// How a case ended, and what led there.
#[derive(Debug)]
pub(crate) struct Ending {
    pub(crate) failures: Vec<String>,
    pub(crate) skipped: Option<String>,
    pub(crate) checks: usize,
    pub(crate) requests: usize,
    pub(crate) exchanges: Vec<Exchange>,
}

impl<'r> Cx<'r> {
    pub(crate) fn new(run: &'r Run) -> Self {
        Self {
            run,
            log: Mutex::default(),
        }
    }

    /// The repository that most cases use.
    pub(crate) const fn repo(&self) -> &'r RepoName {
        &self.run.repo
    }

    /// The repository that blobs are mounted from.
    pub(crate) const fn repo2(&self) -> &'r RepoName {
        &self.run.repo2
    }

    pub(crate) const fn run(&self) -> &'r Run {
        self.run
    }

    pub(crate) const fn random(&self) -> &'r Random {
        &self.run.random
    }

    /// A tag that nobody uses.
    pub(crate) fn tag(&self) -> String {
        format!("c{}", self.random().word())
    }

    /// A blob that nobody has.
    pub(crate) fn blob(&self, len: usize) -> Blob {
        self.blob_of(Algorithm::Sha256, len)
    }

    pub(crate) fn blob_of(&self, algorithm: Algorithm, len: usize) -> Blob {
        Blob::new(algorithm, media::OCTET_STREAM, self.random().bytes(len))
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a check; if it failed, the case goes on and fails at its end.
    pub(crate) fn check<T>(&self, result: Result<T, Stop>) {
        let mut log = self.log();
        log.checks += 1;
        match result {
            Ok(_) => {}
            Err(Stop::Skip(reason)) => log.skipped = log.skipped.take().or(Some(reason)),
            Err(Stop::Fail(reason)) => {
                if log.failures.contains(&reason) {
                    return;
                }
                if log.failures.len() < MAX_FAILURES {
                    log.trace.keep();
                    log.failures.push(reason);
                } else {
                    log.failures.truncate(MAX_FAILURES);
                    log.failures.push("and more that are not shown".to_owned());
                }
            }
        }
    }

    /// [`Self::check`] for a condition, with the sentence for when it does not hold.
    pub(crate) fn ensure(&self, holds: bool, otherwise: impl FnOnce() -> String) {
        self.check(if holds {
            Ok(())
        } else {
            Err(Stop::Fail(otherwise()))
        });
    }

    /// Has this path deleted when the case is over.
    pub(crate) fn clean(&self, path: String) {
        let mut log = self.log();
        if log.pushed.len() < MAX_CLEANED {
            log.pushed.push(path);
        }
    }

    /// Ends the case: takes back what it pushed, as far as the registry lets it.
    pub(crate) async fn end(self, verdict: Verdict) -> Ending {
        self.check(verdict);
        let pushed = std::mem::take(&mut self.log().pushed);
        for path in pushed.iter().rev() {
            if self.run.keeps_all.load(Ordering::Relaxed) {
                break;
            }
            let answer = self.delete(path).quietly().await;
            if answer.is_ok_and(|a| [400, 403, 405].contains(&a.status)) {
                self.run.keeps_all.store(true, Ordering::Relaxed);
            }
        }
        let log = self
            .log
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        Ending {
            failures: log.failures,
            skipped: log.skipped,
            checks: log.checks,
            requests: log.trace.count(),
            exchanges: log.trace.into_kept(),
        }
    }

    pub(crate) fn get(&self, target: &str) -> Call<'_> {
        self.call(Method::GET, target, Body::None)
    }

    pub(crate) fn head(&self, target: &str) -> Call<'_> {
        self.call(Method::HEAD, target, Body::None)
    }

    pub(crate) fn post(&self, target: &str) -> Call<'_> {
        self.call(Method::POST, target, Body::Sized(Bytes::new()))
    }

    pub(crate) fn put(&self, target: &str) -> Call<'_> {
        self.call(Method::PUT, target, Body::Sized(Bytes::new()))
    }

    pub(crate) fn patch(&self, target: &str) -> Call<'_> {
        self.call(Method::PATCH, target, Body::Sized(Bytes::new()))
    }

    pub(crate) fn delete(&self, target: &str) -> Call<'_> {
        self.call(Method::DELETE, target, Body::None)
    }

    fn call(&self, method: Method, target: &str, body: Body) -> Call<'_> {
        Call::new(self, method, target, body)
    }

    pub(crate) fn record(&self, exchange: Exchange) {
        self.log().trace.record(exchange);
    }
}

/// Where a blob is.
pub(crate) fn blob_path(repo: &RepoName, digest: &Digest) -> String {
    format!("/v2/{repo}/blobs/{digest}")
}

/// Where a manifest is; the reference may be nonsense.
pub(crate) fn manifest_path(repo: &RepoName, reference: impl fmt::Display) -> String {
    format!("/v2/{repo}/manifests/{reference}")
}

/// Where uploads begin.
pub(crate) fn uploads_path(repo: &RepoName) -> String {
    format!("/v2/{repo}/blobs/uploads/")
}

/// Where the list of tags is.
pub(crate) fn tags_path(repo: &RepoName) -> String {
    format!("/v2/{repo}/tags/list")
}

/// Where the list of referrers is.
pub(crate) fn referrers_path(repo: &RepoName, subject: &Digest) -> String {
    format!("/v2/{repo}/referrers/{subject}")
}
