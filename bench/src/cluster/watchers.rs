//! Many watchers, each of which gets every change, while others read.
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use http::Method;
use serde_json::json;
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::api::{self, Watch};
use super::pods::{PODS, revision};
use super::{GET_P99_MS, Note, ms};
use crate::client::Client;
use crate::server::Server;

const CHANGES: usize = 1000;
/// Between two changes.
const CHANGE_EVERY: Duration = Duration::from_millis(20);
/// Between two reads.
const READ_EVERY: Duration = Duration::from_millis(5);

pub(super) async fn measure(
    server: &Server,
    client: &Client,
    count: usize,
    note: &mut Note<'_>,
) -> Result<()> {
    let from = revision(client).await?;
    let (opened, mut open) = mpsc::channel(1);
    let watching = {
        let (client, from) = (client.clone(), from);
        on_thread(move || watch_all(client, from, count, opened))
    };
    for _ in 0..count {
        open.recv().await.context("a watcher could not begin")?;
    }
    let (stop, stopped) = watch::channel(());
    let reading = {
        let client = client.clone();
        on_thread(move || read(client, stopped))
    };
    let cpu = server.process.cpu_seconds()?;
    let sent = change(client).await?;
    let seen = watching.await??;
    drop(stop);
    let reads = reading.await??;
    let cpu = server.process.cpu_seconds()? - cpu;
    let mut late: Vec<f64> = Vec::new();
    for (number, at) in sent.iter().enumerate() {
        let last = seen.iter().filter_map(|times| times.get(number)).max();
        late.push(ms(last
            .context("no watcher")?
            .saturating_duration_since(*at)));
    }
    note(
        "a change is with all watchers, median ms",
        quantile(&mut late, 50),
        None,
    );
    note(
        "a change is with all watchers, p99 ms",
        quantile(&mut late, 99),
        None,
    );
    note("watched changes, server CPU s", cpu, None);
    let mut reads: Vec<f64> = reads.into_iter().map(ms).collect();
    note("GET meanwhile, median ms", quantile(&mut reads, 50), None);
    note(
        "GET meanwhile, p99 ms",
        quantile(&mut reads, 99),
        Some(GET_P99_MS),
    );
    Ok(())
}

/// Runs a part of the clients on a thread of its own, so that it does not wait for the others.
fn on_thread<T: Send + 'static, F: Future<Output = Result<T>>>(
    work: impl FnOnce() -> F + Send + 'static,
) -> JoinHandle<Result<T>> {
    tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(work())
    })
}

/// Changes a pod after another; when each change was sent.
async fn change(client: &Client) -> Result<Vec<Instant>> {
    let mut connection = client.connect().await?;
    let path = format!("{PODS}?limit=100&labelSelector=kind%3Dmeasured");
    let listed = api::ask(&mut connection, Method::GET, &path, None).await?;
    let pods = listed["items"].as_array().context("no pods")?;
    ensure!(!pods.is_empty(), "no pods");
    let mut tick = interval(CHANGE_EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut sent = Vec::new();
    for (number, pod) in (0..CHANGES).zip(pods.iter().cycle()) {
        tick.tick().await;
        let name = pod["metadata"]["name"].as_str().unwrap_or_default();
        let patch = json!({ "metadata": { "labels": { "turn": number.to_string() } } });
        let body = Some(("application/merge-patch+json", patch));
        sent.push(Instant::now());
        api::ask(
            &mut connection,
            Method::PATCH,
            &format!("{PODS}/{name}"),
            body,
        )
        .await?;
    }
    Ok(sent)
}

/// When each watcher had each change. That nothing is missed or comes twice follows from the counts
/// and the rising revisions.
async fn watch_all(
    client: Client,
    from: String,
    count: usize,
    opened: mpsc::Sender<()>,
) -> Result<Vec<Vec<Instant>>> {
    let mut all = JoinSet::new();
    for _ in 0..count {
        let mut pods = Watch::open(&client, PODS, &from).await?;
        opened.send(()).await?;
        all.spawn(async move {
            let (mut times, mut last) = (Vec::new(), 0);
            while times.len() < CHANGES {
                let event = pods.next().await?;
                let revision: u64 = event.object.metadata.resource_version.parse()?;
                ensure!(revision > last, "changes are not in order");
                ensure!(event.what == "MODIFIED", "{} came", event.what);
                last = revision;
                times.push(Instant::now());
            }
            anyhow::Ok(times)
        });
    }
    let mut seen = Vec::new();
    while let Some(times) = all.join_next().await {
        seen.push(times??);
    }
    Ok(seen)
}

/// Reads a pod again and again until nobody waits; how long each took.
async fn read(client: Client, mut stopped: watch::Receiver<()>) -> Result<Vec<Duration>> {
    let mut connection = client.connect().await?;
    let path = format!("{PODS}?limit=1&labelSelector=kind%3Dmeasured");
    let listed = api::ask(&mut connection, Method::GET, &path, None).await?;
    let name = listed["items"][0]["metadata"]["name"].as_str();
    let path = format!("{PODS}/{}", name.context("no pod")?);
    let mut times = Vec::new();
    let mut tick = interval(READ_EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            _ = stopped.changed() => return Ok(times),
        }
        let took = Instant::now();
        connection.pull(&path).await?;
        times.push(took.elapsed());
    }
}

fn quantile(values: &mut [f64], percent: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    let at = (values.len() * percent).div_ceil(100).saturating_sub(1);
    values.get(at).copied().unwrap_or_default()
}
