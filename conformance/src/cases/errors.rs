use bytes::Bytes;
use futures::FutureExt as _;
use serde_json::json;
use wharf_types::{Algorithm, media};

use super::{Case, case, pull::unknown_repository, shapes::absent};
use crate::{
    client::{Answer, Errors, Stop, Verdict},
    cx::{Cx, blob_path, manifest_path, tags_path, uploads_path},
    data::{Document, Shape, index, manifest},
    upload::{Last, Order, Way},
};

pub(super) const CASES: &[Case] = &[
    case(
        "digest-post-put",
        "A wrong digest in the closing PUT is 400",
        "Pushing blobs",
        |cx| wrong_digest(cx, Way::PostPut).boxed(),
    ),
    case(
        "digest-post-only",
        "A wrong digest in a single POST is 400",
        "Pushing blobs",
        |cx| wrong_digest(cx, Way::PostOnly).boxed(),
    ),
    case(
        "digest-stream",
        "A wrong digest after a stream is 400",
        "Pushing blobs",
        |cx| wrong_digest(cx, Way::Stream).boxed(),
    ),
    case(
        "digest-chunks",
        "A wrong digest after chunks is 400",
        "Pushing blobs",
        |cx| wrong_digest(cx, Way::Chunks(Last::Patch, Order::Right)).boxed(),
    ),
    case(
        "digest-chunks-put",
        "A wrong digest with the last chunk is 400",
        "Pushing blobs",
        |cx| wrong_digest(cx, Way::Chunks(Last::Put, Order::Right)).boxed(),
    ),
    case(
        "digest-manifest",
        "A manifest under a wrong digest is 400",
        "end-7a",
        |cx| wrong_manifest(cx).boxed(),
    ),
    case(
        "digest-form",
        "A malformed digest is 400, and no tag",
        "end-2, end-3, end-7a",
        |cx| malformed_digest(cx).boxed(),
    ),
    case(
        "digest-absent",
        "A PUT without a digest ends no upload",
        "end-6",
        |cx| no_digest(cx).boxed(),
    ),
    case(
        "upload-unknown",
        "An upload that has ended is 404",
        "end-5, end-6, end-13",
        |cx| ended_upload(cx).boxed(),
    ),
    case(
        "chunk-range",
        "A chunk that is not what its range says is refused",
        "end-5",
        |cx| false_chunk(cx).boxed(),
    ),
    case(
        "manifest-json",
        "A manifest that is no JSON object is 400",
        "end-7a",
        |cx| no_json(cx).boxed(),
    ),
    case(
        "manifest-type",
        "A mediaType other than the Content-Type is refused",
        "end-7a",
        |cx| other_type(cx).boxed(),
    ),
    case(
        "manifest-blob",
        "A manifest without its blobs is MANIFEST_BLOB_UNKNOWN",
        "Push",
        |cx| unknown_blob(cx).boxed(),
    ),
    case(
        "name",
        "An invalid repository name is refused",
        "Pull",
        |cx| invalid_name(cx).boxed(),
    ),
    case("tag", "An invalid tag is refused", "Pull", |cx| {
        invalid_tag(cx).boxed()
    }),
    case("traversal", "Dots in a path lead nowhere", "Pull", |cx| {
        traversal(cx).boxed()
    }),
    case(
        "method",
        "A method that means nothing is refused",
        "RFC 9110, 15.5.6",
        |cx| wrong_method(cx).boxed(),
    ),
    case(
        "envelope",
        "Errors in JSON have the specified form and codes",
        "Error Codes",
        |cx| envelope(cx).boxed(),
    ),
];

const CODES: &[&str] = &[
    "BLOB_UNKNOWN",
    "BLOB_UPLOAD_INVALID",
    "BLOB_UPLOAD_UNKNOWN",
    "DIGEST_INVALID",
    "MANIFEST_BLOB_UNKNOWN",
    "MANIFEST_INVALID",
    "MANIFEST_UNKNOWN",
    "NAME_INVALID",
    "NAME_UNKNOWN",
    "SIZE_INVALID",
    "UNAUTHORIZED",
    "DENIED",
    "UNSUPPORTED",
    "TOOMANYREQUESTS",
];
const MALFORMED: &str = "sha256:baddigeststring";

async fn wrong_digest(cx: &Cx<'_>, way: Way) -> Verdict {
    let blob = cx.blob_for(way, Algorithm::Sha256).await?;
    let other = cx.blob(blob.bytes.len());
    let closed = cx
        .upload(cx.repo(), way, &other.digest, &blob.bytes)
        .await?;
    closed.answer.expect(400)?;
    cx.verify_absent(&blob_path(cx.repo(), &other.digest))
        .await?;
    if closed.fell_back {
        return Err(Stop::skip(
            "POST with the blob begins an upload that PUT must end",
        ));
    }
    Ok(())
}

