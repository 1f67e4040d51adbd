//! The task of a pod's link: connects, sends the table, carries bytes, and begins again when it broke.
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, ReadHalf, WriteHalf};
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};
use wharf_sandbox::protocol::Message;
use wharf_sandbox::table::Config;

use super::gates::{Caller, Gates};
use super::link::{Happened, Link};
use super::resolver::Resolver;
use super::stream::LinkStream;
use super::table::Table;
use crate::Stream;
use crate::engine::Engine;

/// Waits between two connections that failed.
const FIRST_WAIT: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_secs(2);
/// How long a connection, or the sandbox with a table, may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often the sandbox is asked for a sign of life, and how long it may be silent.
const PING: Duration = Duration::from_secs(15);
const SILENCE: Duration = Duration::from_mins(1);
/// After what a table that the sandbox could not put in force is sent again.
const AGAIN: Duration = Duration::from_secs(5);
/// Questions of one pod for names that are under way at a time; the others are answered with none.
const QUESTIONS: usize = 64;
/// How long an answer to such a question is of use.
const ANSWER: Duration = Duration::from_secs(8);
const BUFFER: usize = 64 * 1024;

/// A pod as its link sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Home {
    pub(super) caller: Caller,
    pub(super) node: String,
    pub(super) config: Config,
}

/// How far a pod is.
#[derive(Clone, Debug)]
pub(super) enum Progress {
    /// It does not yet know its cluster; what went wrong last.
    Joining(Option<String>),
    /// This configuration is in force, with a table.
    Joined(Arc<Home>),
    /// The sandbox cannot put the table in force, and why.
    Failed(String),
}

/// What the task works with.
#[derive(Clone, Debug)]
pub(super) struct Parts {
    pub(super) engine: Arc<dyn Engine>,
    pub(super) table: Table,
    pub(super) gates: Arc<dyn Gates>,
    pub(super) resolver: Arc<dyn Resolver>,
}

#[derive(Debug)]
pub(super) struct Driver {
    pub(super) parts: Parts,
    pub(super) home: watch::Receiver<Arc<Home>>,
    pub(super) progress: watch::Sender<Progress>,
    /// The link while there is one.
    pub(super) link: watch::Sender<Option<Arc<Link>>>,
}

/// What the sandbox said to the last commit: its generation, and why it is not in force if it is not.
type Answer = Option<(u64, Option<String>)>;

impl Driver {
    /// Keeps the link up until the task is aborted.
    pub(super) async fn run(self) {
        let pod = self.home.borrow().caller.pod.clone();
        let mut wait = FIRST_WAIT;
        while !self.progress.is_closed() {
            let connected = timeout(PATIENCE, self.parts.engine.link(&pod)).await;
            let why = match connected {
                Ok(Ok(stream)) => {
                    let since = Instant::now();
                    let why = self.serve(stream).await;
                    if since.elapsed() > LONGEST_WAIT {
                        wait = FIRST_WAIT;
                    }
                    why
                }
                Ok(Err(error)) => wharf_types::chain(&error),
                Err(_) => "the engine does not connect to the sandbox".to_owned(),
            };
            tracing::debug!(pod, why, "the link to a pod is down");
            self.progress.send_if_modified(|progress| match progress {
                Progress::Joining(last) => {
                    *last = Some(why);
                    true
                }
                _ => false,
            });
            sleep(wait).await;
            wait = (2 * wait).min(LONGEST_WAIT);
        }
    }

