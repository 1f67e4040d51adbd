//! The schemas of types, as Kubernetes prints them.
use serde_json::{Map, Value, json};

use super::{Resource, Source, reference};
use crate::{Field, ListKind, Schema, Shape, Type};

const META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1";
const QUANTITY: &str = "io.k8s.apimachinery.pkg.api.resource.Quantity";
const INT_OR_STRING: &str = "io.k8s.apimachinery.pkg.util.intstr.IntOrString";

pub(super) struct Components<'a> {
    schema: &'a Schema,
    done: Map<String, Value>,
    waiting: Vec<String>,
}

impl<'a> Components<'a> {
    pub(super) fn new(schema: &'a Schema) -> Self {
        Self {
            schema,
            done: Map::new(),
            waiting: ["DeleteOptions", "Status", "Patch", "WatchEvent"]
                .iter()
                .map(|name| format!("{META}.{name}"))
                .collect(),
        }
    }

    /// The types of all kinds.
    pub(super) fn add_kinds(&mut self) {
        let found = self
            .schema
            .kinds()
            .filter_map(|(_, id)| self.schema.get(id));
        self.waiting.extend(found.map(|found| found.name.clone()));
    }

    pub(super) fn add_resource(&mut self, group: &str, version: &str, resource: &Resource) {
        for sub in &resource.subresources {
            self.waiting.extend(sub.type_name.clone());
        }
        match &resource.source {
            Source::Table(name) => {
                self.waiting.push(name.clone());
                let list = format!("{name}List");
                if self.schema.find(&list).is_some() {
                    self.waiting.push(list);
                }
            }
            Source::Custom { name, schema } => {
                let kind = json!([{"group": group, "version": version, "kind": resource.kind}]);
                self.done.insert(name.clone(), custom(schema, &kind));
                let list = format!("{}List", resource.kind);
                let kind = json!([{"group": group, "version": version, "kind": list}]);
                self.done
                    .insert(format!("{name}List"), list_of(name, &kind));
                for name in ["ObjectMeta", "ListMeta"] {
                    self.waiting.push(format!("{META}.{name}"));
                }
            }
        }
    }

    /// Everything that was asked for, and what that refers to.
    pub(super) fn finish(mut self) -> Map<String, Value> {
        while let Some(name) = self.waiting.pop() {
            if self.done.contains_key(&name) {
                continue;
            }
            let found = self.schema.find(&name);
            let new = match found.and_then(|id| Some((id, self.schema.get(id)?))) {
                Some((id, found)) => {
                    let mut new = self.structure(found);
                    let kinds = self.kinds(id);
                    if !kinds.is_empty()
                        && let Some(map) = new.as_object_mut()
                    {
                        map.insert("x-kubernetes-group-version-kind".to_owned(), kinds.into());
                    }
                    new
                }
                None => special(&name),
            };
            self.done.insert(name, new);
        }
        self.done
    }

    fn kinds(&self, id: crate::TypeId) -> Vec<Value> {
        let mut kinds: Vec<_> = self.schema.kinds().filter(|(_, one)| *one == id).collect();
        kinds.sort_by_key(|(kind, _)| *kind);
        kinds
            .into_iter()
            .map(|(kind, _)| {
                json!({"group": kind.group, "version": kind.version, "kind": kind.kind})
            })
            .collect()
    }

    fn structure(&mut self, found: &Type) -> Value {
        let mut properties = Map::new();
        let id = self.schema.find(&found.name);
        for field in &found.fields {
            let facts = id.and_then(|id| self.schema.facts(id, &field.name));
            let of = facts.and_then(|facts| facts.reference.as_deref());
            properties.insert(field.name.clone(), self.field(field, of));
        }
        let required: Vec<&str> = found
            .fields
            .iter()
            .filter(|field| field.required)
            .map(|field| field.name.as_str())
            .collect();
        let mut new = json!({"type": "object", "properties": properties});
        if !required.is_empty() {
            new["required"] = json!(required);
        }
        if found.atomic {
            new["x-kubernetes-map-type"] = "atomic".into();
        }
        new
    }

    fn field(&mut self, field: &Field, of: Option<&str>) -> Value {
        let mut new = self.shape(&field.shape, of, &field.allowed);
        if let Some(default) = &field.default {
            new["default"] = default.clone();
        } else if !field.pointer
            && let Some(zero) = zero(&field.shape, field.omitempty)
        {
            new["default"] = zero;
        }
        if field.nullable {
            new["nullable"] = true.into();
        }
        if let Shape::List(_, kind) = &field.shape {
            match kind {
                ListKind::Atomic => new["x-kubernetes-list-type"] = "atomic".into(),
                ListKind::Set => new["x-kubernetes-list-type"] = "set".into(),
                ListKind::Map(keys) => {
                    new["x-kubernetes-list-type"] = "map".into();
                    new["x-kubernetes-list-map-keys"] = json!(keys);
                }
            }
        }
        if matches!(field.shape, Shape::Map(_, true)) {
            new["x-kubernetes-map-type"] = "atomic".into();
        }
        if let Some(strategy) = &field.strategy {
            let names = [
                (strategy.merge, "merge"),
                (strategy.retain_keys, "retainKeys"),
            ];
            let names: Vec<&str> = names.iter().filter(|one| one.0).map(|one| one.1).collect();
            if !names.is_empty() {
                new["x-kubernetes-patch-strategy"] = names.join(",").into();
            }
            if let Some(key) = &strategy.key {
                new["x-kubernetes-patch-merge-key"] = json!(key);
            }
        }
        new
    }

