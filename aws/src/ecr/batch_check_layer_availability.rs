//! Says which layers a repository has.
use serde::{Deserialize, Serialize};
use wharf_registry::layers::{self, Availability};
use wharf_types::Digest;

use crate::{
    Cx, Exception,
    check::{self, unsatisfied},
    operation::Operation,
};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BatchCheckLayerAvailability {
    registry_id: Option<String>,
    repository_name: Option<String>,
    layer_digests: Option<Vec<String>>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Output {
    layers: Vec<Layer>,
    failures: Vec<LayerFailure>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Layer {
    layer_digest: String,
    layer_availability: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    layer_size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    media_type: Option<String>,
}

impl Layer {
    /// A layer whose digest is well-formed, but of no algorithm of ours.
    const fn unknown(digest: String) -> Self {
        Self {
            layer_digest: digest,
            layer_availability: Availability::Unavailable.as_str(),
            layer_size: None,
            media_type: None,
        }
    }
}

impl From<layers::Layer> for Layer {
    fn from(layer: layers::Layer) -> Self {
        Self {
            layer_digest: layer.digest.to_string(),
            layer_availability: layer.availability.as_str(),
            layer_size: layer.size,
            media_type: layer.media_type,
        }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct LayerFailure {
    layer_digest: String,
    failure_code: &'static str,
    failure_reason: &'static str,
}

impl LayerFailure {
    fn of(digest: String) -> Self {
        let (failure_code, failure_reason) = if digest.is_empty() {
            (
                "MissingLayerDigest",
                "Invalid request parameters: layer digest cannot be empty",
            )
        } else {
            (
                "InvalidLayerDigest",
                "Invalid request parameters: layer digest should satisfy the regex '[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+'",
            )
        };
        Self {
            layer_digest: digest,
            failure_code,
            failure_reason,
        }
    }
}

impl Operation for BatchCheckLayerAvailability {
    const NAME: &'static str = "BatchCheckLayerAvailability";
    type Output = Output;

    async fn run(self, cx: Cx) -> Result<Output, Exception> {
        let name = check::repository_name(self.repository_name)?;
        check::own_registry(&cx, self.registry_id.as_deref(), &name)?;
        let asked = check::list("layerDigests", self.layer_digests, 1, 100)?;
        let (mut digests, mut unknown, mut failures) = (Vec::new(), Vec::new(), Vec::new());
        let mut seen = std::collections::HashSet::new();
        for text in asked {
            if text.chars().count() > 1000 {
                let constraint = "Member must have length less than or equal to 1000";
                return Err(unsatisfied("layerDigests", constraint));
            }
            if !seen.insert(text.clone()) {
                continue;
            }
            match text.parse::<Digest>() {
                Ok(digest) => digests.push(digest),
                Err(_) if check::is_digest(&text) => unknown.push(Layer::unknown(text)),
                Err(_) => failures.push(LayerFailure::of(text)),
            }
        }
        let found = layers::check(&cx.domain, &cx.caller(), &name, digests).await?;
        Ok(Output {
            layers: found.into_iter().map(Layer::from).chain(unknown).collect(),
            failures,
        })
    }
}
