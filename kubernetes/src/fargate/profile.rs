//! Fargate profiles: which pods run on Fargate.
//! <https://docs.aws.amazon.com/eks/latest/userguide/fargate-profile.html>
use std::collections::BTreeMap;

use serde_json::Value;

use super::PROFILE_LABEL;
use crate::fields;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    pub name: String,
    pub selectors: Vec<Selector>,
    pub subnets: Vec<String>,
    /// Others match nothing.
    pub active: bool,
}

/// Pods of a namespace with all of these labels; `*` and `?` stand for other characters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selector {
    pub namespace: String,
    pub labels: BTreeMap<String, String>,
}

/// The profile of a pod: the one that its label names, or the first by name, of those that match.
pub fn matching<'a>(profiles: &'a [Profile], namespace: &str, pod: &Value) -> Option<&'a Profile> {
    let metadata = &pod["metadata"];
    let wanted = metadata["labels"][PROFILE_LABEL].as_str();
    let labels: Vec<(&str, &str)> = fields::entries(metadata, "labels")
        .filter_map(|(key, value)| Some((key, value.as_str()?)))
        .collect();
    let fitting = profiles.iter().filter(|profile| {
        let mut selectors = profile.selectors.iter();
        profile.active
            && wanted.is_none_or(|wanted| wanted == profile.name)
            && selectors.any(|selector| selector.matches(namespace, &labels))
    });
    fitting.min_by(|a, b| a.name.cmp(&b.name))
}

impl Selector {
    fn matches(&self, namespace: &str, labels: &[(&str, &str)]) -> bool {
        let mut wanted = self.labels.iter();
        like(&self.namespace, namespace)
            && wanted.all(|(key, value)| {
                let mut labels = labels.iter();
                labels.any(|(own, of_own)| like(key, own) && like(value, of_own))
            })
    }
}

/// Whether a text is like a pattern: `*` is any characters, `?` is one. In time proportional to the
/// product of both lengths at most.
fn like(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    // Where the last star is, and up to where it stands for something.
    let mut star: Option<(usize, usize)> = None;
    while let Some(byte) = text.get(t) {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(b'?') => (p, t) = (p + 1, t + 1),
            Some(own) if own == byte => (p, t) = (p + 1, t + 1),
            _ => {
                let Some((at, end)) = star else {
                    return false;
                };
                star = Some((at, end + 1));
                (p, t) = (at + 1, end + 1);
            }
        }
    }
    pattern.iter().skip(p).all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn profile(name: &str, namespace: &str, labels: &[(&str, &str)]) -> Profile {
        let labels = labels
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        Profile {
            name: name.to_owned(),
            selectors: vec![Selector {
                namespace: namespace.to_owned(),
                labels: labels.collect(),
            }],
            subnets: Vec::new(),
            active: true,
        }
    }

    fn found<'a>(profiles: &'a [Profile], namespace: &str, labels: &Value) -> Option<&'a str> {
        let pod = json!({ "metadata": { "labels": labels } });
        matching(profiles, namespace, &pod).map(|profile| profile.name.as_str())
    }

    #[test]
    fn patterns_stand_for_other_characters() {
        for (pattern, text, wanted) in [
            ("dev", "dev", true),
            ("dev", "dev2", false),
            ("*", "", true),
            ("prod*", "prod", true),
            ("prod*", "production", true),
            ("*-svc", "a-svc-svc", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*a*b", "xaxbxb", true),
            ("", "a", false),
        ] {
            assert_eq!(like(pattern, text), wanted, "{pattern} {text}");
        }
    }

    #[test]
    fn all_labels_must_be_there() {
        let profiles = [profile("p", "dev", &[("profile", "fargate"), ("app", "*")])];
        let both = json!({ "profile": "fargate", "app": "x", "more": "y" });
        assert_eq!(found(&profiles, "dev", &both), Some("p"));
        assert_eq!(found(&profiles, "default", &both), None);
        assert_eq!(
            found(&profiles, "dev", &json!({ "profile": "fargate" })),
            None
        );
        assert_eq!(found(&profiles, "dev", &Value::Null), None);
    }

    #[test]
    fn the_first_name_wins_unless_the_pod_names_another() {
        let profiles = [
            profile("b", "dev", &[]),
            profile("a", "d*", &[]),
            profile("c", "x", &[]),
        ];
        assert_eq!(found(&profiles, "dev", &Value::Null), Some("a"));
        let named = |name: &str| json!({ PROFILE_LABEL: name });
        assert_eq!(found(&profiles, "dev", &named("b")), Some("b"));
        assert_eq!(found(&profiles, "dev", &named("c")), None);
        let mut gone = profiles.clone();
        gone[1].active = false;
        assert_eq!(found(&gone, "dev", &Value::Null), Some("b"));
    }
}
