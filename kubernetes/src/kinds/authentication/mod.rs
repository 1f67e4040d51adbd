//! Group `authentication.k8s.io`: questions of who somebody is. Nothing of it is stored, and the
//! answers are those of the server, so that a kind is little more than its row.
use serde_json::Value;

use super::{Kind, Scope, Verbs};
use crate::{Errors, Path, fields};

const GROUP: &str = "authentication.k8s.io";

pub(super) const ROWS: &[Kind] = &[TOKEN_REVIEW, SELF_SUBJECT_REVIEW];

const TOKEN_REVIEW: Kind = Kind {
    scope: Scope::Cluster,
    verbs: Verbs::Review,
    validate: |object, errors| {
        if fields::text(&object["spec"], "token").is_empty() {
            let why = "token is required for TokenReview in authentication";
            errors.required(&Path::new("spec").field("token"), why);
        }
    },
    ..Kind::new(
        GROUP,
        "v1",
        "TokenReview",
        "tokenreviews",
        "tokenreview",
        "io.k8s.api.authentication.v1.TokenReview",
    )
};

const SELF_SUBJECT_REVIEW: Kind = Kind {
    scope: Scope::Cluster,
    verbs: Verbs::Review,
    ..Kind::new(
        GROUP,
        "v1",
        "SelfSubjectReview",
        "selfsubjectreviews",
        "selfsubjectreview",
        "io.k8s.api.authentication.v1.SelfSubjectReview",
    )
};

const SECONDS_MIN: i64 = 600;
const SECONDS_MAX: i64 = 1 << 32;

/// Only under service accounts, as `serviceaccounts/token`.
pub(super) const TOKEN_REQUEST: Kind = Kind {
    verbs: Verbs::Review,
    default: default_token_request,
    validate: validate_token_request,
    ..Kind::new(
        GROUP,
        "v1",
        "TokenRequest",
        "tokenrequests",
        "tokenrequest",
        "io.k8s.api.authentication.v1.TokenRequest",
    )
};

/// A token lasts an hour if nobody says how long.
fn default_token_request(request: &mut Value) {
    if let Some(spec) = fields::ensure(request, "spec") {
        fields::default_pointer(spec, "expirationSeconds", 3600);
    }
}

fn validate_token_request(request: &Value, errors: &mut Errors) {
    let path = Path::new("spec").field("expirationSeconds");
    let value = &request["spec"]["expirationSeconds"];
    let seconds = fields::number(value).unwrap_or_default();
    if seconds < SECONDS_MIN {
        let why = "may not specify a duration less than 10 minutes";
        errors.invalid(&path, &seconds.into(), why);
    }
    if seconds > SECONDS_MAX {
        let why = "may not specify a duration larger than 2^32 seconds";
        errors.invalid(&path, value, why);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_token_lasts_ten_minutes_at_least() {
        let mut request = json!({});
        default_token_request(&mut request);
        assert_eq!(request, json!({ "spec": { "expirationSeconds": 3600 } }));
        let mut errors = Errors::default();
        validate_token_request(&request, &mut errors);
        assert!(errors.is_empty());
        let short = json!({ "spec": { "expirationSeconds": 599 } });
        validate_token_request(&short, &mut errors);
        assert_eq!(
            errors.to_string(),
            "spec.expirationSeconds: Invalid value: 599: may not specify a duration less than 10 minutes"
        );
    }
}
