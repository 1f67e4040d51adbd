//! Manifests from upstreams.
use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use wharf_storage::{Document, Owner, Read, Sparse, Write};
use wharf_types::{Digest, Manifest, ManifestRef, Registry, RepoName, Tag, Timestamp};
use wharf_upstream::{Error as UpstreamError, Fetched};

use super::{Puller, Rule, failed::Failed, rules};
use crate::{
    Cx, Error, References,
    images::{self, Origin, Push},
    repositories::{self, Purpose},
};

/// How long what an upstream said of a tag stands.
const FRESH: Duration = Duration::from_hours(24);

/// How long an upstream that failed is left alone about what is here anyway.
const RETRY: Duration = Duration::from_mins(5);

/// What an upstream said of a tag, or of an image's referrers: a document of the repository, named by
/// the tag or the image's digest.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Asked {
    /// What the tag named. If it names something else now, that was pushed here.
    pub(super) digest: Digest,
    /// When to ask again, in milliseconds.
    pub(super) due_ms: i64,
    /// Whether it did not say anything.
    #[serde(default)]
    pub(super) failed: bool,
}

impl Document for Asked {
    const KIND: &'static str = "pull-through-asked";
}

impl Asked {
    /// Whether it is time to ask again; also if the clock was ahead when this was noted.
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        self.due_ms <= now.as_ms() || self.due_ms > (now + FRESH).as_ms()
    }

    pub(super) fn until_fresh(digest: Digest, now: Timestamp) -> Self {
        Self {
            digest,
            due_ms: (now + FRESH).as_ms(),
            failed: false,
        }
    }

    pub(super) fn until_retry(digest: Digest, now: Timestamp) -> Self {
        Self {
            digest,
            due_ms: (now + RETRY).as_ms(),
            failed: true,
        }
    }
}

pub(super) type Outcome = Result<(), Failed>;

/// A pull that an upstream is to be asked about.
#[derive(Clone, Debug)]
struct Need {
    registry: Registry,
    name: RepoName,
    at: ManifestRef,
    rule: Rule,
    /// What is here meanwhile.
    cached: Option<Digest>,
}

/// Sees to it that an image is here as its upstream has it, if a rule is for its name. Fails only if
/// there is nothing to serve instead; an image that the upstream does not have is no failure.
pub async fn fetch_image(
    cx: &Cx,
    puller: Puller<'_>,
    name: &RepoName,
    at: &ManifestRef,
) -> Result<(), Error> {
    let registry = &puller.caller.registry;
    let Some(need) = need(cx, registry, name, at).await? else {
        return Ok(());
    };
    let is_cached = need.cached.is_some();
    match puller.may_import(cx, name).await {
        // What is here may be pulled.
        Err(Error::Denied(_)) if is_cached => return Ok(()),
        permitted => permitted?,
    }
    let key = (registry.clone(), name.clone(), at.to_string());
    let (mut state, pilot) = cx.upstreams.images().join(&key, None);
    if let Some(pilot) = pilot {
        let cx = cx.clone();
        tokio::spawn(async move {
            let name = need.name.clone();
            let outcome = fetch(&cx, need).await;
            pilot.tell(Some(outcome.map_err(|e| Failed::of(e, &name))));
        });
    }
    let outcome = match state.wait_for(Option::is_some).await {
        Ok(outcome) => outcome.clone(),
        Err(_stopped) => None,
    };
    match outcome.unwrap_or(Err(Failed::Unavailable)) {
        Ok(()) | Err(Failed::Upstream(UpstreamError::NotFound)) => Ok(()),
        Err(_) if is_cached => Ok(()),
        Err(failed) => Err(failed.into()),
    }
}

