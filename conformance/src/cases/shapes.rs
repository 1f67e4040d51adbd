use futures::FutureExt as _;
use serde_json::{Value, json};
use wharf_types::{Algorithm, Digest, media};

use super::{Case, case, referrers};
use crate::{
    client::{Stop, Verdict},
    cx::{Cx, blob_path, manifest_path, tags_path},
    data::{ARTIFACT, Blob, Random, Shape, index, manifest, with},
};

pub(super) const CASES: &[Case] = &[
    case("image", "An image", "image-spec, manifest", |cx| {
        life(cx, one(cx.random(), Shape::image_json)).boxed()
    }),
    case(
        "image-plain",
        "An image whose layers are not compressed",
        "image-spec, layer",
        |cx| life(cx, one(cx.random(), plain_image)).boxed(),
    ),
    case(
        "image-large",
        "A manifest of 3.9 megabytes",
        "end-7a",
        |cx| life(cx, one(cx.random(), large_image)).boxed(),
    ),
    case(
        "image-no-layers",
        "An image without layers",
        "image-spec, manifest",
        |cx| life(cx, one(cx.random(), no_layers)).boxed(),
    ),
    case(
        "index",
        "An index of two platforms",
        "image-spec, image-index",
        |cx| {
            life(
                cx,
                one(cx.random(), |shape, random| {
                    shape.index_json(random, &json!({}))
                }),
            )
            .boxed()
        },
    ),
    case(
        "index-nested",
        "An index of indexes",
        "image-spec, image-index",
        |cx| life(cx, one(cx.random(), nested_index)).boxed(),
    ),
    case(
        "index-empty",
        "An index of nothing",
        "image-spec, image-index",
        |cx| life(cx, one(cx.random(), empty_index)).boxed(),
    ),
    case("artifact", "An artifact", "image-spec, artifacts", |cx| {
        life(
            cx,
            one(cx.random(), |shape, random| {
                shape.artifact_json(random, ARTIFACT)
            }),
        )
        .boxed()
    }),
    case(
        "artifact-no-layers",
        "An artifact that is its annotations",
        "image-spec, artifacts",
        |cx| life(cx, one(cx.random(), bare_artifact)).boxed(),
    ),
    case(
        "artifact-index",
        "An index of artifacts",
        "image-spec, artifacts",
        |cx| {
            let typed = json!({ "artifactType": ARTIFACT });
            life(
                cx,
                one(cx.random(), |shape, random| {
                    shape.index_json(random, &typed)
                }),
            )
            .boxed()
        },
    ),
    case(
        "subject",
        "An image, and three manifests that refer to it",
        "end-12a",
        |cx| life(cx, Shape::with_referrers(cx.random(), Algorithm::Sha256)).boxed(),
    ),
    case(
        "subject-index",
        "An index, and an index that refers to it",
        "end-12a",
        |cx| life(cx, index_with_subject(cx.random())).boxed(),
    ),
    case(
        "subject-missing",
        "A manifest whose subject does not exist",
        "Push",
        |cx| life(cx, one(cx.random(), missing_subject)).boxed(),
    ),
    case(
        "data-field",
        "Descriptors that carry their data",
        "image-spec, descriptor",
        |cx| life(cx, one(cx.random(), data_field)).boxed(),
    ),
    case(
        "foreign-layers",
        "Layers that need not be in the registry",
        "image-spec, layer",
        |cx| life(cx, one(cx.random(), foreign_layers)).boxed(),
    ),
    case(
        "custom-fields",
        "Members that nobody has specified",
        "image-spec, considerations",
        |cx| {
            let custom = json!({ "org.example.custom": "field" });
            life(
                cx,
                one(cx.random(), |shape, random| {
                    shape.index_json(random, &custom)
                }),
            )
            .boxed()
        },
    ),
    case(
        "docker-image",
        "An image of Docker's own types",
        "image-spec, media-types",
        |cx| optional(cx, one(cx.random(), docker_image)).boxed(),
    ),
    case(
        "sparse-image",
        "An image with a layer that is missing",
        "Push (optional)",
        |cx| optional(cx, one(cx.random(), sparse_image)).boxed(),
    ),
    case(
        "sparse-index",
        "An index with a child that is missing",
        "Push (optional)",
        |cx| optional(cx, one(cx.random(), sparse_index)).boxed(),
    ),
];

