//! To a registry on another server: logs in as AWS's clients do, and pushes as docker does.
use std::{
    collections::{BTreeSet, HashSet},
    sync::Mutex,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde_json::{Value, json};
use wharf_auth::Signer;
use wharf_storage::{BlobRow, Segment};
use wharf_types::{ByteRange, Digest, Manifest, Registry, RepoName, Role, Tag};
use wharf_upstream::push::{Answer, Client, Error as PushError, Target};

use super::{
    Endpoint, Failed, Failure, Job, Outcome,
    parcel::{self, manifest},
};
use crate::{Cx, Error, References};

/// The other server as one lane of work sees it.
#[derive(Debug)]
pub(super) struct Remote {
    client: Client,
    endpoint: Endpoint,
    registry: Registry,
    session: Mutex<Session>,
}

/// What is known of the other server until a request fails.
#[derive(Clone, Debug, Default)]
struct Session {
    /// The value of `Authorization` on `/v2/`.
    authorization: Option<String>,
    /// Repositories that are there.
    repositories: HashSet<RepoName>,
}

/// Why an image does not arrive.
#[derive(Debug)]
enum Stop {
    /// For a reason of ours.
    Here(Error),
    There(PushError),
    Outcome(Outcome),
}

impl From<Error> for Stop {
    fn from(e: Error) -> Self {
        Self::Here(e)
    }
}

impl From<wharf_storage::Error> for Stop {
    fn from(e: wharf_storage::Error) -> Self {
        Self::Here(e.into())
    }
}

impl From<PushError> for Stop {
    fn from(e: PushError) -> Self {
        Self::There(e)
    }
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Outcome(failure.into())
    }
}

impl Remote {
    /// Connects to nothing yet.
    pub(super) fn new(endpoint: &Endpoint, registry: &Registry) -> Result<Self, PushError> {
        Ok(Self {
            client: Client::new(endpoint.origin.clone(), endpoint.ca_pem.as_deref())?,
            endpoint: endpoint.clone(),
            registry: registry.clone(),
            session: Mutex::default(),
        })
    }

    /// Brings an image to the other server.
    pub(super) async fn deliver(&self, cx: &Cx, job: &Job) -> Result<Outcome, Error> {
        let error = match self.send(cx, job).await {
            Ok(()) => return Ok(Outcome::Complete),
            Err(Stop::Outcome(outcome)) => return Ok(outcome),
            Err(Stop::Here(error)) => return Err(error),
            Err(Stop::There(error)) => error,
        };
        // A login or a repository may be gone.
        if let Ok(mut session) = self.session.lock() {
            *session = Session::default();
        }
        let outcome = judge(&error);
        let error: &dyn std::error::Error = &error;
        tracing::warn!(error, digest = %job.digest, origin = ?self.client.origin(), "an image was not replicated");
        Ok(outcome)
    }

    async fn send(&self, cx: &Cx, job: &Job) -> Result<(), Stop> {
        let wanted = job.clone();
        let parcel = cx.store.meta().read(move |tx| {
            let tags = parcel::tags(tx, &wanted)?;
            Ok::<_, Error>(parcel::parcel(tx, &wanted)?.map(|parcel| (parcel, tags)))
        });
        let (parcel, tags) = parcel.await??;
        let name = &parcel.source.name;
        let authorization = self.login(cx).await?;
        self.make_repository(cx, name).await?;
        let to = Target {
            authorization: &authorization,
            name,
        };
        let mut failures = BTreeSet::new();
        for child in &parcel.children {
            match self.manifest(cx, to, job.repository, child, &[]).await {
                Err(Stop::Outcome(Outcome::Failed(failed))) => failures.extend([failed.failure]),
                sent => sent?,
            }
        }
        if failures.is_empty() {
            return self
                .manifest(cx, to, job.repository, &job.digest, &tags)
                .await;
        }
        Err(Stop::Outcome(Outcome::Failed(Failed {
            failure: Failure::Child,
            children: failures,
        })))
    }

    /// Sends one manifest with its layers, unless it is there, and moves tags to it.
    async fn manifest(
        &self,
        cx: &Cx,
        to: Target<'_>,
        repository: i64,
        digest: &Digest,
        tags: &[Tag],
    ) -> Result<(), Stop> {
        let sought = digest.clone();
        let found = cx
            .store
            .meta()
            .read(move |tx| manifest(tx, repository, &sought));
        let manifest = found.await??;
        if self.client.manifest(to, digest.as_str()).await?.is_none() {
            for reference in &manifest.references {
                let child = reference.role == Role::Child;
                let blob = self.blob(cx, to, repository, &reference.digest).await?;
                if blob == Sent::Missing
                    && !child
                    && reference.required
                    && cx.references == References::Strict
                {
                    return Err(Stop::Outcome(Outcome::Later(Failure::LayersMissing)));
                }
            }
            self.put(to, digest.as_str(), &manifest).await?;
        }
        for tag in tags {
            // An immutable tag cannot be put twice.
            let named = self.client.manifest(to, tag.as_str()).await?;
            if named.as_deref() != Some(digest.as_str()) {
                self.put(to, tag.as_str(), &manifest).await?;
            }
        }
        Ok(())
    }

    async fn put(
        &self,
        to: Target<'_>,
        reference: &str,
        manifest: &Manifest<Bytes>,
    ) -> Result<(), PushError> {
        let bytes = manifest.bytes.clone();
        self.client
            .put_manifest(to, reference, &manifest.media_type, bytes)
            .await
    }

