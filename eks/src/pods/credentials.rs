//! Credentials of pod identities, as the agent on every machine gives them to its pods.
//!
//! # Guarantees
//! * Credentials go to the pod that the token was made for, and to no other: the connection says which
//!   pod asks, the token which one it is of.
//! * A token is good while its pod and service account are there.
use std::collections::BTreeMap;
use std::time::Duration;

use wharf_auth::service_account::{self, Claims, ServiceAccountTokenError, verify};
use wharf_auth::{RoleSession, SessionContext, policy, role_session};
use wharf_kubernetes::Cluster;
use wharf_types::Timestamp;

use super::{Pod, may_assume, role};
use crate::running::Running;
use crate::{Cx, Error, arn, pod_identity::Association};

/// Whom the tokens of pod identities are for.
const AUDIENCE: &str = "pods.eks.amazonaws.com";

/// How long credentials are good for, as those of EKS Auth.
const LIFE: Duration = Duration::from_hours(6);

/// The longest name of a session.
const MAX_NAME: usize = 64;

/// What the agent answers.
#[derive(Clone, Debug)]
pub struct Credentials {
    pub of: wharf_auth::TemporaryCredentials,
    pub account: wharf_types::AccountId,
}

/// Why a pod gets no credentials.
#[derive(Debug, thiserror::Error)]
pub enum NoCredentials {
    #[error("Service account token cannot be empty")]
    NoToken,
    #[error("Service account token cannot be parsed: {0}")]
    Unreadable(&'static str),
    #[error("Service account token failed basic claim validations: token has invalid claims: {0}")]
    Claims(&'static str),
    /// What EKS Auth refuses.
    #[error("({kind}): {message}, fault: client")]
    Refused {
        kind: &'static str,
        message: String,
        /// Of the answer.
        status: u16,
    },
    #[error("(InternalServerException): credentials could not be made, fault: server")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl NoCredentials {
    /// The status of the answer.
    pub const fn status(&self) -> u16 {
        match self {
            Self::NoToken | Self::Unreadable(_) | Self::Claims(_) => 400,
            Self::Refused { status, .. } => *status,
            Self::Internal(_) => 500,
        }
    }

    fn invalid_token(message: &str) -> Self {
        Self::Refused {
            kind: "InvalidTokenException",
            message: message.to_owned(),
            status: 400,
        }
    }

    fn denied(message: &str) -> Self {
        Self::Refused {
            kind: "AccessDeniedException",
            message: message.to_owned(),
            status: 400,
        }
    }

    fn internal(error: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Internal(Box::new(error))
    }
}

/// Gives a pod the credentials of its service account's association.
pub async fn credentials(cx: &Cx, pod: &Pod, token: &str) -> Result<Credentials, NoCredentials> {
    if token.is_empty() {
        return Err(NoCredentials::NoToken);
    }
    let Some(running) = cx.clusters.by_id(&pod.cluster) else {
        return Err(NoCredentials::invalid_token("The cluster is not there."));
    };
    let now = cx.now();
    let claims = verified(running.cluster(), token, now)?;
    check_pod(running.cluster(), pod, &claims)?;
    let association = association(cx, &running, &claims).await?;
    let session = session(&running, &association, &claims, now)?;
    let actions: &[&str] = if association.disable_session_tags {
        &["sts:AssumeRole"]
    } else {
        &["sts:AssumeRole", "sts:TagSession"]
    };
    let mut context = policy::Context::default();
    for (key, value) in &session.context.tags {
        context.add(&format!("aws:RequestTag/{key}"), value.as_str());
    }
    let assume = policy::Assume {
        by: AUDIENCE,
        actions,
        context: &context,
    };
    if !may_assume(cx, &session, &assume) {
        return Err(NoCredentials::denied(
            "Unauthorized Exception! EKS does not have permissions to assume the associated role.",
        ));
    }
    let key = &cx.clusters.access().key;
    let of = role_session::issue(key, &session).map_err(NoCredentials::internal)?;
    Ok(Credentials {
        of,
        account: session.account,
    })
}

fn verified(cluster: &Cluster, token: &str, now: Timestamp) -> Result<Claims, NoCredentials> {
    let issuer = &cluster.settings().issuer;
    if service_account::issuer(token).is_none() {
        return Err(NoCredentials::Unreadable("token is malformed"));
    }
    match verify(cluster.keys(), token, &[issuer], &[AUDIENCE], now) {
        Ok(verified) if verified.claims.iss == *issuer => Ok(verified.claims),
        Ok(_) | Err(ServiceAccountTokenError::Foreign | ServiceAccountTokenError::Invalid) => {
            let text = "The service account token is not one of this cluster.";
            Err(NoCredentials::invalid_token(text))
        }
        Err(ServiceAccountTokenError::Audience { .. }) => Err(NoCredentials::invalid_token(
            "The service account token does not have the audience pods.eks.amazonaws.com.",
        )),
        Err(ServiceAccountTokenError::Expired) => Err(NoCredentials::Claims("token is expired")),
        Err(ServiceAccountTokenError::NotYetValid) => {
            Err(NoCredentials::Claims("token is not valid yet"))
        }
        Err(ServiceAccountTokenError::FromTheFuture) => {
            Err(NoCredentials::Claims("token used before issued"))
        }
    }
}

/// Demands that a token is of the pod that shows it, and that this pod is still there.
fn check_pod(cluster: &Cluster, pod: &Pod, claims: &Claims) -> Result<(), NoCredentials> {
    let bound = &claims.kubernetes;
    let gone = || {
        let text = "The service account token is not one of a pod that is there.";
        NoCredentials::invalid_token(text)
    };
    let token_pod = bound.pod.as_ref().ok_or_else(gone)?;
    if token_pod.uid != pod.caller.pod {
        let text = "The service account token is one of another pod.";
        return Err(NoCredentials::invalid_token(text));
    }
    let found = cluster.get("pods", &bound.namespace, &token_pod.name);
    let found = found.filter(|found| found.uid == token_pod.uid);
    let found = found.ok_or_else(gone)?;
    let account = &bound.serviceaccount;
    let account_found = cluster.get("serviceaccounts", &bound.namespace, &account.name);
    if account_found.is_none_or(|found| found.uid != account.uid) {
        return Err(gone());
    }
    // The agent runs on machines, and on Fargate there are none.
    if found.label("eks.amazonaws.com/fargate-profile").is_some() {
        let text = "EKS Pod Identity is not there for pods on Fargate: give their service account a role by IRSA.";
        return Err(NoCredentials::denied(text));
    }
    Ok(())
}

async fn association(
    cx: &Cx,
    running: &Running,
    claims: &Claims,
) -> Result<Association, NoCredentials> {
    let at = running.at().clone();
    let all = cx.store.meta().read(move |tx| {
        let all = crate::pod_identity::all(tx, &at.registry, at.cluster())?;
        Ok::<_, Error>(all)
    });
    let all = all.await.map_err(NoCredentials::internal)?;
    let bound = &claims.kubernetes;
    let own = |one: &Association| {
        one.namespace == bound.namespace && one.service_account == bound.serviceaccount.name
    };
    let found = all.into_iter().map(|stored| stored.body).find(own);
    found.ok_or_else(|| NoCredentials::Refused {
        kind: "ResourceNotFoundException",
        message: format!(
            "No pod identity association was found for the service account {}/{}",
            bound.namespace, bound.serviceaccount.name
        ),
        status: 404,
    })
}

/// The session that an association stands for: of its role, or of the one that this assumes in turn.
fn session(
    running: &Running,
    association: &Association,
    claims: &Claims,
    now: Timestamp,
) -> Result<RoleSession, NoCredentials> {
    let arn = association.target_role_arn.as_ref();
    let arn = arn.unwrap_or(&association.role_arn);
    let found = role(arn).ok_or_else(|| NoCredentials::denied("The role is none."));
    let (account, role) = found?;
    let tags = if association.disable_session_tags {
        BTreeMap::new()
    } else {
        tags(running, claims)
    };
    Ok(RoleSession {
        account,
        role,
        name: name(running.at().cluster(), claims),
        context: SessionContext {
            tags,
            policy: association.policy.clone(),
        },
        expires_at: now + LIFE,
    })
}

/// `eks-<cluster>-<pod>-<uuid>`, of which the middle is cut to what a name can hold.
fn name(cluster: &str, claims: &Claims) -> String {
    let pod = claims.kubernetes.pod.as_ref();
    let pod = pod.map_or("", |pod| pod.name.as_str());
    let id = crate::parts::uuid();
    let room = MAX_NAME - id.len() - 1;
    let start: String = format!("eks-{cluster}-{pod}").chars().take(room).collect();
    format!("{start}-{id}")
}

fn tags(running: &Running, claims: &Claims) -> BTreeMap<String, String> {
    let at = running.at();
    let bound = &claims.kubernetes;
    let pod = bound.pod.clone().unwrap_or_default();
    let cluster = at.cluster();
    let arn = arn(&at.registry, &format!("cluster/{cluster}"));
    let all = [
        ("eks-cluster-arn", arn),
        ("eks-cluster-name", cluster.to_owned()),
        ("kubernetes-namespace", bound.namespace.clone()),
        (
            "kubernetes-service-account",
            bound.serviceaccount.name.clone(),
        ),
        ("kubernetes-pod-name", pod.name),
        ("kubernetes-pod-uid", pod.uid),
    ];
    all.map(|(key, value)| (key.to_owned(), value)).into()
}
