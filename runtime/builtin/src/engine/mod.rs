//! The engine: directories and shims of pods, seen from the server.
mod containers;
mod found;
mod images;
mod logs;
mod plan;
mod sandbox;
mod shims;
mod signals;
mod space;
mod volumes;
mod way_out;

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::net::Ipv4Addr;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use found::{containers, lose};
use images::Images;
pub(crate) use images::sha256;
use shims::Connection;
use signals::signal_number;
use space::{known_space, make_space};
use tokio::io::AsyncRead;
use tokio::sync::Notify;
use wharf_runtime::engine::{
    AttachSpec, ContainerSpec, Engine, ExecSpec, FoundContainer, FoundPod, Image, ImageRequest,
    ImageSource, LogQuery, Phase, Process, Sandbox, SandboxSpec, Usage,
};
use wharf_runtime::{Error, Later, Stream, Volume, VolumeSource};
use wharf_types::Timestamp;

use crate::net::WayOut;
use crate::wire::{Answer, PodPlan, Request, kind};
use crate::{cgroup, files, time};

/// The bridge's name in its namespace.
const BRIDGE: &str = "vpc0";

/// How long a shim may take to go.
const GOING: Duration = Duration::from_secs(10);

/// An error of ours that no caller can do anything about.
fn failed(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::Failed(Box::new(error))
}

/// Does what waits for the disk where waiting harms nobody.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, crate::Error> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(failed)?
        .map_err(failed)
}

/// The network that pods are in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    /// The bridge's own address, to which pods send what is for elsewhere.
    pub gateway: Ipv4Addr,
    /// How many of its bits all addresses have in common.
    pub prefix: u8,
}

/// The engine. A cheap handle.
#[derive(Clone)]
pub struct Builtin(Arc<Inner>);

struct Inner {
    program: PathBuf,
    root: PathBuf,
    network: Network,
    images: Images,
    /// The bridge's namespace.
    space: OwnedFd,
    way_out: Mutex<Option<WayOut>>,
    /// The pods of containers.
    pods: Mutex<HashMap<String, String>>,
    ended: Mutex<BTreeSet<String>>,
    told: Notify,
}

impl fmt::Debug for Builtin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Builtin").field(&self.0.root).finish()
    }
}

