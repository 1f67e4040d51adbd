//! What is said of services: events.
use crate::Cluster;
use crate::cluster::{Actor, EventType, Reference};
use crate::store::Object;

/// A service that something is said of.
#[derive(Debug)]
pub(super) struct About<'a> {
    cluster: &'a Cluster,
    pub(super) by: Actor,
    pub(super) object: &'a Object,
    reference: Reference,
}

impl<'a> About<'a> {
    pub(super) fn new(cluster: &'a Cluster, object: &'a Object) -> Self {
        Self {
            cluster,
            by: Actor::system(
                "system:serviceaccount:kube-system:service-controller",
                "aws-cloud-controller-manager",
                "service-controller",
            ),
            object,
            reference: Reference::to("v1", "Service", object),
        }
    }

    pub(super) async fn normal(&self, reason: &str, message: &str) {
        let kind = EventType::Normal;
        let event = self
            .cluster
            .event(&self.by, &self.reference, kind, reason, message);
        event.await;
    }

    pub(super) async fn warning(&self, reason: &str, message: &str) {
        let kind = EventType::Warning;
        let event = self
            .cluster
            .event(&self.by, &self.reference, kind, reason, message);
        event.await;
    }
}
