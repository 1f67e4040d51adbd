//! What an access entry is, and the rules for one.
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use wharf_storage::Document;
use wharf_types::Registry;

use super::principals::{EntryPrincipal, PrincipalKind};
use crate::{
    Error, Token,
    parts::{self, Part},
};

/// The most groups of an entry.
const MAX_GROUPS: usize = 100;

/// What user names must not begin with.
const RESERVED: &[&str] = &["system:", "eks:", "aws:", "amazon:", "iam:"];

/// What an entry is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum EntryType {
    Standard,
    Ec2Linux,
    Ec2Windows,
    FargateLinux,
    HybridLinux,
    /// Nodes of Auto Mode.
    Ec2,
    HyperpodLinux,
}

impl EntryType {
    const ALL: [Self; 7] = [
        Self::Standard,
        Self::Ec2Linux,
        Self::Ec2Windows,
        Self::FargateLinux,
        Self::HybridLinux,
        Self::Ec2,
        Self::HyperpodLinux,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "STANDARD",
            Self::Ec2Linux => "EC2_LINUX",
            Self::Ec2Windows => "EC2_WINDOWS",
            Self::FargateLinux => "FARGATE_LINUX",
            Self::HybridLinux => "HYBRID_LINUX",
            Self::Ec2 => "EC2",
            Self::HyperpodLinux => "HYPERPOD_LINUX",
        }
    }

    fn parse(text: &str) -> Result<Self, Error> {
        let found = Self::ALL.into_iter().find(|kind| kind.as_str() == text);
        found.ok_or_else(|| {
            let known = Self::ALL.map(Self::as_str).join(", ");
            let text = format!("The type {text} of an access entry is not one of [{known}].");
            Error::invalid_parameter(text)
        })
    }

    /// The user name and groups of nodes, which nobody chooses.
    const fn of_node(self) -> Option<(&'static str, &'static [&'static str])> {
        const BY_INSTANCE: &str = "system:node:{{EC2PrivateDNSName}}";
        const BY_SESSION: &str = "system:node:{{SessionName}}";
        match self {
            Self::Standard => None,
            Self::Ec2Linux | Self::Ec2 => Some((BY_INSTANCE, &["system:nodes"])),
            Self::Ec2Windows => Some((BY_INSTANCE, &["eks:kube-proxy-windows", "system:nodes"])),
            Self::FargateLinux => Some((
                BY_SESSION,
                &[
                    "system:bootstrappers",
                    "system:node-proxier",
                    "system:nodes",
                ],
            )),
            Self::HybridLinux => Some((BY_SESSION, &["system:bootstrappers", "system:nodes"])),
            Self::HyperpodLinux => Some((BY_SESSION, &["system:nodes"])),
        }
    }

    /// Whether policies can be associated. Nodes of Auto Mode need one.
    pub(super) const fn takes_policies(self) -> bool {
        matches!(self, Self::Standard | Self::Ec2)
    }
}

/// Where a policy holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    Cluster,
    /// In namespaces; `*` at the end stands for anything.
    Namespaces(Vec<String>),
}

impl Scope {
    /// The scope of a type and namespaces as requests name them.
    pub fn new(kind: &str, namespaces: Vec<String>) -> Result<Self, Error> {
        match kind {
            "cluster" if namespaces.is_empty() => Ok(Self::Cluster),
            "cluster" => Err(Error::invalid_parameter(
                "Namespaces cannot be specified when the access scope type is cluster.",
            )),
            "namespace" if namespaces.is_empty() => Err(Error::invalid_parameter(
                "At least one namespace must be specified when the access scope type is namespace.",
            )),
            "namespace" if namespaces.len() > 100 => Err(Error::invalid_parameter(
                "An access scope cannot have more than 100 namespaces.",
            )),
            "namespace" => {
                for namespace in &namespaces {
                    let formed = match namespace.strip_suffix('*') {
                        None => parts::is_label(namespace),
                        Some(stem) => stem.is_empty() || parts::is_label(&format!("{stem}x")),
                    };
                    if !formed {
                        let text =
                            format!("The namespace {namespace} of the access scope is invalid.");
                        return Err(Error::invalid_parameter(text));
                    }
                }
                Ok(Self::Namespaces(namespaces))
            }
            other => Err(Error::invalid_parameter(format!(
                "The access scope type {other} is not one of [cluster, namespace]."
            ))),
        }
    }

    /// Whether something in a namespace is within it.
    pub fn holds_in(&self, namespace: &str) -> bool {
        match self {
            Self::Cluster => true,
            Self::Namespaces(patterns) => {
                patterns
                    .iter()
                    .any(|pattern| match pattern.strip_suffix('*') {
                        Some(prefix) => namespace.starts_with(prefix),
                        None => namespace == pattern,
                    })
            }
        }
    }
}

/// A policy of an entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Association {
    pub scope: Scope,
    pub associated_ms: i64,
    pub modified_ms: i64,
}

