// Events that are applied together (I-20 to I-22): a bad one in the middle takes none of the others with it, and a process that dies in
// the middle of them has applied none, and later each once.
//
// The queue of the connection is held by SQL while they come, so that they are one batch. PostgreSQL too where TIDEMARK_TEST_PG is set.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';

import { loopback } from './lib/chatwoot.mjs';
import { freshDatabase, removeFolder, sqlIn, startTidemark, tempFolder, until } from './lib/tidemark.mjs';
import { contactEvent, drained, events, holdQueues, releaseQueues, send } from './lib/webhooks.mjs';

const SECRET = 'batch-secret', iso = (ms) => new Date(ms).toISOString();

async function world(database) {
  const data = tempFolder('batch'), env = { ...loopback, ...(database ? { TIDEMARK_DATABASE: database } : {}) };
  const w = { server: await startTidemark({ data, env }) };
  w.sql = (text) => sqlIn(data, text, database);
  // SQLite: somebody writes, and has done so for a while. PostgreSQL: the server itself says that it sleeps.
  let locked = 0;
  w.stands = () => {
    if (database) return w.sql("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'") === '1';
    const free = spawnSync('sqlite3', [`${data}/tidemark.db`, 'BEGIN IMMEDIATE; ROLLBACK'], { encoding: 'utf8' }).status === 0;
    locked = free ? 0 : locked + 1;
    return locked >= 10;
  };
  // What a dead client asked for goes on in PostgreSQL until somebody ends it.
  w.freed = () => database && w.sql('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()');
  w.again = async () => { w.server = await startTidemark({ data, env }); };
  w.end = async () => { await w.server.stop(); removeFolder(data); };
  const made = await w.server.api('POST', '/api/v1/sync/connections?test=false', {
    name: 'Batch', platform: 'chatwoot', webhookSecret: SECRET,
    credentials: { accountId: '1', accessToken: 'test', baseUrl: 'http://127.0.0.1:9' },
  });
  assert.equal(made.status, 201, made.text);
  w.connection = made.body.data.id;
  let version = Date.now() - 600_000;
  w.send = async (id, name, more = {}) => {
    const sent = await send(w.server, contactEvent(id, name, { updatedAt: iso(version += 1000), ...more }), { secret: SECRET });
    assert.equal(sent.status, 200, sent.text);
  };
  w.contacts = async () => Object.fromEntries((await w.server.api('GET', '/api/v1/contacts?limit=500')).body.data
    .map((c) => [c.customFields.chatwoot_id, c.name]));
  w.hold = () => holdQueues(w.sql);
  w.release = () => releaseQueues(w.sql);
  return w;
}

async function poison(database) {
  const w = await world(database);
  try {
    await w.send(1, 'Poison'); // the first of that name is none
    await drained(w.server);
    w.sql("CREATE UNIQUE INDEX poison ON records (title) WHERE title = 'Poison'");
    w.hold();
    for (let id = 2; id <= 20; id++)
      await w.send(id, id === 12 ? 'Poison' : `Contact ${id}`, id === 5 || id === 15 ? { phone_number: '12' } : {});
    await w.send(3, 'Contact 3, later');
    assert.equal((await events(w.server, '?status=pending&limit=100')).length, 20);
    w.release();
    await drained(w.server);

    const expected = { 1: 'Poison' };
    for (let id = 2; id <= 20; id++) if (![5, 12, 15].includes(id)) expected[id] = `Contact ${id}`;
    expected[3] = 'Contact 3, later';
    assert.deepEqual(await w.contacts(), expected);
    const failed = (await events(w.server, '?status=failed&limit=100')).map((e) => `${e.externalId}: ${e.errorCode}`).sort();
    assert.deepEqual(failed, ['12: CONFLICT', '15: VALIDATION_FAILED', '5: VALIDATION_FAILED']);
    const rejected = (await w.server.api('GET', `/api/v1/sync/connections/${w.connection}/rejected`)).body.data;
    assert.deepEqual(rejected.map((r) => r.externalId).sort(), ['15', '5'], 'refused in a batch that had to be done again: still kept');

    w.sql('DROP INDEX poison');
    const bad = (await events(w.server, '?status=failed&limit=100')).find((e) => e.externalId === '12');
    assert.ok((await w.server.api('POST', `/api/v1/webhooks/events/${bad.id}/replay`)).status < 300);
    await drained(w.server);
    assert.deepEqual(await w.contacts(), { ...expected, 12: 'Poison' });
  } finally {
    await w.end();
  }
}

// Whoever writes the record named Slow stands still in the middle of his transaction.
const slow = (database) => (database
  ? `CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF new.title = 'Slow' THEN PERFORM pg_sleep(60); END IF; RETURN new; END $$;
     CREATE TRIGGER slow BEFORE INSERT ON records FOR EACH ROW EXECUTE FUNCTION slow()`
  : `CREATE TRIGGER slow BEFORE INSERT ON records WHEN new.title = 'Slow' BEGIN
       SELECT (WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c LIMIT 2000000000) SELECT max(n) FROM c); END`);

async function killed(database) {
  const w = await world(database);
  try {
    await w.send(1, 'Contact 1');
    await drained(w.server);
    w.sql(slow(database));
    w.hold();
    for (let id = 2; id <= 30; id++) await w.send(id, id === 15 ? 'Slow' : `Contact ${id}`);
    w.release();
    await until('it stands in the middle', w.stands);
    await w.server.kill();
    w.freed();
    assert.equal(w.sql('SELECT count(*) FROM records'), '1', 'all of a batch or nothing');
    assert.equal(w.sql("SELECT count(*) FROM inbox_events WHERE status = 'pending'"), '29');
    w.sql(database ? 'DROP TRIGGER slow ON records' : 'DROP TRIGGER slow');
    await w.again();
    await drained(w.server);

    const expected = { 1: 'Contact 1' };
    for (let id = 2; id <= 30; id++) expected[id] = id === 15 ? 'Slow' : `Contact ${id}`;
    assert.deepEqual(await w.contacts(), expected);
    assert.equal(w.sql('SELECT count(*) FROM records'), '30', 'each once');
    assert.deepEqual([...new Set((await events(w.server, '?limit=100')).map((e) => e.status))], ['applied']);
  } finally {
    await w.end();
  }
}

const title = 'a bad event in a batch fails alone; what was refused beside it is kept';
test(title, () => poison(null));
if (process.env.TIDEMARK_TEST_PG) test(`${title}: PostgreSQL`, () => poison(freshDatabase('batch')));

const dies = 'a process that dies in the middle of a batch has applied none of it, and its successor applies each event once';
test(dies, () => killed(null));
if (process.env.TIDEMARK_TEST_PG) test(`${dies}: PostgreSQL`, () => killed(freshDatabase('batch')));
