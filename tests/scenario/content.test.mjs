// The main promise: what stands in the database is what the vendor holds, record for record, after a first load, an
// unchanged run, one per cent changed, and one per cent deleted; and the counters add up (I-3).
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { assertAddsUp, assertSameAs, connectChatwoot, loopback } from './lib/chatwoot.mjs';
import { stopAll, streamOf } from './lib/platform.mjs';
import { finishedRun, startSandbox, startTidemark, tempFolder } from './lib/tidemark.mjs';

const CONTACTS = 2000;
const data = tempFolder('content');
let sandbox, server, connection;

before(async () => {
  sandbox = await startSandbox({ sizes: { 'chatwoot.contacts': CONTACTS, 'chatwoot.conversations': 300, 'chatwoot.messages': 5 } });
  server = await startTidemark({ data, env: loopback });
  connection = await connectChatwoot(server, sandbox);
});

after(() => stopAll(data, server, sandbox));

async function sync(fullSync) {
  const started = await server.api('POST', '/api/v1/sync/run', { connectionId: connection, fullSync });
  assert.equal(started.status, 202, JSON.stringify(started.body));
  const run = await finishedRun(server, started.body.data.runId);
  assert.equal(run.status, 'success', JSON.stringify(run));
  assertAddsUp(run);
  return run;
}

test('after the first load every record is there once', async () => {
  const run = await sync(true);
  assert.equal(run.verdict, 'complete', JSON.stringify(run));
  assert.equal(run.recordsUpdated, 0);
  await assertSameAs(server, sandbox);
});

test('an unchanged full run writes nothing', async () => {
  const run = await sync(true);
  assert.deepEqual([run.recordsCreated, run.recordsUpdated, run.recordsErrors], [0, 0, 0]);
  await assertSameAs(server, sandbox);
});


test('one per cent changed: a full run updates just those', async () => {
  await sandbox.mutate({ vendor: 'chatwoot', entity: 'contacts', update: CONTACTS / 100 });
  const run = await sync(true);
  assert.equal(run.recordsCreated, 0);
  const contacts = streamOf(run, 'contacts'); // a conversation holds its contact's name, so some of those change too
  assert.equal(contacts.recordsUpdated, CONTACTS / 100, JSON.stringify(run));
  assert.equal(contacts.recordsSkipped, contacts.recordsReceived - contacts.recordsUpdated);
  await assertSameAs(server, sandbox);
});

test('one per cent deleted: a full run finds them gone', async () => {
  await sandbox.mutate({ vendor: 'chatwoot', entity: 'contacts', delete: CONTACTS / 100 });
  const run = await sync(true);
  assert.deepEqual([run.recordsCreated, run.recordsErrors], [0, 0]);
  assert.ok(run.recordsMissing > CONTACTS / 100, `${run.recordsMissing}: conversations and messages go with their contact`);
  await assertSameAs(server, sandbox);
});

test('new records come with an incremental run that reads far fewer than all', async () => {
  await sandbox.mutate({ vendor: 'chatwoot', entity: 'contacts', create: 25 });
  const run = await sync(false);
  assert.equal(run.recordsCreated, 25, JSON.stringify(run));
  assert.ok(run.recordsSynced < CONTACTS, `${run.recordsSynced} records read`);
  await assertSameAs(server, sandbox);
});
