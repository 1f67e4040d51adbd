//! The answers to `SelfSubjectReview` and `TokenReview`.
use serde_json::{Value, json};

use super::User;
use crate::Status;

/// `SelfSubjectReview`: who am I? The `status`.
pub fn self_subject_review(user: &User) -> Value {
    json!({ "userInfo": user.to_json() })
}

/// What an authenticator says of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Authenticated {
    /// The audiences are those of the question for which the token is good.
    User { user: User, audiences: Vec<String> },
    /// Nobody knows the token, or it is no good any more, with the reason.
    Nobody(String),
}

/// `TokenReview`: whose is this token? The `status`. `authenticate` is given the token and the audiences,
/// one of which it must be for.
pub fn token_review(
    object: &Value,
    api_audiences: &[&str],
    authenticate: impl FnOnce(&str, &[&str]) -> Authenticated,
) -> Result<Value, Status> {
    let spec = &object["spec"];
    let token = spec["token"].as_str().unwrap_or_default();
    if token.is_empty() {
        let text = "token is required for TokenReview in authentication";
        return Err(Status::bad_request(text));
    }
    let asked = spec["audiences"].as_array();
    let asked: Vec<&str> = asked
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let asked = if asked.is_empty() {
        api_audiences.to_vec()
    } else {
        asked
    };
    let (user, audiences) = match authenticate(token, &asked) {
        Authenticated::User { user, audiences } => (user, audiences),
        Authenticated::Nobody(why) => {
            let mut status = json!({ "authenticated": false, "user": {} });
            if !why.is_empty() {
                status["error"] = why.into();
            }
            return Ok(status);
        }
    };
    Ok(json!({ "authenticated": true, "user": user.to_json(), "audiences": audiences }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_asked_for_with_its_audiences() {
        let review = |spec: Value| {
            token_review(&json!({ "spec": spec }), &["api"], |token, audiences| {
                if token == "good" {
                    Authenticated::User {
                        user: User::authenticated("jane", Vec::new()),
                        audiences: audiences.iter().map(|a| (*a).to_owned()).collect(),
                    }
                } else {
                    Authenticated::Nobody("invalid bearer token".to_owned())
                }
            })
        };
        let good = review(json!({ "token": "good" })).unwrap();
        assert_eq!(
            good,
            json!({
                "authenticated": true,
                "user": { "username": "jane", "groups": ["system:authenticated"] },
                "audiences": ["api"],
            })
        );
        let other = review(json!({ "token": "good", "audiences": ["vault"] })).unwrap();
        assert_eq!(other["audiences"], json!(["vault"]));
        let bad = review(json!({ "token": "bad" })).unwrap();
        let expected =
            json!({ "authenticated": false, "user": {}, "error": "invalid bearer token" });
        assert_eq!(bad, expected);
        assert!(review(json!({})).is_err());
    }
}
