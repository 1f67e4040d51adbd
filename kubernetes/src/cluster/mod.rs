//! A cluster: its objects, its resources, and the one way to change anything.
mod actor;
mod addresses;
mod admit;
mod events;
mod fields;
mod names;
pub(crate) mod quotas;
mod resource;
#[cfg(test)]
pub(crate) mod testing;
pub mod time;
mod token_volume;
mod write;

use std::collections::{BTreeSet, HashMap};
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

pub use actor::{Actor, EventType, Reference};
pub use resource::{Conversion, Custom, Resource, What, qualified};
use serde_json::Value;
use wharf_auth::service_account;
use wharf_storage::Objects;
use wharf_types::{Clock, Timestamp};
pub(crate) use write::in_form;
pub use write::{Deleted, Deletion, FieldValidation, Options, Part, Propagation, Write, Written};

use crate::about::Documents;
use crate::authn::aws::{Entry, Mode};
use crate::authz::AccessPolicies;
use crate::metrics::PodMetrics;
use crate::services::Allocator;
use crate::store::{Object, Shelf, Store};
use crate::{Status, crd};

/// A cluster. A cheap handle.
#[derive(Clone, Debug)]
pub struct Cluster(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Store,
    clock: Clock,
    settings: RwLock<Arc<Settings>>,
    resources: RwLock<Arc<Resources>>,
    recorder: events::Recorder,
    addresses: Option<Allocator>,
    quotas: quotas::Flights,
    documents: Documents,
    keys: Vec<service_account::Key>,
    metrics: OnceLock<Arc<dyn PodMetrics>>,
}

/// What EKS says of a cluster. May change while it runs.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Of this cluster alone, never used again.
    pub id: String,
    pub name: String,
    pub region: String,
    pub account: String,
    /// Such as `1.33`.
    pub version: String,
    /// Where addresses of services come from.
    pub service_cidr: String,
    /// Where the API server is in the VPC: what the service `kubernetes` leads to.
    pub api_addresses: Vec<Ipv4Addr>,
    /// Whether the add-ons of the network are made with the cluster.
    pub self_managed_addons: bool,
    /// What clients trust.
    pub ca_pem: String,
    /// Which pods run on Fargate.
    pub fargate: Vec<crate::fargate::Profile>,
    /// Namespaces and names of the service accounts that EKS Pod Identity associates with a role.
    pub pod_identities: BTreeSet<(String, String)>,
    /// Who issues the tokens of service accounts: a URL.
    pub issuer: String,
    /// Who of AWS may do what.
    pub access: Arc<AccessSettings>,
}

/// What EKS knows of principals of AWS.
#[derive(Clone, Debug)]
pub struct AccessSettings {
    pub mode: Mode,
    /// Access entries by the ARNs of their principals.
    pub entries: HashMap<String, Entry>,
    pub policies: AccessPolicies,
}

impl Default for AccessSettings {
    fn default() -> Self {
        Self {
            mode: Mode::ApiAndConfigMap,
            entries: HashMap::new(),
            policies: AccessPolicies::default(),
        }
    }
}

