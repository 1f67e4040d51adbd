//! Lists public repositories, or describes those that are named.
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::model;
use crate::{Cx, Exception, ecr, operation::Operation};

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DescribeRepositories {
    registry_id: Option<String>,
    repository_names: Option<Vec<String>>,
    next_token: Option<String>,
    max_results: Option<i64>,
}

impl Operation for DescribeRepositories {
    const NAME: &'static str = "DescribeRepositories";
    type Output = Map<String, Value>;

    async fn run(self, cx: Cx) -> Result<Self::Output, Exception> {
        let described = model::ask::<ecr::DescribeRepositories>(cx, self).await?;
        Ok(model::only(described, "repositories", model::REPOSITORY))
    }
}
