//! Tokens of service accounts: checked, bound to what they are for, and signed.
use serde_json::Value;
use wharf_auth::service_account::{Reference, mint};

use super::token_request::{Account, Binding, TokenRequest};
use crate::cluster::Cluster;
use crate::store::Object;
use crate::{Status, fields};

/// Whom tokens of service accounts are for that name nobody.
pub(crate) const AUDIENCE: &str = "https://kubernetes.default.svc";

/// A new token.
#[derive(Debug)]
pub(crate) struct Issued {
    pub(crate) spec: Value,
    /// With the token.
    pub(crate) status: Value,
    pub(crate) warning: Option<String>,
}

/// Answers a `TokenRequest` for a service account.
pub(crate) fn issue(cluster: &Cluster, owner: &Object, request: &Value) -> Result<Issued, Status> {
    let account = Account {
        namespace: owner.namespace.clone(),
        name: owner.name.clone(),
        uid: owner.uid.clone(),
    };
    let wanted = TokenRequest::read(request, &account, &[AUDIENCE])?;
    let binding = binding_of(cluster, &wanted, &account)?;
    let (issuer, id) = (
        cluster.settings().issuer.clone(),
        uuid::Uuid::new_v4().to_string(),
    );
    let claims = wanted.claims(&account, binding, &issuer, &id, cluster.now());
    let Some(key) = cluster.keys().first() else {
        return Err(Status::unavailable("the cluster has no key for tokens"));
    };
    let token = mint(key, &claims).map_err(Status::internal)?;
    let (spec, status) = wanted.answer(token.expose(), cluster.now());
    Ok(Issued {
        spec,
        status,
        warning: wanted.warning,
    })
}

/// What the token is bound to, as it is now.
fn binding_of(
    cluster: &Cluster,
    wanted: &TokenRequest,
    account: &Account,
) -> Result<Binding, Status> {
    let mut binding = Binding::default();
    let Some(bound) = &wanted.bound else {
        return Ok(binding);
    };
    let (resource, namespace) = match bound.kind.as_str() {
        "Pod" => ("pods", account.namespace.as_str()),
        "Secret" => ("secrets", account.namespace.as_str()),
        _node => ("nodes", ""),
    };
    let found = cluster.get(resource, namespace, &bound.name);
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
            let node = cluster.get("nodes", "", fields::text(&value["spec"], "nodeName"));
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
