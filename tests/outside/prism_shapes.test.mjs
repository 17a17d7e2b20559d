// HubSpot's and Zendesk's official files as a judge. Here are their facts only (paths, parameters, names, types, enums), as shapes: an
// OpenAPI document is made of them, which answers a whole sync of both by itself, and watches over pulls and pushes between
// Tidemark and the sandbox.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { finishedRun, removeFolder, startSandbox, startTidemark, tempFolder, until } from '../scenario/lib/tidemark.mjs';
import { startMock, startProxy } from './prism.mjs';

const folder = join(import.meta.dirname, '../../../shared/vendor-specs');
const missing = existsSync(folder) ? false : 'needs ../shared/vendor-specs';
const work = tempFolder('prism-shapes');
// What templates call; the rest would only make Prism slow to start.
const used = new RegExp('^/(crm/(objects|owners)/2026-09(?!.*(associations|gdpr))|account-info/2026-09/details|app-webhooks/2026-09' +
  '|api/v2/(users(/(search|me|create_or_update|\\{user_id\\}))?$|incremental|organizations(/\\{organization_id\\})?$|tickets/\\{ticket_id\\}(/comments)?$))');

const schemaOf = (shape) => JSON.parse(JSON.stringify(shape ?? {}), (key, value) => {
  if (typeof value?.ref === 'string') return { $ref: `#/components/schemas/${value.ref}` };
  return value;
});

function operationOf(operation) {
  const named = (operation.params ?? []).filter((p) => p.name && p.in !== 'path').map(({ schema, ...rest }) => ({ ...rest, schema: schemaOf(schema) }));
  const inPath = [...operation.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({ name, in: 'path', required: true, schema: { type: 'string' } }));
  const content = (media) => media && { content: Object.fromEntries(Object.entries(media).map(([type, schema]) => [type, { schema: schemaOf(schema) }])) };
  const responses = Object.fromEntries(Object.entries(operation.responses).map(([status, media]) => [status, { description: status, ...content(media) }]));
  return { parameters: [...inPath, ...named], ...(operation.body && { requestBody: content(operation.body) }), responses };
}

