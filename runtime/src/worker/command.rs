//! What a container runs: the image's words and the spec's, by Kubernetes' rules.
use crate::engine::{ContainerSpec, ImageConfig, Input, MountedVolume, RunAs};
use crate::{Container, PodSpec, VolumeSource};

/// The container of an image that was pulled. None: there is nothing to run.
pub(super) fn container(
    pod: &PodSpec,
    container: &Container,
    attempt: u32,
    image: &str,
    config: &ImageConfig,
) -> Option<ContainerSpec> {
    let argv = argv(container, config);
    if argv.is_empty() {
        return None;
    }
    let security = &container.security;
    let working_dir = container.working_dir.as_ref().map(ToString::to_string);
    let mounts = container.mounts.iter().map(|mount| MountedVolume {
        volume: mount.volume.clone(),
        path: mount.path.clone(),
        sub_path: mount.sub_path.clone(),
        read_only: mount.read_only || is_read_only(pod, &mount.volume),
    });
    let mut other_groups = security.other_groups.clone();
    other_groups.extend(security.volume_group);
    Some(ContainerSpec {
        pod: pod.id.clone(),
        name: container.name.clone(),
        attempt,
        image: image.to_owned(),
        argv,
        env: env(container, config),
        working_dir: working_dir.unwrap_or_else(|| config.working_dir.clone()),
        run_as: RunAs {
            image_user: config.user.clone(),
            user: security.user,
            group: security.group,
            other_groups,
            must_not_be_root: security.must_not_be_root,
        },
        mounts: mounts.collect(),
        limits: container.resources.limits,
        requests: container.resources.requests,
        capabilities: security.capabilities.clone(),
        no_new_privileges: security.no_new_privileges,
        read_only_root: security.read_only_root,
        input: Input {
            tty: container.tty,
            open: container.stdin,
            once: container.stdin_once,
        },
        termination_path: container.termination.path.clone(),
    })
}

/// What the pod is given belongs to whoever gives it.
fn is_read_only(pod: &PodSpec, volume: &str) -> bool {
    let mut found = pod.volumes.iter().filter(|one| one.name == volume);
    found.any(|volume| match volume.source {
        VolumeSource::Files(_) => true,
        VolumeSource::Persistent { read_only, .. } => read_only,
        VolumeSource::EmptyDir { .. } => false,
    })
}

/// A command replaces the image's entrypoint and its arguments; arguments replace only those.
fn argv(container: &Container, config: &ImageConfig) -> Vec<String> {
    let (command, args) = match (&container.command, &container.args) {
        (Some(command), args) => (command.as_slice(), args.as_deref().unwrap_or_default()),
        (None, Some(args)) => (config.entrypoint.as_slice(), args.as_slice()),
        (None, None) => (config.entrypoint.as_slice(), config.command.as_slice()),
    };
    command.iter().chain(args).cloned().collect()
}

/// The image's variables, then the spec's, which win.
fn env(container: &Container, config: &ImageConfig) -> Vec<(String, String)> {
    let own = |name: &str| container.env.iter().any(|(key, _)| key == name);
    let image = config.env.iter().filter(|(key, _)| !own(key));
    image.chain(&container.env).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worker::tests::bare;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(ToOwned::to_owned).collect()
    }

    #[test]
    fn command_and_args_by_the_table_of_kubernetes() {
        // https://kubernetes.io/docs/tasks/inject-data-application/define-command-argument-container/
        let config = ImageConfig {
            entrypoint: words("/ep-1"),
            command: words("foo bar"),
            ..ImageConfig::default()
        };
        let rows = [
            (None, None, "/ep-1 foo bar"),
            (Some("/ep-2"), None, "/ep-2"),
            (None, Some("zoo boo"), "/ep-1 zoo boo"),
            (Some("/ep-2"), Some("zoo boo"), "/ep-2 zoo boo"),
        ];
        for (command, args, expected) in rows {
            let mut container = bare("c");
            container.command = command.map(words);
            container.args = args.map(words);
            assert_eq!(argv(&container, &config), words(expected));
        }
    }

    #[test]
    fn variables_of_the_spec_win() {
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let config = ImageConfig {
            env: vec![pair("PATH", "/bin"), pair("A", "image")],
            ..ImageConfig::default()
        };
        let mut container = bare("c");
        container.env = vec![pair("A", "spec")];
        assert_eq!(
            env(&container, &config),
            [pair("PATH", "/bin"), pair("A", "spec")]
        );
    }
}
