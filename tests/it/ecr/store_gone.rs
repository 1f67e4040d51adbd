//! Every operation with a metadata store that is gone: nobody is told anything that is not so.
use serde_json::{Value, json};
use wharf_testkit::{Image, TestServer, eventually};
use wharf_types::Digest;

const REPOSITORY: &str = "arn:aws:ecr:us-east-1:000000000000:repository/app";
const USER: &str = "arn:aws:iam::000000000000:user/ci";
const PROFILE: &str = "arn:aws:signer:us-east-1:000000000000:/signing-profiles/mine";
const LIFECYCLE: &str = r#"{"rules":[{"rulePriority":1,"selection":{"tagStatus":"any",
    "countType":"imageCountMoreThan","countNumber":9},"action":{"type":"expire"}}]}"#;
const POLICY: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*",
    "Action":"ecr:BatchGetImage"}]}"#;

/// What operations are asked about: all of it is there.
struct Prepared {
    s: TestServer,
    upstream: TestServer,
    image: Image,
    other: Image,
    /// An upload that is empty, and one that is not.
    uploads: [String; 2],
    backfill: String,
}

fn policy_of_registry() -> String {
    POLICY.replace("\"Action\"", "\"Resource\":\"*\",\"Action\"")
}

impl Prepared {
    /// A server on which every operation has something to do or to show.
    async fn new() -> Self {
        let upstream = TestServer::new().await;
        let url = upstream.url();
        let s = TestServer::with(|c| c.upstream_allow = vec![url.parse().unwrap()]).await;
        s.create("spare").await;
        let mut p = Self {
            image: s.push("app", "v1").await,
            other: Image::new("other"),
            uploads: [s.begin("app").await, s.begin("app").await].map(|location| {
                let id = location.rsplit('/').next().unwrap();
                id.to_owned()
            }),
            backfill: String::new(),
            s,
            upstream,
        };
        p.s.push("app", "spare").await;
        p.other.push_blobs(&p.s, "app").await;
        for operation in [
            "UploadLayerPart",
            "PutLifecyclePolicy",
            "StartLifecyclePolicyPreview",
            "SetRepositoryPolicy",
            "PutRegistryPolicy",
            "CreateRepositoryCreationTemplate",
            "CreatePullThroughCacheRule",
            "PutReplicationConfiguration",
            "PutSigningConfiguration",
            "RegisterPullTimeUpdateExclusion",
            "TagResource",
            "StartImageScan",
            "StartReplicationBackfill",
            "BatchGetImage",
        ] {
            let mut input = p.input(operation);
            if operation == "UploadLayerPart" {
                input["uploadId"] = json!(p.uploads[1]);
            }
            let reply = p.s.aws(operation, input).await.ok();
            if let Some(id) = reply["replicationBackfillId"].as_str() {
                id.clone_into(&mut p.backfill);
            }
        }
        p.settle().await;
        p
    }

    /// Waits until nothing goes on beside the requests any more.
    async fn settle(&self) {
        for (operation, path, done) in [
            ("GetLifecyclePolicyPreview", "/status", "COMPLETE"),
            (
                "DescribeImageScanFindings",
                "/imageScanStatus/status",
                "FAILED",
            ),
            ("DescribeReplicationBackfillResults", "/status", "COMPLETE"),
        ] {
            eventually(operation, async || {
                let told = self.s.aws(operation, self.input(operation)).await.ok();
                (told.pointer(path)? == done).then_some(())
            })
            .await;
        }
        eventually("the pull is recorded", async || {
            let input = json!({ "repositoryName": "app", "imageIds": [{ "imageTag": "v1" }] });
            let told = self.s.aws("DescribeImages", input).await.ok();
            told.pointer("/imageDetails/0/lastRecordedPullTime")
                .map(|_| ())
        })
        .await;
    }