// Nothing panics while it holds one of the locks; if it did, what they hold would still be whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Builtin {
    /// Starts the engine over a directory of its own. `program` is this program, which hands its
    /// arguments to [`crate::part`] first of all.
    pub async fn start(
        program: PathBuf,
        root: PathBuf,
        network: Network,
        source: Arc<dyn ImageSource>,
    ) -> Result<Self, Error> {
        let folder = root.clone();
        let space = blocking(move || {
            for name in ["pods", "layers", "images", "names", "persistent", "scratch"] {
                std::fs::create_dir_all(folder.join(name)).map_err(crate::Error::Io)?;
            }
            files::set_mode(&folder, 0o700)?;
            // What was being unpacked when a server ended.
            files::remove(&folder.join("scratch"))?;
            std::fs::create_dir_all(folder.join("scratch")).map_err(crate::Error::Io)?;
            match known_space(&folder) {
                Some(space) => Ok(space),
                None => make_space(network),
            }
        })
        .await?;
        let engine = Self(Arc::new(Inner {
            images: Images::new(program.clone(), root.clone(), source),
            program,
            root,
            network,
            space,
            way_out: Mutex::default(),
            pods: Mutex::default(),
            ended: Mutex::default(),
            told: Notify::new(),
        }));
        let found = engine.clone();
        blocking(move || {
            found.find_way_out();
            Ok(())
        })
        .await?;
        Ok(engine)
    }

    fn pod(&self, id: &str) -> PathBuf {
        self.0.root.join("pods").join(id)
    }

    /// The directory of a container, and its pod.
    fn container(&self, id: &str) -> Result<(PathBuf, String), Error> {
        let pod = lock(&self.0.pods)
            .get(id)
            .cloned()
            .ok_or(Error::NoSuchContainer)?;
        Ok((self.pod(&pod).join("containers").join(id), pod))
    }

    async fn ask(&self, pod: &str, request: &Request) -> Result<Answer, Error> {
        match Connection::open(&self.pod(pod)).await? {
            Some(mut connection) => connection.ask(request).await,
            None => Ok(Answer::Missing),
        }
    }

    /// Listens to a pod's shim until it is gone.
    fn watch(&self, pod: &str) {
        let (engine, pod) = (self.clone(), pod.to_owned());
        tokio::spawn(async move {
            if let Ok(Some(mut connection)) = Connection::open(&engine.pod(&pod)).await
                && connection.ask(&Request::Watch).await.is_ok()
            {
                // What ended before somebody listened.
                engine.tell(&pod);
                while let Some((kind::ENDED, _)) = connection.frame().await {
                    engine.tell(&pod);
                }
            }
            engine.tell(&pod);
        });
    }

    fn tell(&self, pod: &str) {
        lock(&self.0.ended).insert(pod.to_owned());
        self.0.told.notify_one();
    }

    async fn do_list(&self) -> Result<Vec<FoundPod>, Error> {
        let root = self.0.root.join("pods");
        let read = blocking(move || {
            let entries = std::fs::read_dir(root).map_err(crate::Error::Io)?.flatten();
            let read = entries.filter_map(|entry| {
                let plan: PodPlan = read_json(&entry.path().join("pod.json")).ok()?;
                Some((plan, containers(&entry.path())))
            });
            Ok(read.collect::<Vec<_>>())
        })
        .await?;
        let mut pods = Vec::new();
        for (plan, mut containers) in read {
            let runs = Connection::find(&self.pod(&plan.id)).await?.is_some();
            if runs {
                self.watch(&plan.id);
            } else {
                containers.iter_mut().for_each(lose);
            }
            for container in &containers {
                lock(&self.0.pods).insert(container.id.clone(), plan.id.clone());
            }
            pods.push(FoundPod {
                id: plan.id,
                namespace: plan.namespace,
                name: plan.name,
                runs,
                ip: Some(plan.ip.into()),
                containers,
            });
        }
        Ok(pods)
    }

    async fn do_remove_pod(&self, pod: &str) -> Result<(), Error> {
        let folder = self.pod(pod);
        if let Some(mut connection) = Connection::find(&folder).await? {
            // It may hang up before it answers.
            let _ended = connection.ask(&Request::End).await;
            let gone = async { while connection.frame().await.is_some() {} };
            if tokio::time::timeout(GOING, gone).await.is_err() {
                tracing::warn!(pod, "the shim of a pod does not end");
            }
        }
        lock(&self.0.pods).retain(|_, own| own != pod);
        let (engine, id) = (self.clone(), pod.to_owned());
        blocking(move || {
            cgroup::clear(&id);
            engine.leave(&folder)
        })
        .await
    }

    async fn do_fill(&self, pod: &str, volume: &Volume, group: Option<u32>) -> Result<(), Error> {
        let folder = self.pod(pod).join("volumes");
        let persistent = self.0.root.join("persistent");
        let own = volume.clone();
        let path = blocking(move || volumes::fill(&folder, &persistent, &own, group)).await?;
        if let VolumeSource::EmptyDir {
            memory: true,
            limit_bytes: limit,
        } = volume.source
        {
            let volume = path.clone();
            done(self.ask(pod, &Request::Memory { volume, limit }).await?)?;
        }
        // A link beside the pod's own volumes says where a persistent one is.
        if let VolumeSource::Persistent { .. } = volume.source {
            let link = self.pod(pod).join("volumes").join(&volume.name);
            blocking(move || {
                files::remove(&link)?;
                std::os::unix::fs::symlink(&path, &link).map_err(crate::Error::Io)
            })
            .await?;
        }
        Ok(())
    }
}

fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, crate::Error> {
    let bytes = std::fs::read(path).map_err(crate::Error::Io)?;
    serde_json::from_slice(&bytes).map_err(crate::Error::Wire)
}

fn done(answer: Answer) -> Result<(), Error> {
    match answer {
        Answer::Done | Answer::Missing | Answer::File(_) | Answer::Stream { .. } => Ok(()),
        Answer::Failed(message) => Err(failed(crate::Error::Refused(message))),
    }
}

