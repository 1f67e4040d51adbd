//! Nodes and their taints.
use serde::Deserialize;
use serde_json::Value;

use super::{Amounts, Labels};
use crate::{Quantity, fields};

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) labels: Labels,
    pub(crate) unschedulable: bool,
    pub(crate) taints: Vec<Taint>,
    pub(crate) allocatable: Amounts,
    pub(crate) max_pods: i64,
}

#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Taint {
    pub(crate) key: String,
    pub(crate) value: String,
    pub(crate) effect: String,
    pub(crate) time_added: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Toleration {
    pub(crate) key: String,
    pub(crate) operator: String,
    pub(crate) value: String,
    pub(crate) effect: String,
    pub(crate) toleration_seconds: Option<i64>,
}

impl Node {
    pub(crate) fn read(value: &Value) -> Self {
        let metadata = &value["metadata"];
        let pods = Quantity::of(&value["status"]["allocatable"]["pods"]);
        Self {
            name: fields::text(metadata, "name").to_owned(),
            labels: Labels::deserialize(&metadata["labels"]).unwrap_or_default(),
            unschedulable: fields::flag(&value["spec"], "unschedulable"),
            taints: Vec::deserialize(&value["spec"]["taints"]).unwrap_or_default(),
            allocatable: Amounts::read(&value["status"], "allocatable"),
            max_pods: pods.map_or(0, Quantity::units),
        }
    }
}

impl Taint {
    /// Whether it keeps pods away that do not tolerate it.
    pub(crate) fn repels(&self) -> bool {
        self.effect == "NoSchedule" || self.effect == "NoExecute"
    }
}

impl Toleration {
    pub(crate) fn tolerates(&self, taint: &Taint) -> bool {
        if !self.effect.is_empty() && self.effect != taint.effect {
            return false;
        }
        if !self.key.is_empty() && self.key != taint.key {
            return false;
        }
        match self.operator.as_str() {
            "" | "Equal" => self.value == taint.value,
            "Exists" => true,
            _ => false,
        }
    }
}

pub(crate) fn tolerated(taint: &Taint, tolerations: &[Toleration]) -> bool {
    tolerations.iter().any(|one| one.tolerates(taint))
}
