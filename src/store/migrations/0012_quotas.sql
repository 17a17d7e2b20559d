-- What a vendor still allows a credential, as its answers told it last: one row for each credential, written once a
-- second at most by each node. `credential` is a digest; `windows` is JSON (engine/quota.h). Old rows mean nothing and go.
-- @sqlite
CREATE TABLE quotas (
    tenant INTEGER NOT NULL,
    credential TEXT NOT NULL,
    windows TEXT NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, credential)
) STRICT, WITHOUT ROWID;
-- @postgres
CREATE TABLE quotas (
    tenant integer NOT NULL,
    credential text NOT NULL,
    windows text NOT NULL,
    updated_at bigint NOT NULL,
    PRIMARY KEY (tenant, credential)
);
