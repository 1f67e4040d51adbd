//! Tokens of service accounts, on request.
use serde_json::{Value, json};

use super::ApiServer;
use super::reply::Reply;
use super::route::Target;
use crate::Status;
use crate::authn::issue::issue;

impl ApiServer {
    pub(super) fn mint(&self, target: &Target, request: &Value) -> Result<Reply, Status> {
        let owner = Self::object(target)?;
        let issued = issue(self.cluster(), &owner, request)?;
        let answer = json!({
            "kind": "TokenRequest",
            "apiVersion": "authentication.k8s.io/v1",
            "metadata": { "name": owner.name, "namespace": owner.namespace },
            "spec": issued.spec,
            "status": issued.status,
        });
        Ok(Reply::value(&answer).warn(issued.warning.into_iter().collect()))
    }
}
