//! The endpoint slices of services.
use serde_json::Value;

use super::plan::mirrored;
use crate::controllers::{Index, Key};
use crate::store::Object;
use crate::{Cluster, Status, fields};

pub(crate) const SLICES: &str = "endpointslices.discovery.k8s.io";
pub(super) const SERVICE: &str = "kubernetes.io/service-name";

/// The service of a slice.
pub(crate) fn owner(slice: &Object) -> Option<Key> {
    Some(Key::new(&slice.namespace, slice.label(SERVICE)?))
}

/// The slices of a cluster, by service.
#[derive(Debug)]
pub(crate) struct Slices {
    cluster: Cluster,
    by_service: Index,
}

impl Slices {
    pub(crate) fn new(cluster: &Cluster) -> Result<Self, Status> {
        let terms = |slice: &Object| {
            let owner = owner(slice).map(|key| key.to_string());
            owner.into_iter().collect()
        };
        Ok(Self {
            cluster: cluster.clone(),
            by_service: Index::new(cluster.store(), cluster.shelf(SLICES)?, terms),
        })
    }

    /// The slices of a service.
    pub(crate) fn of(&self, key: &Key, service: &Value) -> Vec<Value> {
        let slices = self.by_service.of(&key.to_string());
        let mut slices: Vec<Value> = slices.iter().map(|slice| slice.value()).collect();
        if slices.is_empty() && fields::count(&service["spec"]["selector"]) == 0 {
            // Who writes `Endpoints` by hand means slices.
            let endpoints = self.cluster.get("endpoints", &key.namespace, &key.name);
            slices.extend(endpoints.iter().flat_map(|one| mirrored(&one.value())));
        }
        slices
    }
}
