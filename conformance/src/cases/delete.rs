use futures::FutureExt as _;
use serde_json::json;
use wharf_types::Algorithm;

use super::{Case, case, pull::unknown_repository};
use crate::{
    client::{Answer, Stop, Verdict},
    cx::{Cx, blob_path, manifest_path},
    data::{Shape, manifest},
};

pub(super) const CASES: &[Case] = &[
    case(
        "tag",
        "A deleted tag is gone, its manifest is not",
        "end-9",
        |cx| tag(cx).boxed(),
    ),
    case(
        "tag-of-two",
        "Another tag of the same manifest stays",
        "end-9",
        |cx| tag_of_two(cx).boxed(),
    ),
    case(
        "manifest",
        "A deleted manifest is gone with its tags",
        "end-9",
        |cx| manifests(cx).boxed(),
    ),
    case("blob", "A deleted blob is gone", "end-10", |cx| {
        blob(cx).boxed()
    }),
    case(
        "missing",
        "What is not there is 404",
        "end-9, end-10",
        |cx| missing(cx).boxed(),
    ),
    case(
        "unknown-repository",
        "So is everything in an unknown repository",
        "end-9",
        |cx| unknown(cx).boxed(),
    ),
    case(
        "twice",
        "What has been deleted is 404",
        "end-9, end-10",
        |cx| twice(cx).boxed(),
    ),
    case(
        "push-again",
        "What has been deleted can be pushed again",
        "end-6, end-7a",
        |cx| push_again(cx).boxed(),
    ),
    case(
        "children-stay",
        "The manifests of a deleted index stay",
        "end-9",
        |cx| children_stay(cx).boxed(),
    ),
    case(
        "shared-layer-stays",
        "A layer stays while another image has it",
        "end-9",
        |cx| shared_layer(cx).boxed(),
    ),
];

/// A registry need not delete; if it does, it answers 202.
fn deleted(answer: &Answer) -> Verdict {
    if [400, 405].contains(&answer.status) {
        return Err(answer.skip("the registry does not delete this"));
    }
    answer.expect(202)?;
    Ok(())
}

async fn delete(cx: &Cx<'_>, path: &str) -> Verdict {
    deleted(&cx.delete(path).send().await?)?;
    cx.verify_absent(path).await
}

async fn tag(cx: &Cx<'_>) -> Verdict {
    let (image, tag) = cx.pushed_image().await?;
    delete(cx, &manifest_path(cx.repo(), &tag)).await?;
    cx.verify_document(image.digest.as_str(), &image).await?;
    let listed = cx.all_tags(cx.repo()).await?;
    cx.ensure(!listed.contains(&tag), || {
        format!("the deleted tag {tag} is listed")
    });
    Ok(())
}

async fn tag_of_two(cx: &Cx<'_>) -> Verdict {
    let (image, tag) = cx.pushed_image().await?;
    let other = cx.tag();
    cx.put_document(cx.repo(), &other, &image)
        .await?
        .expect(201)?;
    delete(cx, &manifest_path(cx.repo(), &tag)).await?;
    cx.verify_document(&other, &image).await
}

async fn manifests(cx: &Cx<'_>) -> Verdict {
    let (image, tag) = cx.pushed_image().await?;
    let other = cx.tag();
    cx.put_document(cx.repo(), &other, &image)
        .await?
        .expect(201)?;
    delete(cx, &manifest_path(cx.repo(), &image.digest)).await?;
    let listed = cx.all_tags(cx.repo()).await?;
    for tag in [tag, other] {
        cx.verify_absent(&manifest_path(cx.repo(), &tag)).await?;
        cx.ensure(!listed.contains(&tag), || {
            format!("the tag {tag} of nothing is listed")
        });
    }
    Ok(())
}

async fn blob(cx: &Cx<'_>) -> Verdict {
    let blob = cx.blob(512);
    cx.push_blob(cx.repo(), &blob).await?;
    delete(cx, &blob_path(cx.repo(), &blob.digest)).await
}

/// 404, unless the registry deletes nothing of the kind.
async fn not_found(cx: &Cx<'_>, path: &str) -> Verdict {
    let answer = cx.delete(path).send().await?;
    if [400, 405].contains(&answer.status) {
        return Err(answer.skip("the registry does not delete this"));
    }
    answer.expect(404)?;
    Ok(())
}

async fn missing(cx: &Cx<'_>) -> Verdict {
    let absent = cx.blob(64).digest;
    cx.check(not_found(cx, &manifest_path(cx.repo(), &absent)).await);
    cx.check(not_found(cx, &blob_path(cx.repo(), &absent)).await);
    cx.check(not_found(cx, &manifest_path(cx.repo(), cx.tag())).await);
    Ok(())
}

async fn unknown(cx: &Cx<'_>) -> Verdict {
    let (repo, absent) = (unknown_repository(cx)?, cx.blob(64).digest);
    cx.check(not_found(cx, &manifest_path(&repo, &absent)).await);
    cx.check(not_found(cx, &blob_path(&repo, &absent)).await);
    Ok(())
}

async fn twice(cx: &Cx<'_>) -> Verdict {
    let (image, _) = cx.pushed_image().await?;
    let blob = cx.blob(512);
    cx.push_blob(cx.repo(), &blob).await?;
    let paths = [
        manifest_path(cx.repo(), &image.digest),
        blob_path(cx.repo(), &blob.digest),
    ];
    for path in paths {
        delete(cx, &path).await?;
        cx.check(not_found(cx, &path).await);
    }
    Ok(())
}

async fn push_again(cx: &Cx<'_>) -> Verdict {
    let mut shape = Shape::new(Algorithm::Sha256);
    let image = shape.image(cx.random());
    let shape = shape.tagged(cx.random());
    cx.push_shape(cx.repo(), &shape).await?;
    delete(cx, &manifest_path(cx.repo(), &image.digest)).await?;
    for blob in &shape.blobs {
        match delete(cx, &blob_path(cx.repo(), &blob.digest)).await {
            Err(Stop::Skip(_)) => {}
            verdict => cx.check(verdict),
        }
    }
    cx.push_shape(cx.repo(), &shape).await?;
    for (tag, _) in &shape.tags {
        cx.verify_document(tag, &image).await?;
    }
    for blob in &shape.blobs {
        cx.verify_blob(cx.repo(), blob).await?;
    }
    Ok(())
}

async fn children_stay(cx: &Cx<'_>) -> Verdict {
    let mut shape = Shape::new(Algorithm::Sha256);
    let index = shape.index(cx.random());
    cx.push_shape(cx.repo(), &shape).await?;
    delete(cx, &manifest_path(cx.repo(), &index.digest)).await?;
    for child in shape.documents.iter().filter(|d| d.digest != index.digest) {
        cx.verify_document(child.digest.as_str(), child).await?;
    }
    Ok(())
}

async fn shared_layer(cx: &Cx<'_>) -> Verdict {
    let mut shape = Shape::new(Algorithm::Sha256);
    let layer = shape.layer(cx.random(), wharf_types::media::OCI_LAYER_GZIP);
    let [first, second] = [0, 1].map(|_| {
        let config = shape.config(cx.random(), json!({}));
        shape.document(&manifest(&config, std::slice::from_ref(&layer)))
    });
    cx.push_shape(cx.repo(), &shape).await?;
    delete(cx, &manifest_path(cx.repo(), &first.digest)).await?;
    cx.verify_document(second.digest.as_str(), &second).await?;
    cx.verify_blob(cx.repo(), &layer).await
}
