//! A schema as types, for pruning, server-side apply and merges.
use std::collections::HashMap;

use serde_json::Value;

use super::{MAX_DEPTH, flag, text, texts};
use crate::{Field, ListKind, Schema, Shape, Type, TypeId};

/// Schemas in one resource.
const MAX_NODES: usize = 20_000;
const OBJECT_META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";

/// Makes types of the schema of a custom resource; `name` is that of the root.
pub fn convert(schema: &Value, name: &str) -> Result<(Schema, TypeId), Vec<String>> {
    let mut converting = Converting {
        result: Schema::default(),
        meta: None,
        nodes: 0,
        errors: Vec::new(),
    };
    let mut known = HashMap::new();
    let builtin = Schema::builtin();
    converting.meta = builtin
        .find(OBJECT_META)
        .and_then(|id| import(builtin, id, &mut converting.result, &mut known));
    let mut root = converting.structure(schema, name, 0);
    converting.add_object_fields(&mut root);
    let id = converting.keep(root);
    if converting.errors.is_empty() {
        Ok((converting.result, id))
    } else {
        Err(converting.errors)
    }
}

/// Copies a type and what it refers to.
fn import(
    from: &Schema,
    id: TypeId,
    into: &mut Schema,
    known: &mut HashMap<TypeId, TypeId>,
) -> Option<TypeId> {
    if let Some(new) = known.get(&id) {
        return Some(*new);
    }
    let mut copy = from.get(id)?.clone();
    let new = into.insert(Type {
        name: copy.name.clone(),
        ..Type::default()
    });
    known.insert(id, new);
    let mut facts = HashMap::new();
    for field in &mut copy.fields {
        import_shape(from, &mut field.shape, into, known)?;
        if let Some(fact) = from.facts(id, &field.name) {
            facts.insert(field.name.clone(), fact.clone());
        }
    }
    into.insert(copy);
    into.set_facts(new, facts);
    Some(new)
}

fn import_shape(
    from: &Schema,
    shape: &mut Shape,
    into: &mut Schema,
    known: &mut HashMap<TypeId, TypeId>,
) -> Option<()> {
    match shape {
        Shape::Struct(id) => *id = import(from, *id, into, known)?,
        Shape::List(element, _) | Shape::Map(element, _) => {
            import_shape(from, element, into, known)?;
        }
        _ => {}
    }
    Some(())
}

struct Converting {
    result: Schema,
    meta: Option<TypeId>,
    nodes: usize,
    errors: Vec<String>,
}

impl Converting {
    fn keep(&mut self, new: Type) -> TypeId {
        let id = self.result.insert(new);
        self.result.set_custom(id);
        id
    }

    /// Whether there is room for another schema.
    fn count(&mut self, name: &str, depth: usize) -> bool {
        self.nodes += 1;
        if depth <= MAX_DEPTH && self.nodes <= MAX_NODES {
            return true;
        }
        if self.errors.is_empty() {
            self.errors
                .push(format!("{name}: the schema is too deep or too large"));
        }
        false
    }

    fn structure(&mut self, schema: &Value, name: &str, depth: usize) -> Type {
        let required = texts(schema, "required");
        let properties = schema.get("properties").and_then(Value::as_object);
        let mut fields = Vec::new();
        for (key, property) in properties.into_iter().flatten() {
            let shape = self.shape(property, &format!("{name}.{key}"), depth + 1);
            let mut field = plain(key, shape);
            field.required = required.contains(key);
            field.nullable = flag(property, "nullable");
            field.default = property.get("default").cloned();
            field.allowed = texts(property, "enum");
            fields.push(field);
        }
        Type {
            name: name.to_owned(),
            fields,
            atomic: text(schema, "x-kubernetes-map-type") == "atomic",
            open: flag(schema, "x-kubernetes-preserve-unknown-fields"),
        }
    }

    /// What every object has, whether its schema says so or not.
    fn add_object_fields(&mut self, object: &mut Type) {
        object
            .fields
            .retain(|field| !["apiVersion", "kind", "metadata"].contains(&field.name.as_str()));
        object.fields.push(plain("apiVersion", Shape::String));
        object.fields.push(plain("kind", Shape::String));
        if let Some(meta) = self.meta {
            object.fields.push(plain("metadata", Shape::Struct(meta)));
        }
    }

    fn shape(&mut self, schema: &Value, name: &str, depth: usize) -> Shape {
        if !self.count(name, depth) {
            return Shape::Any;
        }
        if flag(schema, "x-kubernetes-int-or-string") {
            return Shape::IntOrString;
        }
        match text(schema, "type") {
            "string" => Shape::String,
            "boolean" => Shape::Bool,
            "number" => Shape::Number,
            "integer" if text(schema, "format") == "int32" => Shape::Int32,
            "integer" => Shape::Int64,
            "array" => {
                let items = schema.get("items").unwrap_or(&Value::Null);
                let element = self.shape(items, &format!("{name}[]"), depth + 1);
                let kind = match text(schema, "x-kubernetes-list-type") {
                    "set" => ListKind::Set,
                    "map" => ListKind::Map(texts(schema, "x-kubernetes-list-map-keys")),
                    _ => ListKind::Atomic,
                };
                Shape::List(Box::new(element), kind)
            }
            "object" => self.object(schema, name, depth),
            _ => Shape::Any,
        }
    }

    fn object(&mut self, schema: &Value, name: &str, depth: usize) -> Shape {
        let embedded = flag(schema, "x-kubernetes-embedded-resource");
        let preserve = flag(schema, "x-kubernetes-preserve-unknown-fields");
        let properties = schema.get("properties").is_some_and(Value::is_object);
        let atomic = text(schema, "x-kubernetes-map-type") == "atomic";
        match schema.get("additionalProperties") {
            Some(inner) if inner.is_object() && !properties && !embedded => {
                let element = self.shape(inner, &format!("{name}.*"), depth + 1);
                return Shape::Map(Box::new(element), atomic);
            }
            Some(Value::Bool(true)) if !properties && !embedded => {
                return Shape::Map(Box::new(Shape::Any), atomic);
            }
            _ => {}
        }
        if preserve && !properties && !embedded && !atomic {
            return Shape::Any;
        }
        let mut new = self.structure(schema, name, depth);
        if embedded {
            self.add_object_fields(&mut new);
        }
        Shape::Struct(self.keep(new))
    }
}

fn plain(name: &str, shape: Shape) -> Field {
    Field {
        name: name.to_owned(),
        tag: 0,
        shape,
        pointer: true,
        omitempty: true,
        required: false,
        nullable: false,
        strategy: None,
        allowed: Vec::new(),
        default: None,
    }
}