    /// A good input for each operation.
    fn input(&self, operation: &str) -> Value {
        let layer = Digest::sha256(&self.image.layers[0]);
        let id = json!({ "imageTag": "v1" });
        let part = Digest::sha256(b"bytes");
        let eu = json!({ "registryId": "000000000000", "region": "eu-west-1" });
        let members = match operation {
            "BatchCheckLayerAvailability" => json!({ "layerDigests": [layer] }),
            "BatchDeleteImage" => json!({ "imageIds": [{ "imageTag": "spare" }] }),
            "BatchGetImage" => json!({ "imageIds": [id] }),
            "CompleteLayerUpload" => json!({ "uploadId": self.uploads[1], "layerDigests": [part] }),
            "CreateRepository" => json!({ "repositoryName": "new" }),
            "DeleteRepository" => json!({ "repositoryName": "spare", "force": true }),
            "GetDownloadUrlForLayer" => json!({ "layerDigest": layer }),
            "DescribeImageReplicationStatus"
            | "DescribeImageScanFindings"
            | "DescribeImageSigningStatus"
            | "StartImageScan" => json!({ "imageId": id }),
            "DeleteLifecyclePolicy"
            | "DeleteRepositoryPolicy"
            | "DescribeImages"
            | "GetLifecyclePolicy"
            | "GetLifecyclePolicyPreview"
            | "GetRepositoryPolicy"
            | "InitiateLayerUpload"
            | "ListImages"
            | "StartLifecyclePolicyPreview" => json!({}),
            "ListImageReferrers" => json!({ "subjectId": { "imageDigest": self.image.digest } }),
            "PutImage" => json!({ "imageManifest": self.other.manifest, "imageTag": "v2" }),
            "PutImageScanningConfiguration" => {
                json!({ "imageScanningConfiguration": { "scanOnPush": true } })
            }
            "PutImageTagMutability" => json!({ "imageTagMutability": "IMMUTABLE" }),
            "PutLifecyclePolicy" => json!({ "lifecyclePolicyText": LIFECYCLE }),
            "SetRepositoryPolicy" => json!({ "policyText": POLICY, "force": true }),
            "UpdateImageStorageClass" => {
                json!({ "imageId": id, "targetStorageClass": "ARCHIVE" })
            }
            "UploadLayerPart" => json!({ "uploadId": self.uploads[0], "partFirstByte": 0,
                "partLastByte": 4, "layerPartBlob": "Ynl0ZXM=" }),
            "StartReplicationBackfill" => return json!({ "destination": eu }),
            "PutReplicationConfiguration" => {
                let rules = json!([{ "destinations": [eu] }]);
                return json!({ "replicationConfiguration": { "rules": rules } });
            }
            _ => return self.of_registry(operation),
        };
        let mut input = json!({ "repositoryName": "app" });
        if let (Some(input), Value::Object(members)) = (input.as_object_mut(), members) {
            input.extend(members);
        }
        input
    }

    /// The same for those that name no repository.
    fn of_registry(&self, operation: &str) -> Value {
        let role = "arn:aws:iam::000000000000:role/r";
        match operation {
            "BatchGetRepositoryScanningConfiguration" => json!({ "repositoryNames": ["app"] }),
            "CreatePullThroughCacheRule" => {
                json!({ "ecrRepositoryPrefix": "up", "upstreamRegistryUrl": self.upstream.url() })
            }
            "DeletePullThroughCacheRule" | "ValidatePullThroughCacheRule" => {
                json!({ "ecrRepositoryPrefix": "up" })
            }
            "UpdatePullThroughCacheRule" => {
                json!({ "ecrRepositoryPrefix": "up", "customRoleArn": role })
            }
            "CreateRepositoryCreationTemplate" | "UpdateRepositoryCreationTemplate" => {
                json!({ "prefix": "team", "appliedFor": ["CREATE_ON_PUSH"] })
            }
            "DeleteRepositoryCreationTemplate" => json!({ "prefix": "team" }),
            "DeleteRegistryPolicy"
            | "DeleteSigningConfiguration"
            | "DescribePullThroughCacheRules"
            | "DescribeRegistry"
            | "DescribeRepositories"
            | "DescribeRepositoryCreationTemplates"
            | "GetAuthorizationToken"
            | "GetRegistryPolicy"
            | "GetRegistryScanningConfiguration"
            | "GetSigningConfiguration"
            | "ListPullTimeUpdateExclusions"
            | "ListReplicationBackfills" => json!({}),
            "DescribeReplicationBackfillResults" | "StopReplicationBackfill" => {
                json!({ "replicationBackfillId": self.backfill })
            }
            "DeregisterPullTimeUpdateExclusion" | "RegisterPullTimeUpdateExclusion" => {
                json!({ "principalArn": USER })
            }
            "GetAccountSetting" => json!({ "name": "BLOB_MOUNTING" }),
            "PutAccountSetting" => json!({ "name": "BLOB_MOUNTING", "value": "DISABLED" }),
            "ListTagsForResource" => json!({ "resourceArn": REPOSITORY }),
            "TagResource" => {
                json!({ "resourceArn": REPOSITORY, "tags": [{ "Key": "a", "Value": "b" }] })
            }
            "UntagResource" => json!({ "resourceArn": REPOSITORY, "tagKeys": ["a"] }),
            "PutRegistryPolicy" => json!({ "policyText": policy_of_registry() }),
            "PutRegistryScanningConfiguration" => json!({ "scanType": "BASIC", "rules": [] }),
            "PutSigningConfiguration" => {
                json!({ "signingConfiguration": { "rules": [{ "signingProfileArn": PROFILE }] } })
            }
            new => panic!("what is a good input for {new}?"),
        }
    }

