//! What is ours and what it is called. Only labels say so: a name alone is never enough to touch a thing.
use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

pub(crate) mod label {
    /// The server whose it is.
    pub(crate) const INSTANCE: &str = "dev.wharf.instance";
    /// Where that server remembers what it has here, and on which machine.
    pub(crate) const FOLDER: &str = "dev.wharf.folder";
    pub(crate) const MACHINE: &str = "dev.wharf.machine";
    pub(crate) const CLUSTER: &str = "dev.wharf.cluster";
    /// `sandbox`, `container`, `volume`, `persistent` or `network`.
    pub(crate) const KIND: &str = "dev.wharf.kind";
    /// The pod's id.
    pub(crate) const POD: &str = "dev.wharf.pod";
    pub(crate) const NAMESPACE: &str = "dev.wharf.namespace";
    pub(crate) const NAME: &str = "dev.wharf.name";
    pub(crate) const CONTAINER: &str = "dev.wharf.container";
    pub(crate) const ATTEMPT: &str = "dev.wharf.attempt";
    pub(crate) const IMAGE: &str = "dev.wharf.image";
}

/// What a thing is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Sandbox,
    Container,
    Volume,
    Persistent,
    Network,
}

impl Kind {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Sandbox => "sandbox",
            Self::Container => "container",
            Self::Volume => "volume",
            Self::Persistent => "persistent",
            Self::Network => "network",
        }
    }
}

pub(crate) type Labels = BTreeMap<String, String>;

/// A server, as the labels of its things tell it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Owner {
    pub(crate) instance: String,
    pub(crate) folder: String,
    pub(crate) machine: String,
}

impl Owner {
    /// What labels say. None: they are not ours, or of before servers said where they are.
    pub(crate) fn of(labels: &Labels) -> Option<Self> {
        let text = |key: &str| labels.get(key).filter(|text| !text.is_empty()).cloned();
        Some(Self {
            instance: text(label::INSTANCE)?,
            folder: text(label::FOLDER)?,
            machine: text(label::MACHINE)?,
        })
    }

    #[cfg(test)]
    pub(crate) fn for_test(instance: &str) -> Self {
        Self {
            instance: instance.to_owned(),
            folder: "/folder".to_owned(),
            machine: "machine".to_owned(),
        }
    }
}

/// Names and labels of one cluster's things.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    owner: Owner,
    cluster: String,
    /// The beginning of all names.
    prefix: String,
}

impl Names {
    pub(crate) fn new(owner: &Owner, cluster: &str) -> Self {
        Self {
            prefix: format!("wharf-{}", short(&owner.instance, 8)),
            owner: owner.clone(),
            cluster: cluster.to_owned(),
        }
    }

    fn hash(&self, of: &str) -> String {
        short(&format!("{}/{of}", self.cluster), 16)
    }

    pub(crate) fn network(&self) -> String {
        format!("{}-{}", self.prefix, short(&self.cluster, 16))
    }

    pub(crate) fn sandbox(&self, pod: &str) -> String {
        format!("{}-{}", self.prefix, self.hash(pod))
    }

    pub(crate) fn container(&self, pod: &str, name: &str, attempt: u32) -> String {
        format!("{}-{name}-{attempt}", self.sandbox(pod))
    }

    pub(crate) fn volume(&self, pod: &str, name: &str) -> String {
        format!("{}-{name}", self.sandbox(pod))
    }

    /// The volume with the last words of a pod's containers; no volume of a pod has such a name.
    pub(crate) fn words(&self, pod: &str) -> String {
        format!("{}_words", self.sandbox(pod))
    }

    pub(crate) fn persistent(&self, id: &str) -> String {
        format!("{}-{}", self.prefix, self.hash(&format!("persistent/{id}")))
    }

    /// What all things of the cluster bear.
    pub(crate) fn labels(&self, kind: Kind) -> Labels {
        Labels::from(
            [
                (label::INSTANCE, self.owner.instance.as_str()),
                (label::FOLDER, self.owner.folder.as_str()),
                (label::MACHINE, self.owner.machine.as_str()),
                (label::CLUSTER, self.cluster.as_str()),
                (label::KIND, kind.name()),
            ]
            .map(|(key, value)| (key.to_owned(), value.to_owned())),
        )
    }

    /// What all things of a pod bear.
    pub(crate) fn of_pod(&self, kind: Kind, pod: &str) -> Labels {
        let mut labels = self.labels(kind);
        labels.insert(label::POD.to_owned(), pod.to_owned());
        labels
    }

    /// Finds the things of the cluster.
    pub(crate) fn ours(&self) -> Vec<String> {
        vec![
            format!("{}={}", label::INSTANCE, self.owner.instance),
            format!("{}={}", label::CLUSTER, self.cluster),
        ]
    }

    pub(crate) fn ours_in(&self, pod: &str) -> Vec<String> {
        let mut labels = self.ours();
        labels.push(format!("{}={pod}", label::POD));
        labels
    }

    pub(crate) fn is_ours(&self, labels: &Labels) -> bool {
        labels.get(label::INSTANCE) == Some(&self.owner.instance)
            && labels.get(label::CLUSTER) == Some(&self.cluster)
    }
}

/// Some digits that stand for a text.
pub(crate) fn short(text: &str, digits: usize) -> String {
    sha256(text.as_bytes()).chars().take(digits).collect()
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _infallible = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(instance: &str, cluster: &str) -> Names {
        Names::new(&Owner::for_test(instance), cluster)
    }

    #[test]
    fn what_bears_other_labels_is_not_ours() {
        let names = named("here", "one");
        let mut labels = names.of_pod(Kind::Container, "p");
        assert!(names.is_ours(&labels));
        assert!(!named("there", "one").is_ours(&labels));
        assert!(!named("here", "two").is_ours(&labels));
        labels.remove(label::INSTANCE);
        assert!(!names.is_ours(&labels));
    }

    #[test]
    fn names_differ_where_things_do() {
        let (one, two) = (named("here", "one"), named("here", "two"));
        let all = [
            one.network(),
            two.network(),
            one.sandbox("p"),
            two.sandbox("p"),
            one.container("p", "c", 0),
            one.container("p", "c", 1),
            one.volume("p", "words"),
            one.words("p"),
            one.persistent("p"),
        ];
        let set: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(set.len(), all.len(), "{all:?}");
    }
}
