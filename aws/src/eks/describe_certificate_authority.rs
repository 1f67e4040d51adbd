//! Shows a certificate authority of a cluster.
use serde::Deserialize;
use wharf_eks::certificate_authorities as authorities;

use super::{
    model::{self, Answer},
    parts_model,
};
use crate::{Cx, Exception, operation::Operation};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DescribeCertificateAuthority {
    cluster_name: String,
    certificate_authority_id: String,
}

impl Operation for DescribeCertificateAuthority {
    const NAME: &'static str = "DescribeCertificateAuthority";
    type Output = Answer;

    async fn run(self, cx: Cx) -> Result<Answer, Exception> {
        let (cluster, id) = (self.cluster_name, self.certificate_authority_id);
        let (found, signer) = authorities::get(&cx.eks, &cx.registry, cluster, id).await?;
        let shown = parts_model::authority(&found, signer.as_ref());
        Ok(model::one("certificateAuthority", shown))
    }
}
