use bytes::Bytes;
use futures::FutureExt as _;
use serde_json::json;
use wharf_types::{Algorithm, media};

use super::{Case, case};
use crate::{
    client::{Answer, Stop, Verdict},
    cx::{Cx, blob_path, manifest_path},
    data::{Blob, Document, Shape, index, with},
    upload::{Last, Order, Way},
};

pub(super) const CASES: &[Case] = &[
    case(
        "post-put",
        "POST, then PUT with the blob",
        "end-4a, end-6",
        |cx| good(cx, Way::PostPut, Algorithm::Sha256).boxed(),
    ),
    case("post-only", "POST with the blob", "end-4b", |cx| {
        good(cx, Way::PostOnly, Algorithm::Sha256).boxed()
    }),
    case(
        "stream",
        "One PATCH without a range, then PUT",
        "end-5, docker",
        |cx| good(cx, Way::Stream, Algorithm::Sha256).boxed(),
    ),
    case(
        "stream-unsized",
        "One PATCH without a length, then PUT",
        "end-5, docker",
        |cx| good(cx, Way::StreamUnsized, Algorithm::Sha256).boxed(),
    ),
    case("chunk-single", "One chunk, then PUT", "end-5", |cx| {
        chunk_single(cx).boxed()
    }),
    case("chunks", "Three chunks, then PUT", "end-5", |cx| {
        good(
            cx,
            Way::Chunks(Last::Patch, Order::Right),
            Algorithm::Sha256,
        )
        .boxed()
    }),
    case(
        "chunks-put-last",
        "Two chunks, and PUT with the third",
        "end-6",
        |cx| good(cx, Way::Chunks(Last::Put, Order::Right), Algorithm::Sha256).boxed(),
    ),
    case(
        "chunks-wrong",
        "A chunk out of order is 416, and the upload goes on",
        "end-5, end-13",
        |cx| {
            good(
                cx,
                Way::Chunks(Last::Patch, Order::WrongFirst),
                Algorithm::Sha256,
            )
            .boxed()
        },
    ),
    case(
        "chunks-wrong-put",
        "So is one in the closing PUT",
        "end-6, end-13",
        |cx| {
            good(
                cx,
                Way::Chunks(Last::Put, Order::WrongFirst),
                Algorithm::Sha256,
            )
            .boxed()
        },
    ),
    case(
        "chunk-repeated",
        "A chunk sent twice is 416",
        "end-5",
        |cx| chunk_repeated(cx).boxed(),
    ),
    case("status", "An upload tells how far it is", "end-13", |cx| {
        status(cx).boxed()
    }),
    case(
        "cancel",
        "An upload can be cancelled, and is gone",
        "end-14",
        |cx| cancel(cx).boxed(),
    ),
    case(
        "sessions-apart",
        "Two uploads have two addresses",
        "end-4a",
        |cx| sessions_apart(cx).boxed(),
    ),
    case(
        "unfinished",
        "A blob is not there before its PUT",
        "end-2, end-6",
        |cx| unfinished(cx).boxed(),
    ),
    case(
        "empty-blob",
        "A blob may be empty",
        "end-4a, end-4b, end-5",
        |cx| empty_blob(cx).boxed(),
    ),
    case(
        "empty-json",
        "The empty JSON object can be pushed",
        "image-spec, 1.1",
        |cx| empty_json(cx).boxed(),
    ),
    case(
        "blob-again",
        "A blob that is there can be pushed again",
        "end-6",
        |cx| blob_again(cx).boxed(),
    ),
    case(
        "manifest",
        "A manifest is pushed by tag and by digest",
        "end-7a",
        |cx| manifest(cx).boxed(),
    ),
    case(
        "manifest-again",
        "The same manifest can be pushed again",
        "end-7a",
        |cx| manifest_again(cx).boxed(),
    ),
    case(
        "manifest-bytes",
        "A manifest keeps its exact bytes",
        "end-7a",
        |cx| manifest_bytes(cx).boxed(),
    ),
    case(
        "manifest-type-parameters",
        "Parameters of its Content-Type are ignored",
        "end-7a",
        |cx| type_parameters(cx).boxed(),
    ),
    case(
        "tag-moves",
        "A tag moves to the manifest pushed last",
        "end-7a",
        |cx| tag_moves(cx).boxed(),
    ),
    case(
        "tag-parameters",
        "PUT by digest with ?tag= makes those tags",
        "end-7b",
        |cx| tag_parameters(cx, Algorithm::Sha256, 2).boxed(),
    ),
    case(
        "tag-parameters-10",
        "Ten tags are taken at once",
        "end-7b",
        |cx| tag_parameters(cx, Algorithm::Sha256, 10).boxed(),
    ),
];

