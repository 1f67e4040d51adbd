//! Pods: the sandbox's container, and all that belongs to it.
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use futures::future::try_join_all;
use serde_json::json;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;
use wharf_runtime::engine::{FoundPod, HOST_NAME, Sandbox, SandboxSpec, Usage};
use wharf_runtime::{Dns, Stream, Volume, VolumeSource};
use wharf_types::{Clock, Timestamp};

use super::links::First;
use super::{Docker, containers, volumes};
use crate::answers::{Created, Inspected, Listed, Stats, Volumes};
use crate::client::{Client, Joined};
use crate::host_config::{self, Mount, Part};
use crate::names::{Kind, Names, label};
use crate::part::WORDS;
use crate::{Error, network};

/// Where a sandbox has the volumes of its pod that containers may write.
pub(super) const VOLUMES: &str = "/volumes";

/// Where it has those that only we write. What is here is told from the others by nothing that a
/// container could make.
pub(super) const FILES: &str = "/files";

/// How long a sandbox may take until it is ready, and what it says of that.
const READY: Duration = Duration::from_mins(2);
const LINE_BYTES: usize = 4096;

/// A file of hosts that is longer is read to here.
const HOSTS_BYTES: usize = 64 << 10;

/// Where a sandbox has a volume.
pub(super) fn place(volume: &Volume) -> String {
    let folder = match &volume.source {
        VolumeSource::Files(_) => FILES,
        VolumeSource::EmptyDir { .. } | VolumeSource::Persistent { .. } => VOLUMES,
    };
    format!("{folder}/{}", volume.name)
}

/// What Docker may be unable to give a sandbox.
#[derive(Clone, Copy, Debug)]
struct Wish {
    ip: Option<Ipv4Addr>,
    /// The address of the host, under its name.
    host: bool,
}

impl Docker {
    pub(super) async fn do_list(&self) -> Result<Vec<FoundPod>, Error> {
        let all = self.client().get("/containers/json").query("all", "1");
        let all: Vec<Listed> = all.labelled(&self.names().ours()).json().await?;
        let mut pods = Vec::new();
        let mut containers = Vec::new();
        for one in all {
            // It may be gone by now.
            let Some(found) = self.look(&one.id).await? else {
                continue;
            };
            match found.config.labels.get(label::KIND).map(String::as_str) {
                Some("sandbox") => pods.extend(pod(&found, self.names())),
                _ => containers.extend(found.found()),
            }
        }
        containers.sort_by_key(|one| one.attempt);
        for container in containers {
            let pod = pods
                .iter_mut()
                .find(|pod: &&mut FoundPod| pod.id == container.pod);
            match pod {
                Some(pod) => pod.containers.push(container),
                // Its sandbox was removed by somebody else.
                None => pods.push(FoundPod {
                    id: container.pod.clone(),
                    namespace: String::new(),
                    name: String::new(),
                    runs: false,
                    ip: None,
                    containers: vec![container],
                }),
            }
        }
        Ok(pods)
    }

    pub(super) async fn do_start_sandbox(&self, spec: &SandboxSpec) -> Result<Sandbox, Error> {
        let name = self.names().sandbox(&spec.pod);
        if let Some(found) = self.look(&name).await? {
            if found.state.running {
                return Ok(Sandbox {
                    ip: ip(&found, self.names()),
                    host: self.host(&found).await?,
                    kept: true,
                });
            }
            containers::remove(self.client(), &found.id).await?;
        }
        let (range, mounts) = tokio::try_join!(
            network::ensure(self.client(), self.names(), self.0.wanted),
            self.make_volumes(spec),
        )?;
        let wanted = match spec.ip {
            Some(IpAddr::V4(ip)) if range.has_room_for(ip) => Some(ip),
            _ => None,
        };
        let mut wish = Wish {
            ip: wanted,
            host: true,
        };
        let started = loop {
            match self.try_sandbox(spec, wish, &mounts).await {
                // Docker gave it to somebody else: any other will do.
                Err(Error::Answered { message, .. })
                    if wish.ip.is_some() && message.to_lowercase().contains("already in use") =>
                {
                    wish.ip = None;
                }
                // Without a bridge of its own Docker knows no address of the host.
                Err(Error::Answered { message, .. })
                    if wish.host && message.contains("host-gateway") =>
                {
                    wish.host = false;
                }
                other => break other?,
            }
        };
        Ok(Sandbox {
            ip: ip(&started, self.names()),
            host: self.host(&started).await?,
            kept: false,
        })
    }

    /// What Docker takes for the host is in the file that it makes for a container: with a desktop it
    /// is no gateway of ours.
    async fn host(&self, sandbox: &Inspected) -> Result<Option<IpAddr>, Error> {
        let known = self
            .0
            .daemon
            .0
            .host
            .get_or_try_init(|| self.read_host(sandbox));
        known.await.copied()
    }

