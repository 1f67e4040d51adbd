//! How ECR's registry says no.
use crate::{
    Principal,
    policy::{Basis, Refused},
};
use http::HeaderValue;

/// The body of every 401: plain text, where the distribution specification asks for JSON.
pub const UNAUTHORIZED: &str = "Not Authorized\n";

/// The `Content-Type` of [`UNAUTHORIZED`].
pub const UNAUTHORIZED_TYPE: &str = "text/plain; charset=utf-8";

/// The message of a 403 (`DENIED`) for a password that was valid once.
pub const EXPIRED: &str = "Your authorization token has expired. Reauthenticate and try again.";

/// The `WWW-Authenticate` header of a 401. `host` is the `Host` that the client asked for, with its
/// port; what cannot be part of one is left out.
pub fn www_authenticate(host: &str) -> HeaderValue {
    let host: String = host
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']'))
        .collect();
    let value = format!(r#"Basic realm="https://{host}/",service="ecr.amazonaws.com""#);
    HeaderValue::try_from(value).unwrap_or_else(|_never| {
        HeaderValue::from_static(r#"Basic realm="https://localhost/",service="ecr.amazonaws.com""#)
    })
}

/// The message of a 403 for what policies refuse. `action` is like `ecr:PutImage`, `resource` an ARN
/// or `*`.
pub fn denied(principal: &Principal, action: &str, resource: &str, why: Refused) -> String {
    let basis = match why {
        Refused::Denied(basis) | Refused::NotAllowed(basis) => basis,
    };
    let policy = match basis {
        Basis::Identity => "identity-based",
        Basis::Resource => "resource-based",
    };
    let because = match (why, basis) {
        (Refused::NotAllowed(_), _) => {
            format!("because no {policy} policy allows the {action} action")
        }
        (Refused::Denied(_), Basis::Identity) => {
            format!("with an explicit deny in an {policy} policy")
        }
        (Refused::Denied(_), Basis::Resource) => {
            format!("with an explicit deny in a {policy} policy")
        }
    };
    let arn = &principal.arn;
    format!("User: {arn} is not authorized to perform: {action} on resource: {resource} {because}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a1_the_challenge_is_byte_for_byte_that_of_ecr() {
        let host = "000000000000.dkr.ecr.us-east-1.amazonaws.com";
        assert_eq!(
            www_authenticate(host),
            "Basic realm=\"https://000000000000.dkr.ecr.us-east-1.amazonaws.com/\",\
             service=\"ecr.amazonaws.com\""
        );
        assert_eq!(UNAUTHORIZED.len(), 15);
    }

    #[test]
    fn a_host_cannot_add_to_the_challenge() {
        assert_eq!(
            www_authenticate("[::1]:4566\",x=\"\r\nSet-Cookie: a=\u{e9}"),
            "Basic realm=\"https://[::1]:4566xSet-Cookie:a/\",service=\"ecr.amazonaws.com\""
        );
    }

    #[test]
    fn a_denial_names_who_what_where_and_why() {
        let principal = Principal::local("AKIDEXAMPLE", &"000000000000".parse().unwrap());
        let resource = "arn:aws:ecr:us-east-1:000000000000:repository/shop/web";
        for (why, because) in [
            (
                Refused::NotAllowed(Basis::Identity),
                "because no identity-based policy allows the ecr:PutImage action",
            ),
            (
                Refused::NotAllowed(Basis::Resource),
                "because no resource-based policy allows the ecr:PutImage action",
            ),
            (
                Refused::Denied(Basis::Identity),
                "with an explicit deny in an identity-based policy",
            ),
            (
                Refused::Denied(Basis::Resource),
                "with an explicit deny in a resource-based policy",
            ),
        ] {
            assert_eq!(
                denied(&principal, "ecr:PutImage", resource, why),
                format!(
                    "User: arn:aws:iam::000000000000:user/AKIDEXAMPLE is not authorized to perform: \
                     ecr:PutImage on resource: {resource} {because}"
                )
            );
        }
    }
}
