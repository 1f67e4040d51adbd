//! Roles and bindings, as much of them as decisions need.
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

/// `PolicyRule`: verbs on resources, or on paths.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Rule {
    #[serde(deserialize_with = "nullable")]
    pub verbs: Vec<String>,
    #[serde(deserialize_with = "nullable", skip_serializing_if = "Vec::is_empty")]
    pub api_groups: Vec<String>,
    #[serde(deserialize_with = "nullable", skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<String>,
    #[serde(deserialize_with = "nullable", skip_serializing_if = "Vec::is_empty")]
    pub resource_names: Vec<String>,
    #[serde(
        rename = "nonResourceURLs",
        deserialize_with = "nullable",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub non_resource_urls: Vec<String>,
}

/// To whom a binding gives a role.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Subject {
    /// `User`, `Group` or `ServiceAccount`.
    pub kind: String,
    pub name: String,
    /// Of a service account; empty for that of the binding.
    #[serde(
        deserialize_with = "nullable",
        skip_serializing_if = "String::is_empty"
    )]
    pub namespace: String,
}

/// The role that a binding gives.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RoleRef {
    pub api_group: String,
    /// `Role` or `ClusterRole`.
    pub kind: String,
    pub name: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
struct Meta {
    name: String,
    #[serde(deserialize_with = "nullable")]
    namespace: String,
}

/// A `Role`, or what both kinds of roles have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Role {
    /// Empty for a cluster role.
    pub namespace: String,
    pub name: String,
    pub rules: Vec<Rule>,
}

/// A `ClusterRole`, with what makes it the sum of others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClusterRole {
    pub role: Role,
    pub aggregation: Option<AggregationRule>,
}

/// `aggregationRule`: the selectors of the roles whose rules are put together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AggregationRule {
    #[serde(deserialize_with = "nullable")]
    pub cluster_role_selectors: Vec<Value>,
}

/// A `RoleBinding` or `ClusterRoleBinding`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Binding {
    /// Empty for a cluster role binding.
    pub namespace: String,
    pub name: String,
    pub subjects: Vec<Subject>,
    pub role: RoleRef,
}

impl Role {
    /// Reads an object. `None` if it is no role, which grants nothing.
    pub fn from_object(object: &Value) -> Option<Self> {
        #[derive(Deserialize)]
        struct Wire {
            metadata: Meta,
            #[serde(default, deserialize_with = "nullable")]
            rules: Vec<Rule>,
        }
        let Wire { metadata, rules } = Wire::deserialize(object).ok()?;
        Some(Self {
            namespace: metadata.namespace,
            name: metadata.name,
            rules,
        })
    }
}

impl ClusterRole {
    /// Reads an object. `None` if it is no cluster role, which grants nothing.
    pub fn from_object(object: &Value) -> Option<Self> {
        let aggregation = match object.get("aggregationRule") {
            None | Some(Value::Null) => None,
            Some(rule) => Some(AggregationRule::deserialize(rule).ok()?),
        };
        Some(Self {
            role: Role::from_object(object)?,
            aggregation,
        })
    }

    /// Whether its rules are made out of those of others.
    pub fn is_aggregated(&self) -> bool {
        let selectors = self.aggregation.as_ref().map(|a| &a.cluster_role_selectors);
        selectors.is_some_and(|selectors| !selectors.is_empty())
    }
}

impl Binding {
    /// Reads an object. `None` if it is no binding, which grants nothing.
    pub fn from_object(object: &Value) -> Option<Self> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Wire {
            metadata: Meta,
            #[serde(default, deserialize_with = "nullable")]
            subjects: Vec<Subject>,
            role_ref: RoleRef,
        }
        let Wire {
            metadata,
            subjects,
            role_ref,
        } = Wire::deserialize(object).ok()?;
        Some(Self {
            namespace: metadata.namespace,
            name: metadata.name,
            subjects,
            role: role_ref,
        })
    }
}

/// `null` is what is not there.
fn nullable<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}