    /// The operations that there are, and whether each only reads.
    async fn operations(&self) -> Vec<(String, bool)> {
        let info = self.s.call("GET", "/_wharf/info").anonymous();
        let info = info.send().await.expect(200).json();
        let operations = info["services"]["ecr"]["operations"].as_array().unwrap();
        let named = |operation: &Value| {
            let name = operation.as_str().unwrap().to_owned();
            let reads = [
                "BatchCheck",
                "BatchGet",
                "Describe",
                "Get",
                "List",
                "Validate",
            ];
            let reads = reads.iter().any(|prefix| name.starts_with(prefix));
            (name, reads)
        };
        operations.iter().map(named).collect()
    }
}

/// Of what is prepared already, and of what another operation took away.
const REFUSED: &[(&str, &str)] = &[
    (
        "CreatePullThroughCacheRule",
        "PullThroughCacheRuleAlreadyExistsException",
    ),
    (
        "CreateRepositoryCreationTemplate",
        "TemplateAlreadyExistsException",
    ),
    (
        "RegisterPullTimeUpdateExclusion",
        "ExclusionAlreadyExistsException",
    ),
    (
        "StopReplicationBackfill",
        "ReplicationBackfillInvalidStatusException",
    ),
];

#[tokio::test]
async fn e16_with_the_metadata_store_gone_every_operation_is_a_server_exception() {
    let mut p = Prepared::new().await;
    let operations = p.operations().await;
    assert_eq!(operations.len(), 62, "ECR has 62 operations");
    let mut told = Vec::new();
    for (operation, _) in operations.iter().filter(|(_, reads)| *reads) {
        told.push(p.s.aws(operation, p.input(operation)).await.ok());
    }
    let before = p.s.state().await;
    p.s.store().close().await;
    let mut told = told.into_iter();
    for (operation, reads) in &operations {
        let told = reads.then(|| told.next().unwrap());
        let reply = p.s.aws(operation, p.input(operation)).await;
        if let Some(told) = told
            && reply.status == 200
        {
            // A password is a new one each time.
            if operation != "GetAuthorizationToken" {
                assert_eq!(reply.body, told, "{operation}");
            }
            continue;
        }
        assert_eq!(reply.status, 503, "{operation}: {reply:?}");
        let text = "An internal error occurred. Try again later.";
        let expected = json!({ "__type": "ServerException", "message": text });
        assert_eq!(reply.body, expected, "{operation}");
    }
    p.s.restart().await;
    assert_eq!(p.s.state().await, before);
}

/// What the test above sends would do something if the store were there.
#[tokio::test]
async fn e16_inputs_are_good_ones() {
    let p = Prepared::new().await;
    let mut operations = p.operations().await;
    // What others are about goes last.
    operations.sort_by_key(|(name, _)| name.starts_with("Delete") || name.starts_with("Dereg"));
    for (operation, _) in operations {
        let reply = p.s.aws(&operation, p.input(&operation)).await;
        match REFUSED.iter().find(|(name, _)| *name == operation) {
            Some((_, kind)) => drop(reply.fails(kind)),
            None => drop(reply.ok()),
        }
    }
}