/// A shape whose last document is tagged.
pub(super) fn one(random: &Random, build: impl FnOnce(&mut Shape, &Random) -> Value) -> Shape {
    let mut shape = Shape::new(Algorithm::Sha256);
    let json = build(&mut shape, random);
    shape.document(&json);
    shape.tagged(random)
}

fn plain_image(shape: &mut Shape, random: &Random) -> Value {
    let layer = shape.layer(random, media::OCI_LAYER);
    let config = shape.config(random, json!({}));
    manifest(&config, &[layer])
}

fn large_image(shape: &mut Shape, random: &Random) -> Value {
    let value = "A".repeat(10_000);
    let annotation = |i| {
        (
            format!("org.example.large-{i}"),
            Value::String(value.clone()),
        )
    };
    let annotations: serde_json::Map<_, _> = (0..390).map(annotation).collect();
    with(
        shape.image_json(random),
        json!({ "annotations": annotations }),
    )
}

fn no_layers(shape: &mut Shape, random: &Random) -> Value {
    manifest(&shape.config(random, json!({})), &[])
}

fn nested_index(shape: &mut Shape, random: &Random) -> Value {
    let children = [0, 1].map(|_| shape.index(random).descriptor());
    index(&children)
}

fn empty_index(_: &mut Shape, random: &Random) -> Value {
    with(
        index(&[]),
        json!({ "annotations": { "org.example.word": random.word() } }),
    )
}

fn bare_artifact(shape: &mut Shape, random: &Random) -> Value {
    let empty = shape.blob(media::OCI_EMPTY, "{}");
    let annotations = json!({ "org.example.word": random.word() });
    let members = json!({ "artifactType": ARTIFACT, "annotations": annotations });
    with(manifest(&empty, std::slice::from_ref(&empty)), members)
}

fn index_with_subject(random: &Random) -> Shape {
    let mut shape = Shape::new(Algorithm::Sha256);
    let subject = shape.index(random).descriptor();
    shape.tag_last(random);
    let json = shape.index_json(random, &json!({ "artifactType": ARTIFACT }));
    let annotations = json!({ "org.example.word": random.word() });
    shape.document(&with(
        json,
        json!({ "subject": subject, "annotations": annotations }),
    ));
    shape.tagged(random)
}

/// The descriptor of a manifest that nobody has.
pub(super) fn absent(random: &Random) -> Value {
    let digest = Digest::sha256(random.word().as_bytes());
    json!({ "mediaType": media::OCI_MANIFEST, "digest": digest, "size": 123 })
}

fn missing_subject(shape: &mut Shape, random: &Random) -> Value {
    with(
        shape.artifact_json(random, ARTIFACT),
        json!({ "subject": absent(random) }),
    )
}

fn data_field(shape: &mut Shape, random: &Random) -> Value {
    let config = shape.blob(media::OCI_EMPTY, "{}");
    let layer = shape.layer(random, media::OCI_LAYER_GZIP);
    let annotations = json!({ "annotations": { "org.example.word": random.word() } });
    let mut json = with(manifest(&config, &[layer]), annotations);
    json["config"]["data"] = "e30=".into();
    json
}

fn foreign_layers(shape: &mut Shape, random: &Random) -> Value {
    let foreign = |suffix: &str| {
        let kind = "application/vnd.oci.image.layer.nondistributable.v1.tar";
        let digest = Digest::sha256(random.word().as_bytes());
        let url = format!("https://store.example.com/{digest}");
        json!({ "mediaType": format!("{kind}{suffix}"), "digest": digest, "size": 123_456, "urls": [url] })
    };
    let own = shape.layer(random, media::OCI_LAYER_GZIP).descriptor();
    let config = shape.config(random, json!({}));
    with(
        manifest(&config, &[]),
        json!({ "layers": [foreign("+gzip"), foreign(""), own] }),
    )
}

fn docker_image(shape: &mut Shape, random: &Random) -> Value {
    let layer = shape.layer(random, "application/vnd.docker.image.rootfs.diff.tar.gzip");
    let config = shape.config(random, json!({}));
    let config = Blob {
        media_type: media::DOCKER_CONFIG.to_owned(),
        ..config
    };
    with(
        manifest(&config, &[layer]),
        json!({ "mediaType": media::DOCKER_MANIFEST }),
    )
}