    /// Serves a connection until it breaks; answers why it did.
    async fn serve(&self, stream: Box<dyn Stream>) -> String {
        let link = Arc::new(Link::new());
        let closing = Closing(Arc::clone(&link));
        let (reader, writer) = tokio::io::split(stream);
        let (ready, is_ready) = watch::channel(false);
        let (answer, _) = watch::channel::<Answer>(None);
        let (heard, last_heard) = watch::channel(Instant::now());
        let home = self.home.clone();
        let reading = Reading {
            parts: &self.parts,
            link: &link,
            home,
            ready,
            answer: answer.clone(),
            heard,
            questions: Arc::new(Semaphore::new(QUESTIONS)),
        };
        let up = async {
            let mut is_ready = is_ready.clone();
            if !matches!(
                timeout(PATIENCE, is_ready.wait_for(|ready| *ready)).await,
                Ok(Ok(_))
            ) {
                return "the sandbox does not greet".to_owned();
            }
            self.link.send_replace(Some(Arc::clone(&link)));
            self.tell(&link, &answer).await
        };
        let why = tokio::select! {
            biased;
            why = reading.run(reader) => why,
            why = write(&link, writer) => why,
            why = up => why,
            why = keep_alive(&link, last_heard) => why,
        };
        self.link.send_replace(None);
        drop(closing);
        why
    }

    /// Sends the table and what changes of it, one commit at a time, so that a sandbox that is slow
    /// gets fewer and larger ones.
    async fn tell(&self, link: &Link, answer: &watch::Sender<Answer>) -> String {
        let mut homes = self.home.clone();
        let mut generations = self.parts.table.subscribe();
        let mut known: Option<u64> = None;
        let mut told: Option<Arc<Home>> = None;
        loop {
            // Before the first look at the cluster there is nothing to be told.
            if generations
                .wait_for(|generation| *generation > 0)
                .await
                .is_err()
            {
                return "the table is gone".to_owned();
            }
            let home = Arc::clone(&homes.borrow_and_update());
            generations.mark_unchanged();
            let moved = told.as_ref().is_some_and(|told| told.node != home.node);
            let update = self.parts.table.since(known.filter(|_| !moved), &home.node);
            let generation = update.generation;
            let same = told.as_ref().is_some_and(|told| told.config == home.config);
            if !(same && update.services.is_empty() && !update.whole) {
                answer.send_replace(None);
                if let Err(error) = send(link, &home, same, update).await {
                    return error.to_string();
                }
                let Some(why) = heard(answer, generation).await else {
                    return "the sandbox does not answer".to_owned();
                };
                if let Some(why) = why {
                    self.progress.send_replace(Progress::Failed(why));
                    (known, told) = (None, None);
                    sleep(AGAIN).await;
                    continue;
                }
            }
            known = Some(generation);
            told = Some(Arc::clone(&home));
            self.progress.send_replace(Progress::Joined(home));
            tokio::select! {
                _ = generations.changed() => {}
                changed = homes.changed() => if changed.is_err() {
                    return "the pod has left".to_owned();
                }
            }
        }
    }
}

/// Ends the streams of a link with its connection, also when the task is aborted.
struct Closing(Arc<Link>);

impl Drop for Closing {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// What the sandbox says to a commit: nothing, or why it is not in force. None: it is silent.
async fn heard(answer: &watch::Sender<Answer>, generation: u64) -> Option<Option<String>> {
    let mut answers = answer.subscribe();
    let ours = |answer: &Answer| answer.as_ref().is_some_and(|(at, _)| *at == generation);
    let heard = timeout(PATIENCE, answers.wait_for(ours)).await.ok()?.ok()?;
    heard.as_ref().map(|(_, why)| why.clone())
}

/// Sends an update and its commit.
async fn send(
    link: &Link,
    home: &Home,
    same_config: bool,
    update: super::table::Update,
) -> Result<(), wharf_sandbox::Error> {
    if update.whole {
        link.send(&Message::Clear)?;
    }
    if update.whole || !same_config {
        link.send(&Message::Config(home.config.clone()))?;
    }
    for (key, service) in update.services {
        link.room().await;
        let put = service.map(|service| Message::Put((*service).clone()));
        let removes = put.is_none();
        let message = put.unwrap_or_else(|| Message::Remove(key.clone()));
        if let Err(error) = link.send(&message) {
            // It is too long for a frame. The pod rather lacks a service than the whole table.
            let (namespace, name) = (&key.namespace, &key.name);
            tracing::warn!(%error, namespace, name, "pods cannot be told of a service");
            if !removes {
                link.send(&Message::Remove(key))?;
            }
        }
    }
    link.send(&Message::Commit {
        generation: update.generation,
    })
}

async fn write(link: &Link, mut writer: WriteHalf<Box<dyn Stream>>) -> String {
    let mut buffer = Vec::with_capacity(BUFFER);
    loop {
        buffer.clear();
        link.take_output(&mut buffer, BUFFER).await;
        let written = async {
            writer.write_all(&buffer).await?;
            writer.flush().await
        };
        if let Err(error) = written.await {
            return error.to_string();
        }
    }
}

async fn keep_alive(link: &Link, last: watch::Receiver<Instant>) -> String {
    let mut ticks = interval(PING);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let now = ticks.tick().await;
        if now - *last.borrow() > SILENCE {
            return "the sandbox is silent".to_owned();
        }
        link.ping();
        link.sweep(now);
    }
}

