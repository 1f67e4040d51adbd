//! New objects.
use std::sync::Arc;

use serde_json::Value;

use super::{Part, Write, Written, check, metadata, to_stored, track, validate};
use crate::cluster::{Cluster, What, addresses, admit, fields, names};
use crate::store::{Op, Pledge, Refused};
use crate::{Errors, Status, Subresource, crd};

/// How often another name is tried where `generateName` made one that exists.
const NAMES: usize = 8;

impl Cluster {
    /// Makes an object.
    pub(crate) async fn create_object(
        &self,
        write: &Write<'_>,
        mut object: Value,
    ) -> Result<Written, Status> {
        if let What::Custom(custom) = &write.resource.what
            && custom.terminating
        {
            let text = "create not allowed while custom resource definition is terminating";
            return Err(Status {
                message: text.to_owned(),
                ..Status::method_not_allowed()
            });
        }
        metadata::fit(write, &mut object)?;
        let base = metadata::text(&object, "generateName").to_owned();
        let generated = metadata::text(&object, "name").is_empty() && !base.is_empty();
        let mut tries = 0;
        loop {
            let mut object = object.clone();
            if generated {
                metadata::set(&mut object, "name", names::generated(&base).into());
            }
            match self.try_create(write, object).await {
                Err(status) if generated && status.is_already_exists() && tries < NAMES => {
                    tries += 1;
                }
                done => return done,
            }
        }
    }

    async fn try_create(&self, write: &Write<'_>, mut object: Value) -> Result<Written, Status> {
        let resource = write.resource;
        let options = &write.options;
        let mut warnings = fields::normalize(
            resource,
            &mut object,
            options.validation,
            &options.duplicates,
        )?;
        metadata::begin(resource, &mut object, self.now());
        // A kubelet registers its node with all that it knows of it.
        let is_node = resource.plural == "nodes" && resource.group.is_empty();
        if resource.has(Subresource::Status)
            && !is_node
            && let Some(members) = object.as_object_mut()
        {
            members.remove("status");
        }
        match &resource.what {
            What::Builtin(row) => {
                (row.default)(&mut object);
                (row.prepare_create)(&mut object);
            }
            What::Custom(custom) => crd::default(custom, &mut object),
        }
        warnings.extend(crd::warnings(resource, &object));
        warnings.extend(admit::create(self, write, &mut object)?);
        if let What::Builtin(row) = &resource.what {
            (row.default)(&mut object);
        }
        let held = addresses::reserve(self, write, None, &mut object)?;
        let name = metadata::text(&object, "name").to_owned();
        let mut errors = Errors::default();
        validate(resource, &object, &mut errors);
        check(write, &name, &errors)?;
        if !write.options.applied {
            track(write, None, &mut object, self.now());
        }
        admit::checked(self, write, None, &mut object)?;
        let stored = to_stored(resource, object);
        if options.dry_run {
            let seen = Arc::new(resource.shelf.unsaved(stored, self.store().revision()));
            return Ok(Written {
                object: seen,
                warnings,
                created: true,
            });
        }
        let mut pledges = admit::charge(self, write, None, &stored).await?;
        pledges.extend(held.map(|held| Box::new(held) as Box<dyn Pledge>));
        let (namespace, shelf, op) = (write.namespace, &resource.shelf, Op::Create(stored));
        let made = self
            .store()
            .commit_with(shelf, namespace, &name, op, pledges)
            .await;
        let object = made.map_err(|refused: Refused| Self::refused(write, &name, refused))?;
        debug_assert!(write.part == Part::Main, "parts are of objects that exist");
        Ok(Written {
            object,
            warnings,
            created: true,
        })
    }
}
