//! The certificate authorities of a cluster.
use serde::Deserialize;
use wharf_eks::{
    certificate_authorities::{self as authorities, Authority},
    checks,
};

use super::{
    model::{self, Answer},
    parts_model,
};
use crate::{Cx, Exception, operation::Operation, page::Pages};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListCertificateAuthorities {
    cluster_name: String,
    max_results: Option<i64>,
    next_token: Option<String>,
}

impl Operation for ListCertificateAuthorities {
    const NAME: &'static str = "ListCertificateAuthorities";
    type Output = Answer;

    async fn run(self, cx: Cx) -> Result<Answer, Exception> {
        let max = checks::max_results(self.max_results)?;
        let pages = Pages {
            cx: &cx,
            scope: format!("ListCertificateAuthorities/{}", self.cluster_name),
        };
        let after = pages.after(self.next_token.as_deref())?;
        let found = authorities::list(&cx.eks, &cx.registry, self.cluster_name, after).await?;
        Ok(model::shown_page(
            &pages,
            found,
            max,
            |authority: &Authority| authority.id.clone(),
            "certificateAuthorities",
            parts_model::authority_summary,
        ))
    }
}
