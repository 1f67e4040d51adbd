//! Controller revisions.
use serde::Deserialize;
use serde_json::Value;

use super::Meta;

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct ControllerRevisionView {
    pub metadata: Meta,
    /// What it brings: a patch of its owner.
    pub data: Value,
    pub revision: i64,
}
