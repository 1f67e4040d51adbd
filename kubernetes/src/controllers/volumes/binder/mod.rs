//! `persistentvolume-binder`: gives claims their volumes.
//!
//! A volume is written first and its claim then, so that whoever sees a bound claim finds the volume
//! that says the same. Stopped between, the volume names the claim, which finds it again.
mod act;
mod plan;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

pub(crate) use act::reserve as keep_volume;
use plan::{Around, ForClaim};
use wharf_types::Timestamp;

use super::super::{Frame, Index, Key, Outcome, Seen, WORKERS, pod_control};
use super::{CLAIMS, CLASSES, Told, VOLUMES, pods_by_claim};
use crate::admission::default_storage_class::default_class;
use crate::cluster::{Actor, Cluster};
use crate::scheduler::model::{Claim, StorageClass, Volume};
use crate::store::Object;
use crate::views::PodView;
use crate::{Status, fields};

/// How often a claim that waits is looked at without a reason: pods are not followed.
const RESYNC: Duration = Duration::from_secs(15);

/// How long the same is not told again of a claim.
const QUIET: Duration = Duration::from_mins(5);

/// Of how many claims it is remembered what they were told; then all is forgotten.
const REMEMBERED: usize = 4096;

#[derive(Debug)]
struct Binder {
    cluster: Cluster,
    by: Actor,
    volumes: Index,
    claims: Index,
    pods: Index,
    told: Mutex<HashMap<String, (String, Timestamp)>>,
}

/// Works until it is dropped.
pub(in crate::controllers) async fn run(cluster: Cluster) -> Result<(), Status> {
    let store = cluster.store();
    let binder = Arc::new(Binder {
        by: Actor::controller("persistentvolume-controller"),
        volumes: Index::new(store, cluster.shelf(VOLUMES)?, volume_terms),
        claims: Index::new(store, cluster.shelf(CLAIMS)?, claim_terms),
        pods: pods_by_claim(&cluster)?,
        told: Mutex::default(),
        cluster: cluster.clone(),
    });
    let mut frame = Frame::of("persistentvolume-binder", &cluster);
    let all = Arc::clone(&binder);
    frame.on(cluster.shelf(VOLUMES)?, move |seen| all.by_volume(seen));
    let all = Arc::clone(&binder);
    frame.on(cluster.shelf(CLAIMS)?, move |seen| all.by_claim(seen));
    let all = Arc::clone(&binder);
    frame.on(cluster.shelf(CLASSES)?, move |seen| {
        let name = seen.latest().map_or("", |class| class.name.as_str());
        let of = |term: String| {
            all.claims
                .of(&term)
                .into_iter()
                .map(|claim| Key::of(&claim))
        };
        // Those without a class wait for a default one.
        of(waits_for(name)).chain(of(waits_for(""))).collect()
    });
    frame
        .run(WORKERS, move |key| {
            let binder = Arc::clone(&binder);
            async move {
                if key.namespace.is_empty() {
                    binder.volume(&key.name).await
                } else {
                    binder.claim(&key).await
                }
            }
        })
        .await;
    Ok(())
}

/// Claims that wait for a volume of a class.
fn waits_for(class: &str) -> String {
    format!("waits/{class}")
}

fn claim_terms(object: &Object) -> Vec<String> {
    let claim = Claim::read(&object.value());
    if claim.volume.is_empty() {
        vec![waits_for(&claim.class)]
    } else {
        vec![format!("has/{}", claim.volume)]
    }
}

/// Volumes are found by the claim that they name, or by their class while they name none.
fn volume_terms(object: &Object) -> Vec<String> {
    let volume = Volume::read(&object.value());
    match &volume.claim {
        Some((namespace, name)) => vec![format!("for/{namespace}/{name}")],
        None => vec![format!("of/{}", volume.class)],
    }
}

impl Binder {
    /// A volume, the claim that it names, and those that it could be for.
    fn by_volume(&self, seen: &Seen<'_>) -> Vec<Key> {
        let mut keys = Vec::new();
        for object in seen.states() {
            let volume = Volume::read(&object.value());
            keys.push(Key::of(object));
            let mut add = |term: String| {
                keys.extend(self.claims.of(&term).iter().map(|claim| Key::of(claim)));
            };
            add(format!("has/{}", volume.name));
            if let Some((namespace, name)) = &volume.claim {
                keys.push(Key::new(namespace, name));
            } else if volume.phase == "Available" {
                add(waits_for(&volume.class));
            }
        }
        keys
    }

