//! What can be done through each door, and what it takes: the rows of the product of
//! [`policies`](super::policies).

/// What one does to the repository `{repo}`, which has a lifecycle policy, the image `v1`, a blob of no
/// image and two uploads; or to a registry.
pub(super) struct Row {
    /// What it takes. The first one is asked for first.
    pub(super) actions: &'static [&'static str],
    /// The method of `/v2/`, or empty for an operation of the JSON API.
    pub(super) method: &'static str,
    pub(super) at: &'static str,
    pub(super) body: &'static str,
    pub(super) status: u16,
}

const fn v2(
    actions: &'static [&'static str],
    method: &'static str,
    at: &'static str,
    status: u16,
) -> Row {
    let body = "";
    Row {
        actions,
        method,
        at,
        body,
        status,
    }
}

const fn api(actions: &'static [&'static str], at: &'static str, body: &'static str) -> Row {
    let (method, status) = ("", 200);
    Row {
        actions,
        method,
        at,
        body,
        status,
    }
}

/// One that has nothing to show or to do, for those who may ask.
const fn none(actions: &'static [&'static str], at: &'static str, body: &'static str) -> Row {
    let (method, status) = ("", 400);
    Row {
        actions,
        method,
        at,
        body,
        status,
    }
}

const DELETE: &[&str] = &["ecr:BatchDeleteImage"];
const GET: &[&str] = &["ecr:BatchGetImage"];
const PUT: &[&str] = &["ecr:PutImage"];
const PART: &[&str] = &["ecr:UploadLayerPart"];
const WHOLE: &[&str] = &[
    "ecr:InitiateLayerUpload",
    "ecr:UploadLayerPart",
    "ecr:CompleteLayerUpload",
];

