//! Cancels an update, which none of those here can be.
use serde::Deserialize;
use wharf_eks::updates;

use super::model::{self, Answer};
use crate::{Cx, Exception, operation::Operation};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CancelUpdate {
    name: String,
    update_id: String,
    /// It makes no difference: an update that cannot be cancelled cannot be cancelled again.
    #[serde(rename = "clientRequestToken")]
    _client_request_token: Option<String>,
}

impl Operation for CancelUpdate {
    const NAME: &'static str = "CancelUpdate";
    type Output = Answer;

    async fn run(self, cx: Cx) -> Result<Answer, Exception> {
        let update = updates::cancel(&cx.eks, &cx.registry, &self.name, &self.update_id).await?;
        Ok(model::one("update", model::update(&update)))
    }
}
