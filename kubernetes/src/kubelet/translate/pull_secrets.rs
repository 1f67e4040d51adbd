//! Passwords for the registries of a pod's images, in the forms that Docker's client writes.
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;
use wharf_runtime::PullSecret;

use super::Context;
use super::env::bytes;
use crate::fields;

/// Those of the secrets that the pod names; what is missing or makes no sense is left out, as the
/// images may need none.
pub(super) fn pull_secrets(pod: &Value, context: &Context<'_>) -> Vec<PullSecret> {
    let namespace = fields::text(&pod["metadata"], "namespace");
    let names = fields::list(&pod["spec"], "imagePullSecrets").iter();
    let found = names.filter_map(|one| {
        let name = fields::text(one, "name");
        (context.lookup)("secrets", namespace, name)
    });
    found.flat_map(|secret| passwords(&secret)).collect()
}

fn passwords(secret: &Value) -> Vec<PullSecret> {
    let read = |key: &str| {
        let bytes = bytes("secrets", &secret["data"][key])?;
        serde_json::from_slice::<Value>(&bytes).ok()
    };
    let registries = match read(".dockerconfigjson") {
        Some(config) => config["auths"].clone(),
        None => read(".dockercfg").unwrap_or_default(),
    };
    let registries = registries.as_object().into_iter().flatten();
    let password = |(registry, auth): (&String, &Value)| {
        let (username, password) = user(auth)?;
        Some(PullSecret {
            registry: registry.clone(),
            username,
            password,
        })
    };
    registries.filter_map(password).collect()
}

fn user(auth: &Value) -> Option<(String, String)> {
    let text = |key: &str| fields::text(auth, key).to_owned();
    if fields::has(auth, "username") {
        return Some((text("username"), text("password")));
    }
    let both = BASE64_STANDARD.decode(text("auth")).ok()?;
    let (user, password) = std::str::from_utf8(&both).ok()?.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn passwords_are_read_in_both_forms() {
        let secret = |key: &str, text: &str| {
            let encoded = BASE64_STANDARD.encode(text);
            passwords(&json!({ "data": { (key): encoded } }))
        };
        let new = secret(
            ".dockerconfigjson",
            r#"{"auths":{"a.io":{"auth":"bWU6aGVy"},"b.io":{"username":"AWS","password":"x","auth":"?"},"c.io":{}}}"#,
        );
        let read = |all: &[PullSecret]| {
            let one =
                |one: &PullSecret| format!("{} {} {}", one.registry, one.username, one.password);
            all.iter().map(one).collect::<Vec<_>>()
        };
        assert_eq!(read(&new), ["a.io me her", "b.io AWS x"]);
        let old = secret(
            ".dockercfg",
            r#"{"https://index.docker.io/v1/":{"auth":"bWU6aGVy"}}"#,
        );
        assert_eq!(read(&old), ["https://index.docker.io/v1/ me her"]);
        assert!(secret(".dockerconfigjson", "no JSON").is_empty());
    }
}
