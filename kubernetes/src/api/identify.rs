//! Who asks: tokens of EKS and of service accounts, client certificates, impersonation.
use http::HeaderMap;
use http::request::Parts;
use wharf_auth::{Auth, certificate, eks_token, service_account};

use super::{ApiServer, PeerCertificate};
use crate::Status;
use crate::authn::aws_auth::AwsAuth;
use crate::authn::reviews::Authenticated;
use crate::authn::service_account::{Bound, Found};
use crate::authn::{self, User, impersonation};
use crate::cluster::time::parse_rfc3339;

/// What tokens of service accounts are for, unless they say something else.
pub(super) use crate::authn::issue::AUDIENCE;

const EKS_PREFIX: &str = "k8s-aws-v1.";

impl ApiServer {
    /// Finds the user of a request; 401 without valid credentials.
    pub(super) fn identify(&self, parts: &Parts) -> Result<User, Status> {
        let user = self.credentials(parts)?;
        impersonation::impersonate(user, &parts.headers, |user, attributes| {
            self.decide(user, attributes)
        })
    }

    fn credentials(&self, parts: &Parts) -> Result<User, Status> {
        if let Some(token) = authn::bearer_token(&parts.headers) {
            return match self.token(token, &self.audiences()) {
                Authenticated::User { user, .. } => Ok(user),
                Authenticated::Nobody(why) => {
                    tracing::debug!(why, "a token was not accepted");
                    Err(Status::unauthorized())
                }
            };
        }
        if let Some(PeerCertificate(der)) = parts.extensions.get::<PeerCertificate>()
            && let Ok(Some(holder)) = certificate::holder(der)
        {
            return Ok(User::of_certificate(holder));
        }
        if authn::is_open(parts.uri.path()) && !has_credentials(&parts.headers) {
            return Ok(User::anonymous());
        }
        Err(Status::unauthorized())
    }

    /// The audiences of tokens for this API.
    pub(super) fn audiences(&self) -> [String; 2] {
        let issuer = self.cluster().settings().issuer.clone();
        [AUDIENCE.to_owned(), issuer]
    }

    /// Whose a token is.
    pub(super) fn token<A: AsRef<str>>(&self, token: &str, audiences: &[A]) -> Authenticated {
        let done = if token.starts_with(EKS_PREFIX) {
            self.eks_token(token)
        } else {
            self.account_token(token, audiences)
        };
        done.unwrap_or_else(Authenticated::Nobody)
    }

    fn eks_token(&self, token: &str) -> Result<Authenticated, String> {
        let (cluster, access) = (self.cluster(), &self.0.access);
        let settings = cluster.settings();
        let is_ours = |host: &str| (access.is_ours)(host);
        let caller = eks_token::verify(
            token,
            &settings.name,
            (&access.auth, &access.key),
            &access.default_account,
            is_ours,
            cluster.now(),
        )
        .map_err(|e| e.to_string())?;
        let entry = settings.access.entries.get(&caller.canonical_arn);
        let map = cluster.get("configmaps", "kube-system", "aws-auth");
        let aws_auth = map.map_or_else(AwsAuth::default, |map| {
            AwsAuth::from_config_map(&map.value())
        });
        // A pod that acts as a role is nobody here unless somebody says so.
        let is_session = caller.principal.session.is_some();
        let local = matches!(access.auth, Auth::Local) && !is_session;
        let user = authn::aws::user(&caller, settings.access.mode, entry, &aws_auth, local);
        let user = user.ok_or_else(|| format!("{} has no access entry", caller.arn))?;
        Ok(Authenticated::User {
            user,
            audiences: vec![AUDIENCE.to_owned()],
        })
    }

    fn account_token<A: AsRef<str>>(
        &self,
        token: &str,
        audiences: &[A],
    ) -> Result<Authenticated, String> {
        let cluster = self.cluster();
        let settings = cluster.settings();
        let audiences: Vec<&str> = audiences.iter().map(AsRef::as_ref).collect();
        let verified = service_account::verify(
            cluster.keys(),
            token,
            &[&settings.issuer],
            &audiences,
            cluster.now(),
        )
        .map_err(|e| e.to_string())?;
        let find = |kind, namespace: &str, name: &str| self.found(kind, namespace, name);
        let user = authn::service_account::user(token, &verified.claims, find)?;
        Ok(Authenticated::User {
            user,
            audiences: verified.audiences,
        })
    }

    fn found(&self, kind: Bound, namespace: &str, name: &str) -> Option<Found> {
        const GRACE_SECS: i64 = 60;
        let resource = match kind {
            Bound::ServiceAccount => "serviceaccounts",
            Bound::Pod => "pods",
            Bound::Secret => "secrets",
            Bound::Node => "nodes",
        };
        let object = self.cluster().get(resource, namespace, name)?;
        let value = object.value();
        let deleted = value["metadata"]["deletionTimestamp"].as_str();
        let deleted = deleted.and_then(parse_rfc3339);
        let limit = self.cluster().now().as_secs() - GRACE_SECS;
        let token = value["data"]["token"].as_str().and_then(decoded);
        Some(Found {
            uid: object.uid.clone(),
            deleted: deleted.is_some_and(|at| at.as_secs() < limit),
            token: matches!(kind, Bound::Secret).then_some(token).flatten(),
        })
    }
}

fn decoded(text: &str) -> Option<String> {
    use base64::Engine as _;
    let bytes = base64::engine::general_purpose::STANDARD
        .decode(text)
        .ok()?;
    String::from_utf8(bytes).ok()
}

fn has_credentials(headers: &HeaderMap) -> bool {
    headers.contains_key(http::header::AUTHORIZATION)
}