#[rustfmt::skip]
pub(super) const ROWS: &[Row] = &[
    v2(&["ecr:ListImages"], "GET", "tags/list", 200),
    v2(&["ecr:ListImageReferrers"], "GET", "referrers/{digest}", 200),
    v2(GET, "GET", "manifests/v1", 200),
    v2(GET, "HEAD", "manifests/v1", 200),
    v2(GET, "GET", "manifests/{digest}", 200),
    v2(PUT, "PUT", "manifests/v2", 201),
    v2(PUT, "PUT", "manifests/{digest}", 201),
    v2(PUT, "PUT", "manifests/{digest}?tag=v3", 201),
    v2(DELETE, "DELETE", "manifests/v1", 202),
    v2(DELETE, "DELETE", "manifests/{digest}", 202),
    v2(DELETE, "DELETE", "blobs/{orphan}", 202),
    v2(&["ecr:GetDownloadUrlForLayer"], "GET", "blobs/{layer}", 200),
    v2(&["ecr:BatchCheckLayerAvailability"], "HEAD", "blobs/{layer}", 200),
    v2(&["ecr:InitiateLayerUpload"], "POST", "blobs/uploads/", 202),
    v2(&["ecr:InitiateLayerUpload", "ecr:GetDownloadUrlForLayer"], "POST", "blobs/uploads/?mount={layer}&from={repo}", 201),
    v2(WHOLE, "POST", "blobs/uploads/?digest={bytes}", 201),
    v2(PART, "GET", "{upload}", 204),
    v2(PART, "PATCH", "{upload}", 202),
    v2(PART, "DELETE", "{upload}", 204),
    v2(&["ecr:CompleteLayerUpload", "ecr:UploadLayerPart"], "PUT", "{upload}?digest={bytes}", 201),
    api(DELETE, "BatchDeleteImage", r#""imageIds":[{"imageTag":"v1"}]"#),
    api(DELETE, "BatchDeleteImage", r#""imageIds":[{"imageDigest":"{digest}"}]"#),
    api(GET, "BatchGetImage", r#""imageIds":[{"imageTag":"v1"}]"#),
    api(PUT, "PutImage", r#""imageTag":"v2","imageManifest":{manifest}"#),
    api(&["ecr:DescribeImages"], "DescribeImages", r#""maxResults":9"#),
    api(&["ecr:ListImages"], "ListImages", r#""maxResults":9"#),
    api(&["ecr:DescribeRepositories"], "DescribeRepositories", r#""repositoryNames":["{repo}"]"#),
    api(&["ecr:PutImageTagMutability"], "PutImageTagMutability", r#""imageTagMutability":"IMMUTABLE""#),
    api(&["ecr:DeleteRepository"], "DeleteRepository", r#""force":true"#),
    api(&["ecr:GetRepositoryPolicy"], "GetRepositoryPolicy", ""),
    api(&["ecr:DeleteRepositoryPolicy"], "DeleteRepositoryPolicy", ""),
    api(&["ecr:SetRepositoryPolicy"], "SetRepositoryPolicy", r#""force":true,"policyText":{policy}"#),
    api(&["ecr:ListTagsForResource"], "ListTagsForResource", r#""resourceArn":"{arn}""#),
    api(&["ecr:TagResource"], "TagResource", r#""resourceArn":"{arn}","tags":[{"Key":"a","Value":"b"}]"#),
    api(&["ecr:UntagResource"], "UntagResource", r#""resourceArn":"{arn}","tagKeys":["a"]"#),
    api(&["ecr:PutLifecyclePolicy"], "PutLifecyclePolicy", r#""lifecyclePolicyText":{lifecycle}"#),
    api(&["ecr:GetLifecyclePolicy"], "GetLifecyclePolicy", ""),
    api(&["ecr:DeleteLifecyclePolicy"], "DeleteLifecyclePolicy", ""),
    api(&["ecr:StartLifecyclePolicyPreview"], "StartLifecyclePolicyPreview", ""),
    none(&["ecr:GetLifecyclePolicyPreview"], "GetLifecyclePolicyPreview", ""),
    api(&["ecr:UpdateImageStorageClass"], "UpdateImageStorageClass", r#""imageId":{"imageTag":"v1"},"targetStorageClass":"ARCHIVE""#),
    api(&["ecr:ListImageReferrers"], "ListImageReferrers", r#""subjectId":{"imageDigest":"{digest}"}"#),
    api(&["ecr:PutImageScanningConfiguration"], "PutImageScanningConfiguration", r#""imageScanningConfiguration":{"scanOnPush":true}"#),
    api(&["ecr:BatchGetRepositoryScanningConfiguration"], "BatchGetRepositoryScanningConfiguration", r#""repositoryNames":["{repo}"]"#),
    api(&["ecr:StartImageScan"], "StartImageScan", r#""imageId":{"imageTag":"v1"}"#),
    none(&["ecr:DescribeImageScanFindings"], "DescribeImageScanFindings", r#""imageId":{"imageTag":"v1"}"#),
    api(&["ecr:DescribeImageReplicationStatus"], "DescribeImageReplicationStatus", r#""imageId":{"imageTag":"v1"}"#),
    api(&["ecr:DescribeImageSigningStatus"], "DescribeImageSigningStatus", r#""imageId":{"imageTag":"v1"}"#),
    api(&["ecr:BatchCheckLayerAvailability"], "BatchCheckLayerAvailability", r#""layerDigests":["{layer}"]"#),
    api(&["ecr:GetDownloadUrlForLayer"], "GetDownloadUrlForLayer", r#""layerDigest":"{layer}""#),
    api(&["ecr:InitiateLayerUpload"], "InitiateLayerUpload", ""),
    api(PART, "UploadLayerPart", r#""uploadId":"{id}","partFirstByte":0,"partLastByte":4,"layerPartBlob":"Ynl0ZXM=""#),
    api(&["ecr:CompleteLayerUpload"], "CompleteLayerUpload", r#""uploadId":"{filled}","layerDigests":["{bytes}"]"#),
];

const TEMPLATE: &str = r#""prefix":"team","appliedFor":["REPLICATION"]"#;
const RULE: &str = r#""ecrRepositoryPrefix":"quay""#;
const BACKFILL: &str = r#""replicationBackfillId":"00000000-0000-4000-8000-000000000000""#;
const EXCLUDED: &str = r#""principalArn":"arn:aws:iam::000000000000:user/ci""#;
const SETTING: &str = r#""name":"BLOB_MOUNTING","value":"DISABLED""#;

/// What one does to a registry, in an order in which each can be done.
#[rustfmt::skip]
pub(super) const REGISTRY_ROWS: &[Row] = &[
    api(&["ecr:CreateRepositoryCreationTemplate"], "CreateRepositoryCreationTemplate", TEMPLATE),
    api(&["ecr:UpdateRepositoryCreationTemplate"], "UpdateRepositoryCreationTemplate", TEMPLATE),
    api(&["ecr:DescribeRepositoryCreationTemplates"], "DescribeRepositoryCreationTemplates", ""),
    api(&["ecr:DeleteRepositoryCreationTemplate"], "DeleteRepositoryCreationTemplate", r#""prefix":"team""#),
    api(&["ecr:CreatePullThroughCacheRule"], "CreatePullThroughCacheRule", r#""ecrRepositoryPrefix":"quay","upstreamRegistryUrl":"quay.io""#),
    api(&["ecr:DescribePullThroughCacheRules"], "DescribePullThroughCacheRules", ""),
    none(&["ecr:UpdatePullThroughCacheRule"], "UpdatePullThroughCacheRule", r#""ecrRepositoryPrefix":"none","customRoleArn":"arn:aws:iam::000000000000:role/r""#),
    none(&["ecr:ValidatePullThroughCacheRule"], "ValidatePullThroughCacheRule", r#""ecrRepositoryPrefix":"none""#),
    api(&["ecr:DeletePullThroughCacheRule"], "DeletePullThroughCacheRule", RULE),
    api(&["ecr:PutRegistryScanningConfiguration"], "PutRegistryScanningConfiguration", r#""scanType":"BASIC","rules":[]"#),
    api(&["ecr:GetRegistryScanningConfiguration"], "GetRegistryScanningConfiguration", ""),
    api(&["ecr:PutReplicationConfiguration"], "PutReplicationConfiguration", r#""replicationConfiguration":{"rules":[]}"#),
    api(&["ecr:DescribeRegistry"], "DescribeRegistry", ""),
    none(&["ecr:StartReplicationBackfill"], "StartReplicationBackfill", r#""destination":{"registryId":"000000000000","region":"eu-west-1"}"#),
    none(&["ecr:StopReplicationBackfill"], "StopReplicationBackfill", BACKFILL),
    none(&["ecr:DescribeReplicationBackfillResults"], "DescribeReplicationBackfillResults", BACKFILL),
    api(&["ecr:ListReplicationBackfills"], "ListReplicationBackfills", ""),
    api(&["ecr:PutSigningConfiguration"], "PutSigningConfiguration", r#""signingConfiguration":{"rules":[{"signingProfileArn":"arn:aws:signer:us-east-1:000000000000:/signing-profiles/mine"}]}"#),
    api(&["ecr:GetSigningConfiguration"], "GetSigningConfiguration", ""),
    api(&["ecr:DeleteSigningConfiguration"], "DeleteSigningConfiguration", ""),
    api(&["ecr:PutAccountSetting"], "PutAccountSetting", SETTING),
    api(&["ecr:GetAccountSetting"], "GetAccountSetting", r#""name":"BLOB_MOUNTING""#),
    api(&["ecr:RegisterPullTimeUpdateExclusion"], "RegisterPullTimeUpdateExclusion", EXCLUDED),
    api(&["ecr:ListPullTimeUpdateExclusions"], "ListPullTimeUpdateExclusions", ""),
    api(&["ecr:DeregisterPullTimeUpdateExclusion"], "DeregisterPullTimeUpdateExclusion", EXCLUDED),
    api(&["ecr:GetRegistryPolicy"], "GetRegistryPolicy", ""),
    api(&["ecr:PutRegistryPolicy"], "PutRegistryPolicy", r#""policyText":{policy}"#),
    api(&["ecr:DeleteRegistryPolicy"], "DeleteRegistryPolicy", ""),
];
