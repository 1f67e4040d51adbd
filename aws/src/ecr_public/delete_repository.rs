//! Deletes a public repository.
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::model;
use crate::{Cx, Exception, ecr, operation::Operation};

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeleteRepository {
    registry_id: Option<String>,
    repository_name: Option<String>,
    force: Option<bool>,
}

impl Operation for DeleteRepository {
    const NAME: &'static str = "DeleteRepository";
    type Output = Map<String, Value>;

    async fn run(self, cx: Cx) -> Result<Self::Output, Exception> {
        let deleted = model::ask::<ecr::DeleteRepository>(cx, self).await?;
        Ok(model::only(deleted, "repository", model::REPOSITORY))
    }
}
