//! Tags, repositories and referrers, page by page.
use std::collections::HashMap;

use oci_spec::image::{Descriptor, ImageIndex};
use serde_json::json;
use wharf_storage::{ImageStatus, ReferrerFilter, ReferrerRow};
use wharf_types::{Digest, PageSize, RepoName, media};

use super::{Asked, Code, Refusal, reply::Page};
use crate::{Error, pull_through, repositories};

/// How much of an index of referrers is filled.
const MAX_INDEX: usize = 2 * 1024 * 1024;

const JSON: &str = "application/json";

/// Cuts a list that was read with one entry too many, and says after which entry to go on.
fn cut<T>(
    mut entries: Vec<T>,
    size: PageSize,
    key: impl Fn(&T) -> String,
) -> (Vec<T>, Option<String>) {
    if entries.len() <= size.get() {
        return (entries, None);
    }
    entries.truncate(size.get());
    let last = entries.last().map(key);
    (entries, last)
}

/// The path of the next page.
fn next(path: &str, size: PageSize, last: Option<String>, filter: Option<&str>) -> Option<String> {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("n", &size.get().to_string());
    query.append_pair("last", &last?);
    if let Some(filter) = filter {
        query.append_pair("artifactType", filter);
    }
    Some(format!("{path}?{}", query.finish()))
}

fn page(
    body: &impl serde::Serialize,
    content_type: &'static str,
    next: Option<String>,
) -> Result<Page, Refusal> {
    let body = serde_json::to_vec(body).map_err(|e| Error::Store(e.into()))?;
    Ok(Page {
        content_type,
        body,
        next,
        filtered: false,
    })
}

pub(super) async fn tags(a: &Asked<'_>, name: &RepoName) -> Result<Page, Refusal> {
    let (size, last) = a.query.page()?;
    let (registry, repo, last) = (a.caller.registry.clone(), name.clone(), last.to_owned());
    let tags = a.cx.store.meta().read(move |tx| {
        let repository = repositories::find(tx, &registry, &repo)?;
        Ok::<_, Error>(tx.tags(repository.id, &last, size.get() + 1)?)
    });
    let (tags, last) = cut(tags.await?, size, ToString::to_string);
    let next = next(&format!("/v2/{name}/tags/list"), size, last, None);
    let name = format!("{}{name}", a.prefix);
    page(&json!({ "name": name, "tags": tags }), JSON, next)
}

pub(super) async fn catalog(a: &Asked<'_>) -> Result<Page, Refusal> {
    let (size, last) = a.query.page()?;
    let last = last.strip_prefix(a.prefix).unwrap_or(last).to_owned();
    let registry = a.caller.registry.clone();
    let found =
        a.cx.store
            .meta()
            .read(move |tx| Ok::<_, Error>(tx.repositories(&registry, &last, size.get() + 1)?));
    let found = found.await?.into_iter();
    let names: Vec<String> = found.map(|r| format!("{}{}", a.prefix, r.name)).collect();
    let (names, last) = cut(names, size, Clone::clone);
    page(
        &json!({ "repositories": names }),
        JSON,
        next("/v2/_catalog", size, last, None),
    )
}

pub(super) async fn referrers(
    a: &Asked<'_>,
    name: &RepoName,
    subject: &Digest,
) -> Result<Page, Refusal> {
    let (size, last) = a.query.page()?;
    let filter = a.query.get("artifactType");
    if let Err(e) = pull_through::fetch_referrers(a.cx, a.puller(), name, subject).await {
        // What is here is listed all the same.
        let error: &dyn std::error::Error = &e;
        tracing::warn!(
            error,
            "referrers could not be fetched from an upstream registry"
        );
    }
    let (registry, repo, digest) = (a.caller.registry.clone(), name.clone(), subject.clone());
    let last = last.to_owned();
    // What is archived cannot be pulled.
    let wanted = ReferrerFilter {
        artifact_types: filter.map(str::to_owned).into_iter().collect(),
        status: Some(ImageStatus::Active),
    };
    let found = a.cx.store.meta().read(move |tx| {
        let repository = repositories::find(tx, &registry, &repo)?;
        Ok::<_, Error>(tx.referrers(
            repository.id,
            &digest,
            &wanted,
            &last,
            size.get() + 1,
            MAX_INDEX,
        )?)
    });
    let mut rows = found.await?;
    let fits = within_response(&rows);
    let size = if fits < rows.len() {
        size.at_most(fits)
    } else {
        size
    };
    rows.truncate(size.get() + 1);
    let (rows, last) = cut(rows, size, |row| row.digest.to_string());
    let mut index = ImageIndex::default();
    index.set_media_type(Some(media::OCI_INDEX.into()));
    index.set_manifests(rows.into_iter().map(descriptor).collect::<Result<_, _>>()?);
    let next = next(
        &format!("/v2/{name}/referrers/{subject}"),
        size,
        last,
        filter,
    );
    Ok(Page {
        filtered: filter.is_some(),
        ..page(&index, media::OCI_INDEX, next)?
    })
}

/// How many referrers one answer has room for: clients refuse an index of more than 4 MiB.
fn within_response(rows: &[ReferrerRow]) -> usize {
    let mut bytes = 0;
    let fits = rows.iter().take_while(|row| {
        let annotations: usize = row
            .annotations
            .iter()
            .map(|(k, v)| k.len() + v.len() + 6)
            .sum();
        // Escaped text may be longer; half of the limit leaves room for that.
        bytes += annotations + row.media_type.len() + 300;
        bytes <= MAX_INDEX
    });
    fits.count().max(1)
}

fn descriptor(row: ReferrerRow) -> Result<Descriptor, Refusal> {
    let digest: oci_spec::image::Digest = row
        .digest
        .as_str()
        .parse()
        .map_err(|e| Refusal::new(Code::DigestInvalid, e))?;
    let mut descriptor = Descriptor::new(row.media_type.as_str().into(), row.size, digest);
    descriptor.set_artifact_type(row.artifact_type.map(|kind| kind.as_str().into()));
    let annotations: HashMap<_, _> = row.annotations.into_iter().collect();
    descriptor.set_annotations((!annotations.is_empty()).then_some(annotations));
    Ok(descriptor)
}
