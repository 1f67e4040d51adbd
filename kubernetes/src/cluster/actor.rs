//! Who changes objects, and what events are about.
use serde_json::{Value, json};

use super::Resource;
use crate::authn::User;
use crate::store::Object;

/// Who makes a change.
#[derive(Clone, Debug)]
pub struct Actor {
    pub user: User,
    /// The field manager.
    pub manager: String,
    /// Who reports in events.
    pub component: String,
    /// The machine that reports in events; empty for what is of the whole cluster.
    pub host: String,
}

impl Actor {
    /// One of the controllers, such as `deployment-controller`.
    pub fn controller(name: &str) -> Self {
        let user = format!("system:serviceaccount:kube-system:{name}");
        Self::system(&user, "kube-controller-manager", name)
    }

    /// A part of the system.
    pub fn system(user: &str, manager: &str, component: &str) -> Self {
        let groups = vec!["system:masters".to_owned()];
        Self {
            user: User::authenticated(user, groups),
            manager: manager.to_owned(),
            component: component.to_owned(),
            host: String::new(),
        }
    }
}

/// How serious an event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventType {
    Normal,
    Warning,
}

impl EventType {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "Normal",
            Self::Warning => "Warning",
        }
    }
}

/// An object that an event is about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Reference {
    pub api_version: String,
    pub kind: String,
    pub namespace: String,
    pub name: String,
    pub uid: String,
    pub field_path: String,
}

impl Reference {
    pub fn of(resource: &Resource, object: &Object) -> Self {
        Self {
            api_version: resource.api_version(),
            kind: resource.kind.clone(),
            namespace: object.namespace.clone(),
            name: object.name.clone(),
            uid: object.uid.clone(),
            field_path: String::new(),
        }
    }

    /// The same for an object of which only the API version and kind are known.
    pub fn to(api_version: &str, kind: &str, object: &Object) -> Self {
        Self {
            api_version: api_version.to_owned(),
            kind: kind.to_owned(),
            namespace: object.namespace.clone(),
            name: object.name.clone(),
            uid: object.uid.clone(),
            field_path: String::new(),
        }
    }

    /// As `involvedObject` of an event.
    pub fn to_json(&self) -> Value {
        let mut reference = json!({});
        let members = [
            ("apiVersion", &self.api_version),
            ("kind", &self.kind),
            ("namespace", &self.namespace),
            ("name", &self.name),
            ("uid", &self.uid),
            ("fieldPath", &self.field_path),
        ];
        for (name, value) in members {
            if !value.is_empty() {
                reference[name] = value.as_str().into();
            }
        }
        reference
    }
}
