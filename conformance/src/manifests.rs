//! Pushing documents and asking for them again.
use wharf_types::{Digest, RepoName};

use crate::{
    client::{Answer, Stop, Verdict},
    cx::{Cx, blob_path, manifest_path},
    data::{Blob, Document, Shape},
};

/// What clients say they understand.
pub(crate) const ACCEPT: &str = "application/vnd.oci.image.index.v1+json, \
    application/vnd.oci.image.manifest.v1+json, \
    application/vnd.docker.distribution.manifest.list.v2+json, \
    application/vnd.docker.distribution.manifest.v2+json";

impl Cx<'_> {
    /// Sends a document to a tag or a digest. The answer is unchecked.
    pub(crate) async fn put_document(
        &self,
        repo: &RepoName,
        reference: &str,
        document: &Document,
    ) -> Result<Answer, Stop> {
        self.clean(manifest_path(repo, &document.digest));
        let put = self.put(&manifest_path(repo, reference));
        put.body(&document.media_type, &document.bytes).send().await
    }

    /// Checks the answer to a PUT of a document, and that it is where the answer says.
    pub(crate) async fn verify_stored(&self, answer: &Answer, document: &Document) -> Verdict {
        let location = answer.expect(201)?.location()?;
        self.check(answer.expect_header("docker-content-digest", document.digest.as_str()));
        if let Some(subject) = &document.subject {
            self.check(answer.expect_header("oci-subject", subject.as_str()));
        }
        let answer = self.get(&location).header("accept", ACCEPT).send().await?;
        expect_document(&answer, document)?;
        Ok(())
    }

    /// Pushes everything of a shape that a case needs, and checks no more than that it worked.
    pub(crate) async fn push_shape(&self, repo: &RepoName, shape: &Shape) -> Verdict {
        for blob in &shape.blobs {
            self.push_blob(repo, blob).await?;
        }
        for document in &shape.documents {
            let answer = self
                .put_document(repo, document.digest.as_str(), document)
                .await?;
            answer.expect(201)?;
        }
        for (tag, position) in &shape.tags {
            if let Some(document) = shape.documents.get(*position) {
                self.put_document(repo, tag, document).await?.expect(201)?;
            }
        }
        Ok(())
    }

    /// An image that has been pushed, with its tag.
    pub(crate) async fn pushed_image(&self) -> Result<(Document, String), Stop> {
        let mut shape = Shape::new(wharf_types::Algorithm::Sha256);
        let document = shape.image(self.random());
        self.push_shape(self.repo(), &shape).await?;
        let tag = self.tag();
        self.put_document(self.repo(), &tag, &document)
            .await?
            .expect(201)?;
        Ok((document, tag))
    }

    pub(crate) async fn get_manifest(&self, reference: &str) -> Result<Answer, Stop> {
        let path = manifest_path(self.repo(), reference);
        self.get(&path).header("accept", ACCEPT).send().await
    }

    pub(crate) async fn head_manifest(&self, reference: &str) -> Result<Answer, Stop> {
        let path = manifest_path(self.repo(), reference);
        self.head(&path).header("accept", ACCEPT).send().await
    }

    /// GET and HEAD of a document, both complete.
    pub(crate) async fn verify_document(&self, reference: &str, document: &Document) -> Verdict {
        self.check(expect_document(
            &self.get_manifest(reference).await?,
            document,
        ));
        let head = self.head_manifest(reference).await?;
        self.check(expect_document_headers(&head, document));
        self.ensure(head.body.is_empty(), || {
            format!("HEAD of {reference} has a body")
        });
        Ok(())
    }

    /// GET and HEAD of a blob, both complete.
    pub(crate) async fn verify_blob(&self, repo: &RepoName, blob: &Blob) -> Verdict {
        let path = blob_path(repo, &blob.digest);
        let get = self.get(&path).send().await?;
        let body = get.expect(200).and_then(|get| get.expect_body(&blob.bytes));
        self.check(body.and_then(|_| expect_blob_headers(&get, &blob.digest, blob.bytes.len())));
        let head = self.head(&path).send().await?;
        self.check(expect_blob_headers(&head, &blob.digest, blob.bytes.len()));
        self.ensure(head.body.is_empty(), || {
            format!("HEAD of {} has a body", blob.digest)
        });
        Ok(())
    }

    /// Neither GET nor HEAD finds it.
    pub(crate) async fn verify_absent(&self, path: &str) -> Verdict {
        let get = self.get(path).header("accept", ACCEPT).send().await?;
        self.check(get.expect(404));
        let head = self.head(path).header("accept", ACCEPT).send().await?;
        self.check(head.expect(404));
        Ok(())
    }
}

pub(crate) fn expect_document<'a>(
    answer: &'a Answer,
    document: &Document,
) -> Result<&'a Answer, Stop> {
    expect_document_headers(answer, document)?;
    answer.expect_body(&document.bytes)
}

fn expect_document_headers<'a>(
    answer: &'a Answer,
    document: &Document,
) -> Result<&'a Answer, Stop> {
    let media_type = document.media_type.as_str();
    let Document { digest, bytes, .. } = document;
    expect_blob_headers(answer, digest, bytes.len())?.expect_type(media_type)
}

fn expect_blob_headers<'a>(
    answer: &'a Answer,
    digest: &Digest,
    length: usize,
) -> Result<&'a Answer, Stop> {
    let answer = answer.expect(200)?.expect_length(length)?;
    answer.expect_header("docker-content-digest", digest.as_str())
}