    async fn read_host(&self, sandbox: &Inspected) -> Result<Option<IpAddr>, Error> {
        let file = containers::read(self.client(), &sandbox.id, "/etc/hosts", HOSTS_BYTES).await?;
        Ok(file.and_then(|file| host_in(&String::from_utf8_lossy(&file))))
    }

    async fn try_sandbox(
        &self,
        spec: &SandboxSpec,
        wish: Wish,
        mounts: &[Mount],
    ) -> Result<Inspected, Error> {
        let image = &self.0.daemon.0.sandbox;
        let network = self.names().network();
        let mut command = image.program.clone();
        command.extend(["__docker", "pause"].map(str::to_owned));
        command.push(resolv_conf(&spec.dns));
        let mut labels = self.names().of_pod(Kind::Sandbox, &spec.pod);
        labels.insert(label::NAMESPACE.to_owned(), spec.namespace.clone());
        labels.insert(label::NAME.to_owned(), spec.name.clone());
        let aliases = spec.host_aliases.iter().flat_map(|alias| {
            let names = alias.names.iter();
            names.map(|name| format!("{name}:{}", alias.ip))
        });
        // Last, so that the pod's own word counts.
        let host = wish.host.then(|| format!("{HOST_NAME}:host-gateway"));
        let aliases: Vec<String> = aliases.chain(host).collect();
        let ipam = wish.ip.map(|ip| json!({ "IPv4Address": ip }));
        let body = json!({
            "Image": image.tag,
            "Entrypoint": command,
            // Its first link, which ends when this server does.
            "OpenStdin": true,
            "StdinOnce": true,
            "AttachStdin": true,
            "AttachStdout": true,
            "Hostname": spec.hostname,
            "Domainname": spec.domain,
            "Labels": labels,
            "HostConfig": host_config::sandbox(&network, &aliases, mounts),
            "NetworkingConfig": {
                "EndpointsConfig": { (network.as_str()): { "IPAMConfig": ipam } },
            },
        });
        let name = self.names().sandbox(&spec.pod);
        let create = || {
            let call = self.client().post("/containers/create");
            call.query("name", &name).body(&body)
        };
        let created = match create()?.json::<Created>().await {
            // Somebody has removed the image.
            Err(error) if error.is_missing() => {
                self.0.daemon.0.reload().await?;
                create()?.json().await
            }
            other => other,
        };
        let Created { id } = created?;
        let given = volumes::given(spec)?;
        let starting = self.0.links.start(&spec.pod);
        match start(self.client(), &id, &given).await {
            Ok(link) => starting.done(link),
            Err(error) => {
                drop(starting);
                containers::remove(self.client(), &id).await?;
                return Err(error);
            }
        }
        let found = self.look(&id).await?;
        found.ok_or_else(|| Error::Refused("the sandbox is gone at once".to_owned()))
    }

    async fn make_volumes(&self, spec: &SandboxSpec) -> Result<Vec<Mount>, Error> {
        let words = self.names().words(&spec.pod);
        let labels = self.names().of_pod(Kind::Volume, &spec.pod);
        let mut mounts = vec![whole(words.clone(), WORDS.to_owned())];
        let mut wanted = vec![(words, labels.clone(), None)];
        for volume in &spec.volumes {
            let name = self.volume_name(&spec.pod, volume);
            let labels = match &volume.source {
                VolumeSource::Persistent { .. } => self.names().labels(Kind::Persistent),
                _ => labels.clone(),
            };
            mounts.push(whole(name.clone(), place(volume)));
            wanted.push((name, labels, volumes::memory(&volume.source)));
        }
        let made = wanted.iter().map(|(name, labels, options)| {
            volumes::make(self.client(), name, labels.clone(), options.clone())
        });
        try_join_all(made).await?;
        Ok(mounts)
    }

    pub(super) async fn do_link(&self, pod: &str) -> Result<Box<dyn Stream>, wharf_runtime::Error> {
        match self.0.links.take(pod) {
            First::Here(first) => return Ok(Box::new(first)),
            // One that is made now would come after it, and end it.
            First::Coming => return Err(wharf_runtime::Error::NoSuchPod),
            First::Gone => {}
        }
        let name = self.names().sandbox(pod);
        let found = self.look(&name).await?;
        let found = found.filter(|found| found.state.running);
        let found = found.ok_or(wharf_runtime::Error::NoSuchPod)?;
        let mut command = self.0.daemon.0.sandbox.program.clone();
        command.extend(["__docker", "link"].map(str::to_owned));
        let call = self.client().post(format!("/containers/{}/exec", found.id));
        let call = call.body(&json!({
            "AttachStdin": true, "AttachStdout": true, "Cmd": command,
        }))?;
        let Created { id } = call.json().await?;
        let start = self.client().post(format!("/exec/{id}/start"));
        let start = start.body(&json!({ "Detach": false, "Tty": false }))?;
        Ok(Box::new(Joined::new(start.upgrade().await?)))
    }

