//! What ingresses name: services and secrets.
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use wharf_balancer::{Backend, Certificate, Targets};

use crate::controllers::Key;
use crate::kubelet::network::{Slices, targets};
use crate::{Cluster, Status, fields};

/// How many certificates are remembered, so that they are not read at every change; then all are
/// forgotten.
const CERTIFICATES: usize = 256;

/// Finds what an ingress names, in its namespace. An error says what is wrong, for people.
#[derive(Debug)]
pub(super) struct Backends {
    cluster: Cluster,
    slices: Slices,
    /// By uid and revision of the secret.
    certificates: Mutex<HashMap<(String, u64), Certificate>>,
}

impl Backends {
    pub(super) fn new(cluster: &Cluster) -> Result<Self, Status> {
        Ok(Self {
            slices: Slices::new(cluster)?,
            cluster: cluster.clone(),
            certificates: Mutex::default(),
        })
    }

    /// The endpoints behind `backend` of a rule.
    pub(super) fn find(&self, namespace: &str, backend: &Value) -> (Arc<Backend>, Option<String>) {
        let service = &backend["service"];
        let (name, port) = (fields::text(service, "name"), &service["port"]);
        let wanted = match fields::text(port, "name") {
            "" => fields::integer(port, "number").to_string(),
            name => name.to_owned(),
        };
        let full = format!("{namespace}/{name}:{wanted}");
        let with = |endpoints| {
            let affinity = None;
            Arc::new(Backend::new(
                full.clone(),
                Targets {
                    endpoints,
                    affinity,
                },
            ))
        };
        if name.is_empty() {
            let why = "only backends that are services can answer".to_owned();
            return (with(Vec::new()), Some(why));
        }
        let Some(object) = self.cluster.get("services", namespace, name) else {
            let why = format!("Service \"{name}\" not found");
            return (with(Vec::new()), Some(why));
        };
        let service = object.value();
        let mut ports = fields::list(&service["spec"], "ports").iter();
        let own = ports.find(|one| {
            fields::text(one, "name") == wanted
                || fields::integer(one, "port").to_string() == wanted
        });
        let Some(own) = own else {
            let why = format!("unable to find port {wanted} on service {namespace}/{name}");
            return (with(Vec::new()), Some(why));
        };
        let slices = self.slices.of(&Key::of(&object), &service);
        (with(targets(&slices, own)), None)
    }

    /// The certificate of a secret of type `kubernetes.io/tls`.
    pub(super) fn certificate(&self, namespace: &str, name: &str) -> Result<Certificate, String> {
        let secret = self.cluster.get("secrets", namespace, name);
        let secret = secret.ok_or_else(|| format!("Secret \"{name}\" not found"))?;
        let key = (secret.uid.clone(), secret.revision);
        // Nothing panics while it holds the lock.
        let mut known = self
            .certificates
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(certificate) = known.get(&key) {
            return Ok(certificate.clone());
        }
        let value = secret.value();
        let part = |key: &str| STANDARD.decode(fields::text(&value["data"], key));
        let (Ok(chain), Ok(private)) = (part("tls.crt"), part("tls.key")) else {
            return Err(format!("Secret \"{name}\" is not in base64"));
        };
        let made = Certificate::from_pem(&chain, &private)
            .map_err(|error| format!("Secret \"{name}\" has no usable certificate: {error}"))?;
        if known.len() >= CERTIFICATES {
            known.clear();
        }
        known.insert(key, made.clone());
        Ok(made)
    }
}
