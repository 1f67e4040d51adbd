//! Variables that tell containers where services are.
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use crate::{Cluster, fields};

type Variables = Arc<Vec<(String, String)>>;

/// They are made once for all pods of a namespace, until a service changes.
#[derive(Debug, Default)]
pub(super) struct Links(Mutex<(u64, HashMap<String, Variables>)>);

impl Links {
    pub(super) fn of(&self, cluster: &Cluster, namespace: &str) -> Variables {
        let shelf = cluster.store().find("services");
        let revision = shelf.map_or(0, |shelf| *shelf.subscribe().borrow());
        {
            let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if kept.0 != revision {
                *kept = (revision, HashMap::new());
            }
            if let Some(variables) = kept.1.get(namespace) {
                return Arc::clone(variables);
            }
        }
        let mut all = Vec::new();
        if namespace != "default"
            && let Some(api) = cluster.get("services", "default", "kubernetes")
        {
            variables(&api.value(), &mut all);
        }
        for service in cluster.list("services", Some(namespace)) {
            variables(&service.value(), &mut all);
        }
        let all = Arc::new(all);
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.0 == revision {
            kept.1.insert(namespace.to_owned(), Arc::clone(&all));
        }
        all
    }
}

/// Those of a service, as links of Docker had them.
fn variables(service: &Value, out: &mut Vec<(String, String)>) {
    let ip = fields::text(&service["spec"], "clusterIP");
    let ports = fields::list(&service["spec"], "ports");
    let Some(first) = ports.first().filter(|_| !["", "None"].contains(&ip)) else {
        return;
    };
    let upper = |text: &str| text.to_ascii_uppercase().replace('-', "_");
    let name = upper(fields::text(&service["metadata"], "name"));
    let host = if ip.contains(':') {
        format!("[{ip}]")
    } else {
        ip.to_owned()
    };
    let url = |port: &Value| {
        let protocol = fields::text(port, "protocol").to_ascii_lowercase();
        format!("{protocol}://{host}:{}", fields::integer(port, "port"))
    };
    let number = |port: &Value| fields::integer(port, "port").to_string();
    out.push((format!("{name}_SERVICE_HOST"), ip.to_owned()));
    out.push((format!("{name}_SERVICE_PORT"), number(first)));
    out.push((format!("{name}_PORT"), url(first)));
    for port in ports {
        let own = fields::text(port, "name");
        if !own.is_empty() {
            out.push((format!("{name}_SERVICE_PORT_{}", upper(own)), number(port)));
        }
        let protocol = fields::text(port, "protocol");
        let prefix = format!("{name}_PORT_{}_{protocol}", number(port));
        out.push((prefix.clone(), url(port)));
        out.push((format!("{prefix}_PROTO"), protocol.to_ascii_lowercase()));
        out.push((format!("{prefix}_PORT"), number(port)));
        out.push((format!("{prefix}_ADDR"), ip.to_owned()));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_service_is_told_as_links_were() {
        let service = json!({
            "metadata": { "name": "my-db" },
            "spec": { "clusterIP": "10.100.0.7", "ports": [{ "name": "sql", "port": 3306, "protocol": "TCP" }] },
        });
        let mut out = Vec::new();
        variables(&service, &mut out);
        let wanted = [
            ("MY_DB_SERVICE_HOST", "10.100.0.7"),
            ("MY_DB_SERVICE_PORT", "3306"),
            ("MY_DB_PORT", "tcp://10.100.0.7:3306"),
            ("MY_DB_SERVICE_PORT_SQL", "3306"),
            ("MY_DB_PORT_3306_TCP", "tcp://10.100.0.7:3306"),
            ("MY_DB_PORT_3306_TCP_PROTO", "tcp"),
            ("MY_DB_PORT_3306_TCP_PORT", "3306"),
            ("MY_DB_PORT_3306_TCP_ADDR", "10.100.0.7"),
        ];
        let wanted = wanted.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(out, wanted);
    }
}
