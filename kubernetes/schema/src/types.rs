//! The table's own types.
use std::collections::{HashMap, HashSet};

use serde_json::Value;

/// A type of a [`Schema`]. Meaningless in another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TypeId(u32);

/// Types that refer to each other.
#[derive(Clone, Debug, Default)]
pub struct Schema {
    types: Vec<Type>,
    names: HashMap<String, TypeId>,
    kinds: HashMap<GroupVersionKind, TypeId>,
    /// By type and field; only of those that have something to say.
    facts: HashMap<TypeId, HashMap<String, Facts>>,
    /// Types of custom resources, whose values are not Go's.
    custom: HashSet<TypeId>,
}

/// The name of a kind. The core group is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupVersionKind {
    pub group: String,
    pub version: String,
    pub kind: String,
}

/// What few fields have, and only Kubernetes' own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    /// The numbers of the messages in which protobuf has the field, where JSON has none.
    pub(crate) embedded: Vec<u32>,
    pub(crate) omitzero: bool,
    /// The type's name in Go, if it is not the plain one.
    pub(crate) go: Option<String>,
    pub(crate) wire: Wire,
    /// The name in OpenAPI of a field that is any JSON.
    pub(crate) reference: Option<String>,
}

/// Where protobuf differs from what the shape suggests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Wire {
    #[default]
    Plain,
    /// A message around the list (of each value, if it is a map).
    Items,
    SchemaOrBool,
    SchemaOrArray,
    SchemaOrStrings,
}

impl Schema {
    /// Looks a type up by its name in OpenAPI, such as `io.k8s.api.core.v1.Pod`.
    pub fn find(&self, name: &str) -> Option<TypeId> {
        self.names.get(name).copied()
    }

    /// The type of an id of this schema.
    pub fn get(&self, id: TypeId) -> Option<&Type> {
        self.types.get(usize::try_from(id.0).ok()?)
    }

    /// The type of a kind, such as `("apps", "v1", "Deployment")`. Those of `meta/v1`, such as
    /// `DeleteOptions`, are kinds of every group.
    pub fn kind(&self, group: &str, version: &str, kind: &str) -> Option<TypeId> {
        let kind = GroupVersionKind {
            group: group.to_owned(),
            version: version.to_owned(),
            kind: kind.to_owned(),
        };
        self.kinds.get(&kind).copied()
    }

    /// Makes a type that of a kind.
    pub fn add_kind(&mut self, kind: GroupVersionKind, id: TypeId) {
        self.kinds.insert(kind, id);
    }

    /// All kinds and their types, in no order.
    pub fn kinds(&self) -> impl Iterator<Item = (&GroupVersionKind, TypeId)> {
        self.kinds.iter().map(|(kind, id)| (kind, *id))
    }

    /// All types, in the order of their names for the built-in ones.
    pub fn types(&self) -> impl Iterator<Item = &Type> {
        self.types.iter()
    }

    pub(crate) fn is_custom(&self, id: TypeId) -> bool {
        self.custom.contains(&id)
    }

    pub(crate) fn set_custom(&mut self, id: TypeId) {
        self.custom.insert(id);
    }

    pub(crate) fn facts(&self, id: TypeId, field: &str) -> Option<&Facts> {
        self.facts.get(&id)?.get(field)
    }

    pub(crate) fn set_facts(&mut self, id: TypeId, mut facts: HashMap<String, Facts>) {
        facts.retain(|_, fact| *fact != Facts::default());
        self.facts.insert(id, facts);
    }

    /// Adds a type, or replaces the one of its name, which keeps its id.
    pub fn insert(&mut self, new: Type) -> TypeId {
        if let Some(id) = self.find(&new.name) {
            if let Some(slot) = usize::try_from(id.0)
                .ok()
                .and_then(|i| self.types.get_mut(i))
            {
                *slot = new;
            }
            return id;
        }
        let id = TypeId(u32::try_from(self.types.len()).unwrap_or(u32::MAX));
        self.names.insert(new.name.clone(), id);
        self.types.push(new);
        id
    }
}

/// A structure with named fields.
#[derive(Clone, Debug, Default)]
pub struct Type {
    /// The name in OpenAPI.
    pub name: String,
    pub fields: Vec<Field>,
    /// Owned and replaced as a whole by server-side apply.
    pub atomic: bool,
    /// Fields that the table does not have are kept (custom resources may say so).
    pub open: bool,
}

impl Type {
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }
}

/// A field of a structure.
#[expect(
    clippy::struct_excessive_bools,
    reason = "they are independent, as in Go's tags"
)]
#[derive(Clone, Debug)]
pub struct Field {
    /// The name in JSON.
    pub name: String,
    /// The number in protobuf; 0 where there is none.
    pub tag: u32,
    pub shape: Shape,
    /// A pointer in Go: a zero value differs from an absent one.
    pub pointer: bool,
    pub omitempty: bool,
    pub required: bool,
    pub nullable: bool,
    /// How a strategic merge patch treats a list or structure.
    pub strategy: Option<MergeStrategy>,
    /// The allowed values; empty if any is.
    pub allowed: Vec<String>,
    pub default: Option<Value>,
}

/// The `patchStrategy` and `patchMergeKey` of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MergeStrategy {
    /// Elements are merged by their key, or as a set where there is none.
    pub merge: bool,
    pub retain_keys: bool,
    pub key: Option<String>,
}

/// What a value looks like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shape {
    String,
    Bool,
    Int32,
    Int64,
    Number,
    /// Base64 in JSON.
    Bytes,
    Quantity,
    IntOrString,
    /// RFC 3339, whole seconds.
    Time,
    /// RFC 3339, microseconds.
    MicroTime,
    /// Go's text of a duration.
    Duration,
    /// Any JSON.
    Any,
    Struct(TypeId),
    List(Box<Self>, ListKind),
    /// By text keys. `true` if it is replaced as a whole by server-side apply.
    Map(Box<Self>, bool),
}

/// How server-side apply treats a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListKind {
    Atomic,
    Set,
    /// By these fields of its elements.
    Map(Vec<String>),
}
