//! Changes of objects that exist.
use std::sync::Arc;

use serde_json::{Value, json};

use super::{Part, Write, Written, check, in_form, metadata, to_stored, track, validate};
use crate::cluster::{Cluster, Resource, What, addresses, admit, fields};
use crate::kinds::{validate_ephemeral_containers_update, validate_resize};
use crate::services::Reservation;
use crate::store::{Object, Op, Pledge, Refused};
use crate::{Errors, Status, Subresource, crd};

/// How often a change is tried again because somebody else was faster.
const TRIES: usize = 10;

impl Cluster {
    /// Changes an object. `change` makes the new state of the old one; a `resourceVersion` in it
    /// that is not the old one's is a conflict.
    pub(crate) async fn update_object(
        &self,
        write: &Write<'_>,
        change: impl Fn(&Value) -> Result<Value, Status> + Send + Sync,
    ) -> Result<Written, Status> {
        let Resource { plural, group, .. } = &**write.resource;
        let mut tries = 0;
        loop {
            let current = write.resource.shelf.get(write.namespace, write.name);
            let current = current.ok_or_else(|| Status::not_found(plural, group, write.name))?;
            let old = in_form(write.resource, &current);
            let new = change(&old)?;
            let wanted = metadata::text(&new, "resourceVersion");
            let pinned = !wanted.is_empty();
            if pinned && wanted != metadata::text(&old, "resourceVersion") {
                return Err(Status::modified(plural, group, write.name));
            }
            match self.try_update(write, &current, &old, new).await {
                Err(Tried::Changed) if tries < TRIES => tries += 1,
                Err(Tried::Changed) => {
                    return Err(Status::modified(plural, group, write.name));
                }
                Err(Tried::Status(status)) => return Err(status),
                Ok(written) => return Ok(written),
            }
        }
    }

    async fn try_update(
        &self,
        write: &Write<'_>,
        current: &Arc<Object>,
        old: &Value,
        mut new: Value,
    ) -> Result<Written, Tried> {
        let resource = write.resource;
        let uid = metadata::text(&new, "uid");
        if !uid.is_empty() && uid != current.uid {
            let why = format!(
                "Precondition failed: UID in precondition: {uid}, UID in object meta: {}",
                current.uid
            );
            let Resource { plural, group, .. } = &**resource;
            return Err(Status::conflict(plural, group, write.name, &why).into());
        }
        metadata::fit(write, &mut new)?;
        let options = &write.options;
        let mut warnings =
            fields::normalize(resource, &mut new, options.validation, &options.duplicates)?;
        let mut new = merged(write, old, new);
        metadata::keep(old, &mut new);
        prepare(write, old, &mut new);
        if write.part == Part::Main {
            warnings.extend(crd::warnings(resource, &new));
        }
        let held = addresses::reserve(self, write, Some(old), &mut new)?;
        let mut errors = Errors::default();
        validate_change(write, old, &new, &mut errors);
        metadata::count(resource, old, &mut new);
        check(write, write.name, &errors)?;
        admit::checked(self, write, Some(old), &mut new)?;
        if !options.applied {
            track(write, Some(old), &mut new, self.now());
        }
        let op = if is_finished(&new) {
            Op::Delete(current.revision)
        } else if new == *old {
            return Ok(Written {
                object: Arc::clone(current),
                warnings,
                created: false,
            });
        } else {
            Op::Update(current.revision, to_stored(resource, new))
        };
        if options.dry_run {
            let object = match op {
                Op::Update(revision, value) => Arc::new(resource.shelf.unsaved(value, revision)),
                _gone => Arc::clone(current),
            };
            return Ok(Written {
                object,
                warnings,
                created: false,
            });
        }
        let object = self.store_change(write, old, op, held).await?;
        Ok(Written {
            object,
            warnings,
            created: false,
        })
    }

    async fn store_change(
        &self,
        write: &Write<'_>,
        old: &Value,
        op: Op,
        held: Option<Reservation>,
    ) -> Result<Arc<Object>, Tried> {
        let mut pledges = Vec::new();
        // What goes needs nothing new.
        let held = match &op {
            Op::Update(_, new) => {
                pledges = admit::charge(self, write, Some(old), new).await?;
                held
            }
            _gone => addresses::release(self, write, old),
        };
        pledges.extend(held.map(|held| Box::new(held) as Box<dyn Pledge>));
        let (store, shelf) = (self.store(), &write.resource.shelf);
        let done = store
            .commit_with(shelf, write.namespace, write.name, op, pledges)
            .await;
        done.map_err(|refused| match refused {
            Refused::Changed(Some(_)) => Tried::Changed,
            refused => Self::refused(write, write.name, refused).into(),
        })
    }
}