    fn shape(&mut self, shape: &Shape, of: Option<&str>, allowed: &[String]) -> Value {
        match shape {
            Shape::String if !allowed.is_empty() => json!({"type": "string", "enum": allowed}),
            Shape::String => json!({"type": "string"}),
            Shape::Bool => json!({"type": "boolean"}),
            Shape::Int32 => json!({"type": "integer", "format": "int32"}),
            Shape::Int64 => json!({"type": "integer", "format": "int64"}),
            Shape::Number => json!({"type": "number", "format": "double"}),
            Shape::Bytes => json!({"type": "string", "format": "byte"}),
            Shape::Quantity => self.refer(QUANTITY),
            Shape::IntOrString => self.refer(INT_OR_STRING),
            Shape::Time => self.refer(&format!("{META}.Time")),
            Shape::MicroTime => self.refer(&format!("{META}.MicroTime")),
            Shape::Duration => self.refer(&format!("{META}.Duration")),
            Shape::Any => of.map_or_else(|| json!({}), |name| self.refer(name)),
            Shape::Struct(id) => match self.schema.get(*id) {
                Some(found) => self.refer(&found.name),
                None => json!({"type": "object"}),
            },
            Shape::List(element, _) => {
                json!({"type": "array", "items": self.element(element, of, allowed)})
            }
            Shape::Map(element, _) => {
                let element = self.element(element, of, allowed);
                json!({"type": "object", "additionalProperties": element})
            }
        }
    }

    fn element(&mut self, shape: &Shape, of: Option<&str>, allowed: &[String]) -> Value {
        let mut new = self.shape(shape, of, allowed);
        match zero(shape, false) {
            Some(zero) => new["default"] = zero,
            // Without anything beside it a reference stands alone.
            None => {
                if let Some(alone) = new.pointer("/allOf/0") {
                    return alone.clone();
                }
            }
        }
        new
    }

    fn refer(&mut self, name: &str) -> Value {
        if !self.done.contains_key(name) {
            self.waiting.push(name.to_owned());
        }
        json!({"allOf": [reference(name)]})
    }
}

/// What Go has where nothing is said, for fields that always have something.
fn zero(shape: &Shape, omitempty: bool) -> Option<Value> {
    match shape {
        Shape::Struct(_) => Some(json!({})),
        _ if omitempty => None,
        Shape::String => Some("".into()),
        Shape::Bool => Some(false.into()),
        Shape::Int32 | Shape::Int64 | Shape::Number => Some(0.into()),
        _ => None,
    }
}

/// Types that are no structures in JSON.
fn special(name: &str) -> Value {
    match name.rsplit('.').next().unwrap_or_default() {
        "Quantity" => json!({"oneOf": [{"type": "string"}, {"type": "number"}]}),
        "IntOrString" => json!({
            "oneOf": [{"type": "integer"}, {"type": "string"}], "format": "int-or-string",
        }),
        "Time" | "MicroTime" => json!({"type": "string", "format": "date-time"}),
        "Duration" => json!({"type": "string"}),
        "RawExtension" | "FieldsV1" | "Patch" => json!({"type": "object"}),
        _ => json!({}),
    }
}

/// A custom resource's own schema, with what every object has.
fn custom(schema: &Value, kind: &Value) -> Value {
    let mut new = schema.clone();
    if !new.is_object() {
        new = json!({"type": "object"});
    }
    if !new.get("properties").is_some_and(Value::is_object) {
        new["properties"] = json!({});
    }
    new["properties"]["apiVersion"] = json!({"type": "string"});
    new["properties"]["kind"] = json!({"type": "string"});
    new["properties"]["metadata"] = json!({"allOf": [reference(&format!("{META}.ObjectMeta"))]});
    new["x-kubernetes-group-version-kind"] = kind.clone();
    new
}

fn list_of(name: &str, kind: &Value) -> Value {
    json!({
        "type": "object",
        "required": ["items"],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"allOf": [reference(&format!("{META}.ListMeta"))]},
            "items": {"type": "array", "items": reference(name)},
        },
        "x-kubernetes-group-version-kind": kind,
    })
}
