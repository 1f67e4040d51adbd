//! The real kubectl, which is slow to start itself: how long that takes is measured beside it.
use std::path::PathBuf;

use anyhow::{Result, ensure};
use serde_json::json;
use tokio::process::Command;
use tokio::time::Instant;

use super::{FIRST_NODES_MS, Note, ms};
use crate::client::Client;
use crate::server::Server;

/// Writes the file that tells kubectl where the cluster is.
pub(crate) fn config(server: &Server, client: &Client) -> Result<PathBuf> {
    let config = server.home.join("kubeconfig");
    let ca = server.home.join("ca.pem");
    let document = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "bench",
        "contexts": [{ "name": "bench", "context": { "cluster": "bench", "user": "bench" } }],
        "clusters": [{ "name": "bench", "cluster": {
            "server": format!("https://{}", client.address),
            "certificate-authority": ca,
        } }],
        "users": [{ "name": "bench", "user": { "token": client.token() } }],
    });
    std::fs::write(&config, document.to_string())?;
    Ok(config)
}

pub(super) async fn measure(server: &Server, client: &Client, note: &mut Note<'_>) -> Result<()> {
    let home = &server.home;
    let config = config(server, client)?;
    let run = async |args: &[&str]| -> Result<f64> {
        let mut command = Command::new("kubectl");
        command
            .args(args)
            .env("KUBECONFIG", &config)
            .env("HOME", home);
        let took = Instant::now();
        let output = command.output().await?;
        ensure!(output.status.success(), "kubectl {args:?}: {output:?}");
        Ok(ms(took.elapsed()))
    };
    let Ok(_warm) = run(&["version", "--client"]).await else {
        eprintln!("skipped: kubectl is not there");
        return Ok(());
    };
    let start = run(&["version", "--client"]).await?;
    note("kubectl's own start, ms", start, None);
    let first = run(&["get", "nodes"]).await?;
    note("first kubectl get nodes, ms", first, Some(FIRST_NODES_MS));
    let second = run(&["get", "nodes"]).await?;
    note("second kubectl get nodes, ms", second, None);
    Ok(())
}