enum Tried {
    /// Somebody else was faster.
    Changed,
    Status(Status),
}

impl From<Status> for Tried {
    fn from(status: Status) -> Self {
        Self::Status(status)
    }
}

/// Whether an object that is being deleted has nothing left to wait for.
fn is_finished(object: &Value) -> bool {
    let metadata = &object["metadata"];
    let waits = metadata["deletionGracePeriodSeconds"].as_i64() > Some(0);
    !metadata["deletionTimestamp"].is_null() && !waits && !metadata::has_finalizers(object)
}

/// Fills in defaults, and brings the new state into the form in which it is stored.
fn prepare(write: &Write<'_>, old: &Value, new: &mut Value) {
    match (&write.resource.what, write.part) {
        (What::Builtin(row), Part::Main | Part::Resize | Part::EphemeralContainers) => {
            (row.default)(new);
            (row.prepare_update)(new, old);
        }
        (What::Builtin(_), _) => {}
        (What::Custom(custom), _) => crd::default(custom, new),
    }
}

fn validate_change(write: &Write<'_>, old: &Value, new: &Value, errors: &mut Errors) {
    let row = match &write.resource.what {
        What::Builtin(row) => row,
        What::Custom(_) => {
            validate(write.resource, new, errors);
            return crd::validate_update(new, old, errors);
        }
    };
    match write.part {
        Part::Main | Part::Finalize | Part::Approval => {
            validate(write.resource, new, errors);
            (row.validate_update)(new, old, errors);
        }
        Part::EphemeralContainers => {
            validate(write.resource, new, errors);
            validate_ephemeral_containers_update(new, old, errors);
        }
        Part::Resize => {
            validate(write.resource, new, errors);
            validate_resize(new, old, errors);
        }
        // What the system says of an object is not judged by what users may ask for.
        Part::Status | Part::Binding => {}
    }
}

/// The new state: what is asked for in the part that the request is for, the old in all others.
fn merged(write: &Write<'_>, old: &Value, mut new: Value) -> Value {
    const OWNED: &str = "/metadata/managedFields";
    let mut take = |paths: &[&str]| {
        let mut state = old.clone();
        for path in paths {
            let value = new.pointer_mut(path).map(Value::take);
            set(&mut state, value, path);
        }
        let owned = new.pointer_mut(OWNED).map(Value::take);
        set(&mut state, owned.filter(|owned| !owned.is_null()), OWNED);
        state
    };
    match write.part {
        Part::Main => {
            if write.resource.has(Subresource::Status) {
                set(&mut new, old.pointer("/status").cloned(), "/status");
            }
            new
        }
        // Kubelets and cloud controllers label nodes by their status.
        Part::Status if write.resource.plural == "nodes" => {
            take(&["/status", "/metadata/labels", "/metadata/annotations"])
        }
        Part::Status => take(&["/status"]),
        Part::Binding => take(&[
            "/spec/nodeName",
            "/status",
            "/metadata/annotations",
            "/metadata/labels",
        ]),
        Part::Finalize => take(&["/spec/finalizers", "/status", "/metadata/finalizers"]),
        Part::EphemeralContainers => take(&["/spec/ephemeralContainers"]),
        Part::Resize => take(&["/spec/containers", "/spec/initContainers"]),
        Part::Approval => take(&["/status/conditions"]),
    }
}

/// Makes one member of an object what it is elsewhere, or absent.
fn set(target: &mut Value, value: Option<Value>, path: &str) {
    let Some((parent, name)) = path.rsplit_once('/') else {
        return;
    };
    if value.is_some()
        && let (Some(first), Value::Object(members)) = (parent.split('/').nth(1), &mut *target)
    {
        members.entry(first).or_insert_with(|| json!({}));
    }
    let Some(Value::Object(members)) = target.pointer_mut(parent) else {
        return;
    };
    match value {
        Some(value) => members.insert(name.to_owned(), value),
        None => members.remove(name),
    };
}