    /// A claim, and the volumes that name it or that it names.
    fn by_claim(&self, seen: &Seen<'_>) -> Vec<Key> {
        let Some(object) = seen.latest() else {
            return Vec::new();
        };
        let term = format!("for/{}/{}", object.namespace, object.name);
        let named = self.volumes.of(&term);
        let mut keys: Vec<Key> = named.iter().map(|volume| Key::of(volume)).collect();
        keys.push(Key::of(object));
        keys
    }

    async fn claim(&self, key: &Key) -> Outcome {
        let cluster = &self.cluster;
        let Some(object) = cluster.get(CLAIMS, &key.namespace, &key.name) else {
            return Ok(None);
        };
        let claim = Claim::read(&object.value());
        let step = plan::for_claim(&claim, &self.around(&claim).borrow());
        match step {
            ForClaim::Wait(told) => {
                self.tell(&object, told).await;
                self.wait(&object).await?;
                Ok(Some(RESYNC))
            }
            ForClaim::SetClass(class) => self.set_class(&object, &class).await,
            ForClaim::Ask(provisioner, told) => {
                self.ask(&object, &provisioner).await?;
                self.tell(&object, Some(told)).await;
                Ok(Some(RESYNC))
            }
            ForClaim::Bind(volume) => self.bind(&object, &volume).await,
            ForClaim::Lose(told) => self.lose(&object, &told).await,
        }
    }

    fn around(&self, claim: &Claim) -> Known {
        let cluster = &self.cluster;
        let mut known = Known::default();
        if !claim.volume.is_empty() {
            let named = cluster.get(VOLUMES, "", &claim.volume);
            known.named = named.map(|volume| Volume::read(&volume.value()));
            return known;
        }
        let class = cluster.get(CLASSES, "", &claim.class);
        known.class = class.map(|class| StorageClass::read(&class.value()));
        if !claim.has_class {
            let all = cluster.list(CLASSES, None);
            let all: Vec<_> = all.iter().map(|class| class.value()).collect();
            let found = default_class(&all);
            known.default_class =
                found.map(|class| fields::text(&class["metadata"], "name").to_owned());
        }
        let kept = format!("for/{}/{}", claim.namespace, claim.name);
        let mut volumes = self.volumes.of(&kept);
        if !known.class.as_ref().is_some_and(|class| class.delayed) {
            volumes.extend(self.volumes.of(&format!("of/{}", claim.class)));
        }
        known.volumes = volumes
            .iter()
            .map(|volume| Volume::read(&volume.value()))
            .collect();
        let pods = self.pods.of(&format!("{}/{}", claim.namespace, claim.name));
        let waiting = pods.iter().filter(|pod| {
            let pod = pod.view::<PodView>();
            pod.spec.node_name.is_empty() && !pod_control::is_finished(&pod)
        });
        known.pods = waiting.map(|pod| pod.name.clone()).collect();
        known
    }

    /// Tells something of a claim, unless it was told just now.
    async fn tell(&self, claim: &Object, told: Option<Told>) {
        let Some(told) = told else {
            return;
        };
        let now = self.cluster.now();
        {
            let mut known = self.told.lock().unwrap_or_else(PoisonError::into_inner);
            let last = known.get(&claim.uid);
            if last.is_some_and(|(text, at)| *text == told.message && now.since(*at) < QUIET) {
                return;
            }
            if known.len() >= REMEMBERED {
                known.clear();
            }
            known.insert(claim.uid.clone(), (told.message.clone(), now));
        }
        super::tell_claim(&self.cluster, &self.by, claim, &told).await;
    }
}

/// What [`Around`] borrows.
#[derive(Debug, Default)]
struct Known {
    class: Option<StorageClass>,
    default_class: Option<String>,
    volumes: Vec<Volume>,
    named: Option<Volume>,
    pods: Vec<String>,
}

impl Known {
    fn borrow(&self) -> Around<'_> {
        Around {
            class: self.class.as_ref(),
            default_class: self.default_class.as_deref(),
            volumes: &self.volumes,
            named: self.named.as_ref(),
            pods: &self.pods,
        }
    }
}
