//! Encrypts the secrets of a cluster with a key of KMS.
use serde::Deserialize;
use wharf_eks::clusters::{self, AssociateEncryption};

use super::model::{self, Answer};
use crate::{Cx, Exception, operation::Operation};

#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(crate) struct AssociateEncryptionConfig(AssociateEncryption);

impl Operation for AssociateEncryptionConfig {
    const NAME: &'static str = "AssociateEncryptionConfig";
    type Output = Answer;

    async fn run(self, cx: Cx) -> Result<Answer, Exception> {
        let update = clusters::associate_encryption(&cx.eks, &cx.registry, self.0).await?;
        Ok(model::one("update", model::update(&update)))
    }
}
