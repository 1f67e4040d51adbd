//! Tokens of service accounts in the volumes of pods, new ones before the old ones end.
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use wharf_runtime::{Content, File, PodSpec, VolumeSource};
use wharf_types::Timestamp;

use super::translate::Refusal;
use crate::authn::issue::{AUDIENCE, issue};
use crate::{Cluster, fields};

/// The oldest token that a pod has.
const OLDEST: Duration = Duration::from_hours(24);

/// What a token is for: its audience and how many seconds it was asked for.
type Purpose = (String, u64);

#[derive(Clone, Debug)]
struct Minted {
    token: String,
    renew: Timestamp,
}

/// The tokens that pods have, by the pods' uids.
#[derive(Debug, Default)]
pub(super) struct Tokens(Mutex<HashMap<String, HashMap<Purpose, Minted>>>);

impl Tokens {
    // Nothing panics while it holds the lock.
    fn lock(&self) -> MutexGuard<'_, HashMap<String, HashMap<Purpose, Minted>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn forget(&self, uid: &str) {
        self.lock().remove(uid);
    }

    /// Puts tokens in the files that are to have them. Answers when the first is to be replaced.
    pub(super) fn fill(
        &self,
        cluster: &Cluster,
        pod: &Value,
        spec: &mut PodSpec,
    ) -> Result<Option<Timestamp>, Refusal> {
        let mut first = None;
        for volume in &mut spec.volumes {
            let VolumeSource::Files(files) = &mut volume.source else {
                continue;
            };
            for file in files {
                let renew = self.file(cluster, pod, &volume.name, file)?;
                first = [first, renew].into_iter().flatten().min();
            }
        }
        Ok(first)
    }

    fn file(
        &self,
        cluster: &Cluster,
        pod: &Value,
        volume: &str,
        file: &mut File,
    ) -> Result<Option<Timestamp>, Refusal> {
        let Content::Token { audience, expiry } = &file.content else {
            return Ok(None);
        };
        let uid = fields::text(&pod["metadata"], "uid");
        let purpose = (audience.clone(), expiry.as_secs());
        let known = self
            .lock()
            .get(uid)
            .and_then(|own| own.get(&purpose))
            .cloned();
        let minted = match known.filter(|known| cluster.now() < known.renew) {
            Some(known) => known,
            None => mint(cluster, pod, &purpose)
                .map_err(|why| Refusal::mount(volume, &format!("failed to fetch token: {why}")))?,
        };
        file.content = Content::Bytes(minted.token.clone().into_bytes());
        let renew = minted.renew;
        let mut all = self.lock();
        all.entry(uid.to_owned())
            .or_default()
            .insert(purpose, minted);
        Ok(Some(renew))
    }
}

fn mint(cluster: &Cluster, pod: &Value, (audience, secs): &Purpose) -> Result<Minted, String> {
    let (metadata, spec) = (&pod["metadata"], &pod["spec"]);
    let namespace = fields::text(metadata, "namespace");
    let account = match fields::text(spec, "serviceAccountName") {
        "" => "default",
        account => account,
    };
    let owner = cluster.get("serviceaccounts", namespace, account);
    let owner = owner.ok_or_else(|| format!("serviceaccounts \"{account}\" not found"))?;
    let audience = match audience.as_str() {
        "" => AUDIENCE,
        audience => audience,
    };
    let request = json!({
        "spec": {
            "audiences": [audience],
            "expirationSeconds": secs,
            "boundObjectRef": {
                "apiVersion": "v1",
                "kind": "Pod",
                "name": metadata["name"],
                "uid": metadata["uid"],
            },
        },
    });
    let issued = issue(cluster, &owner, &request).map_err(|status| status.to_string())?;
    let life = Duration::from_secs(*secs);
    Ok(Minted {
        token: fields::text(&issued.status, "token").to_owned(),
        // With a fifth of its life left.
        renew: cluster.now() + (life * 4 / 5).min(OLDEST),
    })
}
