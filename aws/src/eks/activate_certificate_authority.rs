//! Makes a certificate authority the one that signs.
use serde::Deserialize;
use wharf_eks::certificate_authorities as authorities;

use super::{
    model::{self, Answer},
    parts_model,
};
use crate::{Cx, Exception, operation::Operation};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ActivateCertificateAuthority {
    cluster_name: String,
    certificate_authority_id: String,
    client_request_token: Option<String>,
}

impl Operation for ActivateCertificateAuthority {
    const NAME: &'static str = "ActivateCertificateAuthority";
    type Output = Answer;

    async fn run(self, cx: Cx) -> Result<Answer, Exception> {
        let token = self.client_request_token.as_deref();
        let (cluster, id) = (self.cluster_name, self.certificate_authority_id);
        let begun = authorities::activate(&cx.eks, &cx.registry, cluster, id, token).await?;
        let (update, authority) = begun;
        Ok(Answer::from([
            ("update", model::update(&update)),
            (
                "certificateAuthority",
                parts_model::authority_summary(&authority),
            ),
        ]))
    }
}