/// An entry: a document named by cluster and principal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessEntry {
    pub principal: String,
    /// The last part of its ARN.
    pub id: String,
    pub kind: EntryType,
    pub username: String,
    pub groups: Vec<String>,
    /// By the ARN of the policy.
    #[serde(default)]
    pub policies: BTreeMap<String, Association>,
    #[serde(default)]
    pub token: Option<Token>,
}

impl Document for AccessEntry {
    const KIND: &'static str = "eks-access-entry";
}

impl Part for AccessEntry {
    fn missing(cluster: &str, _principal: &str) -> Error {
        Error::not_found("The specified principalArn could not be found. You can view your available access entries with 'list-access-entries'.").cluster(cluster)
    }

    fn arn(&self, registry: &Registry, cluster: &str) -> String {
        let path = EntryPrincipal::parse(&self.principal).map(|principal| principal.path());
        let path = path.unwrap_or_default();
        crate::arn(
            registry,
            &format!("access-entry/{cluster}/{path}/{}", self.id),
        )
    }
}

/// What an entry is made of.
#[derive(Clone, Debug, Default, Serialize)]
pub struct NewEntry {
    pub cluster: String,
    pub principal: String,
    pub kind: Option<String>,
    pub username: Option<String>,
    pub groups: Option<Vec<String>>,
    pub tags: BTreeMap<String, String>,
}

impl NewEntry {
    /// Checks all that can be said without the cluster.
    pub(super) fn entry(&self, token: Option<Token>) -> Result<AccessEntry, Error> {
        let principal = EntryPrincipal::parse(&self.principal)?;
        let kind = self.kind.as_deref().unwrap_or("STANDARD");
        let kind = EntryType::parse(kind)?;
        let (username, groups) = if let Some((username, groups)) = kind.of_node() {
            self.check_node(kind, principal.kind)?;
            let groups = groups.iter().map(|group| (*group).to_owned()).collect();
            (username.to_owned(), groups)
        } else {
            let username = match &self.username {
                Some(username) => {
                    check_username(username)?;
                    username.clone()
                }
                None => principal.default_username(&self.principal),
            };
            let groups = self.groups.clone().unwrap_or_default();
            check_groups(&groups)?;
            (username, groups)
        };
        Ok(AccessEntry {
            principal: self.principal.clone(),
            id: parts::uuid(),
            kind,
            username,
            groups,
            policies: BTreeMap::new(),
            token,
        })
    }

    fn check_node(&self, kind: EntryType, principal: PrincipalKind) -> Result<(), Error> {
        let kind = kind.as_str();
        if principal != PrincipalKind::Role {
            return Err(Error::invalid_parameter(format!(
                "The principalArn of an access entry of type {kind} must be an IAM role."
            )));
        }
        if self.username.is_some() {
            return Err(Error::invalid_parameter(format!(
                "A username cannot be specified for an access entry of type {kind}."
            )));
        }
        if self
            .groups
            .as_ref()
            .is_some_and(|groups| !groups.is_empty())
        {
            return Err(Error::invalid_parameter(format!(
                "kubernetesGroups cannot be specified for an access entry of type {kind}."
            )));
        }
        Ok(())
    }
}

pub(super) fn check_groups(groups: &[String]) -> Result<(), Error> {
    if groups.len() > MAX_GROUPS {
        let text = format!("An access entry cannot have more than {MAX_GROUPS} kubernetes groups.");
        return Err(Error::invalid_parameter(text));
    }
    for group in groups {
        if group.starts_with("system:") {
            return Err(Error::invalid_parameter(format!(
                "The kubernetes group name {group} is invalid, it cannot start with system:"
            )));
        }
        if group.is_empty() || group.len() > 255 {
            return Err(Error::invalid_parameter(format!(
                "The kubernetes group name {group} is invalid, it must have 1 to 255 characters"
            )));
        }
    }
    Ok(())
}

/// A name of one's own: no reserved beginning, and a colon before a session's name, so that nobody
/// names a session to look like somebody else.
pub(super) fn check_username(username: &str) -> Result<(), Error> {
    let wrong =
        |why: &str| Error::invalid_parameter(format!("The username {username} is invalid, {why}"));
    if username.is_empty() || username.len() > 255 {
        return Err(wrong("it must have 1 to 255 characters"));
    }
    if let Some(reserved) = RESERVED.iter().find(|text| username.starts_with(**text)) {
        return Err(wrong(&format!("it cannot start with {reserved}")));
    }
    let mut rest = username;
    while let Some((before, after)) = rest.split_once("{{") {
        let Some((name, after)) = after.split_once("}}") else {
            return Err(wrong("it has a {{ without its }}"));
        };
        match name {
            "SessionName" | "SessionNameRaw" if !before.contains(':') && rest == username => {
                return Err(wrong("it must have a colon before {{SessionName}}"));
            }
            "SessionName" | "SessionNameRaw" | "AccountID" | "AccessKeyID" => {}
            _ => return Err(wrong(&format!("{{{{{name}}}}} is not known"))),
        }
        rest = after;
    }
    Ok(())
}

#[cfg(test)]
#[path = "entry_tests.rs"]
mod tests;