/// Whether an upstream is to be asked. ECR asks about tags only; a digest is at least as safe to ask
/// for, as what comes is compared with it.
async fn need(
    cx: &Cx,
    registry: &Registry,
    name: &RepoName,
    at: &ManifestRef,
) -> Result<Option<Need>, Error> {
    if matches!(at, ManifestRef::Tag(tag) if tag.as_str().len() > Tag::MAX_OCI) {
        return Ok(None);
    }
    let now = cx.store.now();
    let (registry, name, at) = (registry.clone(), name.clone(), at.clone());
    let read = cx.store.meta().read(move |tx| {
        let Some(rule) = rules::matching(tx, &registry, &name)? else {
            return Ok(None);
        };
        let cached = match tx.repository(&registry, &name)? {
            None => None,
            Some(repository) => match here(tx, repository.id, &at, now)? {
                Here::Good => return Ok(None),
                Here::Old(digest) => Some(digest),
                Here::Nothing => None,
            },
        };
        Ok::<_, Error>(Some(Need {
            registry,
            name,
            at,
            rule,
            cached,
        }))
    });
    read.await
}

/// What a repository has.
enum Here {
    Nothing,
    /// What needs no comparison.
    Good,
    Old(Digest),
}

fn here(tx: &Read<'_>, repository: i64, at: &ManifestRef, now: Timestamp) -> Result<Here, Error> {
    let tag = match at {
        ManifestRef::Digest(digest) => {
            let size = tx.manifest_size(repository, digest)?;
            return Ok(size.map_or(Here::Nothing, |_| Here::Good));
        }
        ManifestRef::Tag(tag) => tag,
    };
    let Some(digest) = tx.tag(repository, tag)? else {
        return Ok(Here::Nothing);
    };
    let asked = tx.document::<Asked>(&Owner::Repository(repository), tag.as_str())?;
    Ok(match asked {
        Some(asked) if asked.body.digest == digest && asked.body.is_due(now) => Here::Old(digest),
        _ => Here::Good,
    })
}

async fn fetch(cx: &Cx, need: Need) -> Result<(), Error> {
    match ask(cx, &need).await {
        Ok((manifest, digest)) => store(cx, need, manifest, digest).await,
        Err(e) => {
            put_off(cx, need).await?;
            Err(e)
        }
    }
}

async fn ask(cx: &Cx, need: &Need) -> Result<(Manifest<Bytes>, Digest), Error> {
    let client = cx.upstreams.client(&need.registry, &need.rule).await?;
    let name = need.rule.upstream_name(&need.name);
    let name = name.ok_or(UpstreamError::NotFound)?;
    let fetched = client.manifest(&name, &need.at).await?;
    Ok(verified(&need.at, fetched)?)
}

/// Compares a manifest with its digest, and reads it as strictly as one that is pushed.
fn verified(
    at: &ManifestRef,
    fetched: Fetched,
) -> Result<(Manifest<Bytes>, Digest), UpstreamError> {
    let Fetched {
        media_type,
        digest,
        bytes,
    } = fetched;
    let stated = match at {
        ManifestRef::Digest(digest) => Some(digest.clone()),
        ManifestRef::Tag(_) => digest,
    };
    let digest = match stated {
        Some(stated) if stated.matches(&bytes) => stated,
        Some(stated) => {
            let why = format!("a manifest is not what its digest {stated} says");
            return Err(UpstreamError::Refused(why));
        }
        None => Digest::sha256(&bytes),
    };
    let manifest = match &media_type {
        Some(_) => Manifest::parse(media_type.as_deref(), bytes),
        None => Manifest::infer(bytes),
    };
    let manifest = manifest.map_err(|e| UpstreamError::Refused(e.to_string()))?;
    Ok((manifest, digest))
}

