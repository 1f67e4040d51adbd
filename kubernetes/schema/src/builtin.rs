//! Reads the table of Kubernetes' own types, which `cargo xtask schema` writes.
//!
//! ```text
//! T api.core.v1.Volume [a]                  a type, without the `io.k8s.` of its name; a: atomic
//! hostPath 2/1 =.HostPathVolumeSource po    name, number, shape, flags, and more as `key:value`
//! K Pod api.core.v1.Pod v1                  a kind, its type, and where it is served
//! ```
//!
//! * The number is that of protobuf, after those of the embedded messages that it is in; 0 for none.
//! * Shapes are those of `shape`; `=.X` is a type of the same group and version.
//! * Flags: p pointer, o omitempty, z omitzero, r required, n nullable.
//! * Keys: `patch` and `key` (strategic merge), `enum`, `default`, `go` (the type in Go's messages),
//!   `wire` (what only protobuf has), `ref` (the name in OpenAPI of what is any JSON).
use std::collections::HashMap;
use std::sync::OnceLock;

use crate::types::{Facts, GroupVersionKind, Wire};
use crate::{Field, ListKind, MergeStrategy, Schema, Shape, Type, TypeId};

const TABLE: &str = include_str!("builtin.txt");

impl Schema {
    /// The types of Kubernetes' own kinds.
    pub fn builtin() -> &'static Self {
        static BUILTIN: OnceLock<Schema> = OnceLock::new();
        // That every line is well-formed is proven by a test; here a bad one would be missing.
        BUILTIN.get_or_init(|| parse(TABLE).0)
    }
}

/// Also returns the lines that could not be read.
fn parse(table: &str) -> (Schema, Vec<&str>) {
    let mut schema = Schema::default();
    let mut bad = Vec::new();
    for line in table.lines() {
        // All names first: types refer to later ones.
        if let Some(name) = line.strip_prefix("T ") {
            let name = name.split(' ').next().unwrap_or_default();
            schema.insert(Type {
                name: full(name),
                ..Type::default()
            });
        }
    }
    let mut current = None;
    for line in table.lines().filter(|line| !line.starts_with('#')) {
        if let Some(rest) = line.strip_prefix("T ") {
            finish(&mut schema, current.take());
            let (name, flag) = rest.split_once(' ').unwrap_or((rest, ""));
            let atomic = flag == "a";
            current = Some((
                Type {
                    name: full(name),
                    atomic,
                    ..Type::default()
                },
                HashMap::new(),
            ));
        } else if let Some(rest) = line.strip_prefix("K ") {
            finish(&mut schema, current.take());
            if kind(&mut schema, rest).is_none() {
                bad.push(line);
            }
        } else if let Some((owner, facts)) = &mut current {
            match field(&schema, &owner.name, line) {
                Some((field, fact)) => {
                    facts.insert(field.name.clone(), fact);
                    owner.fields.push(field);
                }
                None => bad.push(line),
            }
        } else {
            bad.push(line);
        }
    }
    finish(&mut schema, current);
    (schema, bad)
}

fn finish(schema: &mut Schema, current: Option<(Type, HashMap<String, Facts>)>) {
    if let Some((new, facts)) = current {
        let id = schema.insert(new);
        schema.set_facts(id, facts);
    }
}

fn full(name: &str) -> String {
    format!("io.k8s.{name}")
}

fn kind(schema: &mut Schema, line: &str) -> Option<()> {
    let mut parts = line.split(' ');
    let (kind, name, places) = (parts.next()?, parts.next()?, parts.next()?);
    let id = schema.find(&full(name))?;
    for place in places.split(',') {
        let (group, version) = place.split_once('/').unwrap_or(("", place));
        schema.add_kind(
            GroupVersionKind {
                group: group.to_owned(),
                version: version.to_owned(),
                kind: kind.to_owned(),
            },
            id,
        );
    }
    Some(())
}

fn field(schema: &Schema, owner: &str, line: &str) -> Option<(Field, Facts)> {
    let mut parts = line.split(' ');
    let (name, numbers, text) = (parts.next()?, parts.next()?, parts.next()?);
    let (embedded, tag) = numbers.rsplit_once('/').unwrap_or(("", numbers));
    let mut facts = Facts {
        embedded: embedded
            .split('/')
            .filter(|number| !number.is_empty())
            .map(|number| number.parse().ok())
            .collect::<Option<_>>()?,
        ..Facts::default()
    };
    let (shape, rest) = shape(schema, owner, text, 0)?;
    if !rest.is_empty() {
        return None;
    }
    let mut field = Field {
        name: name.to_owned(),
        tag: tag.parse().ok()?,
        shape,
        pointer: false,
        omitempty: false,
        required: false,
        nullable: false,
        strategy: None,
        allowed: Vec::new(),
        default: None,
    };
    for part in parts {
        match part.split_once(':') {
            None => flags(&mut field, &mut facts, part)?,
            Some((key, value)) => extra(&mut field, &mut facts, key, value)?,
        }
    }
    Some((field, facts))
}

fn flags(field: &mut Field, facts: &mut Facts, text: &str) -> Option<()> {
    for flag in text.chars() {
        match flag {
            'p' => field.pointer = true,
            'o' => field.omitempty = true,
            'z' => facts.omitzero = true,
            'r' => field.required = true,
            'n' => field.nullable = true,
            _ => return None,
        }
    }
    Some(())
}

