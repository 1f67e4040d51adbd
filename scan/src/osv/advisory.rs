//! One document of the OSV format, and what is kept of it.
use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;
use wharf_types::Timestamp;

use super::{Advisory, Affected, Cvss, Event, Range, Severity, ecosystem};
use crate::Scheme;

/// The longest description that is kept, in bytes.
const MAX_DESCRIPTION: usize = 2048;

/// How many references and names of an advisory are kept.
const MAX_REFERENCES: usize = 10;
const MAX_NAMES: usize = 100;

#[derive(Deserialize)]
pub(super) struct Document {
    id: String,
    #[serde(default)]
    modified: Option<String>,
    #[serde(default)]
    published: Option<String>,
    #[serde(default)]
    withdrawn: Option<String>,
    #[serde(default)]
    aliases: Option<Vec<String>>,
    #[serde(default)]
    upstream: Option<Vec<String>>,
    #[serde(default)]
    related: Option<Vec<String>>,
    #[serde(default)]
    summary: Option<String>,
    #[serde(default)]
    details: Option<String>,
    #[serde(default)]
    severity: Option<Vec<Rating>>,
    #[serde(default)]
    affected: Option<Vec<About>>,
    #[serde(default)]
    references: Option<Vec<Link>>,
    #[serde(default)]
    database_specific: Option<Value>,
}

#[derive(Deserialize)]
struct Rating {
    #[serde(rename = "type")]
    kind: String,
    score: String,
}

#[derive(Deserialize)]
struct Link {
    url: String,
}

#[derive(Deserialize)]
struct About {
    #[serde(default)]
    package: Option<Named>,
    #[serde(default)]
    severity: Option<Vec<Rating>>,
    #[serde(default)]
    ranges: Option<Vec<Versions>>,
    #[serde(default)]
    versions: Option<Vec<String>>,
    #[serde(default)]
    ecosystem_specific: Option<Value>,
    #[serde(default)]
    database_specific: Option<Value>,
}

#[derive(Deserialize)]
struct Named {
    ecosystem: String,
    name: String,
}

#[derive(Deserialize)]
struct Versions {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    events: Vec<Change>,
}

#[derive(Deserialize)]
struct Change {
    introduced: Option<String>,
    fixed: Option<String>,
    last_affected: Option<String>,
}

/// What a document is about: an ecosystem, a package's name there, and the versions.
pub(super) type Row = (String, Box<str>, Affected);

impl Document {
    /// What is kept of the document; nothing if it was withdrawn or is about something else.
    pub(super) fn rows(self) -> Vec<Row> {
        if self.withdrawn.is_some() {
            return Vec::new();
        }
        let affected = self.affected.unwrap_or_default();
        let mut kept = affected
            .into_iter()
            .filter_map(|about| {
                let named = about.package.as_ref()?;
                let (name, scheme) = ecosystem(&named.ecosystem)?;
                Some((name, scheme, about))
            })
            .peekable();
        if kept.peek().is_none() {
            return Vec::new();
        }
        let (cvss, word) = ratings(self.severity.as_deref());
        let stated = word.or_else(|| specific(self.database_specific.as_ref()));
        let severity = cvss.as_ref().map(Cvss::severity).or(stated);
        let names = names(&self.id, self.aliases, self.upstream, self.related);
        let texts = [self.details, self.summary];
        let description = texts.into_iter().flatten().find(|text| !text.is_empty());
        let references = self.references.unwrap_or_default();
        let advisory = Arc::new(Advisory {
            names,
            description: shortened(description.unwrap_or_default()),
            references: references
                .into_iter()
                .map(|link| link.url)
                .take(MAX_REFERENCES)
                .collect(),
            severity: severity.unwrap_or(Severity::Undefined),
            cvss,
            published: self.published.as_deref().and_then(time),
            modified: self.modified.as_deref().and_then(time),
            id: self.id,
        });
        kept.filter_map(|(ecosystem, scheme, about)| row(&advisory, ecosystem, scheme, about))
            .collect()
    }
}

fn row(advisory: &Arc<Advisory>, ecosystem: String, scheme: Scheme, about: About) -> Option<Row> {
    let (cvss, word) = ratings(about.severity.as_deref());
    let stated = word
        .or_else(|| specific(about.ecosystem_specific.as_ref()))
        .or_else(|| specific(about.database_specific.as_ref()));
    // What is said of the package itself counts more; a score counts more than a word.
    let severity = match (&cvss, &advisory.cvss) {
        (Some(own), _) => own.severity(),
        (None, Some(_)) => advisory.severity,
        (None, None) => stated.unwrap_or(advisory.severity),
    };
    let ranges: Vec<Range> = about
        .ranges
        .into_iter()
        .flatten()
        .filter(|range| range.kind == "ECOSYSTEM")
        .map(|range| events(range.events, scheme))
        .collect();
    // Lists spell out their ranges, at great length.
    let in_ranges = |version: &str| ranges.iter().any(|range| range.has(scheme, version));
    let versions: Vec<Box<str>> = about
        .versions
        .into_iter()
        .flatten()
        .filter(|version| !in_ranges(version))
        .map(String::into_boxed_str)
        .collect();
    let affected = Affected {
        advisory: Arc::clone(advisory),
        severity,
        cvss,
        ranges,
        versions,
    };
    Some((ecosystem, about.package?.name.into_boxed_str(), affected))
}

