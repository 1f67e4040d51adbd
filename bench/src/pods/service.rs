//! What a connection costs by the address of a service, beside one to the pod behind it.
use anyhow::{Context as _, Result};
use http::Method;
use serde_json::json;

use super::inside::{Connected, ECHO, SERVE};
use super::{Note, stage::Stage};
use crate::cluster::api;
use crate::cluster::pods::PODS;
use crate::report::Bound;

const SERVICES: &str = "/api/v1/namespaces/default/services";
const CONNECTIONS: usize = 5000;
const OVERHEAD_US: f64 = 100.0;
/// The pod that is connected to; it stays for what else is measured.
pub(super) const SERVER: &str = "server";

pub(super) async fn measure(stage: &Stage, note: &mut Note<'_>) -> Result<()> {
    stage.run(SERVER, &SERVE).await?;
    let mut connection = stage.client.connect().await?;
    let path = format!("{PODS}/{SERVER}");
    let pod = api::ask(&mut connection, Method::GET, &path, None).await?;
    let pod = pod["status"]["podIP"].as_str().context("no podIP")?;
    let service = json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": { "name": SERVER },
        "spec": {
            "selector": { "app": SERVER },
            "ports": [{ "port": 80, "targetPort": ECHO }],
        },
    });
    let service = api::create(&mut connection, SERVICES, service).await?;
    let service = service["spec"]["clusterIP"].as_str();
    let command = [
        "in-pod",
        "connect",
        &format!("--direct={pod}:{ECHO}"),
        &format!("--through={}:80", service.context("no clusterIP")?),
        &format!("--count={CONNECTIONS}"),
    ];
    stage.run("client", &command).await?;
    let connected = stage.finished("client").await?;
    let connected: Connected = serde_json::from_value(connected)?;
    let Connected {
        direct_us: direct,
        through_us: through,
    } = connected;
    note("a pod connects to a pod, µs", direct, None);
    note("a pod connects to a service, µs", through, None);
    note(
        "a service on top of a connection, µs",
        through - direct,
        Some(Bound::AtMost(OVERHEAD_US)),
    );
    Ok(())
}