fn extra(field: &mut Field, facts: &mut Facts, key: &str, value: &str) -> Option<()> {
    match key {
        "patch" => {
            let strategy = field.strategy.get_or_insert_with(no_strategy);
            strategy.merge = value.split(',').any(|one| one == "merge");
            strategy.retain_keys = value.split(',').any(|one| one == "retainKeys");
        }
        "key" => {
            field.strategy.get_or_insert_with(no_strategy).key = Some(value.to_owned());
        }
        "enum" => {
            field.allowed = value
                .split(',')
                .map(|one| one.replace("%20", " "))
                .collect();
        }
        "default" => field.default = Some(serde_json::from_str(value).ok()?),
        "go" => facts.go = Some(value.to_owned()),
        "wire" => facts.wire = wire(value)?,
        "ref" => facts.reference = Some(full(value)),
        _ => return None,
    }
    Some(())
}

fn no_strategy() -> MergeStrategy {
    MergeStrategy {
        merge: false,
        retain_keys: false,
        key: None,
    }
}

fn wire(text: &str) -> Option<Wire> {
    Some(match text {
        "items" => Wire::Items,
        "bool" => Wire::SchemaOrBool,
        "array" => Wire::SchemaOrArray,
        "strings" => Wire::SchemaOrStrings,
        _ => return None,
    })
}

/// Reads a shape; the rest of the text is returned too.
fn shape<'a>(
    schema: &Schema,
    owner: &str,
    text: &'a str,
    depth: usize,
) -> Option<(Shape, &'a str)> {
    if depth > 8 {
        return None;
    }
    if let Some(name) = text.strip_prefix('=') {
        return Some((Shape::Struct(reference(schema, owner, name)?), ""));
    }
    if let Some(rest) = text.strip_prefix('[') {
        let (kind, rest) = rest.split_once(']')?;
        let (element, rest) = shape(schema, owner, rest, depth + 1)?;
        let kind = match kind {
            "" => ListKind::Atomic,
            "s" => ListKind::Set,
            keys => ListKind::Map(keys.split(',').map(str::to_owned).collect()),
        };
        return Some((Shape::List(Box::new(element), kind), rest));
    }
    if let Some(rest) = text.strip_prefix('{') {
        let (kind, rest) = rest.split_once('}')?;
        let (element, rest) = shape(schema, owner, rest, depth + 1)?;
        return Some((Shape::Map(Box::new(element), kind == "a"), rest));
    }
    let mut rest = text.chars();
    let shape = match rest.next()? {
        's' => Shape::String,
        'b' => Shape::Bool,
        'i' => Shape::Int32,
        'l' => Shape::Int64,
        'n' => Shape::Number,
        'B' => Shape::Bytes,
        'q' => Shape::Quantity,
        'I' => Shape::IntOrString,
        't' => Shape::Time,
        'u' => Shape::MicroTime,
        'd' => Shape::Duration,
        'x' => Shape::Any,
        _ => return None,
    };
    Some((shape, rest.as_str()))
}

fn reference(schema: &Schema, owner: &str, name: &str) -> Option<TypeId> {
    if let Some(name) = name.strip_prefix('.') {
        let (place, _) = owner.rsplit_once('.')?;
        return schema.find(&format!("{place}.{name}"));
    }
    schema.find(&full(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_read() {
        let (schema, bad) = parse(TABLE);
        assert_eq!(bad, Vec::<&str>::new());
        assert!(schema.kind("apps", "v1", "Deployment").is_some());
        assert!(schema.kind("", "v1", "Pod").is_some());
        assert_eq!(
            schema.kind("policy", "v1", "DeleteOptions"),
            schema.find("io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions")
        );
    }

    #[test]
    fn bad_lines_are_named() {
        for line in [
            "T a.v1.X\nname",
            "T a.v1.X\nname x s",
            "T a.v1.X\nname 1 =.Y",
            "T a.v1.X\nname 1 s ?",
            "T a.v1.X\nname 1 s what:ever",
            "T a.v1.X\nname 1 [][][][][][][][][][]s",
            "K Y a.v1.Y v1",
            "name 1 s",
        ] {
            assert_eq!(parse(line).1, [line.lines().last().unwrap()], "{line}");
        }
    }

    #[test]
    fn fields_are_as_in_kubernetes_sources() {
        let schema = Schema::builtin();
        let find = |name: &str, field: &str| {
            let id = schema.find(&format!("io.k8s.api.{name}")).unwrap();
            schema.get(id).unwrap().field(field).unwrap().clone()
        };
        let containers = find("core.v1.PodSpec", "containers");
        assert_eq!((containers.tag, containers.required), (2, true));
        let strategy = containers.strategy.unwrap();
        assert_eq!(
            (strategy.merge, strategy.key.as_deref()),
            (true, Some("name"))
        );
        let Shape::List(_, ListKind::Map(keys)) = containers.shape else {
            panic!("containers are a list by name")
        };
        assert_eq!(keys, ["name"]);
        let replicas = find("apps.v1.DeploymentSpec", "replicas");
        assert!(replicas.pointer && replicas.omitempty && !replicas.required);
        let volumes = find("core.v1.PodSpec", "volumes").strategy.unwrap();
        assert!(volumes.merge && volumes.retain_keys);
        let ports = find("core.v1.Container", "ports").shape;
        let Shape::List(_, ListKind::Map(keys)) = ports else {
            panic!("ports are a list by two keys")
        };
        assert_eq!(keys, ["containerPort", "protocol"]);
        assert_eq!(
            find("core.v1.ContainerPort", "protocol").default,
            Some("TCP".into())
        );
        assert_eq!(find("core.v1.Volume", "hostPath").tag, 1);
        let pathtype = find("networking.v1.HTTPIngressPath", "pathType");
        assert_eq!(
            pathtype.allowed,
            ["Exact", "ImplementationSpecific", "Prefix"]
        );
        let usages = find("certificates.v1.CertificateSigningRequestSpec", "usages");
        assert!(usages.allowed.contains(&"digital signature".to_owned()));
    }
}
