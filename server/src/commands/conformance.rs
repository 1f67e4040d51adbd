//! `wharf conformance`: the cases of the crate `conformance` against any registry.
use std::{
    io::{IsTerminal as _, Write as _},
    path::Path,
};

use anyhow::Context as _;
use wharf_conformance::{Category, Credentials, Options, Outcome, Progress, run as run_cases};

use super::{FAILED, OK, say};
use crate::config::Conformance;

pub(super) async fn run(options: Conformance) -> anyhow::Result<u8> {
    let mut cases = Options::new(&options.registry, options.repo.parse()?)?;
    cases.repo2 = options.repo2.parse()?;
    cases.credentials = options.user.map(|username| Credentials {
        username,
        password: options
            .password
            .as_ref()
            .map_or_else(String::new, |p| p.reveal().to_owned()),
    });
    if !options.categories.is_empty() {
        cases.categories = options
            .categories
            .iter()
            .map(|name| name.parse())
            .collect::<Result<Vec<Category>, _>>()?;
    }
    let line = std::io::stderr().is_terminal();
    let mut show = |progress: Progress<'_>| {
        // Progress that nobody can read is not worth failing for.
        drop(if line { overwrite(&progress) } else { Ok(()) });
    };
    let report = run_cases(cases, &mut show).await?;
    for (path, text) in [
        (&options.junit, report.to_junit_xml()),
        (&options.html, report.to_html()),
        (&options.json, report.to_json()),
    ] {
        if let Some(path) = path {
            save(path, &text)?;
        }
    }
    say(&report)?;
    Ok(if report.passed() { OK } else { FAILED })
}

/// One line that shows how far the run has come; failures stay.
fn overwrite(progress: &Progress<'_>) -> std::io::Result<()> {
    let mut out = std::io::stderr();
    let failed = matches!(progress, Progress::Finished { case, .. } if matches!(case.outcome, Outcome::Fail { .. }));
    let last = matches!(progress, Progress::Finished { done, total, .. } if done == total);
    write!(
        out,
        "\r\x1b[2K{progress}{}",
        if failed || last { "\n" } else { "" }
    )?;
    out.flush()
}

fn save(path: &Path, text: &str) -> anyhow::Result<()> {
    std::fs::write(path, text).with_context(|| format!("{} cannot be written", path.display()))
}