async fn wrong_manifest(cx: &Cx<'_>) -> Verdict {
    let (image, _) = cx.pushed_image().await?;
    let changed = image
        .clone()
        .with_bytes([image.bytes.as_ref(), b"  "].concat());
    let other = cx.blob(64).digest;
    for reference in [&other, &image.digest] {
        let answer = cx
            .put_document(cx.repo(), reference.as_str(), &changed)
            .await?;
        cx.check(answer.expect(400));
    }
    cx.verify_absent(&manifest_path(cx.repo(), &other)).await?;
    cx.verify_document(image.digest.as_str(), &image).await
}

async fn malformed_digest(cx: &Cx<'_>) -> Verdict {
    let (image, _) = cx.pushed_image().await?;
    let answer = cx.put_document(cx.repo(), MALFORMED, &image).await?;
    cx.check(answer.expect(400));
    for path in [
        manifest_path(cx.repo(), MALFORMED),
        format!("/v2/{}/blobs/{MALFORMED}", cx.repo()),
    ] {
        cx.check(cx.get(&path).send().await?.expect_any(&[404, 400]));
        cx.check(cx.head(&path).send().await?.expect_any(&[404, 400]));
    }
    let location = cx.start(cx.repo()).await?;
    cx.clean(location.clone());
    let put = cx
        .put(&location)
        .query("digest", MALFORMED)
        .octets(&Bytes::from_static(b"x"));
    cx.check(put.send().await?.expect(400));
    Ok(())
}

async fn no_digest(cx: &Cx<'_>) -> Verdict {
    let location = cx.start(cx.repo()).await?;
    cx.clean(location.clone());
    let answer = cx
        .put(&location)
        .octets(&Bytes::from_static(b"x"))
        .send()
        .await?;
    answer.expect_refusal()?;
    Ok(())
}

async fn ended_upload(cx: &Cx<'_>) -> Verdict {
    let blob = cx.blob(512);
    let location = cx.start(cx.repo()).await?;
    cx.clean(blob_path(cx.repo(), &blob.digest));
    cx.close(&location, &blob.digest, &blob.bytes)
        .await?
        .expect(201)?;
    cx.check(cx.get(&location).send().await?.expect(404));
    cx.check(
        cx.patch(&location)
            .octets(&blob.bytes)
            .send()
            .await?
            .expect(404),
    );
    cx.check(
        cx.close(&location, &blob.digest, &blob.bytes)
            .await?
            .expect(404),
    );
    Ok(())
}

async fn false_chunk(cx: &Cx<'_>) -> Verdict {
    let size = cx.chunk().await?;
    let blob = cx.blob(size);
    for range in [
        format!("0-{}", 2 * size),
        format!("0-{}", size / 2),
        "9-1".into(),
        "abc".into(),
    ] {
        let location = cx.start(cx.repo()).await?;
        cx.clean(location.clone());
        let patch = cx
            .patch(&location)
            .octets(&blob.bytes)
            .header("content-range", &range);
        let answer = patch.send().await?;
        let refused = answer.expect_refusal();
        cx.check(
            refused.map_err(|_other| answer.fail(format!("{size} bytes were taken as {range}"))),
        );
    }
    Ok(())
}

async fn no_json(cx: &Cx<'_>) -> Verdict {
    for text in ["", "{", "null", "[]", "\"text\"", "{} {}", "\u{0}"] {
        let document = Document::new(Algorithm::Sha256, &index(&[])).with_bytes(text);
        let document = Document {
            media_type: media::OCI_INDEX.to_owned(),
            ..document
        };
        let answer = cx.put_document(cx.repo(), &cx.tag(), &document).await?;
        cx.check(answer.expect(400).map_err(|_other| {
            answer.fail(format!(
                "the manifest {text:?} was answered {}",
                answer.status
            ))
        }));
    }
    Ok(())
}

async fn other_type(cx: &Cx<'_>) -> Verdict {
    let document = Document::new(Algorithm::Sha256, &index(&[]));
    let document = Document {
        media_type: media::DOCKER_LIST.to_owned(),
        ..document
    };
    let answer = cx.put_document(cx.repo(), &cx.tag(), &document).await?;
    if answer.status == 201 {
        return Err(answer.skip("the mediaType of a manifest is not compared"));
    }
    answer.expect_refusal()?;
    Ok(())
}

async fn unknown_blob(cx: &Cx<'_>) -> Verdict {
    let mut shape = Shape::new(Algorithm::Sha256);
    let (config, layer) = (shape.config(cx.random(), json!({})), cx.blob(64));
    let image = Document::new(Algorithm::Sha256, &manifest(&config, &[layer]));
    let parent = Document::new(Algorithm::Sha256, &index(&[absent(cx.random())]));
    for document in [image, parent] {
        let answer = cx.put_document(cx.repo(), &cx.tag(), &document).await?;
        if answer.status == 201 {
            return Err(answer.skip("sparse manifests are taken"));
        }
        answer.expect_refusal()?;
        let named = answer.has_code("MANIFEST_BLOB_UNKNOWN");
        cx.check(if named {
            Ok(())
        } else {
            Err(answer.fail("no MANIFEST_BLOB_UNKNOWN"))
        });
    }
    Ok(())
}

