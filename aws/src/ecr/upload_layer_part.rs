//! Appends a part to the upload of a layer.
use serde::{Deserialize, Serialize};
use wharf_registry::layers::{self, Part};

use crate::{
    Cx, Exception,
    check::{self, unsatisfied},
    operation::Operation,
    strict::Blob,
};

/// The most bytes of a part.
const MAX_PART: usize = 20_971_520;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UploadLayerPart {
    registry_id: Option<String>,
    repository_name: Option<String>,
    upload_id: Option<String>,
    part_first_byte: Option<i64>,
    part_last_byte: Option<i64>,
    layer_part_blob: Option<Blob>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Output {
    registry_id: String,
    repository_name: String,
    upload_id: String,
    last_byte_received: u64,
}

impl Operation for UploadLayerPart {
    const NAME: &'static str = "UploadLayerPart";
    // The largest part in base64, and room for the rest of the document.
    const MAX_BODY: usize = MAX_PART / 3 * 4 + 64 * 1024;
    type Output = Output;

    async fn run(self, cx: Cx) -> Result<Output, Exception> {
        let name = check::repository_name(self.repository_name)?;
        let registry = check::own_registry(&cx, self.registry_id.as_deref(), &name)?;
        let id = check::upload_id(self.upload_id)?;
        let first = position("partFirstByte", self.part_first_byte)?;
        let last = position("partLastByte", self.part_last_byte)?;
        let Blob(bytes) = check::required("layerPartBlob", self.layer_part_blob)?;
        if bytes.len() > MAX_PART {
            let text = format!("Member must have length less than or equal to {MAX_PART}");
            return Err(unsatisfied("layerPartBlob", &text));
        }
        if last < first {
            let text = "Member must not be less than 'partFirstByte'";
            return Err(unsatisfied("partLastByte", text));
        }
        if (last - first).checked_add(1) != Some(bytes.len() as u64) {
            let text = format!(
                "Member must have the length from 'partFirstByte' to 'partLastByte', but has {} bytes",
                bytes.len()
            );
            return Err(unsatisfied("layerPartBlob", &text));
        }
        let part = Part { first, bytes };
        let received = layers::append(&cx.domain, &cx.caller(), &name, &id, part).await?;
        Ok(Output {
            registry_id: registry.account.to_string(),
            repository_name: name.to_string(),
            upload_id: id.to_string(),
            last_byte_received: received.saturating_sub(1),
        })
    }
}

fn position(member: &str, value: Option<i64>) -> Result<u64, Exception> {
    let text = "Member must have value greater than or equal to 0";
    let value = check::required(member, value)?;
    u64::try_from(value).map_err(|_negative| unsatisfied(member, text))
}
