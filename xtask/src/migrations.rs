//! Migrations are applied in order and never edited: a database out there has run them as they were.
//!
//! `checksums`, beside them, has a line for each, in the format of sha256sum.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use sha2::{Digest as _, Sha256};

use crate::{Problems, files};

const FOLDER: &str = "storage/src/meta/migrations";
const CHECKSUMS: &str = "checksums";

/// Checksums by file name.
type Sums = BTreeMap<String, String>;

pub(crate) fn check(root: &Path) -> Result<Problems> {
    let (recorded, present) = load(root)?;
    Ok(compare(&recorded, &present))
}

/// Adds the lines of new migrations; refuses when an old one was changed.
pub(crate) fn record(root: &Path) -> Result<()> {
    let (recorded, present) = load(root)?;
    for (name, sum) in &recorded {
        match present.get(name) {
            None => bail!("{name} is gone; migrations stay"),
            Some(now) if now != sum => bail!("{name} was edited; write a new migration instead"),
            Some(_) => {}
        }
    }
    let mut text = String::new();
    for (name, sum) in &present {
        writeln!(text, "{sum}  {name}")?;
    }
    let path = folder(root).join(CHECKSUMS);
    fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    println!(
        "{} new, {} in all",
        present.len() - recorded.len(),
        present.len()
    );
    Ok(())
}

fn folder(root: &Path) -> PathBuf {
    root.join(FOLDER)
}

fn load(root: &Path) -> Result<(Sums, Sums)> {
    let folder = folder(root);
    if !folder.exists() {
        return Ok((Sums::new(), Sums::new()));
    }
    let checksums = folder.join(CHECKSUMS);
    let recorded = if checksums.exists() {
        parse(&files::read(&checksums)?)?
    } else {
        Sums::new()
    };
    let mut present = Sums::new();
    for path in files::find(&folder, ".sql")? {
        let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        present.insert(files::relative(&folder, &path), sum(&bytes));
    }
    Ok((recorded, present))
}

fn parse(text: &str) -> Result<Sums> {
    text.lines()
        .map(|line| {
            let (sum, name) = line
                .split_once("  ")
                .context("a line of checksums is malformed")?;
            Ok((name.to_owned(), sum.to_owned()))
        })
        .collect()
}

fn sum(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .fold(String::new(), |mut text, byte| {
            // Writing to a String cannot fail.
            _ = write!(text, "{byte:02x}");
            text
        })
}

fn compare(recorded: &Sums, present: &Sums) -> Problems {
    let mut problems = Problems::new();
    for (name, sum) in recorded {
        match present.get(name) {
            None => problems.push(format!("{FOLDER}/{name} is gone; migrations stay")),
            Some(now) if now != sum => {
                problems.push(format!(
                    "{FOLDER}/{name} was edited; write a new migration instead"
                ));
            }
            Some(_) => {}
        }
    }
    for name in present.keys().filter(|name| !recorded.contains_key(*name)) {
        problems.push(format!(
            "{FOLDER}/{name} is not recorded; run `cargo xtask migrations`"
        ));
    }
    for (index, name) in present.keys().enumerate() {
        let number = format!("{:04}_", index + 1);
        if !name.starts_with(&number) {
            problems.push(format!("{FOLDER}/{name}: its number should be {number}"));
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sums(entries: &[(&str, &str)]) -> Sums {
        entries
            .iter()
            .map(|(name, text)| ((*name).to_owned(), sum(text.as_bytes())))
            .collect()
    }

    #[test]
    fn an_edited_migration_is_a_problem() {
        let recorded = sums(&[("0001_init.sql", "a")]);
        assert_eq!(compare(&recorded, &recorded), [""; 0]);
        assert_eq!(
            compare(&recorded, &sums(&[("0001_init.sql", "b")])).len(),
            1
        );
    }

    #[test]
    fn a_new_or_missing_or_misnumbered_migration_is_a_problem() {
        let one = sums(&[("0001_init.sql", "a")]);
        let two = sums(&[("0001_init.sql", "a"), ("0003_more.sql", "b")]);
        assert_eq!(compare(&one, &two).len(), 2);
        assert_eq!(compare(&two, &two).len(), 1);
        assert_eq!(compare(&one, &Sums::new()).len(), 1);
    }

    #[test]
    fn checksums_are_those_of_sha256sum() {
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(sum(b""), empty);
        assert_eq!(
            parse(&format!("{empty}  0001_a.sql\n")).unwrap()["0001_a.sql"],
            empty
        );
    }
}
