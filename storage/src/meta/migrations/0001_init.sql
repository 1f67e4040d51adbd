-- Facts about this data directory: the store's id, the boot in which it was last open, whether it
-- was closed in good order.
CREATE TABLE setting (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Private repositories. (account, region) is the registry that a repository belongs to.
CREATE TABLE repository (
    -- never used again: what was found by an id must not become something else
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    name TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    -- MUTABLE, IMMUTABLE, MUTABLE_WITH_EXCLUSION or IMMUTABLE_WITH_EXCLUSION
    mutability TEXT NOT NULL,
    -- JSON array of wildcard filters
    exclusions TEXT NOT NULL,
    scan_on_push INTEGER NOT NULL,
    -- JSON object: encryptionType, kmsKey
    encryption TEXT NOT NULL,
    UNIQUE (account, region, name)
) STRICT;

-- Tags of AWS resources (not of images).
CREATE TABLE resource_tag (
    arn TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (arn, key)
) STRICT, WITHOUT ROWID;

-- Bytes in the store. The key is the id of the upload that wrote them, never their digest. Small
-- ones are in the row itself.
CREATE TABLE blob (
    key TEXT PRIMARY KEY,
    digest TEXT NOT NULL,
    size INTEGER NOT NULL,
    -- live: may be served. condemned: the collector deletes it. damaged: not what was pushed.
    state TEXT NOT NULL CHECK (state IN ('live', 'condemned', 'damaged')),
    -- when the bytes were last known to be whole
    verified_ms INTEGER NOT NULL,
    bytes BLOB
) STRICT;
CREATE UNIQUE INDEX blob_live ON blob (digest) WHERE state = 'live';
CREATE INDEX blob_dead ON blob (state) WHERE state <> 'live';
CREATE INDEX blob_verified ON blob (verified_ms) WHERE state = 'live' AND bytes IS NULL;

-- Which repositories may show which bytes, and until when a link is kept without a manifest.
CREATE TABLE repository_blob (
    repository INTEGER NOT NULL REFERENCES repository (id),
    digest TEXT NOT NULL,
    lease_ms INTEGER NOT NULL,
    PRIMARY KEY (repository, digest)
) STRICT, WITHOUT ROWID;
CREATE INDEX repository_blob_by_digest ON repository_blob (digest);
CREATE INDEX repository_blob_by_lease ON repository_blob (lease_ms);

-- Manifests and indexes, byte for byte as pushed.
CREATE TABLE manifest (
    -- the order of first pushes; never used again, so that pages skip nothing
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    repository INTEGER NOT NULL REFERENCES repository (id),
    digest TEXT NOT NULL,
    media_type TEXT NOT NULL,
    -- what a list of referrers shows
    artifact_type TEXT,
    config_media_type TEXT,
    subject TEXT,
    -- JSON object
    annotations TEXT NOT NULL,
    size INTEGER NOT NULL,
    -- the sum of layers and config, 0 for an index
    image_size INTEGER NOT NULL,
    pushed_ms INTEGER NOT NULL,
    pulled_ms INTEGER,
    bytes BLOB NOT NULL,
    UNIQUE (repository, digest)
) STRICT;
CREATE INDEX manifest_by_subject ON manifest (repository, subject, digest) WHERE subject IS NOT NULL;

-- What manifests name. By digest and without a foreign key: content may come later or never.
CREATE TABLE reference (
    repository INTEGER NOT NULL,
    digest TEXT NOT NULL,
    manifest TEXT NOT NULL,
    -- config, layer or child
    role TEXT NOT NULL,
    PRIMARY KEY (repository, digest, manifest)
) STRICT, WITHOUT ROWID;
CREATE INDEX reference_by_manifest ON reference (repository, manifest);

CREATE TABLE tag (
    repository INTEGER NOT NULL REFERENCES repository (id),
    name TEXT NOT NULL,
    digest TEXT NOT NULL,
    PRIMARY KEY (repository, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX tag_by_digest ON tag (repository, digest);

-- Unfinished uploads. Good for the boot in which they were written: bytes that no fsync followed
-- do not outlive it.
CREATE TABLE upload (
    id TEXT PRIMARY KEY,
    repository INTEGER NOT NULL REFERENCES repository (id),
    principal TEXT NOT NULL,
    boot TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    touched_ms INTEGER NOT NULL,
    algorithm TEXT NOT NULL,
    size INTEGER NOT NULL,
    midstate BLOB NOT NULL,
    -- the bytes so far, as long as they are few
    head BLOB,
    -- the S3 multipart upload and, as a JSON array, its parts
    multipart TEXT,
    parts TEXT NOT NULL
) STRICT;
CREATE INDEX upload_by_touch ON upload (touched_ms);
CREATE INDEX upload_by_repository ON upload (repository);
