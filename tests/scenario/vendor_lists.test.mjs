// Streams that the vendor lists (HttpComponentsResolver): known at the first test or run, read anew after a restart. A list that cannot
// be read fails what is made of it, and says so; the other streams are read (F15).
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { after, test } from 'node:test';

import { loopback } from './lib/chatwoot.mjs';
import { finishedRun, removeFolder, startTidemark, tempFolder, until } from './lib/tidemark.mjs';

const SYNC = '/api/v1/sync';
const open = [];
after(async () => {
  for (const stop of open.reverse()) await stop();
});

const template = `
version: 6.0.0
type: DeclarativeSource
check: {type: CheckStream, stream_names: [people]}
definitions:
  requester: {type: HttpRequester, url_base: "{{ config['baseUrl'] }}", http_method: GET, authenticator: {type: BearerAuthenticator, api_token: "{{ config['token'] }}"}}
streams:
  - type: DeclarativeStream
    name: fixed
    primary_key: [id]
    schema_loader: {type: InlineSchemaLoader, schema: {type: object, properties: {}}}
    retriever:
      type: SimpleRetriever
      requester: {$ref: "#/definitions/requester", path: "tables/fixed/rows"}
      record_selector: {type: RecordSelector, extractor: {type: DpathExtractor, field_path: [rows]}}
dynamic_streams:
  - type: DynamicDeclarativeStream
    name: tables
    stream_template:
      type: DeclarativeStream
      name: ""
      primary_key: [id]
      schema_loader: {type: InlineSchemaLoader, schema: {type: object, properties: {}}}
      retriever:
        type: SimpleRetriever
        requester: {$ref: "#/definitions/requester", path: "tables/x/rows"}
        record_selector: {type: RecordSelector, extractor: {type: DpathExtractor, field_path: [rows]}}
    components_resolver:
      type: HttpComponentsResolver
      retriever:
        type: SimpleRetriever
        requester: {$ref: "#/definitions/requester", path: tables}
        record_selector: {type: RecordSelector, extractor: {type: DpathExtractor, field_path: [tables]}}
      components_mapping:
        - {type: ComponentMappingDefinition, field_path: [name], value: "{{ components_values['name'] }}"}
        - {type: ComponentMappingDefinition, field_path: [retriever, requester, path], value: "tables/{{ components_values['id'] }}/rows"}
spec:
  type: Spec
  connection_specification:
    type: object
    required: [token]
    properties:
      token: {type: string, airbyte_secret: true}
      baseUrl: {type: string}
metadata:
  tidemark: {name: tables, version: "1", primary_secret: token, base_url: {field: baseUrl, default: "https://tables.example.com"}}
`;

async function startVendor() {
  const state = { tables: [{ id: 't1', name: 'people' }, { id: 't2', name: 'things' }], asked: [], status: 200 };
  const server = createServer((request, response) => {
    const [, , table] = request.url.split('/');
    state.asked.push(request.url);
    if (!table && state.status !== 200) return response.writeHead(state.status, { 'Retry-After': '2' }).end('{"message":"not today"}');
    response.writeHead(200, { 'Content-Type': 'application/json' })
      .end(JSON.stringify(table ? { rows: [{ id: `${table}-1` }, { id: `${table}-2` }] } : { tables: state.tables }));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  open.push(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return { url: `http://127.0.0.1:${server.address().port}`, state, lists: () => state.asked.filter((url) => url === '/tables').length };
}

test('streams of a list that the vendor gives are synced', async () => {
  const vendor = await startVendor(), data = tempFolder('vendor-lists');
  open.push(() => removeFolder(data));
  mkdirSync(join(data, 'templates'), { recursive: true });
  writeFileSync(join(data, 'templates', 'tables.yaml'), template);
  let server = await startTidemark({ data, env: loopback });
  open.push(() => server.stop());
  const start = async (id, body = {}) => (await server.api('POST', `${SYNC}/run`, { connectionId: id, ...body })).body.data?.runId;

  const made = await server.api('POST', `${SYNC}/connections?test=true`, { name: 'Tables', platform: 'tables', credentials: { token: 'one-token', baseUrl: vendor.url } });
  assert.equal(made.status, 201, JSON.stringify(made.body));
  const id = made.body.data.id;
  const first = await finishedRun(server, await start(id));
  assert.equal(first.status, 'success', JSON.stringify(first));
  assert.ok(vendor.state.asked.includes('/tables/t1/rows') && vendor.state.asked.includes('/tables/t2/rows'), vendor.state.asked.join(' '));
  const asked = vendor.lists();
  assert.equal((await finishedRun(server, await start(id, { entityType: 'things' }))).status, 'success');
  assert.equal(vendor.lists(), asked, 'a list that was just read is not asked for again');

  await server.stop();
  vendor.state.tables.push({ id: 't3', name: 'places' });
  vendor.state.status = 429;
  server = await startTidemark({ data, env: loopback });
  const waiting = await start(id);
  await until('the run waits for the vendor', async () => vendor.lists() > asked);
  vendor.state.status = 200;
  const later = await finishedRun(server, waiting);
  assert.equal(later.status, 'success', JSON.stringify(later));
  assert.ok(vendor.state.asked.includes('/tables/t3/rows'));

  const choose = async (streams) => assert.equal((await server.api('PATCH', `${SYNC}/connections/${id}`, { streams })).status, 200);
  await choose(['people']);
  await server.stop();
  vendor.state.status = 403;
  server = await startTidemark({ data, env: loopback });
  const why = /The list that streams of tables are made of: .*status 403: not today/;
  const failed = await finishedRun(server, await start(id));
  assert.notEqual(failed.status, 'success');
  assert.match(JSON.stringify(failed), why);
  await choose([]);
  const others = await finishedRun(server, await start(id));
  assert.deepEqual([others.status, others.verdict, others.recordsSkipped], ['success', 'partial', 2], JSON.stringify(others));
  assert.match(others.verdictReason, why);
  assert.match((await server.api('GET', others.logUrl)).text, /Streams are left out/);
  const named = await finishedRun(server, await start(id, { entityType: 'fixed' }));
  assert.deepEqual([named.status, named.verdict], ['success', 'complete'], 'who needs no list is whole without it');
  await choose(['fixed']);
  assert.equal((await finishedRun(server, await start(id))).verdict, 'complete');
  vendor.state.status = 200;
  await choose([]);
  const again = await finishedRun(server, await start(id));
  assert.deepEqual([again.verdict, again.recordsReceived], ['complete', 8], 'it is asked for again by the next run');
});
