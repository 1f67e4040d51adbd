use bytes::Bytes;
use futures::FutureExt as _;
use serde_json::json;
use wharf_types::{Algorithm, media};

use super::{Case, case, push, referrers, shapes};
use crate::{
    client::Verdict,
    cx::{Cx, blob_path, manifest_path, uploads_path},
    data::{Blob, Document, Shape, index, with},
    upload::{Last, Order, Way},
};

pub(super) const CASES: &[Case] = &[
    case("post-put", "A sha512 blob by POST and PUT", "end-6", |cx| {
        push::good(cx, Way::PostPut, Algorithm::Sha512).boxed()
    }),
    case("post-only", "A sha512 blob by POST alone", "end-4b", |cx| {
        push::good(cx, Way::PostOnly, Algorithm::Sha512).boxed()
    }),
    case("stream", "A sha512 blob by one PATCH", "end-5", |cx| {
        push::good(cx, Way::Stream, Algorithm::Sha512).boxed()
    }),
    case("chunks", "A sha512 blob by three chunks", "end-5", |cx| {
        push::good(
            cx,
            Way::Chunks(Last::Patch, Order::Right),
            Algorithm::Sha512,
        )
        .boxed()
    }),
    case(
        "chunks-put-last",
        "A sha512 blob whose last chunk PUT brings",
        "end-6",
        |cx| push::good(cx, Way::Chunks(Last::Put, Order::Right), Algorithm::Sha512).boxed(),
    ),
    case(
        "chunks-wrong",
        "A sha512 blob with chunks out of order",
        "end-5, end-13",
        |cx| {
            push::good(
                cx,
                Way::Chunks(Last::Patch, Order::WrongFirst),
                Algorithm::Sha512,
            )
            .boxed()
        },
    ),
    case(
        "hint",
        "An upload can be told its algorithm",
        "end-4c",
        |cx| hint(cx).boxed(),
    ),
    case(
        "empty-blob",
        "The empty blob has a sha512 too",
        "end-6",
        |cx| empty_blob(cx).boxed(),
    ),
    case("mount", "A sha512 blob is mounted", "end-11", |cx| {
        mount(cx).boxed()
    }),
    case(
        "both",
        "The same bytes can be pushed by both digests",
        "end-2",
        |cx| both(cx).boxed(),
    ),
    case(
        "image",
        "Manifests and blobs with sha512 digests",
        "end-7a",
        |cx| image(cx).boxed(),
    ),
    case(
        "tag-parameters",
        "A manifest with a sha512 digest is tagged",
        "end-7b",
        |cx| push::tag_parameters(cx, Algorithm::Sha512, 2).boxed(),
    ),
    case(
        "referrers",
        "A subject with a sha512 digest has referrers",
        "end-12a",
        |cx| referrers::list(cx, Algorithm::Sha512).boxed(),
    ),
    case(
        "bad-digest",
        "A wrong sha512 is 400",
        "Pushing blobs",
        |cx| bad_digest(cx).boxed(),
    ),
    case(
        "unknown-algorithm",
        "An unknown algorithm is 400",
        "Pushing blobs",
        |cx| unknown_algorithm(cx).boxed(),
    ),
];

async fn hint(cx: &Cx<'_>) -> Verdict {
    let blob = cx.blob_of(Algorithm::Sha512, 512);
    let post = cx
        .post(&uploads_path(cx.repo()))
        .query("digest-algorithm", "sha512");
    let location = post.send().await?.expect(202)?.location()?;
    let patch = cx.patch(&location).octets(&blob.bytes).send().await?;
    let location = patch.expect(202)?.location()?;
    cx.clean(blob_path(cx.repo(), &blob.digest));
    let answer = cx.close(&location, &blob.digest, &Bytes::new()).await?;
    cx.verify_pushed(&answer, &blob).await?;
    cx.verify_blob(cx.repo(), &blob).await
}

async fn empty_blob(cx: &Cx<'_>) -> Verdict {
    let blob = cx.blob_of(Algorithm::Sha512, 0);
    let closed = cx
        .upload(cx.repo(), Way::PostPut, &blob.digest, &blob.bytes)
        .await?;
    cx.verify_pushed(&closed.answer, &blob).await?;
    cx.verify_blob(cx.repo(), &blob).await
}

async fn mount(cx: &Cx<'_>) -> Verdict {
    let blob = cx.blob_of(Algorithm::Sha512, 512);
    cx.push_blob(cx.repo2(), &blob).await?;
    cx.clean(blob_path(cx.repo(), &blob.digest));
    let post = cx
        .post(&uploads_path(cx.repo()))
        .query("mount", &blob.digest);
    let answer = post.query("from", cx.repo2()).send().await?;
    if answer.status == 202 {
        cx.clean(answer.location()?);
        return Err(answer.skip("the blob was not mounted"));
    }
    cx.verify_pushed(&answer, &blob).await?;
    cx.verify_blob(cx.repo(), &blob).await
}

async fn both(cx: &Cx<'_>) -> Verdict {
    let bytes = cx.random().bytes(512);
    for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
        let blob = Blob::new(algorithm, "", bytes.clone());
        cx.push_blob(cx.repo(), &blob).await?;
    }
    for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
        cx.verify_blob(cx.repo(), &Blob::new(algorithm, "", bytes.clone()))
            .await?;
    }
    Ok(())
}

/// By digest only: a tag says nothing of the algorithm.
async fn image(cx: &Cx<'_>) -> Verdict {
    let mut shape = Shape::new(Algorithm::Sha512);
    shape.index(cx.random());
    shapes::life(cx, shape).await
}

async fn bad_digest(cx: &Cx<'_>) -> Verdict {
    let (blob, other) = (cx.blob(512), cx.blob_of(Algorithm::Sha512, 512));
    let closed = cx
        .upload(cx.repo(), Way::PostPut, &other.digest, &blob.bytes)
        .await?;
    cx.check(closed.answer.expect(400));
    let json = with(
        index(&[]),
        json!({ "annotations": { "org.example.word": cx.tag() } }),
    );
    let document = Document::new(Algorithm::Sha512, &json);
    let answer = cx
        .put_document(cx.repo(), other.digest.as_str(), &document)
        .await?;
    cx.check(answer.expect(400));
    Ok(())
}

async fn unknown_algorithm(cx: &Cx<'_>) -> Verdict {
    let digest = format!("md5:{}", "0".repeat(32));
    let location = cx.start(cx.repo()).await?;
    cx.clean(location.clone());
    let put = cx
        .put(&location)
        .query("digest", &digest)
        .octets(&Bytes::from_static(b"x"));
    cx.check(put.send().await?.expect(400));
    let json = Bytes::from(index(&[]).to_string());
    let put = cx.put(&manifest_path(cx.repo(), &digest));
    let put = put.body(media::OCI_INDEX, &json);
    cx.check(put.send().await?.expect(400));
    Ok(())
}
