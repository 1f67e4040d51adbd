//! Every link in a Markdown file to another file of the project leads somewhere.

use std::path::Path;

use anyhow::Result;

use crate::{Problems, files};

pub(crate) fn check(root: &Path) -> Result<Problems> {
    let mut problems = Problems::new();
    for path in files::find(root, ".md")? {
        let text = files::read(&path)?;
        for (line, target) in targets(&text) {
            if let Some(reason) = broken(&path, &text, &target)? {
                let name = files::relative(root, &path);
                problems.push(format!("{name}:{line}: {target}: {reason}"));
            }
        }
    }
    Ok(problems)
}

/// Why a link does not lead anywhere; none if it does, or if it leaves the project.
fn broken(from: &Path, text: &str, target: &str) -> Result<Option<&'static str>> {
    if target.contains("://") || target.starts_with("mailto:") {
        return Ok(None);
    }
    let (file, heading) = target.split_once('#').unwrap_or((target, ""));
    let path = from.parent().unwrap_or(from).join(file);
    if !file.is_empty() && !path.exists() {
        return Ok(Some("no such file"));
    }
    let markdown = file.is_empty() || path.extension().is_some_and(|kind| kind == "md");
    if heading.is_empty() || !markdown {
        return Ok(None);
    }
    let text = if file.is_empty() {
        text.to_owned()
    } else {
        files::read(&path)?
    };
    let found = prose(&text)
        .filter_map(|(_, line)| line.strip_prefix('#').map(anchor))
        .any(|anchor| anchor == heading);
    Ok(if found { None } else { Some("no such heading") })
}

/// A heading's anchor as code hosts make it: lower case, hyphens for spaces, no punctuation.
fn anchor(heading: &str) -> String {
    heading
        .trim_start_matches('#')
        .trim()
        .to_lowercase()
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

/// The targets of `[text](target)` and of `[name]: target`, with their line numbers.
fn targets(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (number, line) in prose(text) {
        let line = without_code(line);
        for after in line.split("](").skip(1) {
            found.extend(first_word(after.split(')').next()).map(|target| (number, target)));
        }
        if line.starts_with('[')
            && let Some((_, target)) = line.split_once("]: ")
        {
            found.extend(first_word(Some(target)).map(|target| (number, target)));
        }
    }
    found
}

fn first_word(text: Option<&str>) -> Option<String> {
    let word = text?.split_whitespace().next()?;
    Some(word.trim_matches(['<', '>']).to_owned())
}

/// The numbered lines outside fenced code.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    text.lines().enumerate().filter_map(move |(index, line)| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        (!fenced && !fence).then_some((index + 1, line))
    })
}

/// The line without what stands in backquotes.
fn without_code(line: &str) -> String {
    line.split('`').step_by(2).collect::<Vec<_>>().join("`")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only(text: &str) -> Vec<String> {
        targets(text)
            .into_iter()
            .map(|(_, target)| target)
            .collect()
    }

    #[test]
    fn links_are_found_and_code_is_not() {
        assert_eq!(
            only("see [a](b.md) and [c](d.md#e \"title\")"),
            ["b.md", "d.md#e"]
        );
        assert_eq!(only("[a]: <b.md>"), ["b.md"]);
        assert_eq!(only("`[a](b.md)`\n```\n[a](b.md)\n```\n"), [""; 0]);
        assert_eq!(only("matches!(x[0](y))"), ["y"]);
    }

    #[test]
    fn a_link_must_lead_to_a_file_and_a_heading() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
        let text = "# The `one` way: up & down\n";
        let reason = |target| broken(&here, text, target).unwrap();
        assert_eq!(reason("Cargo.toml"), None);
        assert_eq!(reason("src/links.rs#L1"), None);
        assert_eq!(reason("https://example.com/none"), None);
        assert_eq!(reason("#the-one-way-up--down"), None);
        assert_eq!(reason("#elsewhere"), Some("no such heading"));
        assert_eq!(reason("nothing.md"), Some("no such file"));
    }
}
