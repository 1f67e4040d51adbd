//! From an ingress to routes and certificates.
use std::sync::Arc;

use regex::Regex;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use wharf_balancer::{Backend, Certificate, PathMatch, Route};

use super::backends::Backends;
use super::class::Kind;
use crate::fields;

const REWRITE: &str = "nginx.ingress.kubernetes.io/rewrite-target";
const USE_REGEX: &str = "nginx.ingress.kubernetes.io/use-regex";
const SSL_REDIRECT: &str = "nginx.ingress.kubernetes.io/ssl-redirect";
const FORCE_REDIRECT: &str = "nginx.ingress.kubernetes.io/force-ssl-redirect";
const ALB_REDIRECT: &str = "alb.ingress.kubernetes.io/ssl-redirect";
const ALB_SCHEME: &str = "alb.ingress.kubernetes.io/scheme";

#[derive(Debug, Default)]
pub(super) struct Planned {
    /// The name of the load balancer, below `localhost`.
    pub(super) hostname: String,
    pub(super) routes: Vec<Route>,
    pub(super) certificates: Vec<(String, Certificate)>,
    /// What is wrong with it, for people. The rest of it counts.
    pub(super) problems: Vec<String>,
}

struct Planner<'a> {
    ingress: &'a Value,
    kind: Kind,
    backends: &'a Backends,
    planned: Planned,
}

pub(super) fn plan(ingress: &Value, kind: Kind, region: &str, backends: &Backends) -> Planned {
    let mut planner = Planner {
        ingress,
        kind,
        backends,
        planned: Planned {
            hostname: hostname(ingress, kind, region),
            ..Planned::default()
        },
    };
    planner.tls();
    planner.rules();
    planner.planned
}

impl<'a> Planner<'a> {
    fn annotation(&self, key: &str) -> &'a str {
        fields::text(&self.ingress["metadata"]["annotations"], key)
    }

    fn namespace(&self) -> &'a str {
        fields::text(&self.ingress["metadata"], "namespace")
    }

    fn tls(&mut self) {
        let spec = &self.ingress["spec"];
        for tls in fields::list(spec, "tls") {
            let name = fields::text(tls, "secretName");
            if name.is_empty() {
                continue;
            }
            let hosts = fields::list(tls, "hosts").iter().filter_map(Value::as_str);
            let mut hosts: Vec<&str> = hosts.collect();
            if hosts.is_empty() {
                let rules = fields::list(spec, "rules").iter();
                hosts.extend(rules.map(|rule| fields::text(rule, "host")));
            }
            match self.backends.certificate(self.namespace(), name) {
                Ok(certificate) => {
                    let hosts = hosts.into_iter().filter(|host| !host.is_empty());
                    let all = hosts.map(|host| (host.to_ascii_lowercase(), certificate.clone()));
                    self.planned.certificates.extend(all);
                }
                Err(why) => self.planned.problems.push(why),
            }
        }
    }

    fn rules(&mut self) {
        let spec = &self.ingress["spec"];
        let mut hosts: Vec<Option<String>> = Vec::new();
        for rule in fields::list(spec, "rules") {
            let host = fields::text(rule, "host");
            let host = (!host.is_empty()).then(|| host.to_ascii_lowercase());
            for path in fields::list(&rule["http"], "paths") {
                let backend = self.backend(&path["backend"]);
                match self.path(path) {
                    Ok(wanted) => self.add(host.as_ref(), Some(&wanted), &backend),
                    Err(why) => self.planned.problems.push(why),
                }
            }
            if host.is_some() && !hosts.contains(&host) {
                hosts.push(host);
            }
        }
        if fields::has(spec, "defaultBackend") {
            let backend = self.backend(&spec["defaultBackend"]);
            for host in hosts.iter().chain([&None]) {
                self.add(host.as_ref(), None, &backend);
            }
        }
    }

    fn backend(&mut self, backend: &Value) -> Arc<Backend> {
        let (found, problem) = self.backends.find(self.namespace(), backend);
        self.planned.problems.extend(problem);
        found
    }

    /// What is for all hosts is for the load balancer's own name first: there it cannot be taken by
    /// another ingress, which at AWS would have another load balancer.
    fn add(&mut self, host: Option<&String>, path: Option<&PathMatch>, backend: &Arc<Backend>) {
        let own = host.is_none().then(|| self.planned.hostname.clone());
        let hosts = own.map(Some).into_iter().chain([host.cloned()]);
        let rewrite =
            Some(self.annotation(REWRITE)).filter(|to| self.kind == Kind::Nginx && !to.is_empty());
        for host in hosts {
            let to_https = self.to_https(host.as_deref());
            self.planned.routes.push(Route {
                path: path.cloned(),
                backend: Arc::clone(backend),
                rewrite: rewrite.map(str::to_owned),
                to_https,
                host,
            });
        }
    }

    fn path(&self, path: &Value) -> Result<PathMatch, String> {
        let text = match fields::text(path, "path") {
            "" => "/",
            text => text,
        };
        let exact = fields::text(path, "pathType") == "Exact";
        let special = fields::text(path, "pathType") == "ImplementationSpecific";
        let expressions =
            self.annotation(USE_REGEX) == "true" || !self.annotation(REWRITE).is_empty();
        match self.kind {
            Kind::Alb if special => Ok(PathMatch::Pattern(text.to_owned())),
            // As `location ~* "^…"`, which nginx makes of them.
            Kind::Nginx if expressions && !exact => {
                let found = Regex::new(&format!("(?i)^{text}"));
                let found = found
                    .ok()
                    .ok_or_else(|| format!("the path {text} is no regular expression"))?;
                Ok(PathMatch::Regex(found))
            }
            _ if exact => Ok(PathMatch::Exact(text.to_owned())),
            _ => Ok(PathMatch::Prefix(text.to_owned())),
        }
    }

    fn to_https(&self, host: Option<&str>) -> bool {
        if self.kind == Kind::Alb {
            return !self.annotation(ALB_REDIRECT).is_empty();
        }
        if self.annotation(FORCE_REDIRECT) == "true" {
            return true;
        }
        let mut tls = fields::list(&self.ingress["spec"], "tls").iter();
        let covered = tls.any(|tls| {
            let mut hosts = fields::list(tls, "hosts").iter();
            hosts.any(|one| one.as_str().map(str::to_ascii_lowercase).as_deref() == host)
        });
        covered && self.annotation(SSL_REDIRECT) != "false"
    }
}

/// The name of a load balancer in the form of AWS's controller.
fn hostname(ingress: &Value, kind: Kind, region: &str) -> String {
    let metadata = &ingress["metadata"];
    let short = |key| {
        let text = fields::text(metadata, key).chars();
        let text = text.filter(char::is_ascii_alphanumeric).take(8);
        text.collect::<String>()
    };
    let digest = Sha256::digest(fields::text(metadata, "uid").as_bytes());
    let mut numbers = digest.chunks(5).map(|bytes| {
        let number = |all: u64, byte: &u8| u64::from(*byte) | (all << 8);
        bytes.iter().fold(0, number)
    });
    let hash = numbers.next().unwrap_or_default();
    let number = 100_000_000 + numbers.next().unwrap_or_default() % 2_000_000_000;
    let scheme = fields::text(&metadata["annotations"], ALB_SCHEME);
    let internal = kind == Kind::Alb && scheme != "internet-facing";
    let prefix = if internal { "internal-" } else { "" };
    let (namespace, name) = (short("namespace"), short("name"));
    format!("{prefix}k8s-{namespace}-{name}-{hash:010x}-{number}.{region}.elb.localhost")
}
