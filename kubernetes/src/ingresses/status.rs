//! What ingresses say of the proxy: their status, and events.
use std::collections::HashSet;

use serde_json::{Value, json};
use wharf_balancer::HttpListener;

use super::plan::Planned;
use super::{INGRESSES, Proxy, State};
use crate::cluster::{Actor, EventType, Part, Reference};
use crate::store::Object;
use crate::{Status, fields};

/// How all names of load balancers end.
const OURS: &str = ".elb.localhost";

/// Where the proxy listens.
#[derive(Debug)]
pub(super) struct Told {
    ip: String,
    http: u16,
    https: u16,
}

impl Told {
    pub(super) fn of(listener: &HttpListener) -> Self {
        Self {
            ip: listener.http().ip().to_string(),
            http: listener.http().port(),
            https: listener.https().port(),
        }
    }

    /// Ports are named only if they are not the usual ones.
    fn status(&self, hostname: &str) -> Value {
        let mut all = [json!({ "hostname": hostname }), json!({ "ip": self.ip })];
        if (self.http, self.https) != (80, 443) {
            let port = |port| json!({ "port": port, "protocol": "TCP" });
            for one in &mut all {
                fields::set(one, "ports", json!([port(self.http), port(self.https)]));
            }
        }
        json!({ "ingress": all })
    }
}

/// The ports of HTTP and of HTTPS that an ingress was told of before a restart: who has others by now
/// shall not have to move.
pub(super) fn before(ingress: &Value) -> Option<(u16, u16)> {
    let all = fields::list(&ingress["status"]["loadBalancer"], "ingress");
    let own = |one: &&Value| fields::text(one, "hostname").ends_with(OURS);
    let ports = fields::list(all.iter().find(own)?, "ports");
    let port = |at: usize, usual| {
        let port = ports.get(at).map(|one| fields::integer(one, "port"));
        port.map_or(Some(usual), |port| u16::try_from(port).ok())
    };
    Some((port(0, 80)?, port(1, 443)?))
}

fn actor() -> Actor {
    Actor::system(
        "system:serviceaccount:kube-system:ingress-controller",
        "ingress-controller",
        "ingress",
    )
}

impl Proxy {
    /// Says where an ingress is answered, and what is wrong with it.
    pub(super) async fn tell(
        &self,
        ingress: &Object,
        plan: &Planned,
        told: &Told,
        said: &mut HashSet<(String, String)>,
    ) -> Result<(), Status> {
        for why in &plan.problems {
            let message = format!("Failed build model due to {why}");
            self.warn_once(ingress, "FailedBuildModel", &message, said)
                .await;
        }
        if !self.write(ingress, told.status(&plan.hostname)).await? {
            return Ok(());
        }
        let Told { ip, http, https } = told;
        let message =
            format!("Successfully reconciled: http at {ip}:{http}, https at {ip}:{https}");
        let kind = EventType::Normal;
        self.event(ingress, kind, "SuccessfullyReconciled", &message)
            .await;
        Ok(())
    }

    /// Nobody would answer.
    pub(super) async fn pending(&self, ingress: &Object, state: &mut State) -> Result<(), Status> {
        let message = "Failed deploy model due to the pods of this cluster being simulated, so that nobody would answer; start wharf with an engine that runs them";
        self.warn_once(ingress, "FailedDeployModel", message, &mut state.said)
            .await;
        self.write(ingress, json!({})).await.map(drop)
    }

    /// Takes our status from an ingress that is no longer ours.
    pub(super) async fn disown(&self, ingress: &Object) -> Result<(), Status> {
        let value = ingress.value();
        let mut all = fields::list(&value["status"]["loadBalancer"], "ingress").iter();
        if all.any(|one| fields::text(one, "hostname").ends_with(OURS)) {
            self.write(ingress, json!({})).await?;
        }
        Ok(())
    }

    async fn warn_once(
        &self,
        ingress: &Object,
        reason: &str,
        message: &str,
        said: &mut HashSet<(String, String)>,
    ) {
        if said.insert((ingress.uid.clone(), message.to_owned())) {
            let kind = EventType::Warning;
            self.event(ingress, kind, reason, message).await;
        }
    }

    async fn event(&self, ingress: &Object, kind: EventType, reason: &str, message: &str) {
        let about = Reference::to("networking.k8s.io/v1", "Ingress", ingress);
        let by = actor();
        self.cluster.event(&by, &about, kind, reason, message).await;
    }

    /// Writes where the proxy is. Answers whether that is new.
    async fn write(&self, ingress: &Object, wanted: Value) -> Result<bool, Status> {
        if fields::same(&ingress.value()["status"]["loadBalancer"], &wanted) {
            return Ok(false);
        }
        let change = |value: &mut Value| {
            // A new ingress of the same name is another one.
            if value["metadata"]["uid"] == *ingress.uid
                && let Some(status) = fields::ensure(value, "status")
            {
                fields::set(status, "loadBalancer", wanted.clone());
            }
            Ok(())
        };
        let (namespace, name) = (&ingress.namespace, &ingress.name);
        let by = actor();
        let done = self
            .cluster
            .modify(INGRESSES, namespace, name, Part::Status, &by, change);
        match done.await {
            Err(status) if !status.is_not_found() => Err(status),
            _ => Ok(true),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_told_is_read_again() {
        let told = |http, https| {
            let ip = "127.0.0.1".to_owned();
            let status = Told { ip, http, https }.status("k8s-a-b-c-1.us-east-1.elb.localhost");
            json!({ "status": { "loadBalancer": status } })
        };
        for ports in [(80, 443), (8080, 443), (41_234, 8443)] {
            assert_eq!(before(&told(ports.0, ports.1)), Some(ports));
        }
        let theirs = json!({ "ingress": [{ "hostname": "k8s.elb.amazonaws.com" }] });
        let theirs = json!({ "status": { "loadBalancer": theirs } });
        assert_eq!(before(&theirs), None);
        assert_eq!(before(&json!({})), None);
    }
}
