//! Errors as clients of Kubernetes see them: the `Status` kind.
use http::StatusCode;
use serde_json::{Value, json};

use crate::Errors;

/// Why a request was refused, in Kubernetes' own words.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct Status {
    pub code: StatusCode,
    /// `NotFound`, `Invalid`, …
    pub reason: &'static str,
    pub message: String,
    /// `details` of the answer, or null.
    pub details: Value,
    /// Where a list may go on nevertheless: `metadata.continue` of the answer.
    pub go_on: Option<String>,
}

impl Status {
    pub fn new(code: StatusCode, reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            reason,
            message: message.into(),
            details: Value::Null,
            go_on: None,
        }
    }

    /// `plural` is qualified by its group, as in `deployments.apps`.
    pub fn not_found(plural: &str, group: &str, name: &str) -> Self {
        let what = qualified(plural, group);
        Self {
            details: details(plural, group, name),
            ..Self::new(
                StatusCode::NOT_FOUND,
                "NotFound",
                format!("{what} \"{name}\" not found"),
            )
        }
    }

    pub fn already_exists(plural: &str, group: &str, name: &str) -> Self {
        let what = qualified(plural, group);
        Self {
            details: details(plural, group, name),
            ..Self::new(
                StatusCode::CONFLICT,
                "AlreadyExists",
                format!("{what} \"{name}\" already exists"),
            )
        }
    }

    /// Somebody else changed the object meanwhile.
    pub fn modified(plural: &str, group: &str, name: &str) -> Self {
        let text = "the object has been modified; please apply your changes to the latest version and try again";
        Self::conflict(plural, group, name, text)
    }

    pub fn conflict(plural: &str, group: &str, name: &str, why: &str) -> Self {
        let what = qualified(plural, group);
        Self {
            details: details(plural, group, name),
            ..Self::new(
                StatusCode::CONFLICT,
                "Conflict",
                format!("Operation cannot be fulfilled on {what} \"{name}\": {why}"),
            )
        }
    }

    pub fn forbidden(plural: &str, group: &str, name: &str, why: &str) -> Self {
        let what = qualified(plural, group);
        let named = if name.is_empty() {
            format!("{what} is forbidden: {why}")
        } else {
            format!("{what} \"{name}\" is forbidden: {why}")
        };
        Self {
            details: details(plural, group, name),
            ..Self::new(StatusCode::FORBIDDEN, "Forbidden", named)
        }
    }

    /// What validation found. `kind` and `group` are those of the object.
    pub fn invalid(kind: &str, group: &str, name: &str, errors: &Errors) -> Self {
        let what = qualified(kind, group);
        let causes: Vec<Value> = errors.iter().map(crate::errors::Problem::cause).collect();
        let mut about = details(kind, group, name);
        about["causes"] = causes.into();
        Self {
            details: about,
            ..Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "Invalid",
                format!("{what} \"{name}\" is invalid: {errors}"),
            )
        }
    }

    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BadRequest", message)
    }

    pub fn unauthorized() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "Unauthorized", "Unauthorized")
    }

    pub fn method_not_allowed() -> Self {
        let text = "the server does not allow this method on the requested resource";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", text)
    }

    /// No route of the server has this path.
    pub fn no_such_path() -> Self {
        let text = "the server could not find the requested resource";
        Self {
            details: json!({}),
            ..Self::new(StatusCode::NOT_FOUND, "NotFound", text)
        }
    }

    /// The resource version is older than what the history holds.
    pub fn expired(message: impl Into<String>) -> Self {
        Self::new(StatusCode::GONE, "Expired", message)
    }

    pub fn too_large(message: impl Into<String>) -> Self {
        let code = StatusCode::PAYLOAD_TOO_LARGE;
        Self::new(code, "RequestEntityTooLarge", message)
    }

    /// Ask again after `seconds`.
    pub fn too_many_requests(message: impl Into<String>, seconds: u32) -> Self {
        Self {
            details: json!({ "retryAfterSeconds": seconds }),
            ..Self::new(StatusCode::TOO_MANY_REQUESTS, "TooManyRequests", message)
        }
    }

    pub fn unsupported_media_type(message: impl Into<String>) -> Self {
        let code = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        Self::new(code, "UnsupportedMediaType", message)
    }

    pub fn not_acceptable(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_ACCEPTABLE, "NotAcceptable", message)
    }

    /// Ask again later.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "ServiceUnavailable",
            message,
        )
    }

    /// What wharf does not do, said honestly.
    pub fn not_implemented(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_IMPLEMENTED, "NotImplemented", message)
    }

    /// Our fault: the client learns nothing, the log everything.
    pub fn internal(error: impl std::error::Error + 'static) -> Self {
        let error: &dyn std::error::Error = &error;
        tracing::error!(error, "a request to a cluster failed");
        let text = "Internal error occurred: see the log of the server";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "InternalError", text)
    }

    /// Whether the object is not there.
    pub fn is_not_found(&self) -> bool {
        self.reason == "NotFound"
    }

    /// Whether the same request may succeed on the object as it is now.
    pub fn is_conflict(&self) -> bool {
        self.reason == "Conflict"
    }

    pub fn is_already_exists(&self) -> bool {
        self.reason == "AlreadyExists"
    }

    /// The body of the answer.
    pub fn to_json(&self) -> Value {
        let mut body = json!({
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
        });
        if let Some(go_on) = &self.go_on {
            body["metadata"]["continue"] = go_on.as_str().into();
        }
        if !self.details.is_null() {
            body["details"] = self.details.clone();
        }
        body["code"] = self.code.as_u16().into();
        body
    }
}

fn qualified(name: &str, group: &str) -> String {
    if group.is_empty() {
        name.to_owned()
    } else {
        format!("{name}.{group}")
    }
}

fn details(kind: &str, group: &str, name: &str) -> Value {
    let mut details = json!({});
    if !name.is_empty() {
        details["name"] = name.into();
    }
    if !group.is_empty() {
        details["group"] = group.into();
    }
    details["kind"] = kind.into();
    details
}
