//! Single steps: preparing a pod, starting a container, looking how one ended.
use std::sync::Arc;
use std::time::Duration;

use futures::future::try_join_all;
use tokio::io::AsyncReadExt as _;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::command;
use super::plan::Next;
use super::pod::{Event, Pod, Task};
use super::probes::Target;
use super::record::{Life, Record, Trouble};
use super::{Inner, Outcome};
use crate::engine::{Exit, Image, ImageRequest, LogQuery, Phase, Sandbox, SandboxSpec};
use crate::{Action, Container, Error, Notice, PodSpec};

/// How long a pull may take before people are told that one is under way.
const SILENT: Duration = Duration::from_millis(100);

/// After what a sandbox that failed is tried again.
const RETRY: Duration = Duration::from_secs(5);

/// How long a failed pull is shown as such, before its waiting is shown.
const FRESH: Duration = Duration::from_secs(5);

/// The last words of a container: <https://kubernetes.io/docs/tasks/debug/debug-application/determine-reason-pod-failure/>.
const MESSAGE_BYTES: usize = 4096;
const LOG_BYTES: u64 = 2048;
const LOG_LINES: u64 = 80;

/// How long a hook may take if nothing else bounds it.
const HOOK: Duration = Duration::from_mins(10);

pub(super) enum Done {
    Prepared(Result<Sandbox, Error>),
    Started(usize, Box<Result<Started, Failure>>),
    Nothing,
}

pub(super) struct Started {
    id: String,
    image: Image,
    phase: Phase,
}

pub(super) enum Failure {
    Pull(Error),
    Make(Error),
    /// The pod's, not the container's.
    Join(Error),
}

/// Takes a step. What it needs is taken along, so the pod may change meanwhile.
pub(super) fn take(
    inner: Arc<Inner>,
    pod: &mut Pod,
    next: Next,
) -> impl Future<Output = Done> + Send + 'static {
    let spec = pod.spec.clone();
    let mut old = None;
    let start = match next {
        Next::Start(at) => pod.records.get_mut(at).map(|record| {
            old = record.renew(Instant::now());
            (at, record.spec.clone(), record.attempt)
        }),
        _ => None,
    };
    async move {
        if let Some(old) = old
            && let Err(error) = inner.engine.remove(&old).await
        {
            tracing::warn!(container = old, %error, "an old container could not be removed");
        }
        match (next, start) {
            (Next::Prepare, _) => Done::Prepared(prepare(&inner, &spec).await),
            (_, Some((at, container, attempt))) => {
                let started = start_one(&inner, &spec, &container, attempt).await;
                Done::Started(at, Box::new(started))
            }
            _ => Done::Nothing,
        }
    }
}

async fn prepare(inner: &Inner, spec: &PodSpec) -> Result<Sandbox, Error> {
    let group = spec
        .containers
        .first()
        .and_then(|one| one.security.volume_group);
    let containers = spec.containers.iter().map(|one| one.name.clone());
    let sandbox = inner
        .engine
        .start_sandbox(&SandboxSpec {
            pod: spec.id.clone(),
            namespace: spec.namespace.clone(),
            name: spec.name.clone(),
            hostname: spec.hostname.clone(),
            ip: spec.ip,
            dns: spec.dns.clone(),
            host_aliases: spec.host_aliases.clone(),
            domain: spec.domain.clone(),
            volumes: spec.volumes.clone(),
            volume_group: group,
            containers: containers.collect(),
        })
        .await?;
    inner.network.join(spec, sandbox);
    // With Docker each of them is a request that takes long.
    let volumes = spec.volumes.iter();
    let filled = try_join_all(volumes.map(|volume| inner.engine.fill(&spec.id, volume, group)));
    filled.await?;
    Ok(sandbox)
}

