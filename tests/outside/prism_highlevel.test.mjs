// The official HighLevel OpenAPI files (Version 2021-07-28 with 2021-04-15 for conversations, and Version v3) as a judge: they
// answer a whole sync by themselves, and watch over a sync between Tidemark and the sandbox.
//
// The files are one per area; they are put together here. The search of contacts has neither body nor answer in them (empty
// schemas): it gets the answer of the contact list of 2021, and `searchAfter`, `total` beside it.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { finishedRun, removeFolder, startSandbox, startTidemark, tempFolder } from '../scenario/lib/tidemark.mjs';
import { startMock, startProxy } from './prism.mjs';

const folder = join(import.meta.dirname, '../../../shared/vendor-specs/highlevel');
const missing = existsSync(folder) ? false : 'needs ../shared/vendor-specs/highlevel';
const loopback = { TIDEMARK_NETWORK_ALLOW: '127.0.0.0/8', TIDEMARK_NETWORK_ALLOW_HTTP: 'true' };
const LOCATION = 've9EPM428h8vShlRW1KT';
const work = tempFolder('prism-ghl');

// The rest of their paths would only make Prism slow to start.
const used = /^\/(contacts\/(search|upsert|\{contactId\})?$|conversations\/(search|messages\/(\{id\}$|export)|\{conversationId\})|calendars|opportunities|locations\/\{locationId\}$)/;

function specification(version) {
  const merged = { openapi: '3.0.0', info: { title: 'HighLevel', version }, paths: {}, components: { schemas: {}, securitySchemes: {} } };
  const read = (path) => JSON.parse(readFileSync(join(folder, path), 'utf8').replaceAll('../common/common-schemas.json#', '#'),
    // Lists whose example is an empty one.
    (key, value) => (key === 'example' && Array.isArray(value) && value.length === 0 ? undefined : value));
  for (const area of ['contacts', 'conversations', 'locations', 'calendars', 'opportunities'].map((name) => `${version}/${name}`).concat('common/common-schemas')) {
    const one = read(`${area}.json`);
    for (const [path, item] of Object.entries(one.paths ?? {})) if (used.test(path)) merged.paths[path] = item;
    Object.assign(merged.components.schemas, one.components?.schemas ?? {});
    Object.assign(merged.components.securitySchemes, one.components?.securitySchemes ?? {});
  }
  const { components: { schemas: of2021 } } = read('v2021/contacts.json');
  for (const name of Object.keys(of2021)) merged.components.schemas[name] ??= of2021[name];
  merged.paths['/contacts/search'].post.responses['200'] = {
    description: 'Contacts',
    content: { 'application/json': { schema: { $ref: '#/components/schemas/ContactsSearchSuccessfulResponseDto' } } },
  };
  // Times of an appointment are texts everywhere, but in this file objects without members.
  for (const name of ['startTime', 'endTime', 'dateAdded', 'dateUpdated'])
    Object.assign(merged.components.schemas.CalendarEventDTO.properties[name], { type: 'string' });
  // A text with a number as its example.
  delete merged.components.schemas.SearchOpportunitiesResponseSchema.properties.indexVersion.example;
  // The examples of totals are of larger accounts than the one example record.
  for (const schema of Object.values(merged.components.schemas)) if (schema.properties?.total) schema.properties.total.example = 1;
  const path = join(work, `highlevel-${version}.json`);
  writeFileSync(path, JSON.stringify(merged));
  return path;
}

// An address in the list that Prism prints at its start has "error" in it.
const violations = (prism) => prism.violations().filter((line) => !line.includes('/contacts/error/'));

const versions = { v2021: undefined, v3: 'v3' };

describe('HighLevel as its own OpenAPI files say', { skip: missing }, () => {
  const open = [], data = tempFolder('prism');
  let server, sandbox;
  before(async () => {
    server = await startTidemark({ data, env: loopback });
    sandbox = await startSandbox({ sizes: { 'gohighlevel.contacts': 120, 'gohighlevel.conversations': 20, 'gohighlevel.messages': 4 } });
  });
  after(async () => {
    await server?.stop();
    await sandbox?.stop();
    for (const thing of open.reverse()) await thing.stop();
    removeFolder(work);
    removeFolder(data);
  });

  async function syncThrough(baseUrl, apiVersion) {
    const made = await server.api('POST', '/api/v1/sync/connections?test=false', {
      name: 'GHL', platform: 'gohighlevel', match: 'none', credentials: { apiKey: 'pit-test', locationId: LOCATION, baseUrl, ...(apiVersion && { apiVersion }) },
    });
    assert.equal(made.status, 201, JSON.stringify(made.body));
    const id = made.body.data.id, started = await server.api('POST', '/api/v1/sync/run', { connectionId: id, fullSync: true });
    const rows = async (stream) => (await server.api('GET', `/api/v1/records/${id}/${stream}?limit=500`)).body.data;
    return { id, rows, run: await finishedRun(server, started.body.data.runId) };
  }

  for (const [version, apiVersion] of Object.entries(versions)) {
    test(`${version}: a mock made from the files answers a whole sync`, async () => {
      const mock = await startMock(specification(version));
      open.push(mock);
      const { run, rows } = await syncThrough(mock.url, apiVersion);
      assert.equal(run.status, 'success', JSON.stringify(run));
      for (const stream of ['contacts', 'conversations', 'messages', 'opportunities']) assert.equal((await rows(stream)).length, 1, stream);
      // Two examples of the files break their own schemas; what we sent breaks nothing.
      assert.deepEqual(violations(mock).filter((line) => !line.includes('response.body')), []);
    });

    test(`${version}: a validating proxy before the sandbox finds no violation by either side`, async () => {
      const proxy = await startProxy(specification(version), `${sandbox.url}/gohighlevel`);
      open.push(proxy);
      const { id, run, rows } = await syncThrough(proxy.url, apiVersion);
      assert.equal(run.verdict, 'complete', JSON.stringify(run));
      assert.equal((await server.api('POST', `/api/v1/sync/connections/${id}/test`)).status, 200);
      assert.equal((await rows('contacts')).length, (await sandbox.truth('gohighlevel', 'contacts')).length);
      const again = await server.api('POST', '/api/v1/sync/run', { connectionId: id, fullSync: false });
      assert.equal((await finishedRun(server, again.body.data.runId)).verdict, 'complete');
      assert.deepEqual(violations(proxy), []);
    });
  }
});
