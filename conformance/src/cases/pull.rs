use futures::FutureExt as _;
use wharf_types::{Algorithm, RepoName, media};

use super::{Case, case};
use crate::{
    client::{Stop, Verdict},
    cx::{Cx, blob_path, manifest_path, tags_path},
    data::Blob,
    manifests::{ACCEPT, expect_document},
};

pub(super) const CASES: &[Case] = &[
    case(
        "blob",
        "A blob is served whole, with length and digest",
        "end-2",
        |cx| blob(cx).boxed(),
    ),
    case(
        "blob-head",
        "HEAD of a blob has the headers of GET",
        "RFC 9110, 9.3.2",
        |cx| blob_head(cx).boxed(),
    ),
    case(
        "blob-type",
        "A blob has a Content-Type",
        "stargz-snapshotter",
        |cx| blob_type(cx).boxed(),
    ),
    case("blob-missing", "A missing blob is 404", "end-2", |cx| {
        blob_missing(cx).boxed()
    }),
    case(
        "manifest",
        "A manifest is served by tag and by digest",
        "end-3",
        |cx| manifest(cx).boxed(),
    ),
    case(
        "manifest-head",
        "HEAD of a manifest has the headers of GET",
        "RFC 9110, 9.3.2",
        |cx| manifest_head(cx).boxed(),
    ),
    case(
        "manifest-missing",
        "A missing manifest is 404 by tag and digest",
        "end-3",
        |cx| manifest_missing(cx).boxed(),
    ),
    case(
        "repository-missing",
        "A repository nobody has pushed to is 404",
        "end-3",
        |cx| repository_missing(cx).boxed(),
    ),
    case(
        "blob-is-no-manifest",
        "A blob is not served as a manifest",
        "end-3",
        |cx| blob_is_no_manifest(cx).boxed(),
    ),
    case(
        "repositories-apart",
        "Content of one repository is not in another",
        "end-2, end-3",
        |cx| repositories_apart(cx).boxed(),
    ),
    case(
        "accept",
        "No Accept header changes the bytes of a manifest",
        "content-negotiation.md",
        |cx| accept(cx).boxed(),
    ),
    case(
        "not-compressed",
        "Accept-Encoding changes neither length nor bytes",
        "containerd",
        |cx| not_compressed(cx).boxed(),
    ),
    case(
        "namespace",
        "The parameter ns of mirrors does no harm",
        "Registry Proxying",
        |cx| namespace(cx).boxed(),
    ),
];

async fn pushed_blob(cx: &Cx<'_>, len: usize) -> Result<Blob, Stop> {
    let blob = cx.blob(len);
    cx.push_blob(cx.repo(), &blob).await?;
    Ok(blob)
}

async fn blob(cx: &Cx<'_>) -> Verdict {
    for len in [1, 512, 100_000, 1_000_000] {
        let blob = pushed_blob(cx, len).await?;
        cx.verify_blob(cx.repo(), &blob).await?;
    }
    Ok(())
}

/// Headers that tell what would be served. Others may be left out of HEAD.
const REPRESENTATION: [&str; 4] = [
    "content-length",
    "content-type",
    "docker-content-digest",
    "etag",
];

async fn same_headers(cx: &Cx<'_>, path: &str) -> Verdict {
    let get = cx.get(path).header("accept", ACCEPT).send().await?;
    let head = cx.head(path).header("accept", ACCEPT).send().await?;
    get.expect(200)?;
    head.expect(200)?;
    for name in REPRESENTATION {
        let (of_get, of_head) = (get.header(name), head.header(name));
        cx.ensure(of_get == of_head, || {
            format!("{name} of {path} is {of_get:?} for GET and {of_head:?} for HEAD")
        });
    }
    Ok(())
}

async fn blob_head(cx: &Cx<'_>) -> Verdict {
    let blob = pushed_blob(cx, 512).await?;
    same_headers(cx, &blob_path(cx.repo(), &blob.digest)).await
}

async fn blob_type(cx: &Cx<'_>) -> Verdict {
    let blob = pushed_blob(cx, 512).await?;
    let answer = cx.get(&blob_path(cx.repo(), &blob.digest)).send().await?;
    let media_type = answer
        .expect(200)?
        .header("content-type")
        .unwrap_or_default();
    let valid = media::essence(media_type).is_some();
    cx.ensure(valid, || {
        format!("the Content-Type of a blob is {media_type:?}")
    });
    Ok(())
}

