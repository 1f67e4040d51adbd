//! `wharf ready`: whether a server answers, for health checks and scripts.
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::time::{Instant, sleep};

use super::{OK, say};
use crate::config::Ready;

/// Between two questions.
const PAUSE: Duration = Duration::from_millis(100);

/// How long one answer may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Succeeds if the server answers that it is ready, or does so while there is time.
pub(super) async fn run(options: Ready) -> anyhow::Result<u8> {
    let url = format!("{}/readyz", options.endpoint);
    // What is asked is near, whatever proxy others are reached through.
    let client = reqwest::Client::builder()
        .no_proxy()
        .timeout(PATIENCE)
        .build()?;
    let end = Instant::now() + options.wait;
    loop {
        match ask(&client, &url).await {
            Ok(()) => break,
            Err(e) if Instant::now() >= end => return Err(e),
            Err(_not_yet) => sleep(PAUSE).await,
        }
    }
    say("ready")?;
    Ok(OK)
}

async fn ask(client: &reqwest::Client, url: &str) -> anyhow::Result<()> {
    let asked = client.get(url).send().await;
    let response = asked.with_context(|| format!("no server answers at {url}"))?;
    let status = response.status();
    if !status.is_success() {
        let text = response.text().await.unwrap_or_default();
        bail!("the server is not ready: {status}: {}", text.trim());
    }
    Ok(())
}
