//! `serviceaccounts/token`: what is asked for, and the claims of the token that answers it.
use serde::Deserialize;
use serde_json::{Value, json};
use wharf_auth::service_account::{Audiences, Claims, Kubernetes, Reference};
use wharf_types::Timestamp;

use super::service_account_name;
use crate::{Errors, Path, Status};

const GROUP: &str = "authentication.k8s.io";
const KIND: &str = "TokenRequest";

const DEFAULT_SECS: i64 = 3600;
const MIN_SECS: i64 = 600;
const MAX_SECS: i64 = 1 << 32;
/// The longest token of EKS; more is cut with a warning.
const LONGEST_SECS: i64 = 24 * 60 * 60;
/// What the kubelet asks for the token that every pod has: an hour and a sign that clients which never
/// read the file again are to be borne with.
const PROJECTED_SECS: i64 = 3607;
/// How long they are, on EKS.
const EXTENDED_SECS: i64 = 90 * 24 * 60 * 60;

/// The service account that a token is for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    pub namespace: String,
    pub name: String,
    pub uid: String,
}

/// What the token is to be bound to, by kind and name. The caller looks it up and gives [`Binding`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoundObjectRef {
    /// `Pod`, `Secret` or `Node`.
    pub kind: String,
    pub name: String,
    /// Empty: whatever has the name.
    pub uid: String,
}

/// What a token is bound to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Binding {
    pub pod: Option<Reference>,
    pub secret: Option<Reference>,
    /// The node itself, or that of the pod.
    pub node: Option<Reference>,
}

