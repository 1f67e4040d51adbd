//! From a pod of Kubernetes to what an engine may run.
//!
//! # Guarantees
//! * It is an allowlist twice over: [`rules`] refuses every field that it does not know, and what is
//!   then built is a [`PodSpec`], which has no place for anything of the host.
//! * It looks at the pod that is about to run, so nothing gets past it by way of a template, a patch
//!   or a later change.
use std::net::IpAddr;
use std::time::Duration;

use serde_json::Value;
use wharf_runtime::{Container, HostAlias, PodSpec, RestartPolicy, Role};

use crate::{Path, fields};

mod amounts;
mod container;
mod dns;
mod env;
mod handlers;
mod image;
mod pull_secrets;
mod rules;
mod security;
#[cfg(test)]
mod tests;
mod volumes;

/// What the translation must know besides the pod.
pub struct Context<'a> {
    /// Finds an object by resource, namespace and name.
    pub lookup: &'a (dyn Fn(&str, &str, &str) -> Option<Value> + Sync),
    pub pod_ip: Option<IpAddr>,
    pub host_ip: Option<IpAddr>,
    /// `status.allocatable` of the node.
    pub allocatable: &'a Value,
    /// Variables that tell of services.
    pub services: &'a [(String, String)],
    /// The address of the name server of the cluster.
    pub dns: Option<IpAddr>,
    /// The domain of the names of machines; empty if they have none.
    pub machine_domain: &'a str,
    /// Whether the pod is that of a job.
    pub finishes: bool,
}

impl std::fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context").finish_non_exhaustive()
    }
}

/// What kind of trouble keeps a pod from running.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// It asks for what wharf does not give. Only a change of the pod helps.
    Policy,
    /// Something that it names is not there yet.
    Config,
    /// A volume cannot be had yet.
    Mount,
    /// An image has an impossible name.
    Image,
    /// The engine did not start it; what its containers wait for.
    Engine(&'static str),
}

/// Why a pod does not run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    pub trouble: Trouble,
    /// None: all of them.
    pub container: Option<String>,
    pub message: String,
}

impl Refusal {
    fn policy(path: &Path, why: &str, container: Option<&str>) -> Self {
        Self {
            trouble: Trouble::Policy,
            container: container.map(str::to_owned),
            message: format!("wharf refuses {path}: {why}"),
        }
    }

    fn config(container: &str, message: impl Into<String>) -> Self {
        Self {
            trouble: Trouble::Config,
            container: Some(container.to_owned()),
            message: message.into(),
        }
    }

    pub(super) fn mount(volume: &str, message: &str) -> Self {
        Self {
            trouble: Trouble::Mount,
            container: None,
            message: format!("MountVolume.SetUp failed for volume {volume:?} : {message}"),
        }
    }

    /// What the container waits for, as its status says it.
    pub const fn reason(&self) -> &'static str {
        match self.trouble {
            Trouble::Policy | Trouble::Config => "CreateContainerConfigError",
            Trouble::Mount => "ContainerCreating",
            Trouble::Image => "InvalidImageName",
            Trouble::Engine(reason) => reason,
        }
    }
}

/// What may run of a pod, and what was refused of its ephemeral containers: they come to a pod that
/// runs already and do not stop it.
#[derive(Debug)]
pub struct Translated {
    pub spec: PodSpec,
    pub refused: Vec<Refusal>,
}

/// Translates a pod.
///
/// # Errors
/// The first thing in it that wharf does not do, or that is missing.
pub fn translate(pod: &Value, context: &Context<'_>) -> Result<Translated, Refusal> {
    rules::check_pod(pod)?;
    let (metadata, spec) = (&pod["metadata"], &pod["spec"]);
    let volumes = volumes::volumes(pod, context)?;
    let mut containers = Vec::new();
    for (list, usual) in [("initContainers", Role::Init), ("containers", Role::Main)] {
        for (i, value) in fields::list(spec, list).iter().enumerate() {
            let path = Path::new("spec").field(list).index(i);
            let role = match usual {
                Role::Init if fields::text(value, "restartPolicy") == "Always" => Role::Sidecar,
                role => role,
            };
            containers.push(container::container(pod, value, role, &path, context)?);
        }
    }
    let (ephemeral, refused) = ephemeral(pod, context);
    containers.extend(ephemeral);
    let name = fields::text(metadata, "name");
    let hostname = match fields::text(spec, "hostname") {
        "" => name,
        hostname => hostname,
    };
    let mut hostname: String = hostname.chars().take(63).collect();
    let mut domain = match fields::text(spec, "subdomain") {
        "" => String::new(),
        subdomain => {
            let namespace = fields::text(metadata, "namespace");
            format!("{subdomain}.{namespace}.svc.cluster.local")
        }
    };
    if fields::flag(spec, "setHostnameAsFQDN") && !domain.is_empty() {
        hostname = format!("{hostname}.{domain}");
        domain.clear();
    }
    let grace = fields::number(&spec["terminationGracePeriodSeconds"]).unwrap_or(30);
    let spec = PodSpec {
        id: fields::text(metadata, "uid").to_owned(),
        namespace: fields::text(metadata, "namespace").to_owned(),
        name: name.to_owned(),
        hostname,
        ip: context.pod_ip,
        containers,
        volumes,
        dns: dns::dns(pod, context)?,
        host_aliases: host_aliases(spec)?,
        domain,
        pull_secrets: pull_secrets::pull_secrets(pod, context),
        restart: match fields::text(spec, "restartPolicy") {
            "Never" => RestartPolicy::Never,
            "OnFailure" => RestartPolicy::OnFailure,
            _ => RestartPolicy::Always,
        },
        grace: Duration::from_secs(u64::try_from(grace).unwrap_or(0)),
        finishes: context.finishes,
    };
    Ok(Translated { spec, refused })
}

fn ephemeral(pod: &Value, context: &Context<'_>) -> (Vec<Container>, Vec<Refusal>) {
    let (mut fine, mut refused) = (Vec::new(), Vec::new());
    let list = fields::list(&pod["spec"], "ephemeralContainers");
    for (i, value) in list.iter().enumerate() {
        let path = Path::new("spec").field("ephemeralContainers").index(i);
        let made = rules::check_container(value, &path)
            .and_then(|()| container::container(pod, value, Role::Ephemeral, &path, context));
        match made {
            Ok(container) => fine.push(container),
            Err(mut refusal) => {
                refusal.container = Some(fields::text(value, "name").to_owned());
                refused.push(refusal);
            }
        }
    }
    (fine, refused)
}

fn host_aliases(spec: &Value) -> Result<Vec<HostAlias>, Refusal> {
    let alias = |(i, alias): (usize, &Value)| {
        let path = Path::new("spec").field("hostAliases").index(i);
        let names = fields::list(alias, "hostnames").iter();
        let names: Vec<String> = names.filter_map(Value::as_str).map(str::to_owned).collect();
        let odd = |name: &String| name.contains(|c: char| c.is_whitespace() || c.is_control());
        if names.iter().any(odd) {
            let why = "it must not contain spaces";
            return Err(Refusal::policy(&path.field("hostnames"), why, None));
        }
        Ok(HostAlias {
            ip: address(fields::text(alias, "ip"), &path.field("ip"))?,
            names,
        })
    };
    let aliases = fields::list(spec, "hostAliases").iter().enumerate();
    aliases.map(alias).collect()
}

fn address(text: &str, path: &Path) -> Result<IpAddr, Refusal> {
    let why = "it must be an IP address";
    text.parse()
        .map_err(|_not_one| Refusal::policy(path, why, None))
}
