//! Tokens of service accounts, on request.
use serde_json::{Value, json};
use wharf_auth::service_account::{Reference, mint};

use super::ApiServer;
use super::reply::Reply;
use super::route::Target;
use crate::Status;
use crate::authn::token_request::{Account, Binding, TokenRequest};

impl ApiServer {
    pub(super) fn mint(&self, target: &Target, request: &Value) -> Result<Reply, Status> {
        let owner = Self::object(target)?;
        let account = Account {
            namespace: owner.namespace.clone(),
            name: owner.name.clone(),
            uid: owner.uid.clone(),
        };
        let audiences = self.audiences();
        let [audience, issuer] = &audiences;
        let wanted = TokenRequest::read(request, &account, &[audience])?;
        let binding = self.binding_of(&wanted, &account)?;
        let (cluster, id) = (self.cluster(), uuid::Uuid::new_v4().to_string());
        let claims = wanted.claims(&account, binding, issuer, &id, cluster.now());
        let Some(key) = cluster.keys().first() else {
            return Err(Status::unavailable("the cluster has no key for tokens"));
        };
        let token = mint(key, &claims).map_err(Status::internal)?;
        let (spec, status) = wanted.answer(token.expose(), cluster.now());
        let answer = json!({
            "kind": "TokenRequest",
            "apiVersion": "authentication.k8s.io/v1",
            "metadata": { "name": account.name, "namespace": account.namespace },
            "spec": spec,
            "status": status,
        });
        Ok(Reply::value(&answer).warn(wanted.warning.into_iter().collect()))
    }

    /// What the token is bound to, as it is now.
    fn binding_of(&self, wanted: &TokenRequest, account: &Account) -> Result<Binding, Status> {
        let mut binding = Binding::default();
        let Some(bound) = &wanted.bound else {
            return Ok(binding);
        };
        let (resource, namespace) = match bound.kind.as_str() {
            "Pod" => ("pods", account.namespace.as_str()),
            "Secret" => ("secrets", account.namespace.as_str()),
            _node => ("nodes", ""),
        };
        let found = self.cluster().get(resource, namespace, &bound.name);
        let found = found.ok_or_else(|| Status::not_found(resource, "", &bound.name))?;
        let value = found.value();
        let own = value["spec"]["serviceAccountName"].as_str();
        wanted.check_bound(account, &found.uid, own.filter(|_| resource == "pods"))?;
        let reference = Some(Reference {
            name: found.name.clone(),
            uid: found.uid.clone(),
        });
        match resource {
            "pods" => {
                let node = value["spec"]["nodeName"].as_str().unwrap_or_default();
                let node = self.cluster().get("nodes", "", node);
                binding.node = node.map(|node| Reference {
                    name: node.name.clone(),
                    uid: node.uid.clone(),
                });
                binding.pod = reference;
            }
            "secrets" => binding.secret = reference,
            _node => binding.node = reference,
        }
        Ok(binding)
    }
}
