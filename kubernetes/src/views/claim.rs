//! Claims of persistent volumes.
use serde::Deserialize;

use super::Meta;

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct ClaimView {
    pub metadata: Meta,
}
