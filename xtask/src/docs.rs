//! Tables in the docs that are printed by the code, so that a fact is written once.
//!
//! A table stands between `<!-- begin NAME -->` and `<!-- end NAME -->`. `cargo xtask docs` rewrites
//! it, `cargo xtask check` compares.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::{Problems, files};

/// A table and the command that prints it.
#[derive(Debug)]
struct Table {
    file: &'static str,
    name: &'static str,
    command: &'static [&'static str],
}

const TABLES: &[Table] = &[];

pub(crate) fn check(root: &Path) -> Result<Problems> {
    let mut problems = Problems::new();
    for table in TABLES {
        let text = files::read(&root.join(table.file))?;
        if replaced(&text, table.name, &print(root, table)?)? != text {
            let Table { file, name, .. } = table;
            problems.push(format!(
                "{file}: {name} is out of date; run `cargo xtask docs`"
            ));
        }
    }
    Ok(problems)
}

pub(crate) fn rewrite(root: &Path) -> Result<()> {
    for table in TABLES {
        let path = root.join(table.file);
        let text = replaced(&files::read(&path)?, table.name, &print(root, table)?)?;
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    println!("{} tables", TABLES.len());
    Ok(())
}

fn print(root: &Path, table: &Table) -> Result<String> {
    let [program, arguments @ ..] = table.command else {
        bail!("{}: no command", table.name)
    };
    let output = Command::new(program)
        .args(arguments)
        .current_dir(root)
        .output()
        .with_context(|| format!("cannot run {program}"))?;
    if !output.status.success() {
        bail!(
            "{}: {}",
            table.name,
            String::from_utf8_lossy(&output.stderr)
        );
    }
    String::from_utf8(output.stdout).context("the table is not UTF-8")
}

/// The text with what stands between the two marks of `name` replaced.
fn replaced(text: &str, name: &str, table: &str) -> Result<String> {
    let begin = format!("<!-- begin {name} -->\n");
    let end = format!("<!-- end {name} -->");
    let (before, rest) = text
        .split_once(&begin)
        .with_context(|| format!("no mark {begin}"))?;
    let (_, after) = rest
        .split_once(&end)
        .with_context(|| format!("no mark {end}"))?;
    Ok(format!("{before}{begin}{}\n{end}{after}", table.trim_end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stands_between_the_marks_is_replaced() {
        let text = "a\n<!-- begin t -->\nold\n<!-- end t -->\nb\n";
        let new = "a\n<!-- begin t -->\nnew\n<!-- end t -->\nb\n";
        assert_eq!(replaced(text, "t", "new\n").unwrap(), new);
        assert_eq!(replaced(new, "t", "new\n").unwrap(), new);
        replaced(text, "u", "").unwrap_err();
    }
}