/// Uploads a fresh blob and reads it back.
pub(super) async fn good(cx: &Cx<'_>, way: Way, algorithm: Algorithm) -> Verdict {
    let blob = cx.blob_for(way, algorithm).await?;
    good_blob(cx, way, &blob).await
}

async fn good_blob(cx: &Cx<'_>, way: Way, blob: &Blob) -> Verdict {
    let closed = cx.upload(cx.repo(), way, &blob.digest, &blob.bytes).await?;
    cx.verify_pushed(&closed.answer, blob).await?;
    cx.verify_blob(cx.repo(), blob).await?;
    if closed.fell_back {
        return Err(Stop::skip(
            "POST with the blob begins an upload that PUT must end",
        ));
    }
    Ok(())
}

async fn chunk_single(cx: &Cx<'_>) -> Verdict {
    let blob = cx.blob(512);
    let way = Way::Chunks(Last::Patch, Order::Right);
    good_blob(cx, way, &blob).await
}

async fn chunk_repeated(cx: &Cx<'_>) -> Verdict {
    let size = cx.chunk().await?;
    let blob = cx.blob(2 * size);
    let location = cx.start(cx.repo()).await?;
    let first = cx
        .patch(&location)
        .chunk(&blob.bytes, 0..size)
        .send()
        .await?;
    let location = first.expect(202)?.location()?;
    let again = cx
        .patch(&location)
        .chunk(&blob.bytes, 0..size)
        .send()
        .await?;
    again.expect(416)?;
    let location = cx.status(&location, size).await?;
    let rest = cx
        .patch(&location)
        .chunk(&blob.bytes, size..2 * size)
        .send()
        .await?;
    let location = rest.expect(202)?.location()?;
    let answer = cx.close(&location, &blob.digest, &Bytes::new()).await?;
    cx.clean(blob_path(cx.repo(), &blob.digest));
    cx.verify_pushed(&answer, &blob).await
}

async fn status(cx: &Cx<'_>) -> Verdict {
    let size = cx.chunk().await?;
    let blob = cx.blob(size);
    let location = cx.start(cx.repo()).await?;
    let location = cx.status(&location, 0).await?;
    let patch = cx
        .patch(&location)
        .chunk(&blob.bytes, 0..size)
        .send()
        .await?;
    let location = cx.status(&patch.expect(202)?.location()?, size).await?;
    cx.clean(blob_path(cx.repo(), &blob.digest));
    let answer = cx.close(&location, &blob.digest, &Bytes::new()).await?;
    cx.verify_pushed(&answer, &blob).await
}

async fn cancel(cx: &Cx<'_>) -> Verdict {
    let blob = cx.blob(512);
    let location = cx.start(cx.repo()).await?;
    let patch = cx.patch(&location).octets(&blob.bytes).send().await?;
    let location = patch.expect(202)?.location()?;
    let answer = cx.delete(&location).send().await?;
    if [400, 405].contains(&answer.status) {
        return Err(answer.skip("uploads cannot be cancelled"));
    }
    answer.expect(204)?;
    cx.check(cx.get(&location).send().await?.expect(404));
    cx.check(
        cx.close(&location, &blob.digest, &Bytes::new())
            .await?
            .expect(404),
    );
    Ok(())
}

async fn sessions_apart(cx: &Cx<'_>) -> Verdict {
    let (first, second) = (cx.start(cx.repo()).await?, cx.start(cx.repo()).await?);
    cx.clean(first.clone());
    cx.clean(second.clone());
    cx.ensure(first != second, || {
        format!("two uploads share the Location {first}")
    });
    Ok(())
}

async fn unfinished(cx: &Cx<'_>) -> Verdict {
    let blob = cx.blob(512);
    let location = cx.start(cx.repo()).await?;
    let patch = cx.patch(&location).octets(&blob.bytes).send().await?;
    cx.clean(patch.expect(202)?.location()?);
    cx.verify_absent(&blob_path(cx.repo(), &blob.digest)).await
}

async fn empty_blob(cx: &Cx<'_>) -> Verdict {
    let blob = cx.blob(0);
    for way in [Way::PostPut, Way::PostOnly, Way::Stream] {
        good_blob(cx, way, &blob).await?;
    }
    Ok(())
}

async fn empty_json(cx: &Cx<'_>) -> Verdict {
    good_blob(cx, Way::PostPut, &Blob::empty_json(Algorithm::Sha256)).await
}

async fn blob_again(cx: &Cx<'_>) -> Verdict {
    let blob = cx.blob(512);
    for way in [Way::PostPut, Way::Stream, Way::PostPut] {
        good_blob(cx, way, &blob).await?;
    }
    Ok(())
}