async fn start_one(
    inner: &Inner,
    pod: &PodSpec,
    container: &Container,
    attempt: u32,
) -> Result<Started, Failure> {
    let image = pull(inner, pod, container).await.map_err(Failure::Pull)?;
    let spec = command::container(pod, container, attempt, &image.id, &image.config);
    let spec = spec.ok_or_else(|| {
        Failure::Make(Error::Start {
            reason: "CreateContainerError",
            message: "no command specified".to_owned(),
        })
    })?;
    let engine = &inner.engine;
    let id = engine.create(&spec).await.map_err(Failure::Make)?;
    // With Docker both take long, so the container is made meanwhile.
    let joined = inner.network.joined(&pod.id).await;
    joined.map_err(Failure::Join)?;
    let name = &container.name;
    let notice = |reason, message| inner.notice(Notice::normal(&pod.id, name, reason, message));
    notice("Created", format!("Created container: {name}"));
    engine.start(&id).await.map_err(Failure::Make)?;
    let found = engine.inspect(&id).await.map_err(Failure::Make)?;
    let found = found.ok_or(Failure::Make(Error::NoSuchContainer))?;
    notice("Started", format!("Started container {name}"));
    Ok(Started {
        id,
        image,
        phase: found.phase,
    })
}

async fn pull(inner: &Inner, pod: &PodSpec, container: &Container) -> Result<Image, Error> {
    let request = ImageRequest {
        name: container.image.clone(),
        policy: container.pull,
        secrets: pod.pull_secrets.clone(),
    };
    let name = &container.image;
    let notice =
        |reason, message| inner.notice(Notice::normal(&pod.id, &container.name, reason, message));
    let pulling = || notice("Pulling", format!("Pulling image \"{name}\""));
    let began = Instant::now();
    let mut pull = std::pin::pin!(inner.engine.pull(&request));
    let mut told = false;
    let image = tokio::select! {
        image = &mut pull => image?,
        () = tokio::time::sleep(SILENT) => {
            pulling();
            told = true;
            pull.await?
        }
    };
    if image.fetched {
        if !told {
            pulling();
        }
        let took = began.elapsed().as_millis();
        let size = image.size_bytes;
        notice(
            "Pulled",
            format!(
                "Successfully pulled image \"{name}\" in {took}ms ({took}ms including waiting). Image size: {size} bytes."
            ),
        );
    } else {
        notice(
            "Pulled",
            format!("Container image \"{name}\" already present on machine"),
        );
    }
    Ok(image)
}

/// Takes down what a step did. Answers the container that runs now.
pub(super) fn apply(task: &mut Task, done: Done) -> Option<usize> {
    let pod = &mut task.pod;
    match done {
        Done::Nothing => None,
        Done::Prepared(Ok(sandbox)) => {
            pod.prepared = true;
            pod.retry = None;
            pod.ip = sandbox.ip;
            if !sandbox.kept {
                // They were in a network that is gone.
                let running = pod.records.iter_mut().filter(|record| record.is_running());
                running.for_each(|record| record.flags.stale = true);
            }
            None
        }
        Done::Prepared(Err(error)) => {
            let notice = unprepared(pod, &error);
            task.inner.notice(notice);
            None
        }
        Done::Started(at, outcome) => match *outcome {
            Err(Failure::Join(error)) => {
                let notice = unprepared(pod, &error);
                task.inner.notice(notice);
                None
            }
            Ok(started) => {
                let record = pod.records.get_mut(at)?;
                record.trouble = None;
                record.image_digest = started.image.digest;
                task.signals.insert(at, started.image.config.stop_signal);
                match started.phase {
                    // Its last words are read like those of any other.
                    Phase::Ended(exit) => {
                        record.life = Life::Running {
                            id: started.id,
                            since: exit.started,
                        };
                        task.look_again();
                        None
                    }
                    Phase::Running { since } => {
                        record.life = Life::Running {
                            id: started.id,
                            since,
                        };
                        Some(at)
                    }
                    Phase::Created => None,
                }
            }
            Err(failure) => {
                let now = Instant::now();
                let record = pod.records.get_mut(at)?;
                let notices = fail(record, &pod.spec.id, &failure, now);
                for notice in notices {
                    task.inner.notice(notice);
                }
                None
            }
        },
    }
}

/// The sandbox is tried again in a while.
fn unprepared(pod: &mut Pod, error: &Error) -> Notice {
    pod.prepared = false;
    pod.retry = Some(Instant::now() + RETRY);
    let message = format!(
        "Failed to create pod sandbox: {}",
        wharf_types::chain(error)
    );
    Notice::warning(&pod.spec.id, "", "FailedCreatePodSandBox", message)
}

