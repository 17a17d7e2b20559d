-- The first schema.
--
-- Times are microseconds UTC; truth values 0 and 1. Every table with a tenant's data carries the tenant's
-- small integer; on PostgreSQL it stands first in every key and unique index, so that a distributed one
-- can place rows by it. Tables that grow by pages carry no foreign keys: they cost every insert, and
-- what would break them (deleting a connection) is done by us in batches.
-- @sqlite
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;

-- Ids of the tables that grow by pages: taken by the page, never given twice, cheaper than AUTOINCREMENT.
CREATE TABLE sequences (name TEXT PRIMARY KEY, last INTEGER NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO sequences (name, last) VALUES ('records', 0), ('entity_map', 0);

CREATE TABLE tenants (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    uuid TEXT NOT NULL UNIQUE,
    key TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    region TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

CREATE TABLE users (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant INTEGER NOT NULL REFERENCES tenants (id),
    uuid TEXT NOT NULL,
    subject TEXT NOT NULL,
    name TEXT,
    email TEXT,
    role TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    seen_at INTEGER NOT NULL,
    UNIQUE (tenant, subject),
    UNIQUE (tenant, uuid)
) STRICT;

CREATE TABLE api_keys (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant INTEGER NOT NULL REFERENCES tenants (id),
    uuid TEXT NOT NULL,
    hash TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    shown TEXT NOT NULL,
    role TEXT NOT NULL,
    permissions INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    last_used_at INTEGER,
    expires_at INTEGER,
    revoked_at INTEGER,
    UNIQUE (tenant, uuid)
) STRICT;

CREATE TABLE data_keys (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant INTEGER NOT NULL REFERENCES tenants (id),
    key_id TEXT NOT NULL,
    wrapped TEXT NOT NULL,
    uses INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    retired_at INTEGER,
    UNIQUE (tenant, key_id)
) STRICT;

CREATE TABLE connections (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant INTEGER NOT NULL REFERENCES tenants (id),
    uuid TEXT NOT NULL,
    template_name TEXT NOT NULL,
    template_version TEXT,
    name TEXT NOT NULL,
    enabled INTEGER NOT NULL,
    status TEXT NOT NULL,
    error_code TEXT,
    error_message TEXT,
    config TEXT,
    account TEXT,
    streams TEXT,
    direction TEXT,
    schedule TEXT,
    match TEXT,
    conflict_policy TEXT,
    rules TEXT,
    webhook_trust TEXT,
    webhook_secret TEXT,
    mapping TEXT,
    next_run_at INTEGER,
    next_full_at INTEGER,
    last_sync_at INTEGER,
    last_sync_status TEXT,
    last_tested_at INTEGER,
    failures INTEGER NOT NULL DEFAULT 0,
    reconnect_at INTEGER,
    alerted INTEGER NOT NULL DEFAULT 0,
    sandbox INTEGER NOT NULL DEFAULT 0,
    tokens TEXT,
    tokens_version INTEGER NOT NULL DEFAULT 0,
    tokens_expire_at INTEGER,
    tokens_lock_owner TEXT,
    tokens_lock_until INTEGER,
    deleting INTEGER NOT NULL DEFAULT 0,
    created_by TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    UNIQUE (tenant, uuid)
) STRICT;
CREATE INDEX connections_next_run ON connections (next_run_at) WHERE next_run_at IS NOT NULL;
CREATE INDEX connections_next_full ON connections (next_full_at) WHERE next_full_at IS NOT NULL;
CREATE INDEX connections_reconnect ON connections (reconnect_at) WHERE reconnect_at IS NOT NULL;
CREATE INDEX connections_account ON connections (template_name, account) WHERE account IS NOT NULL;

CREATE TABLE collections (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant INTEGER NOT NULL REFERENCES tenants (id),
    kind TEXT NOT NULL,
    UNIQUE (tenant, kind)
) STRICT;

-- How many records a collection has: one row per writing connection, so that writers do not wait for each other.
CREATE TABLE collection_counts (
    tenant INTEGER NOT NULL,
    collection INTEGER NOT NULL,
    shard INTEGER NOT NULL,
    live INTEGER NOT NULL,
    deleted INTEGER NOT NULL,
    PRIMARY KEY (collection, shard)
) STRICT, WITHOUT ROWID;

CREATE TABLE streams (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant INTEGER NOT NULL REFERENCES tenants (id),
    connection INTEGER NOT NULL REFERENCES connections (id),
    name TEXT NOT NULL,
    collection INTEGER NOT NULL REFERENCES collections (id),
    records INTEGER NOT NULL DEFAULT 0,
    deleted INTEGER NOT NULL DEFAULT 0,
    rejected INTEGER NOT NULL DEFAULT 0,
    last_full_at INTEGER,
    last_run INTEGER,
    version TEXT,
    UNIQUE (connection, name)
) STRICT;
CREATE INDEX streams_collection ON streams (collection);

CREATE TABLE cursor_state (
    tenant INTEGER NOT NULL,
    connection INTEGER NOT NULL,
    stream INTEGER NOT NULL,
    partition_key TEXT NOT NULL,
    state TEXT NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (stream, partition_key)
) STRICT, WITHOUT ROWID;

CREATE TABLE records (
    id INTEGER PRIMARY KEY,
    tenant INTEGER NOT NULL,
    collection INTEGER NOT NULL,
    uuid TEXT NOT NULL,
    parent INTEGER,
    title TEXT,
    status TEXT,
    occurred_at INTEGER,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    deleted_at INTEGER,
    data TEXT NOT NULL
) STRICT;
-- UUIDs grow with time: this index is filled in order, and lists a collection by age.
CREATE UNIQUE INDEX records_uuid ON records (collection, uuid);
CREATE INDEX records_updated ON records (collection, updated_at);
CREATE INDEX records_parent ON records (parent) WHERE parent IS NOT NULL;

-- A rowid table: an update leaves the index of external ids, which is random for some vendors, alone.
CREATE TABLE entity_map (
    id INTEGER PRIMARY KEY,
    tenant INTEGER NOT NULL,
    stream INTEGER NOT NULL,
    external_id TEXT NOT NULL,
    record INTEGER NOT NULL,
    fingerprint BLOB NOT NULL,
    source_version TEXT,
    observed_at INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    deleted_at INTEGER,
    shared INTEGER NOT NULL DEFAULT 0,
    erased INTEGER NOT NULL DEFAULT 0,
    url TEXT,
    base TEXT,
    UNIQUE (stream, external_id)
) STRICT;
CREATE INDEX entity_map_record ON entity_map (record);

CREATE TABLE raw (
    map INTEGER PRIMARY KEY,
    tenant INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    data BLOB NOT NULL
) STRICT;

-- The key is a keyed 63-bit hash of (collection, role, value); `rest` are 32 more bits of it. Two values that
-- share the first but not the second link nothing, as if ambiguous. record -1: ambiguous.
CREATE TABLE match_keys (
    hash INTEGER PRIMARY KEY,
    tenant INTEGER NOT NULL,
    record INTEGER NOT NULL,
    rest INTEGER NOT NULL
) STRICT;

-- Changes of match_keys, of which the newest are not in it yet: a row per page, its keys packed. Rows up to
-- merged_id are wholly merged; what sweep_id and sweep_bucket say of the others stands in store_match.c.
CREATE TABLE match_tail (
    id INTEGER PRIMARY KEY,
    tenant INTEGER NOT NULL,
    merged_id INTEGER NOT NULL,
    sweep_id INTEGER NOT NULL,
    sweep_bucket INTEGER NOT NULL,
    keys BLOB NOT NULL
) STRICT;

CREATE TABLE record_history (
    id INTEGER PRIMARY KEY,
    tenant INTEGER NOT NULL,
    record INTEGER NOT NULL,
    version INTEGER NOT NULL,
    connection INTEGER,
    run INTEGER,
    created_at INTEGER NOT NULL,
    fields TEXT NOT NULL
) STRICT;
CREATE INDEX record_history_record ON record_history (record);

CREATE TABLE jobs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant INTEGER NOT NULL REFERENCES tenants (id),
    uuid TEXT NOT NULL,
    name TEXT NOT NULL,
    connection INTEGER,
    type TEXT NOT NULL,
    priority INTEGER NOT NULL,
    state TEXT NOT NULL,
    data TEXT,
    options TEXT,
    schedule TEXT,
    next_at INTEGER,
    tries INTEGER NOT NULL DEFAULT 0,
    error_code TEXT,
    error_message TEXT,
    created_by TEXT,
    created_at INTEGER NOT NULL,
    started_at INTEGER,
    finished_at INTEGER,
    updated_at INTEGER NOT NULL,
    UNIQUE (tenant, uuid)
) STRICT;
CREATE UNIQUE INDEX jobs_unfinished ON jobs (tenant, name) WHERE state IN ('queued', 'active', 'paused');
CREATE INDEX jobs_state ON jobs (tenant, state);
CREATE INDEX jobs_next ON jobs (next_at) WHERE next_at IS NOT NULL;

CREATE TABLE runs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant INTEGER NOT NULL REFERENCES tenants (id),
    uuid TEXT NOT NULL,
    connection INTEGER NOT NULL,
    job INTEGER NOT NULL REFERENCES jobs (id),
    state TEXT NOT NULL,
    full_pass INTEGER NOT NULL,
    complete_set INTEGER NOT NULL,
    direction TEXT NOT NULL,
    entity TEXT,
    origin TEXT,
    options TEXT,
    template_version TEXT,
    priority INTEGER NOT NULL,
    created_by TEXT,
    epoch INTEGER NOT NULL DEFAULT 0,
    page_seq INTEGER NOT NULL DEFAULT 0,
    lease_node TEXT,
    lease_until INTEGER,
    not_before INTEGER,
    wait_code TEXT,
    wait_message TEXT,
    pause_asked INTEGER NOT NULL DEFAULT 0,
    cancel_asked INTEGER NOT NULL DEFAULT 0,
    crashes INTEGER NOT NULL DEFAULT 0,
    retries INTEGER NOT NULL DEFAULT 0,
    ready INTEGER NOT NULL,
    turn INTEGER NOT NULL,
    rank INTEGER NOT NULL,
    received INTEGER NOT NULL DEFAULT 0,
    created INTEGER NOT NULL DEFAULT 0,
    updated INTEGER NOT NULL DEFAULT 0,
    skipped INTEGER NOT NULL DEFAULT 0,
    deleted INTEGER NOT NULL DEFAULT 0,
    errors INTEGER NOT NULL DEFAULT 0,
    records_read INTEGER NOT NULL DEFAULT 0,
    missing INTEGER NOT NULL DEFAULT 0,
    log_lines INTEGER NOT NULL DEFAULT 0,
    log_lines_dropped INTEGER NOT NULL DEFAULT 0,
    requests INTEGER NOT NULL DEFAULT 0,
    verdict TEXT,
    verdict_reason TEXT,
    error_code TEXT,
    error_message TEXT,
    created_at INTEGER NOT NULL,
    started_at INTEGER,
    finished_at INTEGER,
    updated_at INTEGER NOT NULL,
    UNIQUE (tenant, uuid)
) STRICT;
CREATE UNIQUE INDEX runs_unfinished ON runs (connection) WHERE state IN ('queued', 'running', 'waiting', 'paused');
CREATE INDEX runs_connection ON runs (connection);
CREATE INDEX runs_job ON runs (job);
CREATE INDEX runs_state ON runs (tenant, state);
CREATE INDEX runs_turn ON runs (ready, turn);
CREATE INDEX runs_tenant_turn ON runs (tenant, turn);
CREATE INDEX runs_rank ON runs (tenant, rank) WHERE ready = 1;
CREATE INDEX runs_parked ON runs (not_before) WHERE state = 'waiting' AND ready = 0;
CREATE INDEX runs_leased ON runs (id) WHERE state = 'running' AND ready = 0;