async fn store(
    cx: &Cx,
    need: Need,
    manifest: Manifest<Bytes>,
    digest: Digest,
) -> Result<(), Error> {
    let now = cx.store.now();
    let push = Push {
        manifest: Arc::new(manifest),
        digest,
        tags: Vec::new(),
        // Layers and children come when they are asked for.
        references: References::Sparse,
        origin: Origin::Upstream,
    };
    let stored = cx.store.meta().write(move |tx| {
        let Need { registry, name, .. } = &need;
        let purpose = Purpose::PullThroughCache;
        let repository = repositories::for_purpose(tx, registry, name, purpose, now)?;
        let owner = Owner::Repository(repository.id);
        if tx.document::<Sparse>(&owner, "")?.is_none() {
            tx.put_document(&owner, "", &Sparse {}, now)?;
        }
        let mut push = push.clone();
        let ManifestRef::Tag(tag) = &need.at else {
            images::store(tx, &repository, &push, now)?;
            return Ok(());
        };
        let current = tx.tag(repository.id, tag)?;
        if current != need.cached {
            // Pushed while the upstream was asked.
            return Ok(());
        }
        let asked = |digest: &Digest| Asked::until_fresh(digest.clone(), now);
        if let Some(current) = &current {
            // ECR: immutability keeps it from updating images under the same tag.
            let stays = repositories::is_immutable(&repository, tag.as_str());
            if stays || *current == push.digest {
                tx.put_document(&owner, tag.as_str(), &asked(current), now)?;
                return Ok(());
            }
        }
        push.tags.push(tag.clone());
        images::store(tx, &repository, &push, now)?;
        tx.put_document(&owner, tag.as_str(), &asked(&push.digest), now)?;
        Ok::<_, Error>(())
    });
    stored.await?;
    cx.work.send_replace(());
    Ok(())
}

/// Leaves an upstream alone for a while that failed on a tag which is here.
async fn put_off(cx: &Cx, need: Need) -> Result<(), Error> {
    let (ManifestRef::Tag(tag), Some(digest)) = (need.at, need.cached) else {
        return Ok(());
    };
    let now = cx.store.now();
    let noted = cx.store.meta().write_relaxed(move |tx: &Write<'_>| {
        let Some(repository) = tx.repository(&need.registry, &need.name)? else {
            return Ok(());
        };
        let asked = Asked::until_retry(digest.clone(), now);
        tx.put_document(&Owner::Repository(repository.id), tag.as_str(), &asked, now)?;
        Ok::<_, Error>(())
    });
    noted.await
}

#[cfg(test)]
mod tests {
    use wharf_types::media;

    use super::*;

    fn fetched(media_type: Option<&str>, digest: Option<Digest>) -> Fetched {
        Fetched {
            media_type: media_type.map(Into::into),
            digest,
            bytes: Bytes::from_static(br#"{"schemaVersion":2,"manifests":[]}"#),
        }
    }

    #[test]
    fn a_clock_that_went_back_does_not_keep_an_answer_for_long() {
        let now = Timestamp::from_secs(1_000_000);
        let asked = Asked::until_fresh(Digest::sha256(b""), now);
        assert!(!asked.is_due(now));
        assert!(asked.is_due(now + FRESH));
        assert!(asked.is_due(Timestamp::from_secs(999_999)));
    }

    #[test]
    fn a_manifest_is_what_its_digest_says() {
        let index = Some(media::OCI_INDEX);
        let right = Digest::sha256(&fetched(None, None).bytes);
        let wrong = Digest::sha256(b"");
        let tag: ManifestRef = "v1".parse().unwrap();
        let digest = |d: &Digest| ManifestRef::Digest(d.clone());
        for (at, stated) in [
            (tag.clone(), None),
            (tag.clone(), Some(right.clone())),
            (digest(&right), None),
            (digest(&right), Some(wrong.clone())),
        ] {
            let (manifest, found) = verified(&at, fetched(index, stated)).unwrap();
            assert_eq!(
                (manifest.media_type.as_str(), found),
                (media::OCI_INDEX, right.clone())
            );
        }
        for (at, media_type, stated) in [
            (tag.clone(), index, Some(wrong.clone())),
            (digest(&wrong), index, None),
            (digest(&wrong), index, Some(wrong)),
            (tag, Some("no type"), None),
        ] {
            assert!(verified(&at, fetched(media_type, stated)).is_err());
        }
    }
}