fn sparse_image(shape: &mut Shape, random: &Random) -> Value {
    let json = shape.image_json(random);
    shape.blobs.remove(0);
    json
}

fn sparse_index(shape: &mut Shape, random: &Random) -> Value {
    let platform = |architecture| json!({ "os": "linux", "architecture": architecture });
    let child = with(
        shape.image(random).descriptor(),
        json!({ "platform": platform("amd64") }),
    );
    let absent = with(absent(random), json!({ "platform": platform("arm64") }));
    index(&[child, absent])
}

/// A shape that a registry may refuse.
async fn optional(cx: &Cx<'_>, shape: Shape) -> Verdict {
    for blob in &shape.blobs {
        cx.push_blob(cx.repo(), blob).await?;
    }
    for document in &shape.documents {
        let answer = cx
            .put_document(cx.repo(), document.digest.as_str(), document)
            .await?;
        if answer.has_code("MANIFEST_BLOB_UNKNOWN") {
            return Err(answer.skip("strict references: what a manifest names must exist"));
        }
        let docker = document.media_type == media::DOCKER_MANIFEST;
        if docker && (400..500).contains(&answer.status) {
            return Err(answer.skip("only OCI types are taken"));
        }
    }
    life(cx, shape).await
}

/// Pushed, listed, pulled, referred to, deleted.
pub(super) async fn life(cx: &Cx<'_>, shape: Shape) -> Verdict {
    push(cx, &shape).await?;
    list(cx, &shape).await?;
    pull(cx, &shape).await?;
    referrers::verify(cx, &shape).await?;
    delete(cx, &shape).await
}

async fn push(cx: &Cx<'_>, shape: &Shape) -> Verdict {
    for blob in &shape.blobs {
        cx.push_blob(cx.repo(), blob).await?;
    }
    for document in &shape.documents {
        let answer = cx
            .put_document(cx.repo(), document.digest.as_str(), document)
            .await?;
        cx.verify_stored(&answer, document).await?;
    }
    for (tag, document) in tagged(shape) {
        let answer = cx.put_document(cx.repo(), tag, document).await?;
        cx.verify_stored(&answer, document).await?;
    }
    Ok(())
}

fn tagged(shape: &Shape) -> impl Iterator<Item = (&str, &crate::data::Document)> {
    let document = |position: &usize| shape.documents.get(*position);
    shape
        .tags
        .iter()
        .filter_map(move |(tag, position)| Some((tag.as_str(), document(position)?)))
}

async fn list(cx: &Cx<'_>, shape: &Shape) -> Verdict {
    let listed = cx.all_tags(cx.repo()).await?;
    for (tag, _) in &shape.tags {
        let known = listed.contains(tag);
        cx.ensure(known, || {
            format!("{} lacks the tag {tag}", tags_path(cx.repo()))
        });
    }
    Ok(())
}

async fn pull(cx: &Cx<'_>, shape: &Shape) -> Verdict {
    for (tag, document) in tagged(shape) {
        cx.verify_document(tag, document).await?;
    }
    for document in &shape.documents {
        cx.verify_document(document.digest.as_str(), document)
            .await?;
    }
    for blob in &shape.blobs {
        cx.verify_blob(cx.repo(), blob).await?;
    }
    Ok(())
}

/// Parents go before their children. Deleting itself is looked at elsewhere, so that a registry
/// that keeps everything may pass here.
async fn delete(cx: &Cx<'_>, shape: &Shape) -> Verdict {
    let documents = shape
        .documents
        .iter()
        .rev()
        .map(|d| manifest_path(cx.repo(), &d.digest));
    let blobs = shape.blobs.iter().map(|b| blob_path(cx.repo(), &b.digest));
    let tags = shape
        .tags
        .iter()
        .map(|(tag, _)| manifest_path(cx.repo(), tag));
    for path in tags.chain(documents).chain(blobs) {
        match cx.gone(&path).await {
            Err(Stop::Skip(_)) => {}
            verdict => cx.check(verdict),
        }
    }
    Ok(())
}
