//! Containers.
use serde_json::Value;

use crate::fields;
use crate::validation::Quantity;

/// A container of any sort.
pub(super) fn default_container(container: &mut Value) {
    let policy = pull_policy(fields::text(container, "image"));
    fields::default_plain(container, "imagePullPolicy", policy);
    fields::default_plain(container, "terminationMessagePath", "/dev/termination-log");
    fields::default_plain(container, "terminationMessagePolicy", "File");
    for port in fields::each(container, "ports") {
        fields::default_plain(port, "protocol", "TCP");
    }
    for env in fields::each(container, "env") {
        if let Some(from) = fields::child(env, "valueFrom") {
            default_field_ref(from);
            if let Some(of) = fields::child(from, "resourceFieldRef") {
                fields::default_pointer(of, "divisor", "0");
            }
        }
    }
    // It is no pointer in Go: it always shows.
    if let Some(resources) = fields::ensure(container, "resources") {
        round_resources(resources, "limits");
        round_resources(resources, "requests");
    }
    for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
        if let Some(probe) = fields::child(container, probe) {
            default_probe(probe);
        }
    }
    if let Some(lifecycle) = fields::child(container, "lifecycle") {
        for hook in ["postStart", "preStop"] {
            if let Some(hook) = fields::child(lifecycle, hook) {
                default_http(hook);
            }
        }
    }
}

/// `fieldRef` of an environment variable or of a file.
pub(super) fn default_field_ref(parent: &mut Value) {
    if let Some(of) = fields::child(parent, "fieldRef") {
        fields::default_plain(of, "apiVersion", "v1");
    }
}

fn default_probe(probe: &mut Value) {
    fields::default_plain(probe, "timeoutSeconds", 1);
    fields::default_plain(probe, "periodSeconds", 10);
    fields::default_plain(probe, "successThreshold", 1);
    fields::default_plain(probe, "failureThreshold", 3);
    default_http(probe);
    if let Some(grpc) = fields::child(probe, "grpc") {
        fields::default_pointer(grpc, "service", "");
    }
}

fn default_http(handler: &mut Value) {
    if let Some(get) = fields::child(handler, "httpGet") {
        fields::default_plain(get, "path", "/");
        fields::default_plain(get, "scheme", "HTTP");
    }
}

/// Brings the quantities of a list of resources into their canonical form, as the server stores
/// them: no parts below a thousandth.
pub(crate) fn round_resources(parent: &mut Value, key: &str) {
    let Some(list) = fields::child(parent, key).and_then(Value::as_object_mut) else {
        return;
    };
    for value in list.values_mut() {
        let text = match value {
            Value::String(text) => Quantity::stored(text),
            Value::Number(number) => Quantity::stored(&number.to_string()),
            _ => continue,
        };
        if let Ok(text) = text {
            *value = text.into();
        }
    }
}

/// What is not requested is requested as its limit, in pods only.
pub(super) fn requests_from_limits(container: &mut Value) {
    let Some(resources) = fields::child(container, "resources") else {
        return;
    };
    let Some(limits) = resources["limits"].as_object().cloned() else {
        return;
    };
    if let Some(requests) = fields::ensure(resources, "requests") {
        for (name, limit) in limits {
            fields::default_pointer(requests, &name, limit);
        }
    }
}

/// `Always` for what has no tag or the tag `latest`, else `IfNotPresent`.
fn pull_policy(image: &str) -> &'static str {
    if tag(image) == Some("latest") {
        "Always"
    } else {
        "IfNotPresent"
    }
}

/// The tag of an image, `latest` if it has neither tag nor digest; `None` if it has none or is no
/// name of an image.
fn tag(image: &str) -> Option<&str> {
    let (name, digest) = match image.split_once('@') {
        Some((name, digest)) => (name, Some(digest)),
        None => (image, None),
    };
    let (repository, tag) = match name.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => (repository, Some(tag)),
        _ => (name, None),
    };
    let path = match repository.split_once('/') {
        Some((host, path))
            if host.starts_with(|c: char| c.is_ascii_alphanumeric())
                && (host.contains(['.', ':'])
                    || host == "localhost"
                    || host.bytes().any(|b| b.is_ascii_uppercase())) =>
        {
            path
        }
        _ => repository,
    };
    let edge = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let well = |part: &str| {
        let bytes = part.as_bytes();
        bytes.first().is_some_and(edge)
            && bytes.last().is_some_and(edge)
            && bytes.iter().all(|b| edge(b) || b"._-".contains(b))
    };
    if !path.split('/').all(well) {
        return None;
    }
    match (tag, digest) {
        (Some(tag), _) => Some(tag),
        (None, Some(_)) => None,
        (None, None) => Some("latest"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tag_decides_when_images_are_pulled() {
        for always in [
            "nginx",
            "nginx:latest",
            "a.b:5000/c/d",
            "localhost/x",
            "Host/x",
        ] {
            assert_eq!(pull_policy(always), "Always", "{always}");
        }
        for seldom in [
            "nginx:1",
            "nginx@sha256:0123",
            "a.b:5000/c:2",
            "",
            "NGINX",
            "a b",
            "..",
            "/x",
            "../x",
        ] {
            assert_eq!(pull_policy(seldom), "IfNotPresent", "{seldom}");
        }
    }
}
