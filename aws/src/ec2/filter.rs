//! Filters and pages of lists.
use serde::Deserialize;
use wharf_compute::tags::Tags;

use crate::{Cx, Exception, page::Pages};

/// The most values of a filter, and the longest.
const MAX_VALUES: usize = 200;
const MAX_LENGTH: usize = 1024;

/// A filter of a list.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Filter {
    name: Option<String>,
    value: Option<Vec<String>>,
}

/// The filters of a call.
#[derive(Debug)]
pub(crate) struct Filters(Vec<(String, Vec<String>)>);

impl Filters {
    pub(crate) fn new(filters: Option<Vec<Filter>>) -> Result<Self, Exception> {
        let all = filters.unwrap_or_default().into_iter().map(|filter| {
            let name = filter.name.ok_or_else(|| {
                Exception::client(
                    "MissingParameter",
                    "The request must contain the parameter Filter.Name",
                )
            })?;
            let values = filter.value.unwrap_or_default();
            if values.len() > MAX_VALUES || values.iter().any(|v| v.len() > MAX_LENGTH) {
                let text = format!("The maximum number of filter values is {MAX_VALUES}");
                return Err(Exception::client("FilterLimitExceeded", text));
            }
            Ok((name, values))
        });
        Ok(Self(all.collect::<Result<_, _>>()?))
    }

    /// Whether a resource is meant: every filter has a value that fits one of the resource's.
    /// `attribute` has the values of a name, `None` where there is no such name.
    pub(crate) fn fit(
        &self,
        tags: &Tags,
        attribute: &dyn Fn(&str) -> Option<Vec<String>>,
    ) -> Result<bool, Exception> {
        for (name, wanted) in &self.0 {
            let found: Vec<String> = if let Some(key) = name.strip_prefix("tag:") {
                tags.get(key).into_iter().cloned().collect()
            } else {
                match name.as_str() {
                    "tag-key" => tags.keys().cloned().collect(),
                    "tag-value" => tags.values().cloned().collect(),
                    name => attribute(name).ok_or_else(|| invalid(name))?,
                }
            };
            let fits = |value: &String| wanted.iter().any(|pattern| is_like(value, pattern));
            if !found.iter().any(fits) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Keeps what is meant.
    pub(crate) fn keep<T>(
        &self,
        all: Vec<T>,
        tags: impl Fn(&T) -> Tags,
        attribute: impl Fn(&T, &str) -> Option<Vec<String>>,
    ) -> Result<Vec<T>, Exception> {
        let mut kept = Vec::new();
        for item in all {
            if self.fit(&tags(&item), &|name| attribute(&item, name))? {
                kept.push(item);
            }
        }
        Ok(kept)
    }
}

fn invalid(name: &str) -> Exception {
    let text = format!("The filter '{name}' is invalid");
    Exception::client("InvalidParameterValue", text)
}

/// One value as the values of an attribute.
#[expect(clippy::unnecessary_wraps, reason = "what attributes answer")]
pub(crate) fn one(value: impl Into<String>) -> Option<Vec<String>> {
    Some(vec![value.into()])
}

/// Whether a text fits a pattern: `*` is any characters, `?` any one, `\` takes their meaning away.
/// Never takes longer than the product of both lengths.
fn is_like(text: &str, pattern: &str) -> bool {
    enum Sign {
        Star,
        Any,
        Is(char),
    }
    let text: Vec<char> = text.chars().collect();
    let mut signs = Vec::new();
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        signs.push(match c {
            '*' => Sign::Star,
            '?' => Sign::Any,
            '\\' => Sign::Is(chars.next().unwrap_or('\\')),
            c => Sign::Is(c),
        });
    }
    let (mut s, mut t) = (0, 0);
    let mut star = None;
    while let Some(c) = text.get(t) {
        match signs.get(s) {
            Some(Sign::Star) => {
                star = Some((s, t));
                s += 1;
            }
            Some(Sign::Any) => (s, t) = (s + 1, t + 1),
            Some(Sign::Is(is)) if is == c => (s, t) = (s + 1, t + 1),
            _ => {
                // The last star takes one character more.
                let Some((at, taken)) = star else {
                    return false;
                };
                star = Some((at, taken + 1));
                (s, t) = (at + 1, taken + 1);
            }
        }
    }
    let mut rest = signs.get(s..).unwrap_or_default().iter();
    rest.all(|sign| matches!(sign, Sign::Star))
}

/// One page of a list whose items have keys in its order, and the token for the next. The least and
/// the most of a page are given; without a number, all that there is.
pub(crate) fn page<T>(
    cx: &Cx,
    scope: &str,
    asked: (Option<i64>, Option<&str>),
    (least, most): (usize, usize),
    all: Vec<T>,
    key: impl Fn(&T) -> String,
) -> Result<(Vec<T>, Option<String>), Exception> {
    let max = match asked.0 {
        None => most,
        Some(max) => match usize::try_from(max) {
            Ok(n) if (least..=most).contains(&n) => n,
            _ => {
                let text = format!(
                    "Value ( {max} ) for parameter maxResults is invalid. Expecting a value from {least} to {most}."
                );
                return Err(Exception::client("InvalidParameterValue", text));
            }
        },
    };
    let pages = Pages {
        cx,
        scope: scope.to_owned(),
    };
    let after = pages.after(asked.1).map_err(|_refused| {
        Exception::client(
            "InvalidParameterValue",
            "Invalid value for parameter nextToken",
        )
    })?;
    Ok(pages.cut(all, &after, max, key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_and_question_marks_stand_for_characters() {
        for (text, pattern, fits) in [
            ("t3.small", "t3.*", true),
            ("t3.small", "t?.small", true),
            ("t3.small", "T3.*", false),
            ("", "*", true),
            ("", "?", false),
            ("a*b", "a\\*b", true),
            ("aXb", "a\\*b", false),
            ("a?b", "a\\?b", true),
            ("aXXbYb", "a*b", true),
            ("aXXbYc", "a*b", false),
            ("abc", "", false),
            ("\u{e9}", "?", true),
        ] {
            assert_eq!(is_like(text, pattern), fits, "{text} {pattern}");
        }
        let long = "a".repeat(1000);
        assert!(!is_like(&long, &format!("{}b", "a*".repeat(400))));
    }
}
