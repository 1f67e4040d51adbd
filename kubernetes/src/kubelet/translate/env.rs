//! The environment of a container.
use std::collections::BTreeMap;
use std::net::IpAddr;

use serde_json::Value;

use super::{Context, Refusal, amounts};
use crate::fields;
use crate::kubelet::network::IDENTITIES;

/// The longest text that variables may expand to.
const EXPANDED_BYTES: usize = 1024 * 1024;

/// All variables by name: those of services, then `envFrom`, then `env`; the last one counts.
pub(super) fn env(
    pod: &Value,
    container: &Value,
    context: &Context<'_>,
) -> Result<Vec<(String, String)>, Refusal> {
    let mut known: BTreeMap<String, String> = BTreeMap::new();
    let all = pod["spec"]["enableServiceLinks"] != false;
    let services = context.services.iter();
    // Where the API is everybody is told.
    let told = services.filter(|(name, _)| all || name.starts_with("KUBERNETES_"));
    known.extend(told.cloned());
    for source in fields::list(container, "envFrom") {
        let prefix = fields::text(source, "prefix");
        let all = all_of(pod, container, source, context)?;
        known.extend(
            all.into_iter()
                .map(|(key, value)| (format!("{prefix}{key}"), value)),
        );
    }
    for variable in fields::list(container, "env") {
        let name = fields::text(variable, "name").to_owned();
        let value = if fields::has(variable, "valueFrom") {
            value_from(pod, container, &variable["valueFrom"], context)?
        } else {
            let value = |name: &str| known.get(name).map(String::as_str);
            Some(expand_with(fields::text(variable, "value"), &value))
        };
        if let Some(value) = value {
            known.insert(name, value);
        }
    }
    aws(&mut known);
    Ok(known.into_iter().collect())
}

/// What acts as a role of AWS finds AWS where the server is, unless it says where else.
fn aws(known: &mut BTreeMap<String, String>) {
    const ENDPOINT: &str = "AWS_ENDPOINT_URL";
    const ROLES: [&str; 2] = [
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    ];
    if ROLES.iter().any(|name| known.contains_key(*name)) && !known.contains_key(ENDPOINT) {
        let ours = format!("http://{IDENTITIES}");
        known.insert(ENDPOINT.to_owned(), ours);
    }
}

/// All entries of a config map or secret.
fn all_of(
    pod: &Value,
    container: &Value,
    source: &Value,
    context: &Context<'_>,
) -> Result<Vec<(String, String)>, Refusal> {
    let (resource, reference) = match &source["configMapRef"] {
        Value::Null => ("secrets", &source["secretRef"]),
        reference => ("configmaps", reference),
    };
    let Some(object) = find(pod, container, resource, reference, context)? else {
        return Ok(Vec::new());
    };
    let entries = fields::entries(&object, "data");
    // What is no text cannot be a variable; the rest is what a shell takes, too.
    let value = |key: &str, value: &Value| {
        let bytes = bytes(resource, value)?;
        Some((key.to_owned(), String::from_utf8(bytes).ok()?))
    };
    Ok(entries.filter_map(|(key, data)| value(key, data)).collect())
}

/// A config map or secret; none if it is missing and may be.
fn find(
    pod: &Value,
    container: &Value,
    resource: &str,
    reference: &Value,
    context: &Context<'_>,
) -> Result<Option<Value>, Refusal> {
    let name = fields::text(reference, "name");
    let namespace = fields::text(&pod["metadata"], "namespace");
    let found = (context.lookup)(resource, namespace, name);
    if found.is_none() && !fields::flag(reference, "optional") {
        let kind = resource.trim_end_matches('s');
        let message = format!("{kind} {name:?} not found");
        return Err(Refusal::config(fields::text(container, "name"), message));
    }
    Ok(found)
}