    pub(super) async fn do_remove_pod(&self, pod: &str) -> Result<(), Error> {
        self.0.links.end(pod);
        let ours = self.names().ours_in(pod);
        let all = self.client().get("/containers/json").query("all", "1");
        let all: Vec<Listed> = all.labelled(&ours).json().await?;
        containers::remove_all(self.client(), all).await?;
        let volumes = self.client().get("/volumes").labelled(&ours);
        let volumes: Volumes = volumes.json().await?;
        volumes::remove_all(self.client(), volumes).await
    }

    pub(super) async fn do_usage(&self, pod: &str) -> Result<Vec<(String, Usage)>, Error> {
        let all = self.client().get("/containers/json");
        let all: Vec<Listed> = all.labelled(&self.names().ours_in(pod)).json().await?;
        let mut usages = Vec::new();
        for one in all {
            let Some(name) = one.labels.get(label::CONTAINER) else {
                continue;
            };
            let stats = self.client().get(format!("/containers/{}/stats", one.id));
            let stats = stats.query("stream", "0").query("one-shot", "1");
            // It may have ended by now.
            if let Some(stats) = stats.find::<Stats>().await? {
                let usage = Usage {
                    cpu_nanos: stats.cpu_stats.cpu_usage.total_usage,
                    memory_bytes: stats.memory_stats.working_set(),
                    at: now(),
                };
                usages.push((name.clone(), usage));
            }
        }
        Ok(usages)
    }
}

/// Starts a sandbox and gives it what it waits for. Answers its first link.
async fn start(client: &Client, id: &str, given: &[u8]) -> Result<Joined, Error> {
    let attach = client.post(format!("/containers/{id}/attach"));
    let attach = attach.query("stream", "1").query("stdin", "1");
    let mut link = Joined::new(attach.query("stdout", "1").upgrade().await?);
    let start = client.post(format!("/containers/{id}/start"));
    let said = async {
        let give = async {
            if let Err(error) = link.write_all(given).await {
                // It says itself what is wrong.
                tracing::debug!(%error, id, "a sandbox does not take what it is given");
            }
            Ok(())
        };
        tokio::try_join!(start.done(), give)?;
        first_line(&mut link).await.map_err(Error::Io)
    };
    let said = timeout(READY, said).await;
    match said.unwrap_or(Err(Error::Silent(READY)))?.as_str() {
        "ready" => Ok(link),
        "" => Err(Error::Refused("the sandbox ends at once".to_owned())),
        said => Err(Error::Refused(format!(
            "the sandbox does not start: {said}"
        ))),
    }
}

/// Not one byte more than the line.
async fn first_line(input: &mut (impl AsyncRead + Unpin)) -> io::Result<String> {
    let mut line = Vec::new();
    let mut byte = [0];
    while line.len() < LINE_BYTES && input.read(&mut byte).await? == 1 && byte != *b"\n" {
        line.extend(byte);
    }
    Ok(String::from_utf8_lossy(&line).into_owned())
}

fn now() -> Timestamp {
    Clock::System.now()
}

fn whole(volume: String, path: String) -> Mount {
    Mount {
        volume,
        path,
        part: Part::Whole,
        read_only: false,
    }
}

fn ip(found: &Inspected, names: &Names) -> Option<IpAddr> {
    let network = found.network_settings.networks.get(&names.network())?;
    network.ip.parse().ok()
}

fn pod(found: &Inspected, names: &Names) -> Option<FoundPod> {
    let of = |key: &str| found.config.labels.get(key).cloned();
    Some(FoundPod {
        id: of(label::POD)?,
        namespace: of(label::NAMESPACE)?,
        name: of(label::NAME)?,
        runs: found.state.running,
        ip: ip(found, names),
        containers: Vec::new(),
    })
}

/// The last address that a file of hosts gives the machine: those before are the pod's own word.
fn host_in(hosts: &str) -> Option<IpAddr> {
    let mut lines = hosts.lines().rev();
    lines.find_map(|line| {
        let mut words = line.split_whitespace();
        let ip = words.next()?.parse().ok()?;
        words.any(|name| name == HOST_NAME).then_some(ip)
    })
}

/// What a pod asks before its link says anything. Empty: Docker's own is kept.
fn resolv_conf(dns: &Dns) -> String {
    let line = |name: &str, words: &[String]| match words {
        [] => String::new(),
        words => format!("{name} {}\n", words.join(" ")),
    };
    let servers = dns.servers.iter();
    let servers = servers.map(|server| format!("nameserver {server}\n"));
    std::iter::once(line("search", &dns.searches))
        .chain(servers)
        .chain([line("options", &dns.options)])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_is_what_docker_says_and_not_the_pod() {
        let hosts = "127.0.0.1\tlocalhost\n10.0.0.9\thost.docker.internal\n# host.docker.internal\n\
            172.17.0.1\thost.docker.internal\n192.0.2.7\tpod\n";
        assert_eq!(host_in(hosts), Some(IpAddr::from([172, 17, 0, 1])));
        assert_eq!(host_in("127.0.0.1 localhost\n"), None);
    }
}
