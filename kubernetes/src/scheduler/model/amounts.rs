//! What pods ask for and nodes have.
use std::collections::BTreeMap;

use serde_json::Value;

use crate::{Quantity, container_amounts, fields};

/// What counts for a pod that asks for nothing, so that such pods spread too.
const DEFAULT_CPU_MILLI: i64 = 100;
const DEFAULT_MEMORY: i64 = 200 * 1024 * 1024;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Amounts {
    pub(crate) cpu_milli: i64,
    pub(crate) memory: i64,
    pub(crate) storage: i64,
    /// Extended resources and huge pages.
    pub(crate) other: BTreeMap<String, i64>,
}

impl Amounts {
    /// Reads `status.allocatable` and the like. Pods are counted elsewhere.
    pub(crate) fn read(value: &Value, key: &str) -> Self {
        let read = |(name, value)| Some((name, Quantity::of(value).ok()?));
        Self::of(fields::entries(value, key).filter_map(read))
    }

    fn of<'a>(amounts: impl Iterator<Item = (&'a str, Quantity)>) -> Self {
        let mut all = Self::default();
        for (name, quantity) in amounts {
            match name {
                "cpu" => all.cpu_milli = quantity.milli(),
                "memory" => all.memory = quantity.units(),
                "ephemeral-storage" => all.storage = quantity.units(),
                "pods" => {}
                _ => {
                    all.other.insert(name.to_owned(), quantity.units());
                }
            }
        }
        all
    }

    /// What a pod asks for: its containers, or what it says of itself, and its overhead.
    pub(crate) fn requested(spec: &Value) -> Self {
        let mut amounts = container_amounts(spec, "requests");
        let whole = fields::entries(&spec["resources"], "requests");
        amounts.extend(whole.filter_map(|(name, value)| Some((name, Quantity::of(value).ok()?))));
        for (name, value) in fields::entries(spec, "overhead") {
            if let Ok(more) = Quantity::of(value) {
                let sum = amounts.entry(name).or_insert(Quantity::ZERO);
                *sum = sum.plus(more);
            }
        }
        Self::of(amounts.into_iter())
    }

    /// What a pod counts for when nodes are compared: containers that ask for nothing count for
    /// something.
    pub(crate) fn counted(spec: &Value) -> (i64, i64) {
        let mut spec = spec.clone();
        for list in ["containers", "initContainers"] {
            for container in fields::each(&mut spec, list) {
                count_defaults(container);
            }
        }
        let all = Self::requested(&spec);
        (all.cpu_milli, all.memory)
    }

    pub(crate) fn is_zero(&self) -> bool {
        self.cpu_milli == 0 && self.memory == 0 && self.storage == 0 && self.other.is_empty()
    }

    pub(crate) fn add(&mut self, more: &Self) {
        self.change(more, i64::saturating_add);
    }

    pub(crate) fn subtract(&mut self, less: &Self) {
        self.change(less, i64::saturating_sub);
    }

    fn change(&mut self, by: &Self, how: fn(i64, i64) -> i64) {
        self.cpu_milli = how(self.cpu_milli, by.cpu_milli);
        self.memory = how(self.memory, by.memory);
        self.storage = how(self.storage, by.storage);
        for (name, amount) in &by.other {
            let here = self.other.entry(name.clone()).or_insert(0);
            *here = how(*here, *amount);
        }
    }
}

fn count_defaults(container: &mut Value) {
    let Some(resources) = fields::ensure(container, "resources") else {
        return;
    };
    if let Some(requests) = fields::ensure(resources, "requests") {
        fields::default_pointer(requests, "cpu", format!("{DEFAULT_CPU_MILLI}m"));
        fields::default_pointer(requests, "memory", DEFAULT_MEMORY.to_string());
    }
}
