use futures::FutureExt as _;
use serde_json::json;
use wharf_types::{Algorithm, media};

use super::{Case, case};
use crate::{
    client::{Answer, Stop, Verdict},
    cx::{Cx, blob_path, manifest_path, tags_path},
    data::{Blob, Document, Shape, index, manifest, with},
    upload::Way,
};

pub(super) const CASES: &[Case] = &[
    case(
        "manifest-4mb",
        "A manifest of exactly 4,000,000 bytes is taken",
        "end-7a",
        |cx| manifest_4mb(cx).boxed(),
    ),
    case(
        "manifest-too-large",
        "A manifest over the limit is 413",
        "end-7a",
        |cx| too_large(cx).boxed(),
    ),
    case(
        "blob-8mib",
        "A blob of 8 MiB is taken in one request",
        "end-4b, end-5, end-6",
        |cx| blob_8mib(cx).boxed(),
    ),
    case(
        "many-layers",
        "An image may have 500 layers",
        "end-7a",
        |cx| many_layers(cx).boxed(),
    ),
    case(
        "many-children",
        "An index may have 1000 children",
        "end-7a",
        |cx| many_children(cx).boxed(),
    ),
    case(
        "deep-json",
        "Deeply nested JSON does no harm",
        "end-7a",
        |cx| deep_json(cx).boxed(),
    ),
    case(
        "long-name",
        "A long repository name does no harm",
        "Pull",
        |cx| long_name(cx).boxed(),
    ),
    case(
        "long-reference",
        "A reference of 10,000 characters does no harm",
        "end-3",
        |cx| long_reference(cx).boxed(),
    ),
];

const MIB: usize = 1024 * 1024;

/// An index of this many bytes.
fn sized(cx: &Cx<'_>, bytes: usize) -> Document {
    let padded = |padding: usize| {
        let annotations = json!({ "org.example.word": cx.tag(), "x": "x".repeat(padding) });
        Document::new(
            Algorithm::Sha256,
            &with(index(&[]), json!({ "annotations": annotations })),
        )
    };
    padded(bytes - padded(0).bytes.len())
}

async fn manifest_4mb(cx: &Cx<'_>) -> Verdict {
    let (document, tag) = (sized(cx, 4_000_000), cx.tag());
    cx.ensure(document.bytes.len() == 4_000_000, || {
        "the case's own index is off".to_owned()
    });
    let answer = cx.put_document(cx.repo(), &tag, &document).await?;
    cx.verify_stored(&answer, &document).await?;
    cx.verify_document(&tag, &document).await
}

/// A server may answer and hang up while the client is still sending, which is seen as an error
/// or as the answer. Only a repeated error counts.
async fn push_oversized(cx: &Cx<'_>, document: &Document) -> Result<Answer, Stop> {
    const ATTEMPTS: usize = 3;
    let mut last = Stop::fail("not sent");
    for _ in 0..ATTEMPTS {
        match cx
            .put_document(cx.repo(), document.digest.as_str(), document)
            .await
        {
            Err(stop) => last = stop,
            answer => return answer,
        }
    }
    Err(last)
}

async fn too_large(cx: &Cx<'_>) -> Verdict {
    for mebibytes in [5, 9, 17] {
        let document = sized(cx, mebibytes * MIB);
        let answer = push_oversized(cx, &document).await?;
        if answer.status == 201 {
            continue;
        }
        answer.expect(413)?;
        cx.verify_absent(&manifest_path(cx.repo(), &document.digest))
            .await?;
        return Ok(());
    }
    Err(Stop::skip("manifests of 17 MiB are taken"))
}

async fn blob_8mib(cx: &Cx<'_>) -> Verdict {
    for way in [Way::PostPut, Way::Stream, Way::StreamUnsized] {
        let blob = cx.blob(8 * MIB);
        let closed = cx.upload(cx.repo(), way, &blob.digest, &blob.bytes).await?;
        cx.verify_pushed(&closed.answer, &blob).await?;
    }
    Ok(())
}

async fn store(cx: &Cx<'_>, document: &Document) -> Verdict {
    let answer = cx
        .put_document(cx.repo(), document.digest.as_str(), document)
        .await?;
    cx.verify_stored(&answer, document).await?;
    cx.verify_document(document.digest.as_str(), document).await
}

async fn many_layers(cx: &Cx<'_>) -> Verdict {
    let mut shape = Shape::new(Algorithm::Sha256);
    let layer = shape.layer(cx.random(), media::OCI_LAYER_GZIP);
    let config = shape.config(cx.random(), json!({}));
    for blob in &shape.blobs {
        cx.push_blob(cx.repo(), blob).await?;
    }
    store(cx, &shape.document(&manifest(&config, &vec![layer; 500]))).await
}

async fn many_children(cx: &Cx<'_>) -> Verdict {
    let (image, _) = cx.pushed_image().await?;
    let children = vec![image.descriptor(); 1000];
    store(cx, &Document::new(Algorithm::Sha256, &index(&children))).await
}

async fn deep_json(cx: &Cx<'_>) -> Verdict {
    let nested = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let plain = index(&[]).to_string();
    let text = plain.replacen('{', &format!("{{\"x\":{nested},"), 1);
    let document = Document::new(Algorithm::Sha256, &index(&[])).with_bytes(text);
    let answer = cx
        .put_document(cx.repo(), document.digest.as_str(), &document)
        .await?;
    // Custom members are allowed; refusing these is allowed too.
    cx.check(answer.expect_any(&[201, 400, 413]));
    cx.get("/v2/").send().await?.expect(200)?;
    Ok(())
}

async fn long_name(cx: &Cx<'_>) -> Verdict {
    let name = vec!["component"; 30].join("/");
    for path in [
        format!("/v2/{name}/tags/list"),
        format!("/v2/{name}/manifests/latest"),
        blob_path(cx.repo(), &cx.blob(64).digest),
    ] {
        cx.check(cx.get(&path).send().await?.expect_any(&[404, 400]));
    }
    let answer = cx.get(&tags_path(cx.repo())).send().await?;
    cx.check(answer.expect_any(&[200, 404]));
    Ok(())
}

async fn long_reference(cx: &Cx<'_>) -> Verdict {
    let long = "x".repeat(10_000);
    let path = manifest_path(cx.repo(), &long);
    cx.check(cx.get(&path).send().await?.expect_refusal());
    let blob = Blob::new(Algorithm::Sha256, media::OCI_INDEX, index(&[]).to_string());
    cx.check(
        cx.put(&path)
            .body(media::OCI_INDEX, &blob.bytes)
            .send()
            .await?
            .expect_refusal(),
    );
    Ok(())
}
