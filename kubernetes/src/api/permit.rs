//! Whether a user may do what it asks for.
use http::Method;

use super::ApiServer;
use super::query::Query;
use super::route::{Route, Target};
use crate::Status;
use crate::authn::User;
use crate::authz::{Attributes, Authorizer, Decision, NodeView, forbidden, rbac};
use crate::selector::{FieldSelector, Selectable};
use crate::store::Object;

const RBAC: [&str; 4] = [
    "clusterroles.rbac.authorization.k8s.io",
    "roles.rbac.authorization.k8s.io",
    "clusterrolebindings.rbac.authorization.k8s.io",
    "rolebindings.rbac.authorization.k8s.io",
];

impl ApiServer {
    /// Asks all authorizers.
    pub(super) fn decide(&self, user: &User, attributes: &Attributes) -> Decision {
        self.with_authorizer(|authorizer| authorizer.authorize(user, attributes))
    }

    /// Refuses what a user may not do.
    pub(super) fn permit(&self, user: &User, attributes: &Attributes) -> Result<(), Status> {
        let decision = self.decide(user, attributes);
        if decision.is_allowed() {
            return Ok(());
        }
        Err(forbidden(user, attributes, decision.reason()))
    }

    pub(super) fn with_authorizer<T>(&self, ask: impl FnOnce(&Authorizer<'_>) -> T) -> T {
        let cluster = self.cluster();
        let shelves = RBAC.iter().filter_map(|name| cluster.store().find(name));
        let shelves: Vec<_> = shelves.collect();
        let generation = shelves.iter().map(|shelf| shelf.last()).max().unwrap_or(0);
        let index = self.0.rbac.index(generation, || {
            let objects = shelves.iter().flat_map(|shelf| shelf.objects(None));
            let values: Vec<_> = objects.map(|object| object.value()).collect();
            rbac::Index::of_objects(values.iter())
        });
        let settings = cluster.settings();
        let authorizer = Authorizer {
            nodes: &Nodes(cluster.clone()),
            rbac: &index,
            policies: &settings.access.policies,
        };
        ask(&authorizer)
    }
}

/// What pods of a node need.
#[derive(Debug)]
struct Nodes(crate::Cluster);

impl NodeView for Nodes {
    fn is_related(&self, node: &str, resource: &str, namespace: &str, name: &str) -> bool {
        let Some(pods) = self.0.store().find("pods") else {
            return false;
        };
        let at = pods.field("spec.nodeName");
        let is_here = |pod: &Object| {
            let own = at.and_then(|at| pod.fields.get(at));
            own.is_some_and(|own| own == node)
        };
        if resource == "pods" {
            return pods.get(namespace, name).is_some_and(|pod| is_here(&pod));
        }
        let inside = (!namespace.is_empty()).then_some(namespace);
        let here = pods.objects(inside).into_iter().filter(|pod| is_here(pod));
        let mut here = here.map(|pod| pod.value());
        here.any(|pod| crate::authz::pod_needs(&pod, resource, name))
    }
}

/// What a request would do, as authorizers see it.
pub(super) fn attributes(method: &Method, path: &str, route: &Route, query: &Query) -> Attributes {
    let Route::Resource(target) = route else {
        return Attributes::path(&method.as_str().to_ascii_lowercase(), path);
    };
    let resource = &target.resource;
    let verb = verb(method, target, query);
    let is_namespace = resource.plural == "namespaces" && resource.group.is_empty();
    let namespace = if is_namespace {
        &target.name
    } else {
        &target.namespace
    };
    let mut name = target.name.clone();
    let mut fields = Vec::new();
    if let Some(text) = query.get("fieldSelector")
        && let Ok(selector) = FieldSelector::parse(text, &selectable(target))
    {
        if let (true, Some(wanted)) = (name.is_empty(), selector.name()) {
            wanted.clone_into(&mut name);
        }
        if let Some(node) = text
            .split(',')
            .find_map(|term| term.strip_prefix("spec.nodeName="))
        {
            let node = node.trim_start_matches('=');
            fields.push(("spec.nodeName".to_owned(), node.to_owned()));
        }
    }
    Attributes {
        verb: verb.to_owned(),
        group: resource.group.clone(),
        version: resource.version.clone(),
        resource: resource.plural.clone(),
        subresource: target.subresource.clone(),
        name,
        namespace: namespace.clone(),
        path: String::new(),
        fields,
        is_resource: true,
    }
}

/// What the fields of a resource's objects can be selected by.
pub(super) fn selectable(target: &Target) -> Selectable<'_> {
    let resource = &target.resource;
    Selectable {
        group: &resource.group,
        kind: &resource.kind,
        namespaced: resource.is_namespaced(),
        custom: resource.row().is_none(),
        fields: &resource.fields,
        shelf: &resource.shelf,
    }
}

fn verb(method: &Method, target: &Target, query: &Query) -> &'static str {
    match *method {
        Method::GET | Method::HEAD if query.flag("watch") => "watch",
        Method::GET | Method::HEAD if target.name.is_empty() => "list",
        Method::GET | Method::HEAD => "get",
        Method::POST => "create",
        Method::PUT => "update",
        Method::PATCH => "patch",
        Method::DELETE if target.name.is_empty() => "deletecollection",
        Method::DELETE => "delete",
        _ => "",
    }
}