async fn invalid_name(cx: &Cx<'_>) -> Verdict {
    for name in ["UPPER/case", "a..b", "-a", "a/-b", "a%20b", "%C3%A4"] {
        let path = format!("/v2/{name}/tags/list");
        cx.check(cx.get(&path).send().await?.expect_any(&[404, 400]));
        let post = cx.post(&format!("/v2/{name}/blobs/uploads/"));
        cx.check(post.send().await?.expect_refusal());
    }
    Ok(())
}

async fn invalid_tag(cx: &Cx<'_>) -> Verdict {
    let (image, _) = cx.pushed_image().await?;
    for tag in [".dot", "-dash", "a%20b", "a%2Fb", "%C3%A4", "a%00"] {
        let answer = cx.put_document(cx.repo(), tag, &image).await?;
        cx.check(answer.expect_refusal());
        cx.check(cx.get_manifest(tag).await?.expect_any(&[404, 400]));
    }
    Ok(())
}

async fn traversal(cx: &Cx<'_>) -> Verdict {
    for path in [
        "/v2/%2e%2e%2f%2e%2e%2fetc%2fpasswd/manifests/latest",
        "/v2/..%2f..%2f..%2fetc/blobs/..%2fpasswd",
        "/v2/a/manifests/..%2f..%2f..%2f..%2fetc%2fpasswd",
        "/v2/a/blobs/sha256:..%2f..%2f..%2fetc%2fpasswd",
        "/v2/a/blobs/uploads/..%2f..%2f..%2fetc%2fpasswd",
        "/v2/a/blobs/uploads/%2e%2e",
    ] {
        let answer = cx.get(path).send().await?;
        cx.check(answer.expect_refusal());
    }
    Ok(())
}

async fn wrong_method(cx: &Cx<'_>) -> Verdict {
    let body = Bytes::from_static(b"{}");
    for answer in [
        cx.patch(&tags_path(cx.repo())).octets(&body).send().await?,
        cx.post(&manifest_path(cx.repo(), "latest"))
            .octets(&body)
            .send()
            .await?,
        cx.put(&blob_path(cx.repo(), &cx.blob(64).digest))
            .octets(&body)
            .send()
            .await?,
        cx.delete(&tags_path(cx.repo())).send().await?,
    ] {
        cx.check(answer.expect_any(&[405, 404, 400]));
    }
    cx.check(
        cx.get(&uploads_path(cx.repo()))
            .send()
            .await?
            .expect_refusal(),
    );
    Ok(())
}

/// The body of an error may have any form, but JSON only this one.
fn expect_envelope(answer: &Answer, code: &str) -> Verdict {
    answer.expect_refusal()?;
    let media_type = answer.header("content-type").unwrap_or_default();
    if !media_type.starts_with("application/json") {
        return Err(answer.skip(format!("errors are {media_type:?}, not JSON")));
    }
    let Errors { errors } = answer.json()?;
    let unknown = errors
        .iter()
        .find(|error| !CODES.contains(&error.code.as_str()));
    if let Some(error) = unknown {
        return Err(answer.fail(format!("{} is none of the specified codes", error.code)));
    }
    if !answer.has_code(code) {
        return Err(answer.fail(format!("expected the code {code}")));
    }
    Ok(())
}

async fn envelope(cx: &Cx<'_>) -> Verdict {
    let absent = cx.blob(64).digest;
    let manifest = cx.get_manifest(absent.as_str()).await?;
    cx.check(expect_envelope(&manifest, "MANIFEST_UNKNOWN"));
    let blob = cx.get(&blob_path(cx.repo(), &absent)).send().await?;
    cx.check(expect_envelope(&blob, "BLOB_UNKNOWN"));
    let tags = cx.get(&tags_path(&unknown_repository(cx)?)).send().await?;
    if tags.status != 200 {
        cx.check(expect_envelope(&tags, "NAME_UNKNOWN"));
    }
    let document = Document::new(Algorithm::Sha256, &index(&[])).with_bytes("{");
    let invalid = cx.put_document(cx.repo(), &cx.tag(), &document).await?;
    cx.check(expect_envelope(&invalid, "MANIFEST_INVALID"));
    let (blob, other) = (cx.blob(64), cx.blob(64));
    let closed = cx
        .upload(cx.repo(), Way::PostPut, &other.digest, &blob.bytes)
        .await?;
    cx.check(expect_envelope(&closed.answer, "DIGEST_INVALID"));
    Ok(())
}
