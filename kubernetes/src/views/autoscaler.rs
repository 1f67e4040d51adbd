//! Horizontal pod autoscalers.
use serde::Deserialize;
use serde_json::Value;

use super::Meta;

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct AutoscalerView {
    pub metadata: Meta,
    pub spec: AutoscalerSpec,
    pub status: Value,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct AutoscalerSpec {
    pub scale_target_ref: ScaleTarget,
    pub min_replicas: Option<i64>,
    pub max_replicas: i64,
    pub metrics: Vec<Value>,
    pub behavior: Option<Behavior>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct ScaleTarget {
    pub api_version: String,
    pub kind: String,
    pub name: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Behavior {
    pub scale_up: ScalingRules,
    pub scale_down: ScalingRules,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct ScalingRules {
    pub stabilization_window_seconds: Option<u64>,
    pub select_policy: String,
    pub policies: Vec<ScalingPolicy>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct ScalingPolicy {
    pub r#type: String,
    pub value: i64,
    pub period_seconds: u64,
}
