//! What a source file must not contain.

use std::path::Path;

use anyhow::Result;

use crate::crates::Member;
use crate::{Problems, files};

/// About 400 lines are a file that can be read; beyond this one it is time to split.
const MAX_LINES: usize = 500;

/// Left behind by someone who meant to come back. Written in two parts, for this file's own sake.
const FORBIDDEN: &[(&str, &str)] = &[("todo", "!("), ("unimplemented", "!("), ("dbg", "!(")];

/// Finds forbidden words; prints a warning for each file that is too long.
pub(crate) fn check(root: &Path, members: &[Member]) -> Result<Problems> {
    let mut problems = Problems::new();
    for member in members {
        let sources = member.folder.join("src");
        for path in files::find(&member.folder, ".rs")? {
            let text = files::read(&path)?;
            let name = files::relative(root, &path);
            let lines = text.lines().count();
            if path.starts_with(&sources) && lines > MAX_LINES {
                println!("warning: {name} has {lines} lines; split what changes together");
            }
            problems.extend(forbidden(&text).map(|line| format!("{name}:{line}")));
        }
    }
    Ok(problems)
}

/// The lines with a forbidden word, as `number: text`.
fn forbidden(text: &str) -> impl Iterator<Item = String> {
    text.lines().enumerate().filter_map(|(index, line)| {
        let found = FORBIDDEN.iter().any(|(word, call)| {
            line.match_indices(word).any(|(at, _)| {
                let whole = line.get(..at).is_some_and(|before| {
                    !before.ends_with(|c: char| c.is_alphanumeric() || c == '_')
                });
                whole
                    && line
                        .get(at + word.len()..)
                        .is_some_and(|after| after.starts_with(call))
            })
        });
        found.then(|| format!("{}: {}", index + 1, line.trim()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forbidden_words_are_found_whole() {
        let text = format!("a\n  {}!()\nmy_{0}!()\n{0} x", "todo");
        assert_eq!(
            forbidden(&text).collect::<Vec<_>>(),
            ["2: todo".to_owned() + "!()"]
        );
    }
}