// `forever`: a mock's cursor leads to the same page again, and its totals are not those of one example record.
function specification(name, { forever = true } = {}) {
  const made = { openapi: '3.0.0', info: { title: name, version: '1' }, paths: {}, components: { schemas: {} } };
  const files = ['hubspot', 'zendesk'].flatMap((vendor) => readdirSync(join(folder, vendor)).map((file) => join(folder, vendor, file)));
  for (const file of files.filter((path) => /(2026-09|zendesk\/[\w-]+)\.shape\.json$/.test(path))) {
    const shape = JSON.parse(readFileSync(file, 'utf8'));
    for (const [key, schema] of Object.entries(shape.schemas)) made.components.schemas[key] ??= schemaOf(schema);
    for (const operation of shape.operations.filter((o) => used.test(o.path))) {
      made.paths[operation.path] ??= {};
      made.paths[operation.path][operation.method.toLowerCase()] ??= operationOf(operation);
    }
  }
  const known = made.components.schemas;
  for (const [, key] of JSON.stringify(made).matchAll(/#\/components\/schemas\/(\w+)/g)) known[key] ??= {};
  if (!forever)
    for (const { properties } of Object.values(known).filter((schema) => schema.properties)) {
      delete properties.paging;
      if (properties.end_of_stream) properties.end_of_stream.example = true;
      for (const total of ['total', 'count']) if (properties[total]?.type === 'integer') properties[total].example = 1;
    }
  const path = join(work, `${name}.json`);
  writeFileSync(path, JSON.stringify(made));
  return path;
}

describe('HubSpot and Zendesk as their own files say', { skip: missing }, () => {
  const data = tempFolder('prism-shapes-data'), open = [];
  let server, sandbox;
  before(async () => {
    sandbox = await startSandbox({ sizes: { 'hubspot.contacts': 130, 'hubspot.companies': 12, 'hubspot.deals': 12, 'hubspot.tickets': 12,
      'zendesk.users': 60, 'zendesk.organizations': 6, 'zendesk.tickets': 12 } });
    server = await startTidemark({ data, env: { TIDEMARK_NETWORK_ALLOW: '127.0.0.0/8', TIDEMARK_NETWORK_ALLOW_HTTP: 'true' } });
  });
  after(async () => {
    await server?.stop();
    await sandbox?.stop();
    for (const thing of open.reverse()) await thing.stop();
    removeFolder(work);
    removeFolder(data);
  });

  const credentials = (baseUrl, portalId) => ({
    hubspot: { accessToken: 'pat-test', baseUrl, clientSecret: 'hush', appId: '54321', developerApiKey: 'dev-key', ...(portalId && { portalId }) },
    zendesk: { email: 'you@example.com', apiToken: 'your-api-key', subdomain: 'acme', baseUrl },
  });
  async function connect(platform, baseUrl, query = '') {
    const made = await server.api('POST', `/api/v1/sync/connections${query}`, { name: platform, platform, match: 'none', direction: 'both', credentials: credentials(baseUrl, query ? null : '62515')[platform] });
    assert.equal(made.status, 201, made.text);
    return made.body.data.id;
  }
  async function run(connectionId, more) {
    // What was changed here is also sent by itself, a moment later: such a run may be in the way.
    const { body } = await until('the connection is free', async () => {
      const reply = await server.api('POST', '/api/v1/sync/run', { connectionId, ...more });
      assert.ok([202, 409].includes(reply.status), reply.text);
      return reply.status === 202 && reply;
    });
    return finishedRun(server, body.data.runId);
  }
  const rows = async (id, stream) => (await server.api('GET', `/api/v1/records/${id}/${stream}?limit=500`)).body.data;

  test('a mock made from the files answers a whole sync', async () => {
    const mock = await startMock(specification('mock', { forever: false }));
    open.push(mock);
    for (const platform of ['hubspot', 'zendesk']) {
      const done = await run(await connect(platform, mock.url, '?test=false'), { fullSync: true });
      assert.equal(done.status, 'success', JSON.stringify(done));
    }
    assert.deepEqual(mock.violations(), []);
  });

  test('a validating proxy before the sandbox finds no violation by either side, pulling and pushing', async () => {
    const proxy = await startProxy(specification('proxy'), sandbox.url);
    open.push(proxy);
    for (const [platform, streams] of Object.entries({ hubspot: ['contacts', 'companies', 'deals', 'tickets'], zendesk: ['users', 'organizations', 'tickets'] })) {
      const id = await connect(platform, proxy.url), done = await run(id, { fullSync: true });
      assert.deepEqual([done.status, done.verdict], ['success', 'complete'], JSON.stringify(done));
      for (const stream of streams) assert.equal((await rows(id, stream)).length, (await sandbox.truth(platform, stream)).length, `${platform} ${stream}`);
      if (platform === 'hubspot') assert.equal((await server.api('POST', `/api/v1/sync/connections/${id}/setup-webhook`)).body.verified, true);
      const [first] = await rows(id, streams[0]);
      assert.equal((await server.api('PATCH', `/api/v1/contacts/${first.id}`, { name: 'Tainá Gonçalves' })).status, 200);
      for (const n of [1, 2]) // together they go as a batch, where the vendor has one
        assert.equal((await server.api('POST', '/api/v1/contacts', { name: 'Joaquim São João', email: `joaquim${n}.${platform}@example.com.br`, phone: `+558198888777${n}` })).status, 201);
      const pushed = await run(id, { direction: 'push' });
      assert.deepEqual([pushed.status, pushed.verdict], ['success', 'complete'], JSON.stringify(pushed));
      assert.equal((await run(id, { fullSync: false })).verdict, 'complete');
    }
    assert.deepEqual(proxy.violations(), [], proxy.violations().slice(0, 10).join('\n'));
  });
});
