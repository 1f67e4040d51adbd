//! What hangs under objects, as discovery and OpenAPI tell it.
use crate::Subresource;
use crate::cluster::Resource;

/// What a client must know of a subresource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) name: &'static str,
    pub(crate) verbs: &'static [&'static str],
    /// Group, version and kind of what is sent and answered; none for that of the object.
    pub(crate) other: Option<(&'static str, &'static str, &'static str)>,
    /// The name of its type in the schema, where it has one of its own.
    pub(crate) type_name: Option<&'static str>,
}

const CHANGE: &[&str] = &["get", "patch", "update"];
const CONNECT: &[&str] = &["create", "get"];
const PROXY: &[&str] = &["create", "delete", "get", "patch", "update"];

impl Facts {
    pub(crate) fn of(resource: &Resource, subresource: Subresource) -> Self {
        let own = |name, verbs| Self {
            name,
            verbs,
            other: None,
            type_name: None,
        };
        // Options are no kinds of their own in the answer: only their names are told.
        let options = |name, verbs, kind| Self {
            other: Some(("", "", kind)),
            ..own(name, verbs)
        };
        match subresource {
            Subresource::Status => own("status", CHANGE),
            Subresource::EphemeralContainers => own("ephemeralcontainers", CHANGE),
            Subresource::Resize => own("resize", CHANGE),
            Subresource::Approval => own("approval", CHANGE),
            Subresource::Finalize => own("finalize", &["update"]),
            Subresource::Log => own("log", &["get"]),
            Subresource::Exec => options("exec", CONNECT, "PodExecOptions"),
            Subresource::Attach => options("attach", CONNECT, "PodAttachOptions"),
            Subresource::PortForward => options("portforward", CONNECT, "PodPortForwardOptions"),
            Subresource::Proxy => {
                let kind = match resource.plural.as_str() {
                    "nodes" => "NodeProxyOptions",
                    "services" => "ServiceProxyOptions",
                    _ => "PodProxyOptions",
                };
                options("proxy", PROXY, kind)
            }
            Subresource::Scale => Self {
                other: Some(("autoscaling", "v1", "Scale")),
                type_name: Some("io.k8s.api.autoscaling.v1.Scale"),
                ..own("scale", CHANGE)
            },
            Subresource::Eviction => Self {
                other: Some(("policy", "v1", "Eviction")),
                type_name: Some("io.k8s.api.policy.v1.Eviction"),
                ..own("eviction", &["create"])
            },
            Subresource::Binding => Self {
                other: Some(("", "", "Binding")),
                type_name: Some("io.k8s.api.core.v1.Binding"),
                ..own("binding", &["create"])
            },
            Subresource::Token => Self {
                other: Some(("authentication.k8s.io", "v1", "TokenRequest")),
                type_name: Some("io.k8s.api.authentication.v1.TokenRequest"),
                ..own("token", &["create"])
            },
        }
    }

    /// The kind in the answer, and its group and version if they are not those of the object.
    pub(crate) fn kind<'a>(&self, resource: &'a Resource) -> (&'static str, &'static str, &'a str) {
        let own = ("", "", resource.kind.as_str());
        self.other.unwrap_or(own)
    }
}