/// What is needed to read a connection.
struct Reading<'a> {
    parts: &'a Parts,
    link: &'a Arc<Link>,
    home: watch::Receiver<Arc<Home>>,
    ready: watch::Sender<bool>,
    answer: watch::Sender<Answer>,
    heard: watch::Sender<Instant>,
    questions: Arc<Semaphore>,
}

impl Reading<'_> {
    async fn run(self, mut reader: ReadHalf<Box<dyn Stream>>) -> String {
        let mut buffer = vec![0; BUFFER];
        loop {
            self.link.reads().await;
            let filled = match reader.read(&mut buffer).await {
                Ok(0) => return "the sandbox has closed the link".to_owned(),
                Ok(filled) => filled,
                Err(error) => return error.to_string(),
            };
            self.heard.send_replace(Instant::now());
            match self.link.feed(buffer.get(..filled).unwrap_or_default()) {
                Ok(happened) => happened.into_iter().for_each(|one| self.handle(one)),
                Err(error) => {
                    tracing::warn!(%error, "a sandbox broke the protocol");
                    return error.to_string();
                }
            }
        }
    }

    fn handle(&self, happened: Happened) {
        match happened {
            Happened::Ready => {
                self.ready.send_replace(true);
            }
            Happened::Message(Message::Applied { generation }) => {
                self.answer.send_replace(Some((generation, None)));
            }
            Happened::Message(Message::Failed { generation, why }) => {
                self.answer.send_replace(Some((generation, Some(why))));
            }
            Happened::Message(Message::Query { id, packet }) => self.question(id, packet),
            Happened::Message(_) => {}
            Happened::Accepted { id, listener, from } => {
                self.link.accept(id);
                let stream = Box::new(LinkStream::new(Arc::clone(self.link), id));
                let home = Arc::clone(&self.home.borrow());
                self.parts
                    .gates
                    .accept(listener, &home.caller, from, stream);
            }
        }
    }

    fn question(&self, id: u32, packet: Vec<u8>) {
        let link = Arc::clone(self.link);
        let Ok(turn) = Arc::clone(&self.questions).try_acquire_owned() else {
            let packet = Vec::new();
            if let Err(error) = link.send(&Message::Answer { id, packet }) {
                tracing::debug!(%error, "an answer could not be sent");
            }
            return;
        };
        let resolver = Arc::clone(&self.parts.resolver);
        tokio::spawn(async move {
            let answer = match timeout(ANSWER, resolver.resolve(&packet)).await {
                Ok(Ok(answer)) => answer,
                Ok(Err(error)) => {
                    tracing::debug!(%error, "a name could not be found out");
                    Vec::new()
                }
                Err(_) => Vec::new(),
            };
            let answer = Message::Answer { id, packet: answer };
            if let Err(error) = link.send(&answer) {
                tracing::debug!(%error, "an answer could not be sent");
            }
            drop(turn);
        });
    }
}
