//! Labels, and what is said of them.
use std::collections::BTreeMap;

use serde::Deserialize;

pub(crate) type Labels = BTreeMap<String, String>;

/// `metav1.LabelSelector`: an empty one matches everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Selector {
    pub(crate) match_labels: Labels,
    pub(crate) match_expressions: Vec<Requirement>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Requirement {
    pub(crate) key: String,
    pub(crate) operator: String,
    pub(crate) values: Vec<String>,
}

/// `v1.NodeSelectorTerm`: one without anything matches nothing.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct NodeTerm {
    pub(crate) match_expressions: Vec<Requirement>,
    pub(crate) match_fields: Vec<Requirement>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct NodeSelector {
    pub(crate) node_selector_terms: Vec<NodeTerm>,
}

impl Selector {
    pub(crate) fn matches(&self, labels: &Labels) -> bool {
        let same = |(key, value): (&String, &String)| labels.get(key) == Some(value);
        self.match_labels.iter().all(same)
            && self.match_expressions.iter().all(|one| one.matches(labels))
    }

    /// Whether it says nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.match_labels.is_empty() && self.match_expressions.is_empty()
    }

    /// Wants, or does not want, the values that a pod's own labels have.
    pub(crate) fn add_keys(&mut self, keys: &[String], labels: &Labels, operator: &str) {
        for key in keys {
            if let Some(value) = labels.get(key) {
                self.match_expressions.push(Requirement {
                    key: key.clone(),
                    operator: operator.to_owned(),
                    values: vec![value.clone()],
                });
            }
        }
    }
}

impl Requirement {
    pub(crate) fn matches(&self, labels: &Labels) -> bool {
        self.holds(labels.get(&self.key).map(String::as_str))
    }

    fn holds(&self, value: Option<&str>) -> bool {
        let listed = |value: &str| self.values.iter().any(|one| one == value);
        let compared = |wanted: std::cmp::Ordering| {
            let Some(value) = value.and_then(|value| value.parse::<i64>().ok()) else {
                return false;
            };
            let [bound] = self.values.as_slice() else {
                return false;
            };
            bound
                .parse::<i64>()
                .is_ok_and(|bound| value.cmp(&bound) == wanted)
        };
        match self.operator.as_str() {
            "In" => value.is_some_and(listed),
            "NotIn" => !value.is_some_and(listed),
            "Exists" => value.is_some(),
            "DoesNotExist" => value.is_none(),
            "Gt" => compared(std::cmp::Ordering::Greater),
            "Lt" => compared(std::cmp::Ordering::Less),
            _ => false,
        }
    }
}

impl NodeTerm {
    pub(crate) fn matches(&self, name: &str, labels: &Labels) -> bool {
        if self.match_expressions.is_empty() && self.match_fields.is_empty() {
            return false;
        }
        let field = |one: &Requirement| one.key == "metadata.name" && one.holds(Some(name));
        self.match_expressions.iter().all(|one| one.matches(labels))
            && self.match_fields.iter().all(field)
    }
}

impl NodeSelector {
    pub(crate) fn matches(&self, name: &str, labels: &Labels) -> bool {
        let terms = &self.node_selector_terms;
        terms.iter().any(|term| term.matches(name, labels))
    }
}
