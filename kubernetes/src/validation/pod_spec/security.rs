//! What pods and containers may do on their host.
use std::collections::BTreeSet;

use serde_json::Value;

use super::Context;
use super::volumes::descends;
use crate::validation::{in_range, one_of};
use crate::{Errors, Path, fields};

const MOST_ID: i64 = i32::MAX as i64;

fn validate_id(parent: &Value, key: &str, path: &Path, errors: &mut Errors) {
    if let Some(id) = fields::number(&parent[key]) {
        for message in in_range(id, 0, MOST_ID) {
            errors.invalid(&path.field(key), &id.into(), &message);
        }
    }
}

pub(super) fn validate_pod_security(spec: &Value, path: &Path, errors: &mut Errors) {
    let context = &spec["securityContext"];
    let path = path.field("securityContext");
    for key in ["fsGroup", "runAsUser", "runAsGroup"] {
        validate_id(context, key, &path, errors);
    }
    for (i, group) in fields::list(context, "supplementalGroups")
        .iter()
        .enumerate()
    {
        let id = fields::number(group).unwrap_or_default();
        for message in in_range(id, 0, MOST_ID) {
            let here = path.field("supplementalGroups").index(i);
            errors.invalid(&here, &id.into(), &message);
        }
    }
    if fields::flag(spec, "shareProcessNamespace") && fields::flag(spec, "hostPID") {
        let why = "ShareProcessNamespace and HostPID cannot both be enabled";
        errors.invalid(&path.field("shareProcessNamespace"), &true.into(), why);
    }
    validate_sysctls(spec, &path.field("sysctls"), errors);
    let always = ["Always", "OnRootMismatch"];
    one_of(context, "fsGroupChangePolicy", &always, &path, errors);
    one_of(
        context,
        "supplementalGroupsPolicy",
        &["Merge", "Strict"],
        &path,
        errors,
    );
    one_of(
        context,
        "seLinuxChangePolicy",
        &["MountOption", "Recursive"],
        &path,
        errors,
    );
    validate_profiles(context, &path, errors);
}

fn validate_sysctls(spec: &Value, path: &Path, errors: &mut Errors) {
    const SYNTAX: &str = "must have at most 253 characters and match regex ^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$";
    let mut names = BTreeSet::new();
    let sysctls = fields::list(&spec["securityContext"], "sysctls");
    for (i, sysctl) in sysctls.iter().enumerate() {
        let path = path.index(i).field("name");
        let name = fields::text(sysctl, "name");
        if name.is_empty() {
            errors.required(&path, "");
        } else if !is_sysctl(name) {
            errors.invalid(&path, &name.into(), SYNTAX);
        } else if !names.insert(name) {
            errors.duplicate(&path, &name.into());
        }
        let dotted = name.replace('/', ".");
        let of_network = dotted.starts_with("net.");
        let of_ipc = dotted.starts_with("kernel.shm")
            || dotted.starts_with("kernel.msg")
            || dotted.starts_with("fs.mqueue.")
            || dotted == "kernel.sem";
        if of_network && fields::flag(spec, "hostNetwork") {
            let why = "may not be specified when 'hostNetwork' is true";
            errors.invalid(&path, &name.into(), why);
        }
        if of_ipc && fields::flag(spec, "hostIPC") {
            let why = "may not be specified when 'hostIPC' is true";
            errors.invalid(&path, &name.into(), why);
        }
    }
}

fn is_sysctl(name: &str) -> bool {
    let word = |part: &str| {
        let edge = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        let bytes = part.as_bytes();
        let inner = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_".contains(b);
        edge(bytes.first()) && edge(bytes.last()) && bytes.iter().all(inner)
    };
    name.len() <= 253 && name.split(['.', '/']).all(word)
}

/// `seccompProfile` and `appArmorProfile`.
fn validate_profiles(context: &Value, path: &Path, errors: &mut Errors) {
    let types = ["Localhost", "RuntimeDefault", "Unconfined"];
    for (key, name) in [
        ("seccompProfile", "seccomp"),
        ("appArmorProfile", "AppArmor"),
    ] {
        let profile = &context[key];
        if !profile.is_object() {
            continue;
        }
        let path = path.field(key);
        let here = path.field("localhostProfile");
        let local = &profile["localhostProfile"];
        match fields::text(profile, "type") {
            "Localhost" => match local.as_str() {
                Some(file) if key == "seccompProfile" => descends(file, &here, errors),
                Some(file) if file.trim() != file => {
                    errors.invalid(&here, local, "must not be padded with whitespace");
                }
                Some(file) if !file.is_empty() => {
                    if file.len() > 4095 {
                        errors.too_long(&here, 4095);
                    }
                }
                _ => errors.required(&here, &format!("must be set when {name} type is Localhost")),
            },
            "RuntimeDefault" | "Unconfined" => {
                if !local.is_null() {
                    let why = format!("can only be set when {name} type is Localhost");
                    errors.invalid(&here, local, &why);
                }
            }
            "" => {
                let why = format!("type is required when {key} is set");
                errors.required(&path.field("type"), &why);
            }
            other => errors.not_supported(&path.field("type"), &other.into(), &types),
        }
    }
}

pub(super) fn validate_container_security(
    container: &Value,
    pod: &Context<'_>,
    path: &Path,
    errors: &mut Errors,
) {
    let context = &container["securityContext"];
    if !context.is_object() {
        return;
    }
    let path = path.field("securityContext");
    validate_id(context, "runAsUser", &path, errors);
    validate_id(context, "runAsGroup", &path, errors);
    one_of(
        context,
        "procMount",
        &["Default", "Unmasked"],
        &path,
        errors,
    );
    if pod.host_users && fields::text(context, "procMount") == "Unmasked" {
        let why = "`hostUsers` must be false to use `Unmasked`";
        errors.invalid(&path.field("procMount"), &"Unmasked".into(), why);
    }
    validate_profiles(context, &path, errors);
    if context["allowPrivilegeEscalation"] == Value::Bool(false) {
        if fields::flag(context, "privileged") {
            let why = "cannot set `allowPrivilegeEscalation` to false and `privileged` to true";
            errors.invalid(&path, context, why);
        }
        let added = fields::list(&context["capabilities"], "add");
        if added
            .iter()
            .any(|cap| cap.as_str() == Some("CAP_SYS_ADMIN"))
        {
            let why = "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN";
            errors.invalid(&path, context, why);
        }
    }
}
