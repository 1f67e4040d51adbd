//! What is told of a namespace that is being deleted.
use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::fields;

/// What is left of a resource in a namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Remaining {
    /// Plural, dot, group.
    pub(super) counts: BTreeMap<String, usize>,
    pub(super) finalizers: BTreeMap<String, usize>,
    /// Why content could not be deleted.
    pub(super) failures: Vec<String>,
}

impl Remaining {
    pub(super) fn is_nothing(&self) -> bool {
        self.counts.is_empty() && self.failures.is_empty()
    }

    pub(super) fn add(&mut self, plural: &str, group: &str, finalizers: &[String]) {
        let name = format!("{plural}.{group}");
        *self.counts.entry(name).or_default() += 1;
        for finalizer in finalizers {
            *self.finalizers.entry(finalizer.clone()).or_default() += 1;
        }
    }
}

/// Type, and reason and message if all is well.
const CONDITIONS: [(&str, &str, &str); 5] = [
    (
        "NamespaceDeletionDiscoveryFailure",
        "ResourcesDiscovered",
        "All resources successfully discovered",
    ),
    (
        "NamespaceDeletionGroupVersionParsingFailure",
        "ParsedGroupVersions",
        "All legacy kube types successfully parsed",
    ),
    (
        "NamespaceDeletionContentFailure",
        "ContentDeleted",
        "All content successfully deleted, may be waiting on finalization",
    ),
    (
        "NamespaceContentRemaining",
        "ContentRemoved",
        "All content successfully removed",
    ),
    (
        "NamespaceFinalizersRemaining",
        "ContentHasNoFinalizers",
        "All content-preserving finalizers finished",
    ),
];

fn listed(counts: &BTreeMap<String, usize>, verb: &str) -> String {
    let mut parts: Vec<String> = counts
        .iter()
        .map(|(name, count)| format!("{name} {verb} {count} resource instances"))
        .collect();
    parts.sort();
    parts.join(", ")
}

fn trouble(kind: &str, remaining: &Remaining) -> Option<(&'static str, String)> {
    match kind {
        "NamespaceDeletionContentFailure" if !remaining.failures.is_empty() => {
            let mut failures = remaining.failures.clone();
            failures.sort();
            let count = failures.len();
            let all = failures.join(", ");
            let text = format!("Failed to delete all resource types, {count} remaining: {all}");
            Some(("ContentDeletionFailed", text))
        }
        "NamespaceContentRemaining" if !remaining.counts.is_empty() => {
            let what = listed(&remaining.counts, "has");
            let text = format!("Some resources are remaining: {what}");
            Some(("SomeResourcesRemain", text))
        }
        "NamespaceFinalizersRemaining" if !remaining.finalizers.is_empty() => {
            let what = listed(&remaining.finalizers, "in");
            let text = format!("Some content in the namespace has finalizers remaining: {what}");
            Some(("SomeFinalizersRemain", text))
        }
        _ => None,
    }
}

/// Writes the conditions of a namespace's status. `now` is a time as it is written.
pub(super) fn tell(status: &mut Value, remaining: &Remaining, now: &str) {
    let mut conditions = fields::list(status, "conditions").to_vec();
    for (kind, fine, all_well) in CONDITIONS {
        let (state, reason, message) = match trouble(kind, remaining) {
            Some((reason, message)) => ("True", reason, message),
            None => ("False", fine, all_well.to_owned()),
        };
        let old = conditions.iter_mut().find(|own| own["type"] == kind);
        let same = old.as_ref().is_some_and(|old| old["status"] == state);
        let since = match &old {
            Some(old) if same => old["lastTransitionTime"].clone(),
            _ => now.into(),
        };
        let new = json!({
            "type": kind, "status": state, "lastTransitionTime": since,
            "reason": reason, "message": message,
        });
        match old {
            Some(old) => *old = new,
            None => conditions.push(new),
        }
    }
    fields::set(status, "conditions", conditions);
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-01-01T00:00:00Z";

    #[test]
    fn a_namespace_tells_what_holds_it() {
        let mut remaining = Remaining::default();
        remaining.add("pods", "", &["a.b/c".to_owned()]);
        remaining.add("pods", "", &[]);
        let mut status = json!({ "phase": "Terminating" });
        tell(&mut status, &remaining, NOW);
        let conditions = fields::list(&status, "conditions");
        assert_eq!(conditions.len(), 5);
        let texts: Vec<&str> = conditions
            .iter()
            .map(|c| fields::text(c, "message"))
            .collect();
        assert_eq!(
            texts[3],
            "Some resources are remaining: pods. has 2 resource instances"
        );
        assert_eq!(
            texts[4],
            "Some content in the namespace has finalizers remaining: a.b/c in 1 resource instances"
        );
        assert_eq!(
            (&conditions[3]["status"], &conditions[0]["status"]),
            (&json!("True"), &json!("False"))
        );
        assert_eq!(conditions[0]["reason"], "ResourcesDiscovered");
    }

    #[test]
    fn the_time_of_a_condition_is_that_of_its_change() {
        let mut status = json!({});
        tell(&mut status, &Remaining::default(), NOW);
        let before = status.clone();
        tell(&mut status, &Remaining::default(), "2026-01-01T00:00:09Z");
        assert_eq!(status, before);
        let failed = Remaining {
            failures: vec!["b".into(), "a".into()],
            ..Remaining::default()
        };
        tell(&mut status, &failed, "2026-01-01T00:00:10Z");
        let condition = &status["conditions"][2];
        assert_eq!(condition["lastTransitionTime"], "2026-01-01T00:00:10Z");
        assert_eq!(
            condition["message"],
            "Failed to delete all resource types, 2 remaining: a, b"
        );
    }
}
