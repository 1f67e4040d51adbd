//! What users are told of a pod: events, and why it waits.
use std::time::Duration;

use serde_json::Value;
use wharf_runtime::{ContainerStatus, PodStatus};
use wharf_types::Timestamp;

use super::Placed;
use crate::kubelet::Kubelet;
use crate::kubelet::events::{about, about_container};
use crate::kubelet::status::waiting;
use crate::kubelet::translate::{Refusal, Trouble};
use crate::{Status, fields};

impl Kubelet {
    /// Says why a pod does not run, and makes sure that it does not.
    pub(super) async fn refuse(
        &self,
        placed: &Placed,
        refusal: &Refusal,
        now: Timestamp,
    ) -> Result<(), Status> {
        let engine = self.engine(placed.is_virtual);
        if engine.status(&placed.uid).is_some() {
            engine
                .stop(&placed.uid, Duration::ZERO)
                .await
                .map_err(Status::internal)?;
            engine.remove(&placed.uid).await.map_err(Status::internal)?;
        }
        self.0.addresses.release(&placed.node, &placed.uid);
        let waits = refusal.trouble != Trouble::Policy;
        self.0.state.set_waiting(&placed.key, waits);
        self.0.state.change(&placed.key, |known| known.given = None);
        self.tell_refusal(placed, refusal);
        let refused = if refusal.trouble == Trouble::Mount {
            Vec::new()
        } else {
            let names = refused_names(&placed.pod, refusal);
            let one = |name: &String| waiting(name, refusal.reason(), &refusal.message);
            names.iter().map(one).collect()
        };
        self.write_waiting(placed, &refused, now).await
    }

    pub(super) fn tell_refusal(&self, placed: &Placed, refusal: &Refusal) {
        match refusal.trouble {
            Trouble::Mount => self.complain(placed, "FailedMount", &refusal.message),
            Trouble::Image => {
                let name = refusal.container.as_deref().unwrap_or_default();
                let about = about_container(&placed.pod, name);
                if self.is_new_complaint(placed, &refusal.message) {
                    self.0
                        .events
                        .warning(&about, "InspectFailed", refusal.message.clone());
                    self.0
                        .events
                        .warning(&about, "Failed", "Error: InvalidImageName".to_owned());
                }
            }
            Trouble::Policy | Trouble::Config | Trouble::Engine(_) => {
                let names = refused_names(&placed.pod, refusal);
                let name = names.first().map(String::as_str).unwrap_or_default();
                if self.is_new_complaint(placed, &refusal.message) {
                    let about = about_container(&placed.pod, name);
                    let message = format!("Error: {}", refusal.message);
                    self.0.events.warning(&about, "Failed", message);
                }
            }
        }
    }

    pub(super) fn complain(&self, placed: &Placed, reason: &'static str, message: &str) {
        if self.is_new_complaint(placed, message) {
            self.0
                .events
                .warning(&about(&placed.pod), reason, message.to_owned());
        }
    }

    /// The same thing is told once.
    pub(super) fn is_new_complaint(&self, placed: &Placed, message: &str) -> bool {
        let mut new = false;
        self.0.state.change(&placed.key, |known| {
            new = known.complaint != message;
            message.clone_into(&mut known.complaint);
        });
        new
    }

    /// Tells of containers that were started, if the engine does not.
    pub(super) fn tell_started(&self, placed: &Placed, ran: &PodStatus) {
        if self.0.tells && !placed.is_virtual {
            return;
        }
        let known = self.0.state.get(&placed.key).unwrap_or_default();
        let new: Vec<&ContainerStatus> = ran
            .containers
            .iter()
            .filter(|one| !one.id.is_empty() && !known.told.contains(&one.id))
            .collect();
        if new.is_empty() {
            return;
        }
        for container in &new {
            let name = &container.name;
            let about = about_container(&placed.pod, name);
            let image = image(&placed.pod, name);
            let events = &self.0.events;
            events.normal(
                &about,
                "Pulled",
                format!("Container image \"{image}\" already present on machine"),
            );
            events.normal(&about, "Created", format!("Created container: {name}"));
            events.normal(&about, "Started", format!("Started container {name}"));
        }
        let ids: Vec<String> = ran.containers.iter().map(|one| one.id.clone()).collect();
        let state = &self.0.state;
        state.change(&placed.key, |known| known.told = ids);
    }
}

/// The containers that a refusal is about: the one that it names, else those that come first.
fn refused_names(pod: &Value, refusal: &Refusal) -> Vec<String> {
    if let Some(name) = &refusal.container {
        return vec![name.clone()];
    }
    let name = |container: &Value| fields::text(container, "name").to_owned();
    match fields::list(&pod["spec"], "initContainers").first() {
        Some(init) => vec![name(init)],
        None => fields::list(&pod["spec"], "containers")
            .iter()
            .map(name)
            .collect(),
    }
}

fn image<'a>(pod: &'a Value, container: &str) -> &'a str {
    let lists = ["containers", "initContainers", "ephemeralContainers"];
    let mut all = lists
        .into_iter()
        .flat_map(|list| fields::list(&pod["spec"], list));
    let found = all.find(|one| fields::text(one, "name") == container);
    found.map_or("", |container| fields::text(container, "image"))
}
