//! The project's own checks, of what neither the compiler nor clippy looks at.
//!
//! `cargo xtask check` reads the workspace and prints every problem; it changes nothing and needs
//! no network. The other commands write what `check` compares.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line tool: its output is for the terminal"
)]

mod crates;
mod docs;
mod files;
mod links;
mod migrations;
mod schema;
mod sources;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result};

const USAGE: &str = "\
usage: cargo xtask <command>

  check       check crate edges, migrations, generated tables, sources and links
  migrations  record the checksums of new migrations
  docs        rewrite the generated tables in the docs
  schema      write the table of Kubernetes' types anew (needs Go)
";

/// What a check found wrong, one line each.
type Problems = Vec<String>;

fn main() -> ExitCode {
    let command = std::env::args().nth(1).unwrap_or_default();
    let root = root();
    let done = match command.as_str() {
        "check" => check(&root),
        "migrations" => migrations::record(&root).map(|()| true),
        "docs" => docs::rewrite(&root).map(|()| true),
        "schema" => schema::write(&root).map(|()| true),
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs every check, also after one has found something.
fn check(root: &Path) -> Result<bool> {
    let members = crates::members(root)?;
    let results = [
        ("crate edges", crates::check_edges(&members)),
        ("libraries", crates::check_libraries(&members)),
        ("migrations", migrations::check(root).context("migrations")?),
        (
            "generated docs",
            docs::check(root).context("generated docs")?,
        ),
        (
            "sources",
            sources::check(root, &members).context("sources")?,
        ),
        ("links", links::check(root).context("links")?),
    ];
    let mut good = true;
    for (name, problems) in results {
        good &= problems.is_empty();
        println!(
            "{name}: {}",
            if problems.is_empty() { "ok" } else { "FAILED" }
        );
        for problem in problems {
            println!("  {problem}");
        }
    }
    Ok(good)
}

fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}
