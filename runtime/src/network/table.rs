//! What all pods of a cluster know of it: its services, and which of them changed when.
use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use wharf_sandbox::table::{Service, ServiceKey};

/// How many services that are gone are remembered, for pods that were not yet told.
const GONE: usize = 4096;

/// A service as pods see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    usual: Arc<Service>,
    /// As pods of these nodes see it, where that differs.
    by_node: BTreeMap<String, Arc<Service>>,
}

impl Row {
    /// The same for all pods.
    pub fn new(service: Service) -> Self {
        Self {
            usual: Arc::new(service),
            by_node: BTreeMap::new(),
        }
    }

    /// Pods of a node see another one, of the same key.
    #[must_use]
    pub fn on_node(mut self, node: &str, service: Service) -> Self {
        self.by_node.insert(node.to_owned(), Arc::new(service));
        self
    }

    /// What pods of a node see.
    pub fn of(&self, node: &str) -> &Arc<Service> {
        self.by_node.get(node).unwrap_or(&self.usual)
    }
}

/// The table of a cluster. A cheap handle; one generation counts for all pods.
#[derive(Clone, Debug)]
pub struct Table(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    state: Mutex<State>,
    generation: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct State {
    generation: u64,
    rows: HashMap<ServiceKey, Entry>,
    /// Each key under the generation of its last change.
    changes: BTreeMap<u64, Vec<ServiceKey>>,
    gone: usize,
    /// What was gone by then is forgotten.
    forgotten: u64,
}

#[derive(Debug)]
struct Entry {
    /// None: there is no such service any more.
    row: Option<Row>,
    changed: u64,
}

/// What a pod is to be told.
#[derive(Debug, Default)]
pub(super) struct Update {
    pub(super) generation: u64,
    /// All of it, not what changed.
    pub(super) whole: bool,
    pub(super) services: Vec<(ServiceKey, Option<Arc<Service>>)>,
}

impl Default for Table {
    fn default() -> Self {
        Self(Arc::new(Inner {
            state: Mutex::default(),
            generation: watch::Sender::new(0),
        }))
    }
}

impl Table {
    // Nothing panics while it holds the lock.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts all services in the place of those that there are. No pod starts before the first call.
    pub fn replace(&self, rows: Vec<Row>) {
        let mut state = self.state();
        let mut new: HashMap<ServiceKey, Row> = HashMap::new();
        new.extend(rows.into_iter().map(|row| (row.usual.key.clone(), row)));
        let missing = state.rows.iter().filter(|(_, entry)| entry.row.is_some());
        let missing = missing.filter(|(key, _)| !new.contains_key(key));
        let mut changes: Vec<_> = missing.map(|(key, _)| (key.clone(), None)).collect();
        changes.extend(new.into_iter().map(|(key, row)| (key, Some(row))));
        let first = state.generation == 0;
        if state.change(changes) || first {
            state.generation = state.generation.max(1);
            self.tell(state);
        }
    }

    /// Puts services in, or (none) takes them out; pods see all of the changes at once.
    pub fn change(&self, changes: Vec<(ServiceKey, Option<Row>)>) {
        let mut state = self.state();
        if state.change(changes) {
            self.tell(state);
        }
    }

    fn tell(&self, state: MutexGuard<'_, State>) {
        let generation = state.generation;
        drop(state);
        self.0.generation.send_replace(generation);
    }

    /// What pods of a node see, by namespace and name.
    pub fn services(&self, node: &str) -> Vec<Arc<Service>> {
        let mut services: Vec<Arc<Service>> = {
            let state = self.state();
            let rows = state.rows.values().filter_map(|entry| entry.row.as_ref());
            rows.map(|row| Arc::clone(row.of(node))).collect()
        };
        services.sort_by(|a, b| a.key.cmp(&b.key));
        services
    }

    /// Whether somebody else has it, too.
    pub fn is_shared(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }

    /// Moves with every change; 0 before the first.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.0.generation.subscribe()
    }

    /// What changed after a generation, for pods of a node.
    pub(super) fn since(&self, generation: Option<u64>, node: &str) -> Update {
        let state = self.state();
        let mut update = Update {
            generation: state.generation,
            ..Update::default()
        };
        let known = generation.filter(|known| *known >= state.forgotten);
        if let Some(known) = known {
            let keys = state.changes.range(known + 1..).flat_map(|(_, keys)| keys);
            update.services.extend(keys.filter_map(|key| {
                let row = state.rows.get(key)?.row.as_ref();
                Some((key.clone(), row.map(|row| Arc::clone(row.of(node)))))
            }));
        } else {
            update.whole = true;
            let there = state
                .rows
                .iter()
                .filter_map(|(key, entry)| Some((key, entry.row.as_ref()?)));
            update
                .services
                .extend(there.map(|(key, row)| (key.clone(), Some(Arc::clone(row.of(node))))));
        }
        update
    }

    /// The endpoints of the service that has this address, which may be none.
    pub(super) fn endpoints(&self, at: SocketAddr, node: &str) -> Option<Vec<SocketAddr>> {
        let state = self.state();
        let mut all = state.rows.values().filter_map(|entry| entry.row.as_ref());
        all.find_map(|row| {
            let service = row.of(node);
            let own = |ip: &IpAddr| *ip == at.ip();
            let owned = service.cluster_ips.iter().any(own);
            let mut ports = service.ports.iter();
            let port =
                ports.find(|port| (owned && port.port == at.port()) || port.also.contains(&at));
            match port {
                Some(port) => Some(port.endpoints.clone()),
                None => owned.then(Vec::new),
            }
        })
    }
}