impl Engine for Builtin {
    fn name(&self) -> &'static str {
        "builtin"
    }

    fn list(&self) -> Later<'_, Vec<FoundPod>> {
        Box::pin(self.do_list())
    }

    fn pull<'a>(&'a self, request: &'a ImageRequest) -> Later<'a, Image> {
        Box::pin(self.0.images.pull(request))
    }

    fn start_sandbox<'a>(&'a self, spec: &'a SandboxSpec) -> Later<'a, Sandbox> {
        Box::pin(self.do_start_sandbox(spec))
    }

    fn link<'a>(&'a self, pod: &'a str) -> Later<'a, Box<dyn Stream>> {
        Box::pin(async move {
            let folder = files::open_folder(&self.pod(pod)).map_err(|_gone| Error::NoSuchPod)?;
            let path = files::short(&folder).join("sandbox.sock");
            let stream = tokio::net::UnixStream::connect(path)
                .await
                .map_err(failed)?;
            Ok(Box::new(stream) as Box<dyn Stream>)
        })
    }

    fn remove_pod<'a>(&'a self, pod: &'a str) -> Later<'a, ()> {
        Box::pin(self.do_remove_pod(pod))
    }

    fn fill<'a>(&'a self, pod: &'a str, volume: &'a Volume, group: Option<u32>) -> Later<'a, ()> {
        Box::pin(self.do_fill(pod, volume, group))
    }

    fn remove_volume<'a>(&'a self, id: &'a str) -> Later<'a, ()> {
        let path = self.0.root.join("persistent").join(id);
        Box::pin(blocking(move || files::remove(&path)))
    }

    fn create<'a>(&'a self, spec: &'a ContainerSpec) -> Later<'a, String> {
        Box::pin(self.do_create(spec))
    }

    fn start<'a>(&'a self, id: &'a str) -> Later<'a, ()> {
        Box::pin(async move {
            let (_, pod) = self.container(id)?;
            done(
                self.ask(&pod, &Request::Start { id: id.to_owned() })
                    .await?,
            )
        })
    }

    fn inspect<'a>(&'a self, id: &'a str) -> Later<'a, Option<FoundContainer>> {
        Box::pin(self.do_inspect(id))
    }

    fn signal<'a>(&'a self, id: &'a str, signal: &'a str) -> Later<'a, ()> {
        Box::pin(async move {
            let (_, pod) = self.container(id)?;
            let id = id.to_owned();
            let signal = signal_number(signal)?;
            done(self.ask(&pod, &Request::Signal { id, signal }).await?)
        })
    }

    fn remove<'a>(&'a self, id: &'a str) -> Later<'a, ()> {
        Box::pin(async move {
            let Ok((folder, pod)) = self.container(id) else {
                return Ok(());
            };
            done(
                self.ask(&pod, &Request::Remove { id: id.to_owned() })
                    .await?,
            )?;
            lock(&self.0.pods).remove(id);
            blocking(move || files::remove(&folder)).await
        })
    }

    fn ended(&self) -> Later<'_, Vec<String>> {
        Box::pin(async {
            loop {
                let ended = std::mem::take(&mut *lock(&self.0.ended));
                if !ended.is_empty() {
                    return Ok(ended.into_iter().collect());
                }
                self.0.told.notified().await;
            }
        })
    }

    fn exec<'a>(&'a self, id: &'a str, spec: ExecSpec) -> Later<'a, Process> {
        let request = Request::Exec {
            id: id.to_owned(),
            command: spec.command,
            tty: spec.tty,
            stdin: spec.stdin,
        };
        Box::pin(self.do_stream(id, request, spec.stdin))
    }

    fn attach<'a>(&'a self, id: &'a str, spec: AttachSpec) -> Later<'a, Process> {
        let request = Request::Attach {
            id: id.to_owned(),
            stdin: spec.stdin,
        };
        Box::pin(self.do_stream(id, request, spec.stdin))
    }

    fn logs<'a>(
        &'a self,
        id: &'a str,
        query: LogQuery,
    ) -> Later<'a, Box<dyn AsyncRead + Send + Unpin>> {
        Box::pin(async move {
            let (folder, _) = self.container(id)?;
            let log = logs::read(folder, query);
            Ok(Box::new(log) as Box<dyn AsyncRead + Send + Unpin>)
        })
    }

    fn read<'a>(&'a self, id: &'a str, path: &'a str, limit: usize) -> Later<'a, Option<Vec<u8>>> {
        Box::pin(async move {
            let (_, pod) = self.container(id)?;
            let request = Request::Read {
                id: id.to_owned(),
                path: path.to_owned(),
                limit,
            };
            match self.ask(&pod, &request).await? {
                Answer::File(file) => Ok(file),
                answer => done(answer).map(|()| None),
            }
        })
    }

    fn usage<'a>(&'a self, pod: &'a str) -> Later<'a, Vec<(String, Usage)>> {
        let (folder, pod) = (self.pod(pod), pod.to_owned());
        Box::pin(blocking(move || {
            let at = Timestamp::from_ms(time::now_ms());
            let of = |one: FoundContainer| {
                let (cpu_nanos, memory_bytes) = cgroup::usage(&pod, &one.id)?;
                let usage = Usage {
                    cpu_nanos,
                    memory_bytes,
                    at,
                };
                Some((one.name, usage))
            };
            let running = containers(&folder).into_iter();
            let running = running.filter(|one| matches!(one.phase, Phase::Running { .. }));
            Ok(running.filter_map(of).collect())
        }))
    }
}
