//! The OCI distribution conformance cases, for any registry.
//!
//! The cases follow the [distribution specification], cover what its official suite demands, and go
//! on where that leaves off: pages, several ranges, conditional requests, limits, and several
//! clients at once. They push to two repositories, which should hold nothing else: what the cases
//! pushed they delete again, the empty blob and the empty JSON object included.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use wharf_conformance::{Category, Options, Progress, run};
//!
//! let mut options = Options::new("localhost:5000", "conformance/app".parse()?)?;
//! options.categories = vec![Category::Push, Category::Pull];
//! let mut show = |progress: Progress<'_>| eprintln!("{progress}");
//! let report = run(options, &mut show).await?;
//! std::fs::write("report.html", report.to_html())?;
//! assert!(report.passed());
//! # Ok(())
//! # }
//! ```
//!
//! [distribution specification]: https://github.com/opencontainers/distribution-spec/blob/main/spec.md

mod call;
mod cases;
mod category;
mod client;
mod cx;
mod data;
mod error;
mod lists;
mod manifests;
mod multipart;
mod options;
mod report;
mod run;
#[cfg(test)]
mod tests;
mod upload;

pub use category::{Category, UnknownCategory};
pub use client::{Exchange, Message};
pub use error::Error;
pub use options::{Credentials, Options};
pub use report::{CaseReport, Counts, Outcome, Report};
pub use run::{CaseInfo, Progress, cases, run};
