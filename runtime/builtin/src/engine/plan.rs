//! What the shim is told of a pod and of a container.
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

use wharf_runtime::Error;
use wharf_runtime::engine::{ContainerSpec, HOST_NAME, MountedVolume, SandboxSpec};

use super::{failed, images};
use crate::wire::{Plan, PlannedInput, PlannedMount, PlannedUser};

pub(super) fn hosts(spec: &SandboxSpec, ip: Ipv4Addr, host: Option<IpAddr>) -> String {
    let mut text = "# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n".to_owned();
    let own = &spec.hostname;
    let _infallible = match spec.domain.as_str() {
        "" => writeln!(text, "{ip}\t{own}"),
        domain => writeln!(text, "{ip}\t{own}.{domain}\t{own}"),
    };
    for alias in &spec.host_aliases {
        let _infallible = writeln!(text, "{}\t{}", alias.ip, alias.names.join("\t"));
    }
    // Last, so that the pod's own word counts.
    if let Some(host) = host {
        let _infallible = writeln!(text, "{host}\t{HOST_NAME}");
    }
    text
}

pub(super) fn resolv_conf(spec: &SandboxSpec) -> String {
    let mut text = String::new();
    if !spec.dns.searches.is_empty() {
        let _infallible = writeln!(text, "search {}", spec.dns.searches.join(" "));
    }
    for server in &spec.dns.servers {
        let _infallible = writeln!(text, "nameserver {server}");
    }
    if !spec.dns.options.is_empty() {
        let _infallible = writeln!(text, "options {}", spec.dns.options.join(" "));
    }
    text
}

pub(super) fn plan(
    id: &str,
    spec: &ContainerSpec,
    image: &images::Unpacked,
    pod: &Path,
) -> Result<Plan, Error> {
    // Relative to the pod's directory, which the shim is in: the kernel takes short lists only.
    let layers = image
        .layers
        .iter()
        .map(|name| PathBuf::from("../../layers").join(name));
    let mount = |mount: &MountedVolume| {
        let volume = pod.join("volumes").join(&mount.volume);
        let volume = volume.canonicalize().map_err(failed)?;
        Ok(PlannedMount {
            volume,
            sub_path: mount.sub_path.as_ref().map(ToString::to_string),
            path: mount.path.to_string(),
            read_only: mount.read_only,
        })
    };
    Ok(Plan {
        id: id.to_owned(),
        pod: spec.pod.clone(),
        name: spec.name.clone(),
        attempt: spec.attempt,
        image_digest: image.digest.clone(),
        layers: layers.collect(),
        argv: spec.argv.clone(),
        env: spec.env.clone(),
        working_dir: spec.working_dir.clone(),
        user: PlannedUser {
            of_image: spec.run_as.image_user.clone(),
            uid: spec.run_as.user,
            gid: spec.run_as.group,
            groups: spec.run_as.other_groups.clone(),
            must_not_be_root: spec.run_as.must_not_be_root,
        },
        mounts: spec
            .mounts
            .iter()
            .map(mount)
            .collect::<Result<_, Error>>()?,
        cpu_milli: spec.limits.cpu_milli,
        cpu_request_milli: spec.requests.cpu_milli,
        memory_bytes: spec.limits.memory_bytes,
        capabilities: spec
            .capabilities
            .iter()
            .map(|one| one.name().to_owned())
            .collect(),
        no_new_privileges: spec.no_new_privileges,
        read_only_root: spec.read_only_root,
        input: PlannedInput {
            tty: spec.input.tty,
            open: spec.input.open,
            once: spec.input.once,
        },
        termination_path: spec.termination_path.to_string(),
    })
}