async fn blob_missing(cx: &Cx<'_>) -> Verdict {
    let absent = cx.blob(64).digest;
    cx.verify_absent(&blob_path(cx.repo(), &absent)).await
}

async fn manifest(cx: &Cx<'_>) -> Verdict {
    let (image, tag) = cx.pushed_image().await?;
    cx.verify_document(&tag, &image).await?;
    cx.verify_document(image.digest.as_str(), &image).await
}

async fn manifest_head(cx: &Cx<'_>) -> Verdict {
    let (image, tag) = cx.pushed_image().await?;
    same_headers(cx, &manifest_path(cx.repo(), &image.digest)).await?;
    same_headers(cx, &manifest_path(cx.repo(), tag)).await
}

async fn manifest_missing(cx: &Cx<'_>) -> Verdict {
    let absent = cx.blob(64).digest;
    cx.verify_absent(&manifest_path(cx.repo(), &absent)).await?;
    cx.verify_absent(&manifest_path(cx.repo(), cx.tag())).await
}

/// A repository that does not exist, next to the one that does.
pub(super) fn unknown_repository(cx: &Cx<'_>) -> Result<RepoName, Stop> {
    let name = format!("{}-{}", cx.repo(), cx.random().word());
    name.parse()
        .map_err(|_too_long| Stop::skip("the repository's name leaves no room for another"))
}

async fn repository_missing(cx: &Cx<'_>) -> Verdict {
    let repo = unknown_repository(cx)?;
    cx.verify_absent(&manifest_path(&repo, "latest")).await?;
    cx.verify_absent(&blob_path(&repo, &cx.blob(64).digest))
        .await?;
    cx.get(&tags_path(&repo))
        .send()
        .await?
        .expect_any(&[404, 200])?;
    Ok(())
}

async fn blob_is_no_manifest(cx: &Cx<'_>) -> Verdict {
    let blob = pushed_blob(cx, 512).await?;
    cx.verify_absent(&manifest_path(cx.repo(), &blob.digest))
        .await
}

async fn repositories_apart(cx: &Cx<'_>) -> Verdict {
    let (image, tag) = cx.pushed_image().await?;
    let blob = pushed_blob(cx, 512).await?;
    cx.verify_absent(&manifest_path(cx.repo2(), &image.digest))
        .await?;
    cx.verify_absent(&manifest_path(cx.repo2(), &tag)).await?;
    cx.verify_absent(&blob_path(cx.repo2(), &blob.digest)).await
}

async fn accept(cx: &Cx<'_>) -> Verdict {
    let (image, tag) = cx.pushed_image().await?;
    let path = manifest_path(cx.repo(), &tag);
    let own = format!("{}, */*", image.media_type);
    let weighed = format!("{};q=0.9, application/json;q=0.1", image.media_type);
    for accept in [own.as_str(), weighed.as_str(), "*/*", ACCEPT] {
        let answer = cx.get(&path).header("accept", accept).send().await?;
        cx.check(expect_document(&answer, &image));
    }
    Ok(())
}

async fn not_compressed(cx: &Cx<'_>) -> Verdict {
    let encodings = "zstd, gzip, deflate, br";
    let (image, tag) = cx.pushed_image().await?;
    let get = cx
        .get(&manifest_path(cx.repo(), tag))
        .header("accept-encoding", encodings);
    let answer = get.header("accept", ACCEPT).send().await?;
    cx.check(expect_document(&answer, &image));
    let text = Blob::new(Algorithm::Sha256, media::OCTET_STREAM, "a".repeat(10_000));
    cx.push_blob(cx.repo(), &text).await?;
    let get = cx.get(&blob_path(cx.repo(), &text.digest));
    let answer = get.header("accept-encoding", encodings).send().await?;
    cx.check(answer.expect(200)?.expect_length(10_000));
    cx.check(answer.expect_body(&text.bytes));
    Ok(())
}

async fn namespace(cx: &Cx<'_>) -> Verdict {
    let (image, tag) = cx.pushed_image().await?;
    let get = cx
        .get(&manifest_path(cx.repo(), tag))
        .query("ns", "registry.example.org");
    let answer = get.header("accept", ACCEPT).send().await?;
    if answer.status == 404 {
        return Err(answer.skip("ns selects another registry"));
    }
    cx.check(expect_document(&answer, &image));
    let head = cx
        .head(&manifest_path(cx.repo(), &image.digest))
        .query("ns", "registry.example.org");
    cx.check(head.header("accept", ACCEPT).send().await?.expect(200));
    Ok(())
}
