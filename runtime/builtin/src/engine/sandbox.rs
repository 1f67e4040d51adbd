//! Starting the sandbox of a pod: its directory, and the shim that looks after it.
use std::net::IpAddr;
use std::path::Path;
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;
use wharf_runtime::Error;
use wharf_runtime::engine::{Sandbox, SandboxSpec};

use super::images::sha256;
use super::plan::{hosts, resolv_conf};
use super::shims::Connection;
use super::{BRIDGE, Builtin, blocking, failed, read_json};
use crate::wire::PodPlan;
use crate::{cgroup, files};

impl Builtin {
    pub(super) async fn do_start_sandbox(&self, spec: &SandboxSpec) -> Result<Sandbox, Error> {
        let folder = self.pod(&spec.pod);
        if Connection::answers(&folder).await? {
            let (engine, own) = (self.clone(), spec.clone());
            return blocking(move || {
                let plan: PodPlan = read_json(&folder.join("pod.json"))?;
                let host = engine.host();
                // A server may have been killed while the shim started.
                let names = folder.join("hosts");
                if !names.exists() {
                    files::write(&names, hosts(&own, plan.ip, host).as_bytes())?;
                }
                Ok(Sandbox {
                    ip: Some(plan.ip.into()),
                    host,
                    kept: true,
                })
            })
            .await;
        }
        let Some(IpAddr::V4(ip)) = spec.ip else {
            return Err(Error::Unsupported(
                "the builtin engine needs an IPv4 address".to_owned(),
            ));
        };
        let plan = PodPlan {
            id: spec.pod.clone(),
            namespace: spec.namespace.clone(),
            name: spec.name.clone(),
            hostname: spec.hostname.clone(),
            ip,
            prefix: self.0.network.prefix,
            gateway: self.0.network.gateway,
            bridge: BRIDGE.to_owned(),
            cable: format!(
                "p{}",
                sha256(spec.pod.as_bytes()).get(..12).unwrap_or_default()
            ),
        };
        let (place, own) = (folder.clone(), spec.clone());
        blocking(move || {
            // What a shim that is gone left running.
            cgroup::clear(&plan.id);
            std::fs::create_dir_all(place.join("containers")).map_err(crate::Error::Io)?;
            std::fs::create_dir_all(place.join("volumes")).map_err(crate::Error::Io)?;
            files::write_json(&place.join("pod.json"), &plan)?;
            let hostname = format!("{}\n", plan.hostname);
            for (name, text) in [("resolv.conf", resolv_conf(&own)), ("hostname", hostname)] {
                files::write(&place.join(name), text.as_bytes())?;
            }
            Ok(())
        })
        .await?;
        let (engine, place, own) = (self.clone(), folder.clone(), spec.clone());
        let enter = blocking(move || engine.enter(&place, |host| hosts(&own, ip, host)));
        // Either waits for the kernel's network.
        let ((), host) = tokio::try_join!(self.spawn_shim(&folder), enter)?;
        self.watch(&spec.pod);
        Ok(Sandbox {
            ip: Some(ip.into()),
            host,
            kept: false,
        })
    }

    async fn spawn_shim(&self, folder: &Path) -> Result<(), Error> {
        let said = folder.join("shim.log");
        let log = std::fs::File::create(&said).map_err(failed)?;
        let space = self.0.space.try_clone().map_err(failed)?;
        let mut child = Command::new(&self.0.program)
            .arg("__shim")
            .arg(folder)
            .env_clear()
            .current_dir(folder)
            .stdin(Stdio::from(space))
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .map_err(failed)?;
        let mut line = String::new();
        if let Some(output) = child.stdout.take() {
            BufReader::new(output)
                .read_line(&mut line)
                .await
                .map_err(failed)?;
        }
        if line.trim() == "ready" {
            // It outlives this server; while that is there, it takes its exit code.
            tokio::spawn(async move { child.wait().await });
            return Ok(());
        }
        let _status = child.wait().await.map_err(failed)?;
        let text = tokio::task::spawn_blocking(move || std::fs::read_to_string(said));
        let text = text.await.map_err(failed)?.unwrap_or_default();
        Err(failed(crate::Error::Network(text.trim().to_owned())))
    }
}