fn value_from(
    pod: &Value,
    container: &Value,
    source: &Value,
    context: &Context<'_>,
) -> Result<Option<String>, Refusal> {
    let name = fields::text(container, "name");
    if fields::has(source, "fieldRef") {
        let path = fields::text(&source["fieldRef"], "fieldPath");
        let value = pod_field(pod, path, context);
        let message = format!("fieldPath {path:?} not supported");
        return value
            .map(Some)
            .ok_or_else(|| Refusal::config(name, message));
    }
    if fields::has(source, "resourceFieldRef") {
        let reference = &source["resourceFieldRef"];
        let value = resource_field(pod, name, reference, context);
        let message = format!(
            "unsupported container resource : {}",
            fields::text(reference, "resource")
        );
        return value
            .map(Some)
            .ok_or_else(|| Refusal::config(name, message));
    }
    let (resource, reference, kind) = match &source["configMapKeyRef"] {
        Value::Null => ("secrets", &source["secretKeyRef"], "Secret"),
        reference => ("configmaps", reference, "ConfigMap"),
    };
    let Some(object) = find(pod, container, resource, reference, context)? else {
        return Ok(None);
    };
    let key = fields::text(reference, "key");
    let value = bytes(resource, &object["data"][key]);
    if value.is_none() && !fields::flag(reference, "optional") {
        let namespace = fields::text(&pod["metadata"], "namespace");
        let object = fields::text(reference, "name");
        let message = format!("couldn't find key {key} in {kind} {namespace}/{object}");
        return Err(Refusal::config(name, message));
    }
    Ok(value.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
}

/// An entry of `data`: text in config maps, base64 in secrets.
pub(super) fn bytes(resource: &str, value: &Value) -> Option<Vec<u8>> {
    use base64::Engine as _;
    let text = value.as_str()?;
    if resource == "secrets" {
        base64::engine::general_purpose::STANDARD.decode(text).ok()
    } else {
        Some(text.as_bytes().to_vec())
    }
}

/// A field of the pod that its containers may be told.
pub(super) fn pod_field(pod: &Value, path: &str, context: &Context<'_>) -> Option<String> {
    let (metadata, spec) = (&pod["metadata"], &pod["spec"]);
    let address = |ip: Option<IpAddr>| ip.map(|ip| ip.to_string()).unwrap_or_default();
    Some(match path {
        "metadata.name" => fields::text(metadata, "name").to_owned(),
        "metadata.namespace" => fields::text(metadata, "namespace").to_owned(),
        "metadata.uid" => fields::text(metadata, "uid").to_owned(),
        "metadata.labels" | "metadata.annotations" => {
            let entries = fields::entries(metadata, path.trim_start_matches("metadata."));
            let line = |(key, value): (&str, &Value)| {
                format!("{key}={:?}", value.as_str().unwrap_or_default())
            };
            let lines: Vec<String> = entries.map(line).collect();
            lines.join("\n")
        }
        "spec.nodeName" => fields::text(spec, "nodeName").to_owned(),
        "spec.serviceAccountName" => fields::text(spec, "serviceAccountName").to_owned(),
        "status.hostIP" | "status.hostIPs" => address(context.host_ip),
        "status.podIP" | "status.podIPs" => address(context.pod_ip),
        _ => {
            let (map, key) = path.strip_prefix("metadata.")?.split_once("['")?;
            let key = key.strip_suffix("']")?;
            if !["labels", "annotations"].contains(&map) {
                return None;
            }
            fields::text(&metadata[map], key).to_owned()
        }
    })
}

/// An amount of a container of the pod: the named one, or `usual`.
pub(super) fn resource_field(
    pod: &Value,
    usual: &str,
    reference: &Value,
    context: &Context<'_>,
) -> Option<String> {
    let name = match fields::text(reference, "containerName") {
        "" => usual,
        name => name,
    };
    let lists = ["containers", "initContainers"];
    let mut all = lists
        .into_iter()
        .flat_map(|list| fields::list(&pod["spec"], list));
    let container = all.find(|container| fields::text(container, "name") == name)?;
    amounts::field(container, reference, context.allocatable)
}

/// Puts values in place of `$(NAME)`; `$$` is a dollar, and an unknown name stays as it is.
pub(super) fn expand(text: &str, env: &[(String, String)]) -> String {
    let value = |name: &str| {
        let at = env
            .binary_search_by(|(own, _)| own.as_str().cmp(name))
            .ok()?;
        env.get(at).map(|(_, value)| value.as_str())
    };
    expand_with(text, &value)
}

fn expand_with<'a>(text: &str, value: &dyn Fn(&str) -> Option<&'a str>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        if let Some(after) = after.strip_prefix('$') {
            out.push('$');
            rest = after;
        } else if let Some((name, after)) = after.strip_prefix('(').and_then(|r| r.split_once(')'))
        {
            let known = value(name);
            if let Some(value) = known.filter(|value| out.len() + value.len() <= EXPANDED_BYTES) {
                out.push_str(value);
            } else {
                out.push_str("$(");
                out.push_str(name);
                out.push(')');
            }
            rest = after;
        } else {
            out.push('$');
            rest = after;
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_acts_as_a_role_finds_aws_here_unless_it_says_where() {
        let ours = Some("http://169.254.170.23");
        for (given, wanted) in [
            (&["AWS_WEB_IDENTITY_TOKEN_FILE"][..], ours),
            (&["AWS_CONTAINER_CREDENTIALS_FULL_URI"], ours),
            (
                &["AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ENDPOINT_URL"],
                Some("x"),
            ),
            (&["AWS_REGION"], None),
        ] {
            let all = given
                .iter()
                .map(|name| ((*name).to_owned(), "x".to_owned()));
            let mut known = all.collect();
            aws(&mut known);
            let found = known.get("AWS_ENDPOINT_URL").map(String::as_str);
            assert_eq!(found, wanted, "{given:?}");
        }
    }

    #[test]
    fn variables_are_put_in() {
        let env = [
            ("A".to_owned(), "1".to_owned()),
            ("B".to_owned(), "2".to_owned()),
        ];
        for (text, wanted) in [
            ("$(A)-$(B)", "1-2"),
            ("$$(A)", "$(A)"),
            ("$(C) $A $", "$(C) $A $"),
            ("$(A", "$(A"),
            ("a; rm -rf $(A)", "a; rm -rf 1"),
        ] {
            assert_eq!(expand(text, &env), wanted);
        }
    }
}
