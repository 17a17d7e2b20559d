// A server that nobody here wrote: Directus with 3,000 items, synced full and incremental with a template of ours.
import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { finishedRun, listAll, removeFolder, startTidemark, tempFolder } from '../scenario/lib/tidemark.mjs';
import { directusIsInstalled, makePeople, person, startDirectus } from './directus.mjs';

const ITEMS = 3000;
let directus, server, connection;
const data = tempFolder('directus');

before(async () => {
  if (!directusIsInstalled()) throw new Error('Directus is not installed: npm install in tests/outside (script/test does it)');
  directus = await startDirectus();
  await makePeople(directus);
  for (let i = 0; i < ITEMS; i += 500)
    await directus.call('POST', '/items/people', Array.from({ length: 500 }, (_, k) => person(i + k)));
  mkdirSync(join(data, 'templates'), { recursive: true });
  copyFileSync(join(import.meta.dirname, 'directus.yaml'), join(data, 'templates', 'directus.yaml'));
  server = await startTidemark({
    data, env: { TIDEMARK_NETWORK_ALLOW: '127.0.0.0/8', TIDEMARK_NETWORK_ALLOW_HTTP: 'true', TIDEMARK_OVERLAP: '1s' },
  });
  const made = await server.api('POST', '/api/v1/sync/connections', {
    name: 'Directus', platform: 'directus', credentials: { baseUrl: directus.url, accessToken: directus.token },
  });
  assert.equal(made.status, 201, JSON.stringify(made.body));
  connection = made.body.data.id;
});

after(async () => {
  await server?.stop();
  await directus?.stop();
  removeFolder(data);
});

async function sync(fullSync) {
  const started = await server.api('POST', '/api/v1/sync/run', { connectionId: connection, fullSync });
  assert.equal(started.status, 202, JSON.stringify(started.body));
  return finishedRun(server, started.body.data.runId);
}

const counts = (run) => ({
  created: run.recordsCreated, updated: run.recordsUpdated, errors: run.recordsErrors, verdict: run.verdict, status: run.status,
});

// Directus' own count and content, not our memory of what we put there.
async function sameAsDirectus() {
  const theirs = (await directus.call('GET', '/items/people?limit=-1&sort=id'))
    .map((p) => [String(p.id), p.name, p.email, p.phone]);
  const ours = (await listAll(server, '/api/v1/contacts'))
    .map((c) => [String(c.customFields.directus_id), c.name, c.email, c.phone])
    .sort((a, b) => Number(a[0]) - Number(b[0]));
  assert.deepEqual(ours, theirs);
}

test('the first run reads every item that Directus has', async () => {
  assert.deepEqual(counts(await sync(true)), { created: ITEMS, updated: 0, errors: 0, verdict: 'complete', status: 'success' });
  await sameAsDirectus();
});

test('an incremental run without changes creates and updates nothing', async () => {
  const run = await sync(false);
  assert.deepEqual([run.recordsCreated, run.recordsUpdated, run.verdict], [0, 0, 'complete']);
});

test('an incremental run brings what was added and changed, and only that', async () => {
  const firstIds = (await directus.call('GET', '/items/people?limit=40&sort=id&fields=id')).map((p) => p.id);
  await directus.call('POST', '/items/people', Array.from({ length: 60 }, (_, k) => person(ITEMS + k)));
  await directus.call('PATCH', '/items/people', { keys: firstIds, data: { city: 'Manaus', name: 'Renamed' } });
  const run = await sync(false);
  assert.deepEqual([run.recordsCreated, run.recordsUpdated, run.recordsErrors], [60, 40, 0]);
  assert.ok(run.recordsSynced < ITEMS, `read ${run.recordsSynced} items to bring 100`);
  await sameAsDirectus();
});

test('a full pass finds what was deleted', async () => {
  const gone = (await directus.call('GET', '/items/people?limit=30&sort=-id&fields=id')).map((p) => p.id);
  await directus.call('DELETE', '/items/people', gone);
  const run = await sync(true);
  assert.equal(run.verdict, 'complete');
  await sameAsDirectus();
});
