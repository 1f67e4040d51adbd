//! Lets a cluster take the tokens of an identity provider.
use serde::Deserialize;
use serde_json::json;
use wharf_eks::identity_providers::{self, NewProvider};

use super::model::{self, Answer};
use crate::{Cx, Exception, operation::Operation};

#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(crate) struct AssociateIdentityProviderConfig(NewProvider);

impl Operation for AssociateIdentityProviderConfig {
    const NAME: &'static str = "AssociateIdentityProviderConfig";
    type Output = Answer;

    async fn run(self, cx: Cx) -> Result<Answer, Exception> {
        let (update, tags) = identity_providers::associate(&cx.eks, &cx.registry, self.0).await?;
        Ok(Answer::from([
            ("update", model::update(&update)),
            ("tags", json!(tags)),
        ]))
    }
}