CREATE TABLE run_streams (
    tenant INTEGER NOT NULL,
    run INTEGER NOT NULL,
    stream INTEGER NOT NULL,
    place INTEGER NOT NULL,
    position TEXT,
    received INTEGER NOT NULL DEFAULT 0,
    created INTEGER NOT NULL DEFAULT 0,
    updated INTEGER NOT NULL DEFAULT 0,
    skipped INTEGER NOT NULL DEFAULT 0,
    deleted INTEGER NOT NULL DEFAULT 0,
    errors INTEGER NOT NULL DEFAULT 0,
    records_read INTEGER NOT NULL DEFAULT 0,
    pages INTEGER NOT NULL DEFAULT 0,
    declared_first INTEGER,
    declared_last INTEGER,
    done INTEGER NOT NULL DEFAULT 0,
    error_code TEXT,
    error_message TEXT,
    started_at INTEGER,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (run, stream)
) STRICT, WITHOUT ROWID;

CREATE TABLE run_pages (
    tenant INTEGER NOT NULL,
    run INTEGER NOT NULL,
    page_seq INTEGER NOT NULL,
    stream INTEGER NOT NULL,
    token INTEGER,
    received INTEGER NOT NULL,
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    skipped INTEGER NOT NULL,
    deleted INTEGER NOT NULL,
    errors INTEGER NOT NULL,
    records_read INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (run, page_seq)
) STRICT, WITHOUT ROWID;

