//! One container.
use serde_json::Value;
use wharf_runtime::{
    Container, Directory, Mount, Port, Protocol, Pull, Role, SubPath, TerminationMessage,
};

use super::{Context, Refusal, Trouble, amounts, env, handlers, image, security};
use crate::{Path, fields};

pub(super) fn container(
    pod: &Value,
    value: &Value,
    role: Role,
    path: &Path,
    context: &Context<'_>,
) -> Result<Container, Refusal> {
    let name = fields::text(value, "name");
    let image = fields::text(value, "image");
    image::check(image).map_err(|message| Refusal {
        trouble: Trouble::Image,
        container: Some(name.to_owned()),
        message,
    })?;
    let env = env::env(pod, value, context)?;
    let working_dir = fields::text(value, "workingDir");
    let working_dir = (!working_dir.is_empty()).then(|| directory(value, "workingDir", path));
    let words = |key: &str| {
        let list = fields::list(value, key);
        let words = list.iter().filter_map(Value::as_str);
        let words: Vec<String> = words.map(|word| env::expand(word, &env)).collect();
        (!words.is_empty()).then_some(words)
    };
    Ok(Container {
        name: name.to_owned(),
        role,
        image: image.to_owned(),
        pull: match fields::text(value, "imagePullPolicy") {
            "Always" => Pull::Always,
            "Never" => Pull::Never,
            _ => Pull::IfNotPresent,
        },
        command: words("command"),
        args: words("args"),
        working_dir: working_dir.transpose()?,
        ports: ports(value, path)?,
        mounts: mounts(value, path, &env)?,
        probes: handlers::probes(value, path)?,
        lifecycle: handlers::lifecycle(value, path)?,
        resources: amounts::resources(&value["resources"]),
        security: security::security(pod, value)?,
        tty: fields::flag(value, "tty"),
        stdin: fields::flag(value, "stdin"),
        stdin_once: fields::flag(value, "stdinOnce"),
        termination: termination(value, path)?,
        env,
    })
}

fn directory(container: &Value, key: &str, path: &Path) -> Result<Directory, Refusal> {
    let name = fields::text(container, "name");
    let text = fields::text(container, key);
    Directory::new(text)
        .map_err(|bad| Refusal::policy(&path.field(key), &bad.to_string(), Some(name)))
}

fn termination(container: &Value, path: &Path) -> Result<TerminationMessage, Refusal> {
    const KEY: &str = "terminationMessagePath";
    let or_log = fields::text(container, "terminationMessagePolicy") == "FallbackToLogsOnError";
    let mut container = container.clone();
    fields::default_plain(&mut container, KEY, "/dev/termination-log");
    Ok(TerminationMessage {
        path: directory(&container, KEY, path)?,
        or_log,
    })
}

fn ports(container: &Value, path: &Path) -> Result<Vec<Port>, Refusal> {
    let read = |(i, port): (usize, &Value)| {
        let path = path.field("ports").index(i).field("containerPort");
        let number = Port::number(fields::integer(port, "containerPort"));
        Ok(Port {
            name: fields::text(port, "name").to_owned(),
            number: number.map_err(|bad| {
                let name = fields::text(container, "name");
                Refusal::policy(&path, &bad.to_string(), Some(name))
            })?,
            protocol: match fields::text(port, "protocol") {
                "UDP" => Protocol::Udp,
                "SCTP" => Protocol::Sctp,
                _ => Protocol::Tcp,
            },
        })
    };
    let list = fields::list(container, "ports").iter().enumerate();
    list.map(read).collect()
}

fn mounts(container: &Value, path: &Path, env: &[(String, String)]) -> Result<Vec<Mount>, Refusal> {
    let name = Some(fields::text(container, "name"));
    let read = |(i, mount): (usize, &Value)| {
        let path = path.field("volumeMounts").index(i);
        let bad = |key: &str, why: &str| Refusal::policy(&path.field(key), why, name);
        let place = Directory::mount_point(fields::text(mount, "mountPath"))
            .map_err(|why| bad("mountPath", &why.to_string()))?;
        // An expression may become anything, so it is the result that is looked at.
        let key = ["subPath", "subPathExpr"];
        let key = key.into_iter().find(|key| fields::is_set(&mount[*key]));
        let sub_path = key.map(|key| {
            let text = fields::text(mount, key);
            let text = match key {
                "subPathExpr" => env::expand(text, env),
                _ => text.to_owned(),
            };
            SubPath::new(&text).map_err(|why| bad(key, &why.to_string()))
        });
        Ok(Mount {
            volume: fields::text(mount, "name").to_owned(),
            path: place,
            sub_path: sub_path.transpose()?,
            read_only: fields::flag(mount, "readOnly"),
        })
    };
    let list = fields::list(container, "volumeMounts").iter().enumerate();
    list.map(read).collect()
}
