//! `/etc/resolv.conf` by `dnsPolicy` and `dnsConfig`, as a kubelet on a machine of AWS writes it.
//!
//! <https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/#pod-s-dns-policy>
use std::collections::HashSet;
use std::hash::Hash;
use std::net::IpAddr;

use serde_json::Value;
use wharf_runtime::Dns;

use super::{Context, Refusal, address};
use crate::{Path, fields};

const DOMAIN: &str = "cluster.local";
/// What kubelets write at most, whatever else they are given.
const MOST_SERVERS: usize = 3;
const MOST_SEARCHES: usize = 32;
const MOST_SEARCH_CHARS: usize = 2048;
const LONGEST_SEARCH: usize = 253;

pub(super) fn dns(pod: &Value, context: &Context<'_>) -> Result<Dns, Refusal> {
    let spec = &pod["spec"];
    let mut dns = match (fields::text(spec, "dnsPolicy"), context.dns) {
        ("None", _) => Dns::default(),
        // Without a name server of the cluster there is only that of the machine.
        ("Default", _) | (_, None) => of_machine(context),
        (_, Some(server)) => of_cluster(pod, server, context),
    };
    let path = Path::new("spec").field("dnsConfig");
    add(&mut dns, &spec["dnsConfig"], &path)?;
    // One line a name: nothing else may come into the file.
    for text in dns.searches.iter().chain(&dns.options) {
        if text.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return Err(Refusal::policy(&path, "it must not contain spaces", None));
        }
    }
    limit(&mut dns);
    Ok(dns)
}

fn of_machine(context: &Context<'_>) -> Dns {
    Dns {
        servers: vec![IpAddr::V4(crate::kubelet::network::RESOLVER)],
        searches: host_searches(context),
        options: Vec::new(),
    }
}

fn of_cluster(pod: &Value, server: IpAddr, context: &Context<'_>) -> Dns {
    let namespace = fields::text(&pod["metadata"], "namespace");
    let mut searches = vec![
        format!("{namespace}.svc.{DOMAIN}"),
        format!("svc.{DOMAIN}"),
        DOMAIN.to_owned(),
    ];
    searches.extend(host_searches(context));
    Dns {
        servers: vec![server],
        searches,
        options: vec!["ndots:5".to_owned()],
    }
}

fn host_searches(context: &Context<'_>) -> Vec<String> {
    let known = !context.machine_domain.is_empty();
    known
        .then(|| context.machine_domain.to_owned())
        .into_iter()
        .collect()
}

/// Adds what the pod says itself; of what is there twice the first place and the last value count.
fn add(dns: &mut Dns, config: &Value, path: &Path) -> Result<(), Refusal> {
    let texts = |key: &str| {
        let list = fields::list(config, key).iter();
        list.filter_map(Value::as_str).map(str::to_owned)
    };
    for (i, server) in texts("nameservers").enumerate() {
        let path = path.field("nameservers").index(i);
        dns.servers.push(address(&server, &path)?);
    }
    dns.searches.extend(texts("searches"));
    for option in fields::list(config, "options") {
        let name = fields::text(option, "name");
        let option = match option["value"].as_str() {
            Some(value) if !value.is_empty() => format!("{name}:{value}"),
            _ => name.to_owned(),
        };
        let of = |text: &str| text.split(':').next().map(str::to_owned);
        match dns
            .options
            .iter_mut()
            .find(|known| of(known) == of(&option))
        {
            Some(known) => *known = option,
            None => dns.options.push(option),
        }
    }
    once(&mut dns.servers);
    once(&mut dns.searches);
    Ok(())
}

fn once<T: Clone + Eq + Hash>(all: &mut Vec<T>) {
    let mut seen = HashSet::new();
    all.retain(|one| seen.insert(one.clone()));
}

/// Leaves out what resolvers would not take.
fn limit(dns: &mut Dns) {
    dns.servers.truncate(MOST_SERVERS);
    dns.searches.truncate(MOST_SEARCHES);
    dns.searches.retain(|search| search.len() <= LONGEST_SEARCH);
    let mut chars = 0;
    dns.searches.retain(|search| {
        chars += search.len() + 1;
        chars <= MOST_SEARCH_CHARS + 1
    });
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(spec: &Value) -> Dns {
        let pod = json!({ "metadata": { "name": "a", "namespace": "shop" }, "spec": spec });
        let context = Context {
            lookup: &|_, _, _| None,
            pod_ip: None,
            host_ip: None,
            allocatable: &Value::Null,
            services: &[],
            dns: Some("10.100.0.10".parse().unwrap()),
            machine_domain: "ec2.internal",
            finishes: false,
        };
        dns(&pod, &context).unwrap()
    }

    fn lines(dns: &Dns) -> String {
        let servers: Vec<String> = dns.servers.iter().map(ToString::to_string).collect();
        let (servers, searches) = (servers.join(" "), dns.searches.join(" "));
        format!("{servers} | {searches} | {}", dns.options.join(" "))
    }

    #[test]
    fn the_policy_says_which_name_server_is_asked_and_where_names_are_looked_for() {
        let cluster = "10.100.0.10 | shop.svc.cluster.local svc.cluster.local cluster.local ec2.internal | ndots:5";
        let config = json!({
            "nameservers": ["1.1.1.1", "10.100.0.10"],
            "searches": ["example.com", "cluster.local"],
            "options": [{ "name": "ndots", "value": "2" }, { "name": "edns0" }],
        });
        let rows = [
            (json!({}), cluster),
            (json!({ "dnsPolicy": "ClusterFirst" }), cluster),
            (json!({ "dnsPolicy": "ClusterFirstWithHostNet" }), cluster),
            (
                json!({ "dnsPolicy": "Default" }),
                "169.254.169.253 | ec2.internal | ",
            ),
            (
                json!({ "dnsPolicy": "None", "dnsConfig": config }),
                "1.1.1.1 10.100.0.10 | example.com cluster.local | ndots:2 edns0",
            ),
            (
                json!({ "dnsConfig": config }),
                "10.100.0.10 1.1.1.1 | shop.svc.cluster.local svc.cluster.local cluster.local ec2.internal example.com | ndots:2 edns0",
            ),
        ];
        for (spec, wanted) in rows {
            assert_eq!(lines(&of(&spec)), wanted, "{spec}");
        }
    }

    #[test]
    fn what_resolvers_would_not_take_is_left_out() {
        let servers: Vec<String> = (1..6).map(|n| format!("10.0.0.{n}")).collect();
        let searches: Vec<String> = (0..40).map(|n| format!("{}{n}", "a".repeat(90))).collect();
        let config = json!({ "nameservers": servers, "searches": searches });
        let dns = of(&json!({ "dnsPolicy": "None", "dnsConfig": config }));
        assert_eq!(dns.servers.len(), 3);
        assert!(dns.searches.join(" ").len() <= 2048);
        assert!(dns.searches.len() > 20);
    }
}