impl State {
    /// Whether anything differs from before.
    fn change(&mut self, changes: Vec<(ServiceKey, Option<Row>)>) -> bool {
        let next = self.generation + 1;
        let mut any = false;
        for (key, row) in changes {
            let before = self.rows.get(&key);
            if before.and_then(|entry| entry.row.as_ref()) == row.as_ref() {
                continue;
            }
            any = true;
            if let Some(before) = before {
                self.gone -= usize::from(before.row.is_none());
                let changed = before.changed;
                self.unlist(&key, changed);
            }
            self.gone += usize::from(row.is_none());
            self.changes.entry(next).or_default().push(key.clone());
            let changed = next;
            self.rows.insert(key, Entry { row, changed });
        }
        if any {
            self.generation = next;
            self.forget();
        }
        any
    }

    fn unlist(&mut self, key: &ServiceKey, changed: u64) {
        if let Some(keys) = self.changes.get_mut(&changed) {
            keys.retain(|other| other != key);
            if keys.is_empty() {
                self.changes.remove(&changed);
            }
        }
    }

    /// Forgets what is gone if it is much. Who was not told of it gets all anew.
    fn forget(&mut self) {
        if self.gone <= GONE {
            return;
        }
        self.gone = 0;
        self.forgotten = self.generation;
        self.rows.retain(|_, entry| entry.row.is_some());
        self.changes.clear();
        for entry in self.rows.values_mut() {
            entry.changed = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(crate) fn service(name: &str, port: u16) -> Service {
        let at = SocketAddr::new([10, 0, 0, 1].into(), port);
        Service {
            key: key(name),
            cluster_ips: vec![[10, 100, 0, 7].into()],
            external_name: None,
            affinity: false,
            ports: vec![wharf_sandbox::table::ServicePort {
                name: String::new(),
                protocol: wharf_sandbox::table::Protocol::Tcp,
                port: 80,
                also: Vec::new(),
                endpoints: vec![at],
            }],
            hosts: Vec::new(),
        }
    }

    fn key(name: &str) -> ServiceKey {
        ServiceKey {
            namespace: "default".to_owned(),
            name: name.to_owned(),
        }
    }

    fn names(update: &Update) -> Vec<String> {
        let all = update.services.iter();
        let mut names: Vec<String> = all
            .map(|(key, service)| {
                let mark = if service.is_some() { "+" } else { "-" };
                format!("{mark}{}", key.name)
            })
            .collect();
        names.sort();
        names
    }

    #[test]
    fn each_pod_is_told_what_changed_since_it_was_told_last_and_each_service_once() {
        let table = Table::default();
        table.replace(vec![Row::new(service("a", 1)), Row::new(service("b", 1))]);
        let first = table.since(None, "");
        assert!(first.whole);
        assert_eq!(
            (first.generation, names(&first)),
            (1, vec!["+a".into(), "+b".into()])
        );
        for port in 2..10 {
            table.change(vec![(key("a"), Some(Row::new(service("a", port))))]);
        }
        table.change(vec![(key("b"), None)]);
        let later = table.since(Some(1), "");
        assert!(!later.whole);
        assert_eq!(
            (later.generation, names(&later)),
            (10, vec!["+a".into(), "-b".into()])
        );
        assert_eq!(names(&table.since(Some(9), "")), ["-b"]);
        assert!(table.since(Some(10), "").services.is_empty());
        // The same again is no change.
        table.change(vec![
            (key("b"), None),
            (key("a"), Some(Row::new(service("a", 9)))),
        ]);
        assert_eq!(table.since(None, "").generation, 10);
    }

    #[test]
    fn a_pod_that_was_told_long_ago_is_told_everything() {
        let table = Table::default();
        table.replace(vec![Row::new(service("kept", 1))]);
        for n in 0..=GONE {
            let name = format!("s{n}");
            table.change(vec![(key(&name), Some(Row::new(service(&name, 1))))]);
            table.change(vec![(key(&name), None)]);
        }
        let update = table.since(Some(1), "");
        assert!(update.whole);
        assert_eq!(names(&update), ["+kept"]);
        assert_eq!(table.state().rows.len(), 1);
        assert!(!table.since(Some(update.generation), "").whole);
    }

    #[test]
    fn pods_of_a_node_see_what_is_meant_for_them() {
        let row = Row::new(service("a", 1)).on_node("n1", service("a", 2));
        let table = Table::default();
        table.replace(vec![row]);
        let at = "10.100.0.7:80".parse().unwrap();
        let of = |node| table.endpoints(at, node).unwrap()[0].port();
        assert_eq!((of("n1"), of("n2")), (2, 1));
        assert_eq!(
            table.endpoints("10.100.0.7:81".parse().unwrap(), ""),
            Some(Vec::new())
        );
        assert_eq!(table.endpoints("10.100.0.8:80".parse().unwrap(), ""), None);
    }
}
