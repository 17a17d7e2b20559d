-- Signing in at vendors, and the syncs that people of door 004 ask for.
--
-- account_syncs: the name (sync_<user>_<ms>) under which a person follows a run; its progress is the run's own.
-- sign_ins: a sign-in under way. `hash` is that of its `state`, which only the vendor and the browser know; `verifier`
-- (PKCE) is sealed. What was used, refused or ran out is kept a while, so that a person can be told.
-- @sqlite
CREATE TABLE account_syncs (
    tenant INTEGER NOT NULL,
    sync_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    connection INTEGER NOT NULL,
    run INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, sync_id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX account_syncs_run ON account_syncs (tenant, run);

CREATE TABLE sign_ins (
    tenant INTEGER NOT NULL,
    hash TEXT NOT NULL,
    connection INTEGER NOT NULL,
    asked_by TEXT NOT NULL,
    by_session INTEGER NOT NULL,
    redirect_uri TEXT NOT NULL,
    return_to TEXT,
    verifier TEXT,
    state TEXT NOT NULL,
    error_message TEXT,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    used_at INTEGER,
    PRIMARY KEY (tenant, hash)
) STRICT, WITHOUT ROWID;
CREATE INDEX sign_ins_connection ON sign_ins (tenant, connection, created_at);
-- @postgres
CREATE TABLE account_syncs (
    tenant integer NOT NULL,
    sync_id text NOT NULL,
    user_id text NOT NULL,
    connection bigint NOT NULL,
    run bigint NOT NULL,
    created_at bigint NOT NULL,
    PRIMARY KEY (tenant, sync_id)
);
CREATE UNIQUE INDEX account_syncs_run ON account_syncs (tenant, run);

CREATE TABLE sign_ins (
    tenant integer NOT NULL,
    hash text NOT NULL,
    connection bigint NOT NULL,
    asked_by text NOT NULL,
    by_session bigint NOT NULL,
    redirect_uri text NOT NULL,
    return_to text,
    verifier text,
    state text NOT NULL,
    error_message text,
    created_at bigint NOT NULL,
    expires_at bigint NOT NULL,
    used_at bigint,
    PRIMARY KEY (tenant, hash)
);
CREATE INDEX sign_ins_connection ON sign_ins (tenant, connection, created_at);
