//! Secrets.
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;

use super::configmap::{DATA_MAX_BYTES, decoded_len, validate_immutable};
use crate::{
    Errors, Path, fields,
    kinds::{
        Kind,
        cells::{self, AGE, NAME},
    },
    validation::{
        complain, config_map_key, dns_subdomain, immutable, validate_metadata,
        validate_metadata_update,
    },
};

pub(super) const ROW: Kind = Kind {
    fields: &["type"],
    columns: &[
        NAME,
        cells::text("Type", |object, _| fields::text(object, "type").into()),
        cells::text("Data", |object, _| cells::count(&object["data"])),
        AGE,
    ],
    default: |object| fields::default_plain(object, "type", "Opaque"),
    prepare_create: merge_string_data,
    prepare_update: |object, _| merge_string_data(object),
    validate,
    validate_update,
    ..Kind::new(
        "",
        "v1",
        "Secret",
        "secrets",
        "secret",
        "io.k8s.api.core.v1.Secret",
    )
};

/// `stringData` is only written: it wins over `data`, and is never stored.
fn merge_string_data(object: &mut Value) {
    let Some(Value::Object(plain)) = fields::remove(object, "stringData") else {
        return;
    };
    if plain.is_empty() {
        return;
    }
    let Some(data) = fields::ensure(object, "data") else {
        return;
    };
    for (key, value) in plain {
        let text = value.as_str().unwrap_or_default();
        fields::set(data, &key, STANDARD.encode(text));
    }
}

fn validate(object: &Value, errors: &mut Errors) {
    validate_metadata(object, dns_subdomain, errors);
    let path = Path::new("data");
    let mut size = 0usize;
    for (key, value) in fields::entries(object, "data") {
        complain(errors, &path.key(key), key, &config_map_key(key));
        size = size.saturating_add(decoded_len(value));
    }
    if size > DATA_MAX_BYTES {
        errors.too_long(&path, DATA_MAX_BYTES);
    }
    validate_type(object, errors);
}

/// What a secret of a well-known type has to have.
fn validate_type(object: &Value, errors: &mut Errors) {
    let path = Path::new("data");
    let data = &object["data"];
    let mut need = |key: &str| {
        if !fields::has(data, key) {
            errors.required(&path.key(key), "");
        }
    };
    match fields::text(object, "type") {
        "kubernetes.io/service-account-token" => {
            let name = "kubernetes.io/service-account.name";
            if fields::text(&object["metadata"]["annotations"], name).is_empty() {
                let path = Path::new("metadata").field("annotations").key(name);
                errors.required(&path, "");
            }
        }
        "kubernetes.io/dockercfg" => validate_docker(data, ".dockercfg", errors),
        "kubernetes.io/dockerconfigjson" => validate_docker(data, ".dockerconfigjson", errors),
        "kubernetes.io/basic-auth"
            if !fields::has(data, "username") && !fields::has(data, "password") =>
        {
            need("username");
            need("password");
        }
        "kubernetes.io/ssh-auth" if fields::text(data, "ssh-privatekey").is_empty() => {
            errors.required(&path.key("ssh-privatekey"), "");
        }
        "kubernetes.io/tls" => {
            need("tls.crt");
            need("tls.key");
        }
        _ => {}
    }
}

/// The configuration of a client of registries is a JSON object.
fn validate_docker(data: &Value, key: &str, errors: &mut Errors) {
    let path = Path::new("data").key(key);
    let Some(text) = data[key].as_str() else {
        errors.required(&path, "");
        return;
    };
    let bytes = STANDARD.decode(text).unwrap_or_default();
    let why = match serde_json::from_slice::<Value>(&bytes) {
        Ok(Value::Object(_) | Value::Null) => return,
        Ok(_) => "json: cannot unmarshal value into Go value of type map[string]interface {}",
        Err(error) if error.is_eof() => "unexpected end of JSON input",
        Err(_invalid) => "invalid character in JSON input",
    };
    errors.invalid(&path, &"<secret contents redacted>".into(), why);
}

fn validate_update(new: &Value, old: &Value, errors: &mut Errors) {
    validate_metadata_update(new, old, errors);
    immutable(&new["type"], &old["type"], &Path::new("type"), errors);
    validate_immutable(new, old, &["data"], errors);
}
