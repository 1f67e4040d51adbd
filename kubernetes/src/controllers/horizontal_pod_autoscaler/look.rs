//! What is told of an autoscaler while it is looked at.
use std::sync::Arc;

use serde_json::{Value, json};
use wharf_types::Timestamp;

use crate::cluster::Reference;
use crate::cluster::time::rfc3339;
use crate::fields;
use crate::store::Object;
use crate::views::AutoscalerView;

/// An autoscaler that is being looked at.
#[derive(Debug)]
pub(super) struct Look {
    pub(super) object: Arc<Object>,
    pub(super) view: Arc<AutoscalerView>,
    pub(super) about: Reference,
    /// As it will be.
    pub(super) status: Value,
    pub(super) now: Timestamp,
}

impl Look {
    pub(super) fn tell(&mut self, current: i64, desired: i64, metrics: Vec<Value>) {
        let status = &mut self.status;
        for (key, number) in [("currentReplicas", current), ("desiredReplicas", desired)] {
            fields::set(status, key, number);
        }
        let metrics = if metrics.is_empty() {
            Value::Null
        } else {
            metrics.into()
        };
        fields::set(status, "currentMetrics", metrics);
    }

    /// Sets a condition; its time moves only with its status.
    pub(super) fn condition(&mut self, kind: &str, is_so: bool, reason: &str, text: &str) {
        let is_so = if is_so { "True" } else { "False" };
        let mut all = fields::list(&self.status, "conditions").to_vec();
        let mut new = json!({
            "type": kind,
            "status": is_so,
            "reason": reason,
            "message": text,
            "lastTransitionTime": rfc3339(self.now),
        });
        if let Some(old) = all.iter_mut().find(|one| one["type"] == kind) {
            if old["status"] == is_so {
                new["lastTransitionTime"] = old["lastTransitionTime"].clone();
            }
            *old = new;
        } else {
            all.push(new);
        }
        fields::set(&mut self.status, "conditions", all);
    }
}