fn events(changes: Vec<Change>, scheme: Scheme) -> Range {
    let mut events = Vec::new();
    for change in changes {
        let Change {
            introduced,
            fixed,
            last_affected,
        } = change;
        events.extend(introduced.map(|v| Event::Introduced(v.into())));
        events.extend(fixed.map(|v| Event::Fixed(v.into())));
        events.extend(last_affected.map(|v| Event::LastAffected(v.into())));
    }
    events.sort_by(
        |a, b| match (super::is_zero(a.version()), super::is_zero(b.version())) {
            (false, false) => scheme.compare(a.version(), b.version()),
            (a, b) => b.cmp(&a),
        },
    );
    Range(events)
}

/// The score and the word in a list of ratings.
fn ratings(ratings: Option<&[Rating]>) -> (Option<Cvss>, Option<Severity>) {
    let ratings = ratings.unwrap_or_default();
    let mut scores = ratings.iter().filter(|rating| rating.kind == "CVSS_V3");
    let cvss = scores.find_map(|rating| Cvss::parse(&rating.score));
    // Ubuntu's priority is a rating of its own kind.
    let word = ratings
        .iter()
        .find_map(|rating| Severity::of_word(&rating.score));
    (cvss, word)
}

/// A vendor's word among what only it knows.
fn specific(value: Option<&Value>) -> Option<Severity> {
    let value = value?;
    ["severity", "urgency", "ubuntu_priority", "priority"]
        .iter()
        .find_map(|key| value.get(key)?.as_str().and_then(Severity::of_word))
}

/// What the advisory is known as: CVE numbers if it has any. Those of RPM's distributions are about
/// several, which they call related.
fn names(
    id: &str,
    aliases: Option<Vec<String>>,
    upstream: Option<Vec<String>>,
    related: Option<Vec<String>>,
) -> Vec<String> {
    if is_cve(id) {
        return vec![id.to_owned()];
    }
    let own = aliases.into_iter().chain(upstream).flatten();
    let mut names: Vec<String> = own.filter(|name| is_cve(name)).collect();
    // Advisories on one CVE are named after it, as `DEBIAN-CVE-2024-1`.
    if names.is_empty()
        && let Some(at) = id.find("-CVE-")
    {
        names.extend(id.get(at + 1..).map(str::to_owned));
    }
    if names.is_empty() {
        names.extend(related.into_iter().flatten().filter(|name| is_cve(name)));
    }
    names.sort();
    names.dedup();
    names.truncate(MAX_NAMES);
    if names.is_empty() {
        names.push(id.to_owned());
    }
    names
}

fn is_cve(name: &str) -> bool {
    name.starts_with("CVE-")
}

fn shortened(mut text: String) -> String {
    if text.len() > MAX_DESCRIPTION {
        let end = (0..=MAX_DESCRIPTION)
            .rev()
            .find(|at| text.is_char_boundary(*at));
        text.truncate(end.unwrap_or(0));
        text.push('…');
    }
    text
}

/// RFC 3339 in UTC, as the format demands: `2024-01-02T03:04:05.678Z`.
fn time(text: &str) -> Option<Timestamp> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let numbers = |text: &str, by: char| {
        let parts = text.split(by).map(|part| part.parse::<i64>().ok());
        parts.collect::<Option<Vec<_>>>()
    };
    let time = time.split('.').next()?;
    let ([year, month, day], [hour, minute, second]) = (
        *numbers(date, '-')?.first_chunk()?,
        *numbers(time, ':')?.first_chunk()?,
    );
    if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    if !(0..24).contains(&hour) || !(0..60).contains(&minute) || !(0..=60).contains(&second) {
        return None;
    }
    // Days since 1970 of the proleptic Gregorian calendar, with years that begin in March.
    let years = if month <= 2 { year - 1 } else { year };
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = years * 365 + years / 4 - years / 100 + years / 400 + of_year - 719_468;
    Some(Timestamp::from_secs(
        ((days * 24 + hour) * 60 + minute) * 60 + second,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rfc_3339() {
        for (text, secs) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T12:00:00Z", 951_825_600),
            ("2026-01-01T00:00:00.123456Z", 1_767_225_600),
        ] {
            assert_eq!(time(text), Some(Timestamp::from_secs(secs)), "{text}");
        }
        for bad in [
            "",
            "2026-01-01",
            "2026-13-01T00:00:00Z",
            "2026-01-01T00:00:00+01:00",
            "Z",
        ] {
            assert_eq!(time(bad), None, "{bad}");
        }
    }
}
