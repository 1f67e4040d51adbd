use futures::FutureExt as _;

use super::{Case, case};
use crate::{
    client::{Answer, Stop, Verdict},
    cx::{Cx, blob_path, manifest_path},
    data::Document,
    manifests::{ACCEPT, expect_document},
};

pub(super) const CASES: &[Case] = &[
    case(
        "manifest",
        "If-None-Match with the ETag of a manifest is 304",
        "RFC 9110, 13.1.2",
        |cx| manifest(cx).boxed(),
    ),
    case(
        "manifest-head",
        "So it is for HEAD",
        "RFC 9110, 13.1.2",
        |cx| head(cx).boxed(),
    ),
    case("blob", "So it is for a blob", "RFC 9110, 13.1.2", |cx| {
        blob(cx).boxed()
    }),
    case(
        "other",
        "Another ETag gets the manifest",
        "RFC 9110, 13.1.2",
        |cx| other(cx).boxed(),
    ),
    case(
        "list",
        "A list, a weak ETag and * match too",
        "RFC 9110, 13.1.2",
        |cx| list(cx).boxed(),
    ),
    case(
        "moved",
        "The ETag of a tag changes when the tag moves",
        "RFC 9110, 8.8.3",
        |cx| moved(cx).boxed(),
    ),
    case(
        "missing",
        "If-None-Match of what is not there is 404",
        "RFC 9110, 13.2.1",
        |cx| missing(cx).boxed(),
    ),
    case(
        "put-if-match",
        "A PUT with the ETag of something else is 412",
        "Push (optional)",
        |cx| put_if_match(cx).boxed(),
    ),
    case(
        "put-if-none-match",
        "A PUT to a new tag only is 412 for an old one",
        "Push (optional)",
        |cx| put_if_none_match(cx).boxed(),
    ),
];

/// The `ETag` of what is there. Registries need not have any.
async fn etag(cx: &Cx<'_>, path: &str) -> Result<String, Stop> {
    let answer = cx.get(path).header("accept", ACCEPT).send().await?;
    let etag = answer.expect(200)?.header("etag");
    Ok(etag
        .ok_or_else(|| answer.skip("there are no ETags"))?
        .to_owned())
}

async fn get_unless(cx: &Cx<'_>, path: &str, etag: &str) -> Result<Answer, Stop> {
    cx.get(path)
        .header("accept", ACCEPT)
        .header("if-none-match", etag)
        .send()
        .await
}

/// 304 without a body and with the same `ETag`.
fn expect_unchanged(answer: &Answer, etag: &str) -> Verdict {
    if answer.status == 200 {
        return Err(answer.skip("If-None-Match is ignored"));
    }
    answer
        .expect(304)?
        .expect_body(b"")?
        .expect_header("etag", etag)?;
    Ok(())
}

async fn image(cx: &Cx<'_>) -> Result<(Document, String), Stop> {
    let (image, tag) = cx.pushed_image().await?;
    Ok((image, manifest_path(cx.repo(), tag)))
}

async fn manifest(cx: &Cx<'_>) -> Verdict {
    let (image, by_tag) = image(cx).await?;
    for path in [by_tag, manifest_path(cx.repo(), &image.digest)] {
        let etag = etag(cx, &path).await?;
        expect_unchanged(&get_unless(cx, &path, &etag).await?, &etag)?;
    }
    Ok(())
}

async fn head(cx: &Cx<'_>) -> Verdict {
    let (_, path) = image(cx).await?;
    let etag = etag(cx, &path).await?;
    let head = cx
        .head(&path)
        .header("accept", ACCEPT)
        .header("if-none-match", &etag);
    expect_unchanged(&head.send().await?, &etag)
}

async fn blob(cx: &Cx<'_>) -> Verdict {
    let blob = cx.blob(512);
    cx.push_blob(cx.repo(), &blob).await?;
    let path = blob_path(cx.repo(), &blob.digest);
    let etag = etag(cx, &path).await?;
    expect_unchanged(&get_unless(cx, &path, &etag).await?, &etag)
}

async fn other(cx: &Cx<'_>) -> Verdict {
    let (image, path) = image(cx).await?;
    let answer = get_unless(cx, &path, "\"something-else\"").await?;
    expect_document(&answer, &image)?;
    Ok(())
}

async fn list(cx: &Cx<'_>) -> Verdict {
    let (_, path) = image(cx).await?;
    let etag = etag(cx, &path).await?;
    let opaque = etag.trim_start_matches("W/");
    for matching in [
        format!("\"a\", {opaque}, \"b\""),
        format!("W/{opaque}"),
        "*".to_owned(),
    ] {
        expect_unchanged(&get_unless(cx, &path, &matching).await?, &etag)?;
    }
    Ok(())
}

async fn moved(cx: &Cx<'_>) -> Verdict {
    let ((_, tag), (second, _)) = (cx.pushed_image().await?, cx.pushed_image().await?);
    let path = manifest_path(cx.repo(), &tag);
    let before = etag(cx, &path).await?;
    cx.put_document(cx.repo(), &tag, &second)
        .await?
        .expect(201)?;
    expect_document(&get_unless(cx, &path, &before).await?, &second)?;
    Ok(())
}

async fn missing(cx: &Cx<'_>) -> Verdict {
    let path = manifest_path(cx.repo(), cx.tag());
    get_unless(cx, &path, "\"something\"").await?.expect(404)?;
    get_unless(cx, &path, "*").await?.expect(404)?;
    Ok(())
}

async fn put_if_match(cx: &Cx<'_>) -> Verdict {
    let ((first, tag), (second, _)) = (cx.pushed_image().await?, cx.pushed_image().await?);
    let path = manifest_path(cx.repo(), &tag);
    let etag = etag(cx, &path).await?;
    let put = || cx.put(&path).body(&second.media_type, &second.bytes);
    let stale = put()
        .header("if-match", "\"something-else\"")
        .send()
        .await?;
    if stale.status == 201 {
        return Err(stale.skip("If-Match is ignored"));
    }
    stale.expect(412)?;
    cx.verify_document(&tag, &first).await?;
    put().header("if-match", &etag).send().await?.expect(201)?;
    cx.verify_document(&tag, &second).await
}

async fn put_if_none_match(cx: &Cx<'_>) -> Verdict {
    let ((first, tag), (second, _)) = (cx.pushed_image().await?, cx.pushed_image().await?);
    let put = |tag: &str| {
        let put = cx
            .put(&manifest_path(cx.repo(), tag))
            .header("if-none-match", "*");
        put.body(&second.media_type, &second.bytes)
    };
    let taken = put(&tag).send().await?;
    if taken.status == 201 {
        return Err(taken.skip("If-None-Match of a PUT is ignored"));
    }
    taken.expect(412)?;
    cx.verify_document(&tag, &first).await?;
    let free = cx.tag();
    put(&free).send().await?.expect(201)?;
    cx.verify_document(&free, &second).await
}
