//! Logs on standard error, and metrics for whoever asks.
use std::{
    fmt,
    io::{self, IsTerminal as _},
    sync::Mutex,
    time::Duration,
};

use http::{HeaderMap, Uri, header};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::time::{MissedTickBehavior, interval};
use tracing_subscriber::{EnvFilter, filter::ParseError, fmt as log_fmt};

use crate::config::{Log, LogFormat};

/// Bounds of the histograms of everything named `…_seconds`.
const SECONDS: [f64; 14] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0,
];
/// How often samples are put into their histograms, so that they do not pile up unread.
const UPKEEP: Duration = Duration::from_secs(5);

/// Reads a level such as `info`, or directives such as `info,wharf_storage=debug`.
///
/// # Errors
///
/// When the text is neither.
pub fn filter(text: &str) -> Result<EnvFilter, ParseError> {
    EnvFilter::try_new(text)
}

/// Sends what is logged from now on to standard error: text, coloured on a terminal, or JSON.
///
/// # Errors
///
/// When the filter is wrong, or something in this process has done this before.
pub fn init_logs(log: &Log) -> anyhow::Result<()> {
    let logs = log_fmt()
        .with_env_filter(filter(&log.filter)?)
        .with_writer(io::stderr);
    let started = match log.format {
        LogFormat::Json => logs
            .json()
            .flatten_event(true)
            .with_span_list(false)
            .try_init(),
        LogFormat::Text if io::stderr().is_terminal() => logs.try_init(),
        LogFormat::Text => logs.with_ansi(false).try_init(),
    };
    started.map_err(|error| anyhow::anyhow!(error))
}

/// The metrics of this process.
#[derive(Clone)]
pub struct Metrics(PrometheusHandle);

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

impl Metrics {
    /// Starts collecting, or joins in: the `metrics` crate has one recorder for a process, which
    /// may hold several servers in tests.
    ///
    /// # Errors
    ///
    /// When another recorder is installed.
    pub fn install() -> anyhow::Result<Self> {
        static INSTALLED: Mutex<Option<Metrics>> = Mutex::new(None);
        let mut installed = INSTALLED.lock().map_err(|e| anyhow::anyhow!("{e}"))?;
        if let Some(metrics) = &*installed {
            return Ok(metrics.clone());
        }
        let recorder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), &SECONDS)?
            .build_recorder();
        let metrics = Self(recorder.handle());
        metrics::set_global_recorder(recorder).map_err(|e| anyhow::anyhow!("{e}"))?;
        *installed = Some(metrics.clone());
        Ok(metrics)
    }

    /// All metrics in Prometheus' text format.
    pub fn render(&self) -> String {
        self.0.run_upkeep();
        self.0.render()
    }

    /// Keeps memory for samples bounded when nobody asks for them. Runs until it is dropped.
    pub async fn upkeep(self) -> ! {
        let mut ticks = interval(UPKEEP);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.0.run_upkeep();
        }
    }
}

/// Headers for a log: names with values, but not those that let someone in.
pub struct LoggedHeaders<'a>(pub &'a HeaderMap);

impl fmt::Debug for LoggedHeaders<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secret = |name: &header::HeaderName| {
            [
                header::AUTHORIZATION,
                header::PROXY_AUTHORIZATION,
                header::COOKIE,
                header::SET_COOKIE,
            ]
            .contains(name)
                || name == "x-amz-security-token"
        };
        f.debug_map()
            .entries(self.0.iter().map(|(name, value)| {
                let value = if secret(name) {
                    "***".as_bytes()
                } else {
                    value.as_bytes()
                };
                (name.as_str(), String::from_utf8_lossy(value))
            }))
            .finish()
    }
}

/// A request target for a log: the path, and whether there was a query. Queries hold signatures.
pub struct LoggedTarget<'a>(pub &'a Uri);

impl fmt::Display for LoggedTarget<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.path())?;
        if self.0.query().is_some() {
            f.write_str("?…")?;
        }
        Ok(())
    }
}

impl fmt::Debug for LoggedTarget<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn metrics_are_rendered_and_installed_once() {
        let metrics = Metrics::install().unwrap();
        metrics::histogram!("edge_test_seconds").record(0.02);
        metrics::counter!("edge_test_total").increment(2);
        let text = Metrics::install().unwrap().render();
        assert!(text.contains("edge_test_total 2"), "{text}");
        assert!(
            text.contains("edge_test_seconds_bucket{le=\"0.025\"} 1"),
            "{text}"
        );
        // Other tests count besides.
        let mine = |metrics: &Metrics| {
            let text = metrics.render();
            let mine = text.lines().filter(|line| line.contains("edge_test"));
            mine.map(ToOwned::to_owned).collect::<BTreeSet<_>>()
        };
        assert_eq!(mine(&metrics), mine(&Metrics::install().unwrap()));
    }

    #[test]
    fn secrets_are_not_logged() {
        let mut headers = HeaderMap::new();
        headers.insert(
            header::AUTHORIZATION,
            "Basic QVdTOnNlY3JldA==".parse().unwrap(),
        );
        headers.insert("x-amz-security-token", "QVdTOnNlY3JldA==".parse().unwrap());
        headers.insert(header::ACCEPT, "*/*".parse().unwrap());
        let logged = format!("{:?}", LoggedHeaders(&headers));
        assert!(!logged.contains("QVdT"), "{logged}");
        assert!(logged.contains("*/*") && logged.contains("authorization"));

        let uri: Uri = "/v2/a/blobs/x?X-Amz-Signature=secret".parse().unwrap();
        assert_eq!(LoggedTarget(&uri).to_string(), "/v2/a/blobs/x?…");
    }

    #[test]
    fn a_filter_is_a_level_or_directives() {
        filter("debug").unwrap();
        filter("info,wharf=debug").unwrap();
        filter("wharf=loud").unwrap_err();
    }
}