/// Why a cluster could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(transparent)]
    Storage(#[from] wharf_storage::Error),
    #[error("the key of the service accounts cannot be used")]
    Key(#[source] wharf_auth::Error),
}

/// All resources, in an order that clients may see.
#[derive(Clone, Debug, Default)]
pub struct Resources {
    pub all: Vec<Arc<Resource>>,
    /// Moves with every change.
    pub generation: u64,
}

impl Resources {
    pub fn find(&self, group: &str, version: &str, plural: &str) -> Option<&Arc<Resource>> {
        let mut all = self.all.iter();
        all.find(|r| r.plural == plural && r.group == group && r.version == version)
    }

    /// The preferred version of `deployments.apps` or `pods`.
    pub fn qualified(&self, name: &str) -> Option<&Arc<Resource>> {
        let (plural, group) = name.split_once('.').unwrap_or((name, ""));
        let mut all = self.all.iter();
        all.find(|r| r.plural == plural && r.group == group)
    }
}

impl Cluster {
    /// Opens the objects of a cluster, or begins with none. Blocks.
    pub fn open(
        path: &Path,
        durable: bool,
        settings: Settings,
        clock: Clock,
    ) -> Result<Self, OpenError> {
        let mut objects = Objects::open(path, durable)?;
        let keys = vec![key(&mut objects)?];
        let store = Store::open(objects, &Resource::shelves())?;
        let addresses = addresses::known(&store, &settings.service_cidr);
        let resources = Resources {
            all: Resource::builtin(&store),
            generation: 1,
        };
        let cluster = Self(Arc::new(Inner {
            store,
            clock,
            settings: RwLock::new(Arc::new(settings)),
            resources: RwLock::new(Arc::new(resources)),
            recorder: events::Recorder::default(),
            addresses,
            quotas: quotas::Flights::default(),
            documents: Documents::default(),
            keys,
            metrics: OnceLock::new(),
        }));
        crd::load(&cluster);
        Ok(cluster)
    }

    pub fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    /// The clock of [`now`](Self::now).
    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    pub fn store(&self) -> &Store {
        &self.0.store
    }

    /// The keys of tokens of service accounts; new ones are signed with the first.
    pub fn keys(&self) -> &[service_account::Key] {
        &self.0.keys
    }

    pub fn settings(&self) -> Arc<Settings> {
        let settings = self.0.settings.read();
        Arc::clone(&settings.unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes what EKS says of the cluster.
    pub fn change_settings(&self, change: impl FnOnce(&mut Settings)) {
        let settings = self.0.settings.write();
        change(Arc::make_mut(
            &mut settings.unwrap_or_else(PoisonError::into_inner),
        ));
    }

    pub fn resources(&self) -> Arc<Resources> {
        let resources = self.0.resources.read();
        Arc::clone(&resources.unwrap_or_else(PoisonError::into_inner))
    }

    /// Who measures pods, if somebody does.
    pub(crate) fn metrics(&self) -> Option<&dyn PodMetrics> {
        self.0.metrics.get().map(AsRef::as_ref)
    }

    /// Says who measures pods; the first one stays.
    pub fn set_metrics(&self, metrics: Arc<dyn PodMetrics>) {
        self.0.metrics.get_or_init(|| metrics);
    }

    /// Writes that are charged to quotas just now.
    pub(crate) fn quota_flights(&self) -> &quotas::Flights {
        &self.0.quotas
    }

    /// What `/openapi` answers.
    pub(crate) fn documents(&self) -> &Documents {
        &self.0.documents
    }

    /// Changes which resources there are; built-in ones stay.
    pub fn change_resources(&self, change: impl FnOnce(&mut Vec<Arc<Resource>>)) {
        let resources = self.0.resources.write();
        let mut resources = resources.unwrap_or_else(PoisonError::into_inner);
        let changed = Arc::make_mut(&mut resources);
        change(&mut changed.all);
        changed.generation += 1;
    }

    /// The preferred version of a resource such as `deployments.apps` or `pods`.
    pub fn resource(&self, name: &str) -> Result<Arc<Resource>, Status> {
        let resources = self.resources();
        let found = resources.qualified(name).cloned();
        found.ok_or_else(Status::no_such_path)
    }

    /// Where the objects of a resource are.
    pub fn shelf(&self, resource: &str) -> Result<Arc<Shelf>, Status> {
        Ok(Arc::clone(&self.resource(resource)?.shelf))
    }

    /// An object as it is now; none if there is no such resource either.
    pub fn get(&self, resource: &str, namespace: &str, name: &str) -> Option<Arc<Object>> {
        self.0.store.find(resource)?.get(namespace, name)
    }

    /// The objects of a namespace, or of all.
    pub fn list(&self, resource: &str, namespace: Option<&str>) -> Vec<Arc<Object>> {
        let shelf = self.0.store.find(resource);
        shelf.map_or_else(Vec::new, |shelf| shelf.objects(namespace))
    }

    /// Makes an object, with defaults, admission and validation.
    pub async fn create(
        &self,
        resource: &str,
        value: Value,
        by: &Actor,
    ) -> Result<Arc<Object>, Status> {
        let resource = self.resource(resource)?;
        let namespace = value["metadata"]["namespace"].as_str().unwrap_or_default();
        let namespace = namespace.to_owned();
        let write = Write {
            resource: &resource,
            namespace: &namespace,
            name: "",
            part: Part::Main,
            by,
            options: Options::default(),
        };
        Ok(self.create_object(&write, value).await?.object)
    }

    /// Reads an object, changes and writes it; again if somebody else was faster. What does not
    /// change is not written.
    pub async fn modify(
        &self,
        resource: &str,
        namespace: &str,
        name: &str,
        part: Part,
        by: &Actor,
        change: impl Fn(&mut Value) -> Result<(), Status> + Send + Sync,
    ) -> Result<Arc<Object>, Status> {
        let resource = self.resource(resource)?;
        let write = Write {
            resource: &resource,
            namespace,
            name,
            part,
            by,
            options: Options::default(),
        };
        let whole = |old: &Value| {
            let mut new = old.clone();
            change(&mut new)?;
            Ok(new)
        };
        Ok(self.update_object(&write, whole).await?.object)
    }

    /// Deletes an object, or begins to.
    pub async fn delete(
        &self,
        resource: &str,
        namespace: &str,
        name: &str,
        how: &Deletion,
        by: &Actor,
    ) -> Result<(), Status> {
        let resource = self.resource(resource)?;
        let write = Write {
            resource: &resource,
            namespace,
            name,
            part: Part::Main,
            by,
            options: Options::default(),
        };
        self.delete_object(&write, how).await.map(drop)
    }
}

/// The key of a cluster's service accounts, made if there is none.
fn key(objects: &mut Objects) -> Result<service_account::Key, OpenError> {
    const NAME: &str = "service-account-key";
    if let Some(pem) = objects.setting(NAME)? {
        let pem = String::from_utf8_lossy(&pem);
        return service_account::Key::from_pem(&pem).map_err(OpenError::Key);
    }
    let key = service_account::Key::generate().map_err(OpenError::Key)?;
    let pem = key.to_pem().map_err(OpenError::Key)?;
    objects.set(NAME, pem.expose().as_bytes())?;
    Ok(key)
}
