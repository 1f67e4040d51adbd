//! One run: is this a registry that we may push to, and then every case in turn.
use std::{
    fmt,
    sync::{OnceLock, atomic::AtomicBool},
};

use futures::FutureExt as _;
use tokio::time::Instant;
use wharf_types::{Clock, RepoName};

use crate::{
    Category, Error, Options,
    cases::{self, Case},
    client::{Client, Stop},
    cx::{Cx, Run, uploads_path},
    data::Random,
    report::{CaseReport, Outcome, Report},
};

/// What is told while the cases run.
#[derive(Clone, Copy, Debug)]
pub enum Progress<'r> {
    /// The registry has been reached; so many cases follow.
    Started {
        /// How many cases will be run.
        total: usize,
    },
    /// A case has ended.
    Finished {
        /// How it ended.
        case: &'r CaseReport,
        /// How many cases have ended, this one included.
        done: usize,
        /// How many cases are run.
        total: usize,
    },
}

impl fmt::Display for Progress<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Started { total } => write!(f, "running {total} cases"),
            Self::Finished { case, done, total } => {
                let CaseReport {
                    category,
                    id,
                    title,
                    outcome,
                    ..
                } = case;
                let width = total.to_string().len();
                let word = outcome.word();
                write!(
                    f,
                    "{done:>width$}/{total} {word:<4} {category}/{id}: {title}"
                )?;
                outcome
                    .reasons()
                    .try_for_each(|reason| write!(f, "\n    {reason}"))
            }
        }
    }
}

/// A case, for lists of what there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CaseInfo {
    /// The group it belongs to.
    pub category: Category,
    /// Its name, unique within the category.
    pub id: &'static str,
    /// A sentence that holds if it passes.
    pub title: &'static str,
    /// Who demands it.
    pub clause: &'static str,
}

/// Every case there is, in the order in which they are run.
pub fn cases() -> impl Iterator<Item = CaseInfo> {
    rows(&Category::ALL).map(
        |(
            category,
            Case {
                id, title, clause, ..
            },
        )| CaseInfo {
            category,
            id,
            title,
            clause,
        },
    )
}

fn rows(selected: &[Category]) -> impl Iterator<Item = (Category, &'static Case)> {
    let chosen = Category::ALL
        .into_iter()
        .filter(|category| selected.contains(category));
    chosen.flat_map(|category| cases::of(category).iter().map(move |case| (category, case)))
}

/// Runs the cases one after another.
///
/// A case that fails does not stop the run; only a registry that cannot be tested at all does.
pub async fn run(
    options: Options,
    on_progress: &mut (dyn FnMut(Progress<'_>) + Send),
) -> Result<Report, Error> {
    if options.repo == options.repo2 {
        return Err(Error::SameRepository(options.repo));
    }
    let run = Run {
        client: Client::new(&options)?,
        repo: options.repo.clone(),
        repo2: options.repo2.clone(),
        random: Random::new(),
        chunk: OnceLock::new(),
        keeps_all: AtomicBool::new(false),
    };
    preflight(&run, &options).await?;
    let (started_at, start) = (Clock::System.now(), Instant::now());
    let total = rows(&options.categories).count();
    on_progress(Progress::Started { total });
    let mut reports = Vec::with_capacity(total);
    for (category, case) in rows(&options.categories) {
        let report = run_case(&run, category, case).boxed().await;
        on_progress(Progress::Finished {
            case: &report,
            done: reports.len() + 1,
            total,
        });
        reports.push(report);
    }
    Ok(Report {
        registry: options.registry().to_owned(),
        repo: options.repo,
        repo2: options.repo2,
        started_at: started_at.to_string(),
        seconds: start.elapsed().as_secs_f64(),
        cases: reports,
    })
}

async fn run_case(run: &Run, category: Category, case: &Case) -> CaseReport {
    let (start, cx) = (Instant::now(), Cx::new(run));
    let verdict = (case.run)(&cx).await;
    let ending = cx.end(verdict).await;
    CaseReport {
        category,
        id: case.id,
        title: case.title,
        clause: case.clause,
        outcome: match ending.skipped {
            _ if !ending.failures.is_empty() => Outcome::Fail {
                reasons: ending.failures,
            },
            Some(reason) => Outcome::Skip { reason },
            None => Outcome::Pass,
        },
        checks: ending.checks,
        requests: ending.requests,
        seconds: start.elapsed().as_secs_f64(),
        exchanges: ending.exchanges,
    }
}

/// Everything that would make every case fail for the same reason.
async fn preflight(run: &Run, options: &Options) -> Result<(), Error> {
    let cx = Cx::new(run);
    let ping = cx.get("/v2/").quietly().await.map_err(unreachable)?;
    match (ping.status, &options.credentials) {
        (200, _) => {}
        (401, None) => return Err(Error::CredentialsNeeded),
        (401 | 403, _) => return Err(Error::CredentialsRefused(ping.said())),
        (status, _) => return Err(Error::NotARegistry(status)),
    }
    let categories = &options.categories;
    if categories
        .iter()
        .any(|category| *category != Category::Ping)
    {
        may_push(&cx, options, &options.repo).await?;
        may_push(&cx, options, &options.repo2).await?;
    }
    Ok(())
}

async fn may_push(cx: &Cx<'_>, options: &Options, repo: &RepoName) -> Result<(), Error> {
    let answer = cx
        .post(&uploads_path(repo))
        .quietly()
        .await
        .map_err(unreachable)?;
    match answer.status {
        404 => Err(Error::NoRepository {
            missing: repo.clone(),
            first: options.repo.clone(),
            second: options.repo2.clone(),
        }),
        401 if options.credentials.is_none() => Err(Error::CredentialsNeeded),
        401 | 403 | 405 => Err(Error::MayNotPush {
            repo: repo.clone(),
            answer: answer.said(),
        }),
        _ => {
            // An upload that is left behind costs the registry nothing but room.
            if let Ok(location) = answer.location() {
                cx.delete(&location).quietly().await.ok();
            }
            Ok(())
        }
    }
}

fn unreachable(stop: Stop) -> Error {
    let (Stop::Fail(text) | Stop::Skip(text)) = stop;
    Error::Unreachable(text)
}
