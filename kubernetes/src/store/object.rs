//! An object as it is kept: bytes, and what must be known without reading them.
use std::any::Any;
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::body::{Body, Packer};
use super::texts::Texts;

/// What seldom differs between the states of an object, which share it.
#[derive(Debug, PartialEq, Eq)]
pub struct Identity {
    /// Empty for objects of the cluster.
    pub namespace: String,
    pub name: String,
    pub uid: String,
    pub labels: Vec<(String, String)>,
    /// The uids of its owners.
    pub owners: Vec<String>,
}

impl Deref for Object {
    type Target = Identity;

    fn deref(&self) -> &Identity {
        &self.identity
    }
}

/// One state of an object. Never changes; shared by whoever reads, lists or watches it.
#[derive(Debug)]
pub struct Object {
    identity: Arc<Identity>,
    /// `metadata.resourceVersion`.
    pub revision: u64,
    /// The length of its JSON.
    pub size: usize,
    /// The values of its kind's selectable fields, in the order of the row.
    pub fields: Texts,
    /// Whether it has a deletion timestamp.
    pub deleting: bool,
    kept: Mutex<Kept>,
}

#[derive(Debug)]
struct Kept {
    body: Body,
    view: View,
}

/// What a controller has read of an object. One that was superseded some time ago keeps nothing.
#[derive(Debug)]
enum View {
    Unread,
    Kept(Arc<dyn Any + Send + Sync>),
    Dropped,
}

impl Object {
    /// Notes what must be known of an object, of which there may be an earlier state.
    pub(super) fn new(
        value: &Value,
        revision: u64,
        fields: Texts,
        body: Bytes,
        earlier: Option<&Self>,
    ) -> Self {
        let metadata = &value["metadata"];
        let text = |name: &str| metadata[name].as_str().unwrap_or_default().to_owned();
        let labels = metadata["labels"].as_object().into_iter().flatten();
        let owners = metadata["ownerReferences"].as_array().into_iter().flatten();
        let identity = Identity {
            namespace: text("namespace"),
            name: text("name"),
            uid: text("uid"),
            labels: labels
                .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
                .collect(),
            owners: owners
                .filter_map(|owner| owner["uid"].as_str().map(str::to_owned))
                .collect(),
        };
        let same = earlier.map(|earlier| &earlier.identity);
        let same = same.filter(|earlier| ***earlier == identity);
        Self {
            identity: same.map_or_else(|| Arc::new(identity), Arc::clone),
            revision,
            size: body.len(),
            fields,
            deleting: !metadata["deletionTimestamp"].is_null(),
            kept: Mutex::new(Kept {
                body: Body::Plain(body),
                view: View::Unread,
            }),
        }
    }

    /// JSON.
    pub fn body(&self) -> Bytes {
        self.kept().body.text()
    }

    /// The object, to be looked through or changed.
    pub fn value(&self) -> Value {
        // It was serialized by us.
        serde_json::from_slice(&self.body()).unwrap_or_default()
    }

    pub fn label(&self, key: &str) -> Option<&str> {
        let found = self.labels.iter().find(|(name, _)| name == key);
        found.map(|(_, value)| value.as_str())
    }

    /// What a controller reads of the object, as a type that ignores the rest and has a default for
    /// everything. It is read once; a kind has one such type.
    pub fn view<T>(&self) -> Arc<T>
    where
        T: DeserializeOwned + Default + Send + Sync + 'static,
    {
        let read = || {
            let read = serde_json::from_slice::<T>(&self.body());
            Arc::new(read.unwrap_or_else(|error| {
                let error: &dyn std::error::Error = &error;
                let (namespace, name) = (&self.namespace, &self.name);
                tracing::error!(
                    error,
                    namespace,
                    name,
                    "an object cannot be read by a controller"
                );
                T::default()
            }))
        };
        if let View::Kept(kept) = &self.kept().view
            && let Ok(kept) = Arc::clone(kept).downcast()
        {
            return kept;
        }
        let view = read();
        let mut kept = self.kept();
        if matches!(kept.view, View::Unread) {
            kept.view = View::Kept(Arc::clone(&view) as Arc<dyn Any + Send + Sync>);
        }
        view
    }

    // Nothing panics while it holds the lock.
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps no view any more: it is rarely looked at from now on.
    pub(super) fn drop_view(&self) {
        self.kept().view = View::Dropped;
    }

    /// Takes less room from now on, and some microseconds to be read.
    pub(super) fn pack(&self, packer: &mut Packer) {
        let text = match &self.kept().body {
            Body::Plain(text) => text.clone(),
            Body::Packed { .. } => return,
        };
        if let Some(packed) = packer.pack(&text) {
            self.kept().body = packed;
        }
    }
}
