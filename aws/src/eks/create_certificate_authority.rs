//! Adds a successor of the certificate authority of a cluster.
use serde::Deserialize;
use wharf_eks::certificate_authorities as authorities;

use super::{
    model::{self, Answer},
    parts_model,
};
use crate::{Cx, Exception, operation::Operation};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreateCertificateAuthority {
    cluster_name: String,
    client_request_token: Option<String>,
}

impl Operation for CreateCertificateAuthority {
    const NAME: &'static str = "CreateCertificateAuthority";
    type Output = Answer;

    async fn run(self, cx: Cx) -> Result<Answer, Exception> {
        let token = self.client_request_token.as_deref();
        let begun = authorities::create(&cx.eks, &cx.registry, self.cluster_name, token).await?;
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