/// A request that was checked, with its defaults.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRequest {
    pub audiences: Vec<String>,
    pub expiration_secs: i64,
    pub bound: Option<BoundObjectRef>,
    /// What the answer's `Warning` header says.
    pub warning: Option<String>,
    /// Whether all audiences are the API's own.
    for_api: bool,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Spec {
    audiences: Option<Vec<String>>,
    expiration_seconds: Option<i64>,
    bound_object_ref: Option<WireRef>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct WireRef {
    kind: String,
    api_version: String,
    name: String,
    uid: String,
}

impl TokenRequest {
    /// Reads and checks a posted object.
    pub fn read(object: &Value, account: &Account, api_audiences: &[&str]) -> Result<Self, Status> {
        check_metadata(object, account)?;
        let spec = match &object["spec"] {
            Value::Null => Spec::default(),
            spec => Spec::deserialize(spec)
                .map_err(|e| Status::bad_request(format!("the spec cannot be read: {e}")))?,
        };
        let mut expiration_secs = spec.expiration_seconds.unwrap_or(DEFAULT_SECS);
        check_expiration(expiration_secs)?;
        let warning = (expiration_secs > LONGEST_SECS).then(|| {
            format!(
                "requested expiration of {expiration_secs} seconds shortened to {LONGEST_SECS} seconds"
            )
        });
        expiration_secs = expiration_secs.min(LONGEST_SECS);
        let asked = spec.audiences.filter(|audiences| !audiences.is_empty());
        let audiences =
            asked.unwrap_or_else(|| api_audiences.iter().map(|a| (*a).to_owned()).collect());
        Ok(Self {
            for_api: audiences
                .iter()
                .all(|a| api_audiences.contains(&a.as_str())),
            audiences,
            expiration_secs,
            bound: spec.bound_object_ref.map(bound).transpose()?,
            warning,
        })
    }

    /// The claims of the token.
    pub fn claims(
        &self,
        account: &Account,
        binding: Binding,
        issuer: &str,
        id: &str,
        now: Timestamp,
    ) -> Claims {
        let now = now.as_secs();
        let is_projected =
            binding.pod.is_some() && self.for_api && self.expiration_secs == PROJECTED_SECS;
        let (lifetime, warnafter) = if is_projected {
            (EXTENDED_SECS, Some(now + PROJECTED_SECS))
        } else {
            (self.expiration_secs, None)
        };
        Claims {
            aud: Audiences(self.audiences.clone()),
            exp: Some(now + lifetime),
            iat: Some(now),
            iss: issuer.to_owned(),
            jti: id.to_owned(),
            kubernetes: Kubernetes {
                namespace: account.namespace.clone(),
                node: binding.node,
                pod: binding.pod,
                secret: binding.secret,
                serviceaccount: Reference {
                    name: account.name.clone(),
                    uid: account.uid.clone(),
                },
                warnafter,
            },
            nbf: Some(now),
            sub: service_account_name(&account.namespace, &account.name),
        }
    }

    /// The `spec` and the `status` of the answer, which says the time that was asked for even if the
    /// token lives longer.
    pub fn answer(&self, token: &str, now: Timestamp) -> (Value, Value) {
        let expires = Timestamp::from_secs(now.as_secs().saturating_add(self.expiration_secs));
        let mut spec = json!({
            "audiences": self.audiences,
            "expirationSeconds": self.expiration_secs,
            "boundObjectRef": null,
        });
        if let Some(BoundObjectRef { kind, name, uid }) = &self.bound {
            let mut reference = json!({ "kind": kind, "apiVersion": "v1", "name": name });
            if !uid.is_empty() {
                reference["uid"] = uid.as_str().into();
            }
            spec["boundObjectRef"] = reference;
        }
        let expires = expires.to_string();
        let status = json!({ "token": token, "expirationTimestamp": expires });
        (spec, status)
    }

    /// Whether what was found under the name is what was meant, and for this account.
    pub fn check_bound(
        &self,
        account: &Account,
        uid: &str,
        pod_account: Option<&str>,
    ) -> Result<(), Status> {
        let Some(bound) = &self.bound else {
            return Ok(());
        };
        if pod_account.is_some_and(|name| name != account.name) {
            let name = &account.name;
            return Err(Status::bad_request(format!(
                "cannot bind token for serviceaccount {name:?} to pod running with different serviceaccount name."
            )));
        }
        if !bound.uid.is_empty() && bound.uid != uid {
            let wanted = &bound.uid;
            let why = format!(
                "the UID in the bound object reference ({wanted}) does not match the UID in record. The object might have been deleted and then recreated"
            );
            return Err(Status::conflict(&bound.kind, "", &bound.name, &why));
        }
        Ok(())
    }
}

fn check_metadata(object: &Value, account: &Account) -> Result<(), Status> {
    let own = |field: &str| {
        let text = object["metadata"][field].as_str();
        text.filter(|text| !text.is_empty())
    };
    let mut errors = Errors::default();
    let path = Path::new("metadata");
    for (field, expected, why) in [
        (
            "name",
            &account.name,
            "must match the service account name if specified",
        ),
        (
            "namespace",
            &account.namespace,
            "must match the service account namespace if specified",
        ),
    ] {
        if let Some(text) = own(field).filter(|text| text != expected)
            && errors.is_empty()
        {
            errors.invalid(&path.field(field), &json!(text), why);
        }
    }
    if !errors.is_empty() {
        return Err(Status::invalid(KIND, GROUP, &account.name, &errors));
    }
    match own("uid").filter(|uid| *uid != account.uid) {
        None => Ok(()),
        Some(uid) => {
            let actual = &account.uid;
            let why = format!(
                "the UID in the token request ({uid}) does not match the UID of the service account ({actual})"
            );
            Err(Status::conflict(KIND, GROUP, &account.name, &why))
        }
    }
}

fn check_expiration(secs: i64) -> Result<(), Status> {
    let why = if secs < MIN_SECS {
        "may not specify a duration less than 10 minutes"
    } else if secs > MAX_SECS {
        "may not specify a duration larger than 2^32 seconds"
    } else {
        return Ok(());
    };
    let mut errors = Errors::default();
    let path = Path::new("spec").field("expirationSeconds");
    errors.invalid(&path, &json!(secs), why);
    Err(Status::invalid(KIND, GROUP, "", &errors))
}

fn bound(reference: WireRef) -> Result<BoundObjectRef, Status> {
    let WireRef {
        kind,
        api_version,
        name,
        uid,
    } = reference;
    let core = matches!(api_version.as_str(), "" | "v1");
    if !core || !matches!(kind.as_str(), "Pod" | "Secret" | "Node") {
        let group_version = if api_version.is_empty() {
            "/".to_owned()
        } else if api_version.contains('/') {
            api_version
        } else {
            format!("/{api_version}")
        };
        return Err(Status::bad_request(format!(
            "cannot bind token to object of type {group_version}, Kind={kind}"
        )));
    }
    Ok(BoundObjectRef { kind, name, uid })
}

#[cfg(test)]
mod tests {
    use super::*;

    const API: &str = "https://kubernetes.default.svc";

    fn account() -> Account {
        Account {
            namespace: "shop".to_owned(),
            name: "app".to_owned(),
            uid: "u1".to_owned(),
        }
    }

    fn read(spec: &Value) -> Result<TokenRequest, Status> {
        TokenRequest::read(&json!({ "spec": spec }), &account(), &[API])
    }

    #[test]
    fn an_empty_request_is_for_the_api_and_an_hour() {
        let request = read(&Value::Null).unwrap();
        assert_eq!(request.audiences, [API]);
        assert_eq!(request.expiration_secs, 3600);
        let now = Timestamp::from_secs(1000);
        let claims = request.claims(&account(), Binding::default(), "iss", "id", now);
        assert_eq!(
            (claims.exp, claims.iat, claims.nbf),
            (Some(4600), Some(1000), Some(1000))
        );
        assert_eq!(claims.sub, "system:serviceaccount:shop:app");
        let (_, status) = request.answer("t", now);
        let expected = json!({ "token": "t", "expirationTimestamp": "1970-01-01T01:16:40Z" });
        assert_eq!(status, expected);
    }

    #[test]
    fn times_have_limits() {
        for (secs, why) in [
            (599, Some("may not specify a duration less than 10 minutes")),
            (0, Some("may not specify a duration less than 10 minutes")),
            (600, None),
            (1_i64 << 32, None),
            (
                (1_i64 << 32) + 1,
                Some("may not specify a duration larger than 2^32 seconds"),
            ),
        ] {
            let result = read(&json!({ "expirationSeconds": secs }));
            match why {
                None => assert!(result.is_ok(), "{secs}"),
                Some(why) => assert_eq!(
                    result.unwrap_err().message,
                    format!(
                        "TokenRequest.authentication.k8s.io \"\" is invalid: spec.expirationSeconds: Invalid value: {secs}: {why}"
                    )
                ),
            }
        }
        let long = read(&json!({ "expirationSeconds": 100_000 })).unwrap();
        assert_eq!(long.expiration_secs, 86_400);
        assert_eq!(
            long.warning.unwrap(),
            "requested expiration of 100000 seconds shortened to 86400 seconds"
        );
    }

    #[test]
    fn the_token_of_a_pod_lives_on_for_clients_that_never_read_it_again() {
        let pod = || Binding {
            pod: Some(Reference::default()),
            ..Binding::default()
        };
        let now = Timestamp::from_secs(0);
        let request = read(&json!({ "expirationSeconds": 3607 })).unwrap();
        let claims = request.claims(&account(), pod(), "iss", "id", now);
        assert_eq!(claims.exp, Some(90 * 24 * 3600));
        assert_eq!(claims.kubernetes.warnafter, Some(3607));
        let claims = request.claims(&account(), Binding::default(), "iss", "id", now);
        assert_eq!(
            (claims.exp, claims.kubernetes.warnafter),
            (Some(3607), None)
        );
        let other = json!({ "expirationSeconds": 3607, "audiences": ["sts.amazonaws.com"] });
        let claims = read(&other)
            .unwrap()
            .claims(&account(), pod(), "iss", "id", now);
        assert_eq!(
            (claims.exp, claims.kubernetes.warnafter),
            (Some(3607), None)
        );
    }

    #[test]
    fn a_token_is_bound_to_a_pod_a_secret_or_a_node() {
        let request = |kind: &str, version: &str| {
            read(&json!({ "boundObjectRef": {
                "kind": kind, "apiVersion": version, "name": "p", "uid": "u2",
            } }))
        };
        let pod = request("Pod", "v1").unwrap();
        assert!(pod.check_bound(&account(), "u2", Some("app")).is_ok());
        assert!(
            pod.check_bound(&account(), "u3", Some("app"))
                .unwrap_err()
                .is_conflict()
        );
        let other = pod.check_bound(&account(), "u2", Some("x")).unwrap_err();
        assert!(other.message.contains("different serviceaccount name"));
        let error = request("Deployment", "apps/v1").unwrap_err();
        let expected = "cannot bind token to object of type apps/v1, Kind=Deployment";
        assert_eq!(error.message, expected);
    }

    #[test]
    fn metadata_must_be_that_of_the_account() {
        let read = |metadata: Value| {
            TokenRequest::read(&json!({ "metadata": metadata }), &account(), &[API])
        };
        assert!(read(json!({ "name": "app", "namespace": "shop", "uid": "u1" })).is_ok());
        let name = read(json!({ "name": "x" })).unwrap_err();
        assert!(name.message.contains("must match the service account name"));
        assert!(read(json!({ "uid": "old" })).unwrap_err().is_conflict());
    }
}