    /// Streams a blob from the store, unless it is there.
    async fn blob(
        &self,
        cx: &Cx,
        to: Target<'_>,
        repository: i64,
        digest: &Digest,
    ) -> Result<Sent, Stop> {
        let sought = digest.clone();
        let row = cx.store.meta().read(move |tx| tx.blob(repository, &sought));
        let Some(row) = row.await? else {
            return Ok(Sent::Missing);
        };
        if !self.client.has_blob(to, digest).await? {
            let bytes = cx.store.read_blob(&row, whole(&row)).await?;
            self.client.push_blob(to, digest, row.size, bytes).await?;
        }
        Ok(Sent::There)
    }

    /// The password, from the last login or a new one.
    async fn login(&self, cx: &Cx) -> Result<String, Stop> {
        if let Some(known) = self.known().authorization {
            return Ok(known);
        }
        let answer = self.call(cx, "GetAuthorizationToken", &json!({})).await?;
        let token = answer
            .pointer("/authorizationData/0/authorizationToken")
            .and_then(Value::as_str)
            .filter(|token| STANDARD.decode(token).is_ok())
            .ok_or(PushError::Nonsense("a login without a token"))?;
        let authorization = format!("Basic {token}");
        if let Ok(mut session) = self.session.lock() {
            session.authorization = Some(authorization.clone());
        }
        Ok(authorization)
    }

    /// Makes the repository at the destination, unless it is there.
    async fn make_repository(&self, cx: &Cx, name: &RepoName) -> Result<(), Stop> {
        if self.known().repositories.contains(name) {
            return Ok(());
        }
        let wanted = json!({ "repositoryNames": [name] });
        let found = match self.call(cx, "DescribeRepositories", &wanted).await {
            Err(e) if is(&e, "RepositoryNotFoundException") => {
                let new = json!({ "repositoryName": name });
                match self.call(cx, "CreateRepository", &new).await {
                    // Someone was faster.
                    Err(e) if is(&e, "RepositoryAlreadyExistsException") => {
                        self.call(cx, "DescribeRepositories", &wanted).await
                    }
                    made => made,
                }
            }
            found => found,
        }?;
        let id = found
            .pointer("/repositories/0/registryId")
            .or_else(|| found.pointer("/repository/registryId"));
        if id.and_then(Value::as_str) != Some(self.registry.account.as_str()) {
            return Err(Failure::OtherRegistry.into());
        }
        if let Ok(mut session) = self.session.lock() {
            session.repositories.insert(name.clone());
        }
        Ok(())
    }

    fn known(&self) -> Session {
        self.session.lock().map(|s| s.clone()).unwrap_or_default()
    }

    /// Calls an operation of ECR's JSON API.
    async fn call(&self, cx: &Cx, operation: &str, input: &Value) -> Result<Value, PushError> {
        let body = Bytes::from(input.to_string());
        let unsigned = || PushError::Nonsense("the request cannot be signed");
        let request = http::Request::post(self.client.origin().uri("/"))
            .header("content-type", "application/x-amz-json-1.1")
            .header(
                "x-amz-target",
                format!("AmazonEC2ContainerRegistry_V20150921.{operation}"),
            )
            .body(())
            .map_err(|_malformed| unsigned())?;
        let (mut parts, ()) = request.into_parts();
        let signer = Signer {
            access_key: &self.endpoint.access_key,
            secret: &self.endpoint.secret,
            region: &self.registry.region,
            service: "ecr",
        };
        signer
            .sign(&mut parts, &body, cx.store.now())
            .map_err(|_unsignable| unsigned())?;
        let answer: Answer = self.client.call(parts, body).await?;
        if answer.status == http::StatusCode::OK {
            Ok(answer.json())
        } else {
            Err(answer.refused())
        }
    }
}

/// Whether a blob is at the destination after it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sent {
    There,
    /// It is not here either.
    Missing,
}

/// The whole of a blob.
fn whole(row: &BlobRow) -> Vec<Segment> {
    let range = |size: u64| ByteRange {
        first: 0,
        last: size - 1,
    };
    (row.size > 0)
        .then(|| Segment::Range(range(row.size)))
        .into_iter()
        .collect()
}

fn is(error: &PushError, kind: &str) -> bool {
    matches!(error, PushError::Refused { code, .. } if code == kind)
}

/// What an error of the other server means for the image.
fn judge(error: &PushError) -> Outcome {
    match error {
        PushError::Unreachable(_) | PushError::Unavailable(_) | PushError::Nonsense(_) => {
            Outcome::Later(Failure::Unavailable)
        }
        // Keys can be put right while we wait.
        PushError::LoggedOut => Outcome::Later(Failure::Denied),
        PushError::Refused { status, code, .. } => match (status.as_u16(), code.as_str()) {
            (_, "TAG_INVALID") => Failure::TagImmutable.into(),
            (_, "NAME_UNKNOWN" | "BLOB_UPLOAD_UNKNOWN") => Outcome::Later(Failure::Rejected),
            (
                _,
                "UnrecognizedClientException"
                | "InvalidClientTokenId"
                | "InvalidSignatureException"
                | "SignatureDoesNotMatch"
                | "RequestExpired",
            ) => Outcome::Later(Failure::Denied),
            (_, "AccessDeniedException") | (403, _) => Failure::Denied.into(),
            _ => Failure::Rejected.into(),
        },
    }
}
