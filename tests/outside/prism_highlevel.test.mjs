// The official HighLevel OpenAPI files (Version 2021-07-28; conversations 2021-04-15) as a judge: they answer a whole sync by
// themselves, and watch over a sync between Tidemark and the sandbox.
//
// The files are one per area; they are put together here. The search of contacts has neither body nor answer in them (empty
// schemas): it gets the answer of the contact list in the same file, and `searchAfter`, `total` beside it.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';

import { finishedRun, listAll, removeFolder, startSandbox, startTidemark, tempFolder } from '../scenario/lib/tidemark.mjs';
import { startMock, startProxy } from './prism.mjs';

const folder = join(import.meta.dirname, '../../../shared/vendor-specs/highlevel');
const missing = existsSync(folder) ? false : 'needs ../shared/vendor-specs/highlevel';
const loopback = { TIDEMARK_NETWORK_ALLOW: '127.0.0.0/8', TIDEMARK_NETWORK_ALLOW_HTTP: 'true' };
const LOCATION = 've9EPM428h8vShlRW1KT';
const work = tempFolder('prism-ghl');

function specification() {
  const merged = { openapi: '3.0.0', info: { title: 'HighLevel', version: '2021-07-28' }, paths: {}, components: { schemas: {}, securitySchemes: {} } };
  const read = (path) => JSON.parse(readFileSync(join(folder, path), 'utf8').replaceAll('../common/common-schemas.json#', '#'));
  for (const area of ['v2021/contacts', 'v2021/conversations', 'v2021/locations', 'v2021/calendars', 'v2021/opportunities', 'common/common-schemas']) {
    const one = read(`${area}.json`);
    Object.assign(merged.paths, one.paths ?? {});
    Object.assign(merged.components.schemas, one.components?.schemas ?? {});
    Object.assign(merged.components.securitySchemes, one.components?.securitySchemes ?? {});
  }
  const search = merged.paths['/contacts/search'].post;
  search.responses['200'] = {
    description: 'Contacts',
    content: { 'application/json': { schema: { allOf: [merged.paths['/contacts/'].get.responses['200'].content['application/json'].schema] } } },
  };
  // Times of an appointment are texts everywhere, but in this file objects without members.
  for (const name of ['startTime', 'endTime', 'dateAdded', 'dateUpdated'])
    Object.assign(merged.components.schemas.CalendarEventDTO.properties[name], { type: 'string' });
  // A text with a number as its example.
  delete merged.components.schemas.SearchOpportunitiesResponseSchema.properties.indexVersion.example;
  // The examples of totals are of larger accounts than the one example record.
  for (const schema of Object.values(merged.components.schemas)) if (schema.properties?.total) schema.properties.total.example = 1;
  const path = join(work, 'highlevel.json');
  writeFileSync(path, JSON.stringify(merged));
  return path;
}

// An address in the list that Prism prints at its start has "error" in it.
const violations = (prism) => prism.violations().filter((line) => !line.includes('/contacts/error/'));

async function syncThrough(baseUrl) {
  const data = tempFolder('prism');
  const server = await startTidemark({ data, env: loopback });
  const made = await server.api('POST', '/api/v1/sync/connections?test=false', {
    name: 'GHL', platform: 'gohighlevel', credentials: { apiKey: 'pit-test', locationId: LOCATION, baseUrl },
  });
  assert.equal(made.status, 201, JSON.stringify(made.body));
  const started = await server.api('POST', '/api/v1/sync/run', { connectionId: made.body.data.id, fullSync: true });
  return { data, server, connection: made.body.data.id, run: await finishedRun(server, started.body.data.runId) };
}

describe('HighLevel as its own OpenAPI files say', { skip: missing }, () => {
  const open = [];
  after(async () => {
    for (const thing of open.reverse()) await thing.stop();
    removeFolder(work);
  });

  test('a mock made from the files answers a whole sync', async () => {
    const mock = await startMock(specification());
    open.push(mock);
    const { data, server, run } = await syncThrough(mock.url);
    open.push(server);
    assert.equal(run.status, 'success', JSON.stringify(run));
    assert.equal((await listAll(server, '/api/v1/contacts')).length, 1);
    assert.equal((await listAll(server, '/api/v1/conversations')).length, 1);
    assert.equal((await listAll(server, '/api/v1/messages')).length, 1);
    assert.equal((await listAll(server, '/api/v1/deals')).length, 1);
    // Two examples of the files break their own schemas; what we sent breaks nothing.
    assert.deepEqual(violations(mock).filter((line) => !line.includes('response.body')), []);
    await server.stop();
    removeFolder(data);
  });

  test('a validating proxy before the sandbox finds no violation by either side', async () => {
    const sandbox = await startSandbox({ sizes: { 'gohighlevel.contacts': 120, 'gohighlevel.conversations': 30, 'gohighlevel.messages': 4 } });
    open.push(sandbox);
    const proxy = await startProxy(specification(), `${sandbox.url}/gohighlevel`);
    open.push(proxy);
    const { data, server, run, connection } = await syncThrough(proxy.url);
    open.push(server);
    assert.equal(run.verdict, 'complete', JSON.stringify(run));
    assert.equal((await server.api('POST', `/api/v1/sync/connections/${connection}/test`)).status, 200);
    assert.equal((await listAll(server, '/api/v1/contacts')).length, (await sandbox.truth('gohighlevel', 'contacts')).length);
    const again = await server.api('POST', '/api/v1/sync/run', { connectionId: connection, fullSync: false });
    assert.equal((await finishedRun(server, again.body.data.runId)).verdict, 'complete');
    assert.deepEqual(violations(proxy), []);
    await server.stop();
    removeFolder(data);
  });
});
