-- Whether an image can be pulled: ACTIVE, ARCHIVED or ACTIVATING; and since when.
ALTER TABLE manifest ADD COLUMN status TEXT NOT NULL DEFAULT 'ACTIVE';
ALTER TABLE manifest ADD COLUMN archived_ms INTEGER;
ALTER TABLE manifest ADD COLUMN activated_ms INTEGER;

-- Pages of images are in the order of their ids, which every index ends with.
CREATE INDEX manifest_by_repository ON manifest (repository);

-- What is configured for a registry, a repository or an image, or known of it: one JSON document of
-- a kind, by name where there are several. `owner` is registry/<account>/<region>, repository/<id>
-- or image/<repository id>/<digest>.
CREATE TABLE document (
    owner TEXT NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    body TEXT NOT NULL,
    -- 1 while a worker has something to do for it
    open INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL,
    PRIMARY KEY (owner, kind, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX document_by_kind ON document (kind, owner);
CREATE INDEX document_open ON document (kind, updated_ms) WHERE open = 1;