/// Remembers why a container could not be started, and says what is told of it.
fn fail(record: &mut Record, pod: &str, failure: &Failure, now: Instant) -> Vec<Notice> {
    let (Failure::Pull(error) | Failure::Make(error) | Failure::Join(error)) = failure;
    let message = wharf_types::chain(error);
    let reason = match (failure, error) {
        (_, Error::Start { reason, .. }) => (*reason).to_owned(),
        (Failure::Pull(_), _) => "ErrImagePull".to_owned(),
        _ => "CreateContainerError".to_owned(),
    };
    record.pulls.next(now);
    let name = record.spec.name.clone();
    let warning = |message| Notice::warning(pod, &name, "Failed", message);
    let mut notices = Vec::new();
    if matches!(failure, Failure::Pull(_)) {
        let image = &record.spec.image;
        notices.push(warning(format!(
            "Failed to pull image \"{image}\": {message}"
        )));
        notices.push(warning(format!("Error: {reason}")));
    } else {
        notices.push(warning(format!("Error: {message}")));
    }
    record.trouble = Some(Trouble {
        reason,
        message,
        retry: now + record.pulls.delay(),
        failed: now,
    });
    notices
}

/// How a container ended and what its last words were. None: it has not.
pub(super) async fn exit(inner: &Inner, record: &Record) -> Option<(String, Exit, String)> {
    let id = record.id()?.to_owned();
    match inner.engine.inspect(&id).await {
        Ok(Some(found)) => match found.phase {
            Phase::Ended(exit) => {
                let message = last_words(inner, record, &id, &exit).await;
                Some((id, exit, message))
            }
            _ => None,
        },
        Ok(None) => {
            let Life::Running { since, .. } = record.life else {
                return None;
            };
            let exit = Exit {
                code: 137,
                oom_killed: false,
                started: since,
                finished: inner.clock.now(),
                problem: None,
            };
            Some((id, exit, "The container could not be located".to_owned()))
        }
        Err(error) => {
            tracing::warn!(container = id, %error, "a container could not be looked at");
            None
        }
    }
}

async fn last_words(inner: &Inner, record: &Record, id: &str, exit: &Exit) -> String {
    let termination = &record.spec.termination;
    let read = inner
        .engine
        .read(id, termination.path.as_str(), MESSAGE_BYTES)
        .await;
    let bytes = read.ok().flatten().unwrap_or_default();
    if !bytes.is_empty() || !termination.or_log || exit.code == 0 {
        return String::from_utf8_lossy(&bytes).into_owned();
    }
    let query = LogQuery {
        tail_lines: Some(LOG_LINES),
        ..LogQuery::default()
    };
    let mut bytes = Vec::new();
    if let Ok(log) = inner.engine.logs(id, query).await
        && let Err(error) = log.take(1 << 20).read_to_end(&mut bytes).await
    {
        tracing::debug!(container = id, %error, "a log could not be read");
    }
    let from = bytes
        .len()
        .saturating_sub(usize::try_from(LOG_BYTES).unwrap_or(0));
    String::from_utf8_lossy(bytes.get(from..).unwrap_or_default()).into_owned()
}

/// The hook after a container's start.
pub(super) async fn post_start(
    inner: Arc<Inner>,
    target: Target,
    action: Action,
    events: mpsc::UnboundedSender<Event>,
) {
    let check = inner.checks.hook(&target.pod, &target.id, &action, HOOK);
    let outcome = tokio::time::timeout(HOOK, check).await;
    let done = matches!(outcome, Ok(Ok(Outcome::Passed)));
    if !done {
        let name = &target.container;
        let message = "PostStartHook failed".to_owned();
        inner.notice(Notice::warning(
            &target.pod,
            name,
            "FailedPostStartHook",
            message,
        ));
    }
    let event = Event::Hooked {
        at: target.at,
        id: target.id,
        done,
    };
    // The pod may be gone.
    let _heard = events.send(event);
}

/// How a failure is shown: fresh ones by their name, then that it waits.
pub(super) fn shown(record: &Record, trouble: &Trouble, now: Instant) -> (String, String) {
    let fresh = now.duration_since(trouble.failed) < FRESH;
    if fresh || trouble.reason != "ErrImagePull" {
        return (trouble.reason.clone(), trouble.message.clone());
    }
    let image = &record.spec.image;
    let message = &trouble.message;
    (
        "ImagePullBackOff".to_owned(),
        format!("Back-off pulling image \"{image}\": ErrImagePull: {message}"),
    )
}

/// When a failure is shown in another way.
pub(super) fn changes_at(trouble: &Trouble) -> Instant {
    trouble.failed + FRESH
}
