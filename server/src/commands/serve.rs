//! `wharf serve`.
use tokio::signal::unix::{SignalKind, signal};
use wharf_types::Clock;

use super::{OK, env, say};
use crate::{Server, config::Config, telemetry};

pub(super) async fn run(config: Config) -> anyhow::Result<u8> {
    telemetry::init_logs(&config.log)?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let (region, strict) = (
        config.region.clone(),
        config.auth != crate::config::Auth::Local,
    );
    let exposed = config
        .listen
        .iter()
        .any(|address| !address.ip().is_loopback())
        && !strict;
    let drain = config.drain;
    let server = Server::start(config, Clock::System).await?;
    let port = server
        .addresses()
        .first()
        .map_or(0, std::net::SocketAddr::port);
    let addresses: Vec<String> = server.addresses().iter().map(ToString::to_string).collect();
    say(format_args!(
        "wharf {} listens on {} (HTTP and TLS)\ndata: {}\n",
        env!("CARGO_PKG_VERSION"),
        addresses.join(", "),
        server.data_dir().display(),
    ))?;
    say(env::newcomer(
        &format!("http://localhost:{port}"),
        &region,
        strict,
    ))?;
    if exposed {
        tracing::warn!(
            "other machines may push and pull: signatures are not verified (--auth=local)"
        );
    }
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!(
        ?drain,
        "stopping; requests under way may finish, a second signal stops at once"
    );
    tokio::select! {
        () = server.stop() => tracing::info!("stopped"),
        _ = terminate.recv() => tracing::warn!("stopped at once"),
        _ = interrupt.recv() => tracing::warn!("stopped at once"),
    }
    Ok(OK)
}
