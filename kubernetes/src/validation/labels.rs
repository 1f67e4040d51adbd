//! Labels, annotations and selectors.
use serde_json::Value;

use super::{complain, label_value, qualified_name};
use crate::{Errors, Path, fields};

const ANNOTATIONS_MAX_BYTES: usize = 256 * 1024;

/// A key of a label.
pub(crate) fn validate_label_name(name: &str, path: &Path, errors: &mut Errors) {
    complain(errors, path, name, &qualified_name(name));
}

/// The map of labels that is at `path`.
pub(crate) fn validate_labels(labels: &Value, path: &Path, errors: &mut Errors) {
    for (key, value) in labels.as_object().into_iter().flatten() {
        validate_label_name(key, path, errors);
        let value = value.as_str().unwrap_or_default();
        complain(errors, path, value, &label_value(value));
    }
}

/// The map of annotations that is at `path`.
pub(crate) fn validate_annotations(annotations: &Value, path: &Path, errors: &mut Errors) {
    let mut size = 0usize;
    for (key, value) in annotations.as_object().into_iter().flatten() {
        complain(errors, path, key, &qualified_name(&key.to_lowercase()));
        size = size.saturating_add(key.len() + value.as_str().map_or(0, str::len));
    }
    if size > ANNOTATIONS_MAX_BYTES {
        errors.too_long(path, ANNOTATIONS_MAX_BYTES);
    }
}

/// A `LabelSelector`.
pub(crate) fn validate_selector(selector: &Value, path: &Path, errors: &mut Errors) {
    validate_labels(&selector["matchLabels"], &path.field("matchLabels"), errors);
    for (i, term) in fields::list(selector, "matchExpressions")
        .iter()
        .enumerate()
    {
        let path = path.field("matchExpressions").index(i);
        let values = fields::list(term, "values");
        match fields::text(term, "operator") {
            "In" | "NotIn" if values.is_empty() => errors.required(
                &path.field("values"),
                "must be specified when `operator` is 'In' or 'NotIn'",
            ),
            "Exists" | "DoesNotExist" if !values.is_empty() => errors.forbidden(
                &path.field("values"),
                "may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
            ),
            "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
            other => errors.invalid(
                &path.field("operator"),
                &other.into(),
                "not a valid selector operator",
            ),
        }
        validate_label_name(fields::text(term, "key"), &path.field("key"), errors);
        for (n, value) in values.iter().enumerate() {
            let value = value.as_str().unwrap_or_default();
            complain(
                errors,
                &path.field("values").index(n),
                value,
                &label_value(value),
            );
        }
    }
}

/// A `LabelSelector`, or a plain map of labels, to be asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Selector<'a> {
    labels: &'a Value,
    terms: &'a [Value],
}

impl<'a> Selector<'a> {
    /// `None` if a term cannot be understood.
    pub(crate) fn parse(selector: &'a Value) -> Option<Self> {
        let terms = fields::list(selector, "matchExpressions");
        let understood = |term: &Value| {
            let some = !fields::list(term, "values").is_empty();
            let operator = match fields::text(term, "operator") {
                "In" | "NotIn" => some,
                "Exists" | "DoesNotExist" => !some,
                _ => false,
            };
            operator && qualified_name(fields::text(term, "key")).is_empty()
        };
        let well = fields::entries(selector, "matchLabels").all(|(key, value)| {
            qualified_name(key).is_empty()
                && label_value(value.as_str().unwrap_or_default()).is_empty()
        });
        (well && terms.iter().all(understood)).then_some(Self {
            labels: &selector["matchLabels"],
            terms,
        })
    }

    /// The selector of a map of labels, as replication controllers have.
    pub(crate) fn of_labels(labels: &'a Value) -> Self {
        Self { labels, terms: &[] }
    }

    pub(crate) fn is_empty(self) -> bool {
        self.terms.is_empty() && fields::count(self.labels) == 0
    }

    /// Whether it takes an object with these labels.
    pub(crate) fn matches(self, labels: &Value) -> bool {
        let mut wanted = self.labels.as_object().into_iter().flatten();
        wanted.all(|(key, value)| labels.get(key) == Some(value))
            && self.terms.iter().all(|term| {
                let has = labels.get(fields::text(term, "key"));
                let listed = has.is_some_and(|value| fields::list(term, "values").contains(value));
                match fields::text(term, "operator") {
                    "In" => listed,
                    "NotIn" => !listed,
                    "Exists" => has.is_some(),
                    "DoesNotExist" => has.is_none(),
                    _ => false,
                }
            })
    }

    /// As `kubectl` shows it: `app=web,tier in (a,b),!old`; empty text if it is empty.
    pub(crate) fn show(self) -> String {
        let mut parts: Vec<(String, String)> = Vec::new();
        for (key, value) in self.labels.as_object().into_iter().flatten() {
            let value = value.as_str().unwrap_or_default();
            parts.push((key.clone(), format!("{key}={value}")));
        }
        for term in self.terms {
            let key = fields::text(term, "key");
            let list = fields::list(term, "values").iter();
            let mut values: Vec<&str> = list.filter_map(Value::as_str).collect();
            values.sort_unstable();
            let values = values.join(",");
            let shown = match fields::text(term, "operator") {
                "In" => format!("{key} in ({values})"),
                "NotIn" => format!("{key} notin ({values})"),
                "DoesNotExist" => format!("!{key}"),
                _ => key.to_owned(),
            };
            parts.push((key.to_owned(), shown));
        }
        parts.sort_by(|a, b| a.0.cmp(&b.0));
        let shown: Vec<String> = parts.into_iter().map(|(_, shown)| shown).collect();
        shown.join(",")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn selectors_match_and_read_as_kubectl_shows_them() {
        let json = json!({
            "matchLabels": { "app": "web" },
            "matchExpressions": [
                { "key": "tier", "operator": "In", "values": ["b", "a"] },
                { "key": "old", "operator": "DoesNotExist" },
            ],
        });
        let selector = Selector::parse(&json).unwrap();
        assert!(selector.matches(&json!({ "app": "web", "tier": "a" })));
        assert!(!selector.matches(&json!({ "app": "web", "tier": "c" })));
        assert!(!selector.matches(&json!({ "app": "web", "tier": "a", "old": "" })));
        assert_eq!(selector.show(), "app=web,!old,tier in (a,b)");
        assert!(Selector::parse(&json!({ "matchExpressions": [{ "key": "a" }] })).is_none());
    }

    #[test]
    fn bad_labels_are_told_at_the_map() {
        let mut errors = Errors::default();
        let labels = json!({ "a": "b c" });
        validate_labels(&labels, &Path::new("metadata.labels"), &mut errors);
        assert!(
            errors
                .to_string()
                .starts_with("metadata.labels: Invalid value: \"b c\": a valid label must be")
        );
        let mut errors = Errors::default();
        let annotations = json!({ "A": "x".repeat(256 * 1024) });
        validate_annotations(
            &annotations,
            &Path::new("metadata.annotations"),
            &mut errors,
        );
        assert_eq!(
            errors.to_string(),
            "metadata.annotations: Too long: may not be more than 262144 bytes"
        );
    }
}