-- What became of the records of a page, for the lists behind a run's counters: their ids, packed. `change` is enum run_change
-- (store_run_record.h); 0 stands for a record that is not here.
CREATE TABLE run_records (
    tenant INTEGER NOT NULL,
    run INTEGER NOT NULL,
    change INTEGER NOT NULL,
    page_seq INTEGER NOT NULL,
    stream INTEGER NOT NULL,
    entries INTEGER NOT NULL,
    records BLOB NOT NULL,
    PRIMARY KEY (run, change, page_seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE run_logs (
    id INTEGER PRIMARY KEY,
    tenant INTEGER NOT NULL,
    run INTEGER NOT NULL,
    line_count INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    lines BLOB NOT NULL
) STRICT;
CREATE INDEX run_logs_run ON run_logs (run);
CREATE INDEX run_logs_age ON run_logs (created_at, bytes);

CREATE TABLE run_requests (
    id INTEGER PRIMARY KEY,
    tenant INTEGER NOT NULL,
    run INTEGER NOT NULL,
    first_number INTEGER NOT NULL,
    request_count INTEGER NOT NULL,
    failed_count INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    lines BLOB NOT NULL
) STRICT;
CREATE INDEX run_requests_run ON run_requests (run, first_number);
CREATE INDEX run_requests_age ON run_requests (created_at, bytes);

CREATE TABLE rejected_records (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant INTEGER NOT NULL,
    uuid TEXT NOT NULL,
    connection INTEGER NOT NULL,
    stream INTEGER NOT NULL,
    run INTEGER NOT NULL,
    ident TEXT NOT NULL,
    external_id TEXT,
    reason TEXT NOT NULL,
    payload TEXT NOT NULL,
    times INTEGER NOT NULL DEFAULT 1,
    first_at INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    UNIQUE (stream, ident),
    UNIQUE (tenant, uuid)
) STRICT;
CREATE INDEX rejected_records_connection ON rejected_records (connection);
CREATE INDEX rejected_records_run ON rejected_records (run);

-- What a page of a full pass saw: map ids, packed.
CREATE TABLE pass_pages (
    tenant INTEGER NOT NULL,
    run INTEGER NOT NULL,
    stream INTEGER NOT NULL,
    page_seq INTEGER NOT NULL,
    maps BLOB NOT NULL,
    PRIMARY KEY (run, stream, page_seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE delete_holds (
    tenant INTEGER NOT NULL,
    run INTEGER NOT NULL,
    map INTEGER NOT NULL,
    stream INTEGER NOT NULL,
    record INTEGER NOT NULL,
    began_at INTEGER NOT NULL,
    held_at INTEGER NOT NULL,
    PRIMARY KEY (run, map)
) STRICT, WITHOUT ROWID;

-- The change feed. transaction_id orders PostgreSQL's rows (design, section 5); here it is 0.
CREATE TABLE changes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant INTEGER NOT NULL,
    transaction_id INTEGER NOT NULL,
    type TEXT NOT NULL,
    collection INTEGER,
    connection INTEGER,
    run INTEGER,
    records BLOB,
    data TEXT,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX changes_place ON changes (tenant, transaction_id, id);
CREATE INDEX changes_age ON changes (created_at);

CREATE TABLE idempotency_keys (
    tenant INTEGER NOT NULL,
    route TEXT NOT NULL,
    key TEXT NOT NULL,
    body_hash TEXT NOT NULL,
    status INTEGER,
    headers TEXT,
    body TEXT,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, route, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_keys_age ON idempotency_keys (created_at);

CREATE TABLE audit (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant INTEGER NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT,
    detail TEXT,
    request_id TEXT,
    address TEXT,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX audit_tenant ON audit (tenant);
CREATE INDEX audit_age ON audit (created_at);

-- @postgres
CREATE TABLE meta (name text PRIMARY KEY, value text NOT NULL);

CREATE TABLE tenants (
    id integer GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    uuid text NOT NULL UNIQUE,
    key text NOT NULL UNIQUE,
    name text NOT NULL,
    region text,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL
);

CREATE TABLE users (
    id bigint GENERATED BY DEFAULT AS IDENTITY,
    tenant integer NOT NULL REFERENCES tenants (id),
    uuid text NOT NULL,
    subject text NOT NULL,
    name text,
    email text,
    role text NOT NULL,
    created_at bigint NOT NULL,
    seen_at bigint NOT NULL,
    UNIQUE (tenant, subject),
    UNIQUE (tenant, uuid),
    PRIMARY KEY (tenant, id)
);

CREATE TABLE api_keys (
    id bigint GENERATED BY DEFAULT AS IDENTITY,
    tenant integer NOT NULL REFERENCES tenants (id),
    uuid text NOT NULL,
    hash text NOT NULL,
    name text NOT NULL,
    shown text NOT NULL,
    role text NOT NULL,
    permissions bigint NOT NULL,
    created_at bigint NOT NULL,
    last_used_at bigint,
    expires_at bigint,
    revoked_at bigint,
    UNIQUE (tenant, uuid),
    UNIQUE (tenant, hash),
    PRIMARY KEY (tenant, id)
);
CREATE INDEX api_keys_hash ON api_keys (hash);

CREATE TABLE data_keys (
    id bigint GENERATED BY DEFAULT AS IDENTITY,
    tenant integer NOT NULL REFERENCES tenants (id),
    key_id text NOT NULL,
    wrapped text NOT NULL,
    uses bigint NOT NULL,
    created_at bigint NOT NULL,
    retired_at bigint,
    UNIQUE (tenant, key_id),
    PRIMARY KEY (tenant, id)
);

CREATE TABLE connections (
    id integer GENERATED BY DEFAULT AS IDENTITY,
    tenant integer NOT NULL REFERENCES tenants (id),
    uuid text NOT NULL,
    template_name text NOT NULL,
    template_version text,
    name text NOT NULL,
    enabled bigint NOT NULL,
    status text NOT NULL,
    error_code text,
    error_message text,
    config text,
    account text,
    streams text,
    direction text,
    schedule text,
    match text,
    conflict_policy text,
    rules text,
    webhook_trust text,
    webhook_secret text,
    mapping text,
    next_run_at bigint,
    next_full_at bigint,
    last_sync_at bigint,
    last_sync_status text,
    last_tested_at bigint,
    failures bigint NOT NULL DEFAULT 0,
    reconnect_at bigint,
    alerted bigint NOT NULL DEFAULT 0,
    sandbox bigint NOT NULL DEFAULT 0,
    tokens text,
    tokens_version bigint NOT NULL DEFAULT 0,
    tokens_expire_at bigint,
    tokens_lock_owner text,
    tokens_lock_until bigint,
    deleting bigint NOT NULL DEFAULT 0,
    created_by text,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    UNIQUE (tenant, uuid),
    PRIMARY KEY (tenant, id)
);
CREATE INDEX connections_next_run ON connections (next_run_at) WHERE next_run_at IS NOT NULL;
CREATE INDEX connections_next_full ON connections (next_full_at) WHERE next_full_at IS NOT NULL;
CREATE INDEX connections_reconnect ON connections (reconnect_at) WHERE reconnect_at IS NOT NULL;
CREATE INDEX connections_account ON connections (template_name, account) WHERE account IS NOT NULL;

CREATE TABLE collections (
    id integer GENERATED BY DEFAULT AS IDENTITY,
    tenant integer NOT NULL REFERENCES tenants (id),
    kind text NOT NULL,
    UNIQUE (tenant, kind),
    PRIMARY KEY (tenant, id)
);

-- How many records a collection has: one row per writing connection, so that writers do not wait for each other.
CREATE TABLE collection_counts (
    tenant integer NOT NULL,
    collection integer NOT NULL,
    shard bigint NOT NULL,
    live bigint NOT NULL,
    deleted bigint NOT NULL,
    PRIMARY KEY (tenant, collection, shard)
);

CREATE TABLE streams (
    id integer GENERATED BY DEFAULT AS IDENTITY,
    tenant integer NOT NULL REFERENCES tenants (id),
    connection integer NOT NULL,
    name text NOT NULL,
    collection integer NOT NULL,
    records bigint NOT NULL DEFAULT 0,
    deleted bigint NOT NULL DEFAULT 0,
    rejected bigint NOT NULL DEFAULT 0,
    last_full_at bigint,
    last_run bigint,
    version text,
    UNIQUE (tenant, connection, name),
    PRIMARY KEY (tenant, id)
);
CREATE INDEX streams_collection ON streams (tenant, collection);

CREATE TABLE cursor_state (
    tenant integer NOT NULL,
    connection integer NOT NULL,
    stream integer NOT NULL,
    partition_key text NOT NULL,
    state text NOT NULL,
    updated_at bigint NOT NULL,
    PRIMARY KEY (tenant, stream, partition_key)
);

CREATE TABLE records (
    id bigint GENERATED BY DEFAULT AS IDENTITY,
    tenant integer NOT NULL,
    collection integer NOT NULL,
    uuid text NOT NULL,
    parent bigint,
    title text,
    status text,
    occurred_at bigint,
    version bigint NOT NULL,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    deleted_at bigint,
    data json NOT NULL,
    PRIMARY KEY (tenant, id)
);
-- UUIDs grow with time: this index is filled in order, and lists a collection by age.
CREATE UNIQUE INDEX records_uuid ON records (tenant, collection, uuid);
CREATE INDEX records_updated ON records (tenant, collection, updated_at);
CREATE INDEX records_parent ON records (tenant, parent) WHERE parent IS NOT NULL;

CREATE TABLE entity_map (
    id bigint GENERATED BY DEFAULT AS IDENTITY,
    tenant integer NOT NULL,
    stream integer NOT NULL,
    external_id text NOT NULL,
    record bigint NOT NULL,
    fingerprint bytea NOT NULL,
    source_version text,
    observed_at bigint NOT NULL,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    deleted_at bigint,
    shared smallint NOT NULL DEFAULT 0,
    erased smallint NOT NULL DEFAULT 0,
    url text,
    base text,
    PRIMARY KEY (tenant, stream, external_id),
    UNIQUE (tenant, id)
);
CREATE INDEX entity_map_record ON entity_map (tenant, record);

CREATE TABLE raw (
    map bigint NOT NULL,
    tenant integer NOT NULL,
    updated_at bigint NOT NULL,
    data bytea NOT NULL,
    PRIMARY KEY (tenant, map)
);

-- The plain text: the unique key is the lock between nodes. record -1: ambiguous.
CREATE TABLE match_keys (
    tenant integer NOT NULL,
    collection integer NOT NULL,
    key text NOT NULL,
    record bigint NOT NULL,
    PRIMARY KEY (tenant, collection, key)
);
CREATE INDEX match_keys_record ON match_keys (tenant, record);

CREATE TABLE record_history (
    id bigint GENERATED BY DEFAULT AS IDENTITY,
    tenant integer NOT NULL,
    record bigint NOT NULL,
    version bigint NOT NULL,
    connection integer,
    run bigint,
    created_at bigint NOT NULL,
    fields text NOT NULL,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX record_history_record ON record_history (tenant, record);

CREATE TABLE jobs (
    id bigint GENERATED BY DEFAULT AS IDENTITY,
    tenant integer NOT NULL REFERENCES tenants (id),
    uuid text NOT NULL,
    name text NOT NULL,
    connection integer,
    type text NOT NULL,
    priority bigint NOT NULL,
    state text NOT NULL,
    data text,
    options text,
    schedule text,
    next_at bigint,
    tries bigint NOT NULL DEFAULT 0,
    error_code text,
    error_message text,
    created_by text,
    created_at bigint NOT NULL,
    started_at bigint,
    finished_at bigint,
    updated_at bigint NOT NULL,
    UNIQUE (tenant, uuid),
    PRIMARY KEY (tenant, id)
);
CREATE UNIQUE INDEX jobs_unfinished ON jobs (tenant, name) WHERE state IN ('queued', 'active', 'paused');
CREATE INDEX jobs_state ON jobs (tenant, state);
CREATE INDEX jobs_next ON jobs (next_at) WHERE next_at IS NOT NULL;

CREATE TABLE runs (
    id bigint GENERATED BY DEFAULT AS IDENTITY,
    tenant integer NOT NULL REFERENCES tenants (id),
    uuid text NOT NULL,
    connection integer NOT NULL,
    job bigint NOT NULL,
    state text NOT NULL,
    full_pass bigint NOT NULL,
    complete_set bigint NOT NULL,
    direction text NOT NULL,
    entity text,
    origin text,
    options text,
    template_version text,
    priority bigint NOT NULL,
    created_by text,
    epoch bigint NOT NULL DEFAULT 0,
    page_seq bigint NOT NULL DEFAULT 0,
    lease_node text,
    lease_until bigint,
    not_before bigint,
    wait_code text,
    wait_message text,
    pause_asked bigint NOT NULL DEFAULT 0,
    cancel_asked bigint NOT NULL DEFAULT 0,
    crashes bigint NOT NULL DEFAULT 0,
    retries bigint NOT NULL DEFAULT 0,
    ready bigint NOT NULL,
    turn bigint NOT NULL,
    rank bigint NOT NULL,
    received bigint NOT NULL DEFAULT 0,
    created bigint NOT NULL DEFAULT 0,
    updated bigint NOT NULL DEFAULT 0,
    skipped bigint NOT NULL DEFAULT 0,
    deleted bigint NOT NULL DEFAULT 0,
    errors bigint NOT NULL DEFAULT 0,
    records_read bigint NOT NULL DEFAULT 0,
    missing bigint NOT NULL DEFAULT 0,
    log_lines bigint NOT NULL DEFAULT 0,
    log_lines_dropped bigint NOT NULL DEFAULT 0,
    requests bigint NOT NULL DEFAULT 0,
    verdict text,
    verdict_reason text,
    error_code text,
    error_message text,
    created_at bigint NOT NULL,
    started_at bigint,
    finished_at bigint,
    updated_at bigint NOT NULL,
    UNIQUE (tenant, uuid),
    PRIMARY KEY (tenant, id)
);
CREATE UNIQUE INDEX runs_unfinished ON runs (tenant, connection) WHERE state IN ('queued', 'running', 'waiting', 'paused');
CREATE INDEX runs_connection ON runs (tenant, connection);
CREATE INDEX runs_job ON runs (tenant, job);
CREATE INDEX runs_state ON runs (tenant, state);
CREATE INDEX runs_turn ON runs (ready, turn);
CREATE INDEX runs_tenant_turn ON runs (tenant, turn);
CREATE INDEX runs_rank ON runs (tenant, rank) WHERE ready = 1;
CREATE INDEX runs_parked ON runs (not_before) WHERE state = 'waiting' AND ready = 0;
CREATE INDEX runs_leased ON runs (id) WHERE state = 'running' AND ready = 0;

CREATE TABLE run_streams (
    tenant integer NOT NULL,
    run bigint NOT NULL,
    stream integer NOT NULL,
    place bigint NOT NULL,
    position text,
    received bigint NOT NULL DEFAULT 0,
    created bigint NOT NULL DEFAULT 0,
    updated bigint NOT NULL DEFAULT 0,
    skipped bigint NOT NULL DEFAULT 0,
    deleted bigint NOT NULL DEFAULT 0,
    errors bigint NOT NULL DEFAULT 0,
    records_read bigint NOT NULL DEFAULT 0,
    pages bigint NOT NULL DEFAULT 0,
    declared_first bigint,
    declared_last bigint,
    done bigint NOT NULL DEFAULT 0,
    error_code text,
    error_message text,
    started_at bigint,
    updated_at bigint NOT NULL,
    PRIMARY KEY (tenant, run, stream)
);

CREATE TABLE run_pages (
    tenant integer NOT NULL,
    run bigint NOT NULL,
    page_seq bigint NOT NULL,
    stream integer NOT NULL,
    token bigint,
    received bigint NOT NULL,
    created bigint NOT NULL,
    updated bigint NOT NULL,
    skipped bigint NOT NULL,
    deleted bigint NOT NULL,
    errors bigint NOT NULL,
    records_read bigint NOT NULL,
    created_at bigint NOT NULL,
    PRIMARY KEY (tenant, run, page_seq)
);

CREATE TABLE run_records (
    tenant integer NOT NULL,
    run bigint NOT NULL,
    change integer NOT NULL,
    page_seq bigint NOT NULL,
    stream integer NOT NULL,
    entries bigint NOT NULL,
    records bytea NOT NULL,
    PRIMARY KEY (tenant, run, change, page_seq)
);

CREATE TABLE run_logs (
    id bigint GENERATED BY DEFAULT AS IDENTITY,
    tenant integer NOT NULL,
    run bigint NOT NULL,
    line_count bigint NOT NULL,
    bytes bigint NOT NULL,
    created_at bigint NOT NULL,
    lines bytea NOT NULL,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX run_logs_run ON run_logs (tenant, run);
CREATE INDEX run_logs_age ON run_logs (created_at, bytes);

CREATE TABLE run_requests (
    id bigint GENERATED BY DEFAULT AS IDENTITY,
    tenant integer NOT NULL,
    run bigint NOT NULL,
    first_number bigint NOT NULL,
    request_count bigint NOT NULL,
    failed_count bigint NOT NULL,
    bytes bigint NOT NULL,
    created_at bigint NOT NULL,
    lines bytea NOT NULL,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX run_requests_run ON run_requests (tenant, run, first_number);
CREATE INDEX run_requests_age ON run_requests (created_at, bytes);

CREATE TABLE rejected_records (
    id bigint GENERATED BY DEFAULT AS IDENTITY,
    tenant integer NOT NULL,
    uuid text NOT NULL,
    connection integer NOT NULL,
    stream integer NOT NULL,
    run bigint NOT NULL,
    ident text NOT NULL,
    external_id text,
    reason text NOT NULL,
    payload text NOT NULL,
    times bigint NOT NULL DEFAULT 1,
    first_at bigint NOT NULL,
    last_at bigint NOT NULL,
    UNIQUE (tenant, stream, ident),
    UNIQUE (tenant, uuid),
    PRIMARY KEY (tenant, id)
);
CREATE INDEX rejected_records_connection ON rejected_records (tenant, connection);
CREATE INDEX rejected_records_run ON rejected_records (tenant, run);

-- What a page of a full pass saw: map ids, packed.
CREATE TABLE pass_pages (
    tenant integer NOT NULL,
    run bigint NOT NULL,
    stream integer NOT NULL,
    page_seq bigint NOT NULL,
    maps bytea NOT NULL,
    PRIMARY KEY (tenant, run, stream, page_seq)
);

CREATE TABLE delete_holds (
    tenant integer NOT NULL,
    run bigint NOT NULL,
    map bigint NOT NULL,
    stream integer NOT NULL,
    record bigint NOT NULL,
    began_at bigint NOT NULL,
    held_at bigint NOT NULL,
    PRIMARY KEY (tenant, run, map)
);

-- The change feed, read by (transaction_id, id) below the oldest transaction in flight.
CREATE TABLE changes (
    id bigint GENERATED BY DEFAULT AS IDENTITY,
    tenant integer NOT NULL,
    transaction_id bigint NOT NULL DEFAULT (pg_current_xact_id()::text::bigint),
    type text NOT NULL,
    collection integer,
    connection integer,
    run bigint,
    records bytea,
    data text,
    created_at bigint NOT NULL,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX changes_place ON changes (tenant, transaction_id, id);
CREATE INDEX changes_age ON changes (created_at);

CREATE TABLE idempotency_keys (
    tenant integer NOT NULL,
    route text NOT NULL,
    key text NOT NULL,
    body_hash text NOT NULL,
    status bigint,
    headers text,
    body text,
    created_at bigint NOT NULL,
    PRIMARY KEY (tenant, route, key)
);
CREATE INDEX idempotency_keys_age ON idempotency_keys (created_at);

CREATE TABLE audit (
    id bigint GENERATED BY DEFAULT AS IDENTITY,
    tenant integer NOT NULL,
    actor text NOT NULL,
    action text NOT NULL,
    subject text,
    detail text,
    request_id text,
    address text,
    created_at bigint NOT NULL,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX audit_tenant ON audit (tenant);
CREATE INDEX audit_age ON audit (created_at);
