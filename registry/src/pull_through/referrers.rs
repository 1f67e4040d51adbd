//! Signatures and the like that upstreams have of an image.
use wharf_storage::Owner;
use wharf_types::{Digest, Manifest, ManifestRef, Registry, RepoName, media};
use wharf_upstream::Error as UpstreamError;

use super::{Puller, Rule, fetch_image, manifests::Asked, rules};
use crate::{Cx, Error};

/// How many referrers of an image are fetched.
const MAX_REFERRERS: usize = 50;

/// Sees to it that an image's referrers are here as its upstream lists them, if a rule is for its
/// repository, the image is here and the caller may import images. What is here can be listed whether
/// or not this fails.
pub async fn fetch_referrers(
    cx: &Cx,
    puller: Puller<'_>,
    name: &RepoName,
    subject: &Digest,
) -> Result<(), Error> {
    let registry = &puller.caller.registry;
    let Some((repository, rule)) = need(cx, registry, name, subject).await? else {
        return Ok(());
    };
    match puller.may_import(cx, name).await {
        Err(Error::Denied(_)) => return Ok(()),
        permitted => permitted?,
    }
    let listed = list(cx, registry, name, subject, &rule).await;
    let now = cx.store.now();
    let asked = match &listed {
        Ok(_) => Asked::until_fresh(subject.clone(), now),
        Err(_) => Asked::until_retry(subject.clone(), now),
    };
    for digest in listed.as_ref().map_or(&[][..], Vec::as_slice) {
        fetch_image(cx, puller, name, &ManifestRef::Digest(digest.clone())).await?;
    }
    let noted = cx.store.meta().write_relaxed(move |tx| {
        // The repository may have been deleted meanwhile.
        if tx.repository_by_id(repository)?.is_some() {
            tx.put_document(
                &Owner::Repository(repository),
                asked.digest.as_str(),
                &asked,
                now,
            )?;
        }
        Ok::<_, Error>(())
    });
    noted.await?;
    listed.map(drop)
}

async fn need(
    cx: &Cx,
    registry: &Registry,
    name: &RepoName,
    subject: &Digest,
) -> Result<Option<(i64, Rule)>, Error> {
    let now = cx.store.now();
    let (registry, name, subject) = (registry.clone(), name.clone(), subject.clone());
    let read = cx.store.meta().read(move |tx| {
        let Some(rule) = rules::matching(tx, &registry, &name)? else {
            return Ok(None);
        };
        let Some(repository) = tx.repository(&registry, &name)? else {
            return Ok(None);
        };
        let id = repository.id;
        let is_here = tx.manifest_size(id, &subject)?.is_some();
        let asked = tx.document::<Asked>(&Owner::Repository(id), subject.as_str())?;
        match asked.filter(|asked| is_here && !asked.body.is_due(now)) {
            // It is left alone for a while, but what is here may not be all.
            Some(asked) if asked.body.failed => {
                Err(UpstreamError::Unavailable("it failed a moment ago".into()).into())
            }
            Some(_) => Ok(None),
            None => Ok::<_, Error>(is_here.then_some((id, rule))),
        }
    });
    read.await
}

async fn list(
    cx: &Cx,
    registry: &Registry,
    name: &RepoName,
    subject: &Digest,
    rule: &Rule,
) -> Result<Vec<Digest>, Error> {
    let client = cx.upstreams.client(registry, rule).await?;
    let upstream_name = rule.upstream_name(name).ok_or(UpstreamError::NotFound)?;
    let index = match client.referrers(&upstream_name, subject).await {
        Ok(index) => index.bytes,
        // It has none, or does not know what that is.
        Err(UpstreamError::NotFound) => return Ok(Vec::new()),
        Err(e) => return Err(e.into()),
    };
    let index = Manifest::parse(Some(media::OCI_INDEX), index)
        .map_err(|e| UpstreamError::Refused(e.to_string()))?;
    let digests = index.references.into_iter().map(|r| r.digest);
    Ok(digests.take(MAX_REFERRERS).collect())
}
