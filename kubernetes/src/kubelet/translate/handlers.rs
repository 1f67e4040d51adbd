//! Probes and hooks.
use std::time::Duration;

use serde_json::Value;
use wharf_runtime::{Action, Lifecycle, Port, Probe, Probes};

use super::Refusal;
use crate::{Path, fields};

pub(super) fn probes(container: &Value, path: &Path) -> Result<Probes, Refusal> {
    let read = |key: &str| probe(container, key, &path.field(key));
    Ok(Probes {
        startup: read("startupProbe")?,
        readiness: read("readinessProbe")?,
        liveness: read("livenessProbe")?,
    })
}

pub(super) fn lifecycle(container: &Value, path: &Path) -> Result<Lifecycle, Refusal> {
    let path = path.field("lifecycle");
    let hooks = &container["lifecycle"];
    let signal = fields::text(hooks, "stopSignal");
    let read = |key: &str| {
        let set = fields::is_set(&hooks[key]);
        set.then(|| action(container, &hooks[key], &path.field(key)))
            .transpose()
    };
    Ok(Lifecycle {
        post_start: read("postStart")?,
        pre_stop: read("preStop")?,
        stop_signal: (!signal.is_empty()).then(|| signal.to_owned()),
    })
}

fn probe(container: &Value, key: &str, path: &Path) -> Result<Option<Probe>, Refusal> {
    let probe = &container[key];
    if !fields::is_set(probe) {
        return Ok(None);
    }
    let secs = |key: &str, usual: u64| {
        let given = fields::number(&probe[key]).and_then(|n| u64::try_from(n).ok());
        Duration::from_secs(given.unwrap_or(usual))
    };
    let count = |key: &str, usual: u32| {
        let given = fields::number(&probe[key]).and_then(|n| u32::try_from(n).ok());
        given.unwrap_or(usual)
    };
    let grace = "terminationGracePeriodSeconds";
    Ok(Some(Probe {
        action: expanded(container, action(container, probe, path)?),
        initial_delay: secs("initialDelaySeconds", 0),
        period: secs("periodSeconds", 10),
        timeout: secs("timeoutSeconds", 1),
        success_threshold: count("successThreshold", 1),
        failure_threshold: count("failureThreshold", 3),
        grace: fields::has(probe, grace).then(|| secs(grace, 30)),
    }))
}

/// In the commands of probes, not of hooks, variables of the container stand for their values.
fn expanded(container: &Value, action: Action) -> Action {
    let Action::Exec(words) = action else {
        return action;
    };
    let pairs = fields::list(container, "env").iter();
    let mut env: Vec<(String, String)> = pairs
        .map(|one| {
            let text = |key: &str| fields::text(one, key).to_owned();
            (text("name"), text("value"))
        })
        .collect();
    // The last of those of one name counts, and what is looked for is found by order.
    env.reverse();
    env.sort_by(|a, b| a.0.cmp(&b.0));
    env.dedup_by(|later, first| later.0 == first.0);
    let words = words.iter().map(|word| super::env::expand(word, &env));
    Action::Exec(words.collect())
}

fn action(container: &Value, handler: &Value, path: &Path) -> Result<Action, Refusal> {
    let name = Some(fields::text(container, "name"));
    let texts = |list: &[Value]| {
        list.iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect()
    };
    let host = |value: &Value| {
        let host = fields::text(value, "host");
        (!host.is_empty()).then(|| host.to_owned())
    };
    let at = |kind: &str| {
        port(container, &handler[kind]["port"]).ok_or_else(|| {
            let path = path.field(kind).field("port");
            Refusal::policy(&path, "there is no such port", name)
        })
    };
    let given = ["exec", "httpGet", "tcpSocket", "grpc", "sleep"]
        .into_iter()
        .find(|kind| fields::has(handler, kind));
    Ok(match given {
        Some("exec") => Action::Exec(texts(fields::list(&handler["exec"], "command"))),
        Some("httpGet") => Action::Http {
            host: host(&handler["httpGet"]),
            port: at("httpGet")?,
            path: fields::text(&handler["httpGet"], "path").to_owned(),
            tls: fields::text(&handler["httpGet"], "scheme") == "HTTPS",
            headers: fields::list(&handler["httpGet"], "httpHeaders")
                .iter()
                .map(|header| {
                    let text = |key: &str| fields::text(header, key).to_owned();
                    (text("name"), text("value"))
                })
                .collect(),
        },
        Some("tcpSocket") => Action::Tcp {
            host: host(&handler["tcpSocket"]),
            port: at("tcpSocket")?,
        },
        Some("grpc") => Action::Grpc {
            port: at("grpc")?,
            service: fields::text(&handler["grpc"], "service").to_owned(),
        },
        Some("sleep") => {
            let secs = fields::integer(&handler["sleep"], "seconds");
            Action::Sleep(Duration::from_secs(u64::try_from(secs).unwrap_or(0)))
        }
        _ => return Err(Refusal::policy(path, "it names nothing to be done", name)),
    })
}

/// A number, or the name of one of the container's ports.
fn port(container: &Value, port: &Value) -> Option<u16> {
    let number = match port.as_str() {
        Some(name) => {
            let ports = fields::list(container, "ports");
            let named = ports.iter().find(|port| fields::text(port, "name") == name);
            match named {
                Some(port) => fields::integer(port, "containerPort"),
                None => name.parse().ok()?,
            }
        }
        None => fields::number(port)?,
    };
    Port::number(number).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn commands_of_probes_may_name_variables_of_the_container_and_those_of_hooks_may_not() {
        let command = json!({ "exec": { "command": ["a", "$(B) $$(B) $(C) $(D)"] } });
        let container = json!({
            "name": "c",
            "env": [
                { "name": "D", "valueFrom": {} },
                { "name": "B", "value": "1" },
                { "name": "B", "value": "2" },
            ],
            "livenessProbe": command,
            "lifecycle": { "preStop": command },
        });
        let path = Path::new("spec");
        let words = |action: &Action| match action {
            Action::Exec(words) => words[1].clone(),
            _ => String::new(),
        };
        let probes = probes(&container, &path).unwrap();
        let probe = probes.liveness.unwrap();
        assert_eq!(words(&probe.action), "2 $(B) $(C) ");
        let hooks = lifecycle(&container, &path).unwrap();
        assert_eq!(words(&hooks.pre_stop.unwrap()), "$(B) $$(B) $(C) $(D)");
    }
}