/// An image whose blobs are there and whose manifest is not.
async fn prepared(cx: &Cx<'_>) -> Result<Document, Stop> {
    let mut shape = Shape::new(Algorithm::Sha256);
    let image = shape.image(cx.random());
    for blob in &shape.blobs {
        cx.push_blob(cx.repo(), blob).await?;
    }
    Ok(image)
}

async fn manifest(cx: &Cx<'_>) -> Verdict {
    let (by_tag, by_digest, tag) = (prepared(cx).await?, prepared(cx).await?, cx.tag());
    let answer = cx.put_document(cx.repo(), &tag, &by_tag).await?;
    cx.verify_stored(&answer, &by_tag).await?;
    cx.verify_document(&tag, &by_tag).await?;
    cx.verify_document(by_tag.digest.as_str(), &by_tag).await?;
    let answer = cx
        .put_document(cx.repo(), by_digest.digest.as_str(), &by_digest)
        .await?;
    cx.verify_stored(&answer, &by_digest).await?;
    cx.verify_document(by_digest.digest.as_str(), &by_digest)
        .await
}

async fn manifest_again(cx: &Cx<'_>) -> Verdict {
    let (image, tag) = cx.pushed_image().await?;
    for reference in [tag.as_str(), image.digest.as_str()] {
        let answer = cx.put_document(cx.repo(), reference, &image).await?;
        cx.verify_stored(&answer, &image).await?;
    }
    Ok(())
}

async fn manifest_bytes(cx: &Cx<'_>) -> Verdict {
    let image = prepared(cx).await?;
    let text = String::from_utf8_lossy(&image.bytes).replacen('{', "{\n\t  ", 1);
    let image = image.with_bytes(format!("\n{text}\r\n \n"));
    let tag = cx.tag();
    let answer = cx.put_document(cx.repo(), &tag, &image).await?;
    cx.verify_stored(&answer, &image).await?;
    cx.verify_document(&tag, &image).await
}

async fn type_parameters(cx: &Cx<'_>) -> Verdict {
    let (image, tag) = (prepared(cx).await?, cx.tag());
    cx.clean(manifest_path(cx.repo(), &image.digest));
    let with_parameter = format!("{}; charset=utf-8", image.media_type);
    let put = cx
        .put(&manifest_path(cx.repo(), &tag))
        .body(&with_parameter, &image.bytes);
    let answer = put.send().await?;
    if (400..500).contains(&answer.status) {
        return Err(answer.skip("parameters of a Content-Type are refused"));
    }
    answer.expect(201)?;
    cx.verify_document(&tag, &image).await
}

async fn tag_moves(cx: &Cx<'_>) -> Verdict {
    let ((first, tag), second) = (cx.pushed_image().await?, prepared(cx).await?);
    let answer = cx.put_document(cx.repo(), &tag, &second).await?;
    if (400..500).contains(&answer.status) {
        return Err(answer.skip("tags of this repository do not move"));
    }
    cx.verify_stored(&answer, &second).await?;
    cx.verify_document(&tag, &second).await?;
    cx.verify_document(first.digest.as_str(), &first).await
}

/// Pushes an index by its digest together with tags.
pub(super) async fn tag_parameters(cx: &Cx<'_>, algorithm: Algorithm, count: usize) -> Verdict {
    let json = with(
        index(&[]),
        json!({ "annotations": { "org.example.word": cx.tag() } }),
    );
    let document = Document::new(algorithm, &json);
    let tags: Vec<_> = (0..count).map(|_| cx.tag()).collect();
    cx.clean(manifest_path(cx.repo(), &document.digest));
    let mut put = cx.put(&manifest_path(cx.repo(), &document.digest));
    for tag in &tags {
        put = put.query("tag", tag);
    }
    let answer = put.body(media::OCI_INDEX, &document.bytes).send().await?;
    if answer.status == 201 && answer.header("oci-tag").is_none() {
        return Err(answer.skip("the parameter tag is ignored"));
    }
    if answer.status == 414 {
        return Err(answer.skip(format!("{count} tags are too many")));
    }
    cx.verify_stored(&answer, &document).await?;
    verify_tags(cx, &answer, &tags, &document).await
}

async fn verify_tags(cx: &Cx<'_>, put: &Answer, tags: &[String], document: &Document) -> Verdict {
    let named = put.list("oci-tag");
    for tag in tags {
        let named = named.contains(&tag.as_str());
        cx.ensure(named, || {
            format!("OCI-Tag does not name the pushed tag {tag}")
        });
        cx.verify_document(tag, document).await?;
    }
    cx.verify_document(document.digest.as_str(), document).await
}
