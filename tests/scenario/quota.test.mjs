// One budget per credential: learnt from the vendor's headers, kept over a restart, shared by all nodes, and never used up by a
// backfill, so that a webhook's record can still be fetched.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { after, test } from 'node:test';

import { loopback } from './lib/chatwoot.mjs';
import { finishedRun, freshDatabase, removeFolder, startTidemark, tempFolder, until } from './lib/tidemark.mjs';

const noDatabase = process.env.TIDEMARK_TEST_PG ? false : 'TIDEMARK_TEST_PG is not set';
const SYNC = '/api/v1/sync';
const open = [];
after(async () => {
  for (const stop of open.reverse()) await stop();
});

const template = `
version: 6.0.0
type: DeclarativeSource
check: {type: CheckStream, stream_names: [people]}
streams:
  - type: DeclarativeStream
    name: people
    primary_key: [id]
    incremental_sync:
      type: DatetimeBasedCursor
      cursor_field: updated_at
      datetime_format: "%s"
      start_datetime: {type: MinMaxDatetime, datetime: "1970-01-01T00:00:00Z", datetime_format: "%Y-%m-%dT%H:%M:%SZ"}
      start_time_option: {type: RequestOption, inject_into: request_parameter, field_name: since}
    schema_loader: {type: InlineSchemaLoader, schema: {type: object, properties: {}}}
    retriever:
      type: SimpleRetriever
      requester:
        type: HttpRequester
        url_base: "{{ config['baseUrl'] }}"
        path: people
        http_method: GET
        authenticator: {type: BearerAuthenticator, api_token: "{{ config['token'] }}"}
      record_selector: {type: RecordSelector, extractor: {type: DpathExtractor, field_path: [data]}}
      paginator:
        type: DefaultPaginator
        page_token_option: {type: RequestOption, inject_into: request_parameter, field_name: cursor}
        pagination_strategy: {type: CursorPagination, cursor_value: "{{ response['next'] }}", stop_condition: "{{ not response['next'] }}"}
spec:
  type: Spec
  connection_specification:
    type: object
    required: [token]
    additionalProperties: true
    properties:
      token: {type: string, airbyte_secret: true}
      baseUrl: {type: string, default: "https://desk.example.com"}
metadata:
  tidemark:
    name: desk
    version: "1"
    primary_secret: token
    base_url: {field: baseUrl, default: "https://desk.example.com"}
    schedule: {every: 1d, full_every: 1d}
    limits:
      park: [429]
      windows:
        - {name: hour, limit: X-Limit, remaining: X-Left, reset: X-Reset, seconds: 3600}
    entities:
      people: {kind: contacts, singular: Person, fields: {name: name, email: email}, roles: {email: email, title: name, version: updated_at}}
    reads:
      people: {path: "people/{{ stream_slice['id'] }}", field_path: []}
    webhooks:
      type: event
      events:
        changed: {stream: people, id: id}
`;

// The same platform, whose template says by itself how much it asks for.
const modest = `
api_budget:
  type: HTTPAPIBudget
  policies:
    - {type: UnlimitedCallRatePolicy, matchers: [{url_path_pattern: "^/free"}]}
    - {type: MovingWindowCallRatePolicy, rates: [{limit: 10, interval: PT1H}], matchers: [{method: GET, url_path_pattern: "^/people"}]}
${template.replace('name: desk', 'name: modest').replace(/    limits:[^]*?(?=    entities:)/, '')}`;

// Eighty pages of five, a hundred requests an hour; `left` of them are still allowed.
async function startDesk(left) {
  const state = { left, asked: [] };
  const person = (id) => ({ id, name: `Person ${id}`, email: `p${id}@example.com`, updated_at: 1700000000 + id });
  const server = createServer((request, response) => {
    const url = new URL(request.url, 'http://desk'), [, , id] = url.pathname.split('/');
    state.asked.push(request.url);
    state.left--;
    const headers = { 'Content-Type': 'application/json', 'X-Limit': '100', 'X-Left': String(Math.max(state.left, 0)), 'X-Reset': '3600' };
    if (state.left < 0) return response.writeHead(429, { ...headers, 'Retry-After': '3600' }).end('{}');
    const from = Number(url.searchParams.get('cursor') ?? 0);
    const page = Array.from({ length: 5 }, (_, i) => person(from + i + 1));
    response.writeHead(200, headers).end(JSON.stringify(id ? { ...person(Number(id)), name: `Fetched ${id}` }
      : { data: page, next: from + 5 < 400 ? String(from + 5) : '' }));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  open.push(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return { url: `http://127.0.0.1:${server.address().port}`, state };
}

function folder(name) {
  const data = tempFolder(name);
  open.push(() => removeFolder(data));
  mkdirSync(join(data, 'templates'), { recursive: true });
  writeFileSync(join(data, 'templates', 'desk.yaml'), template);
  writeFileSync(join(data, 'templates', 'modest.yaml'), modest);
  return data;
}

const connect = async (server, desk, name, platform = 'desk') => {
  const made = await server.api('POST', `${SYNC}/connections?test=false`, { name, platform, credentials: { token: 'one-token', baseUrl: desk.url } });
  assert.equal(made.status, 201, JSON.stringify(made.body));
  return made.body.data.id;
};
const start = async (server, connectionId) => (await server.api('POST', `${SYNC}/run`, { connectionId, fullSync: true })).body.data.runId;
const quotaOf = async (server, id) => (await server.api('GET', `${SYNC}/connections/${id}/quota`)).body.data;
const parked = (server, id) => until('the run is parked', async () => {
  const quota = await quotaOf(server, id);
  return quota.waitingUntil && quota;
});

test('a backfill leaves a part for webhooks, and a restart knows it still', async () => {
  const desk = await startDesk(30), data = folder('quota');
  let server = await startTidemark({ data, env: loopback });
  open.push(() => server.stop());
  const began = Date.now(), id = await connect(server, desk, 'One'), run = await start(server, id);
  const quota = await parked(server, id);
  assert.deepEqual([quota.limit, quota.remaining, quota.waitingCode], [100, 20, 'RATE_LIMITED']);
  assert.match(quota.waitingMessage, /The last 20 of 100 requests \(hour\) are left for webhooks, people and incremental syncs/);
  assert.deepEqual(quota.windows.map((w) => [w.name, w.limit, w.remaining, w.seconds, w.leftForOthers]),
    [['hour', 100, 20, 3600, { manual: 5, incremental: 10, backfill: 20 }]]);
  assert.ok(Date.parse(quota.resetAt) > began + 3_590_000 && Date.parse(quota.resetAt) < Date.now() + 3_610_000, quota.resetAt);
  assert.equal(desk.state.asked.length, 10);

  const setup = (await server.api('POST', `/api/admin/integrations/${id}/setup-webhook`, {})).body;
  const hook = new URL(setup.webhookUrl);
  const told = await fetch(`${server.url}${hook.pathname}${hook.search}`, {
    method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ event: 'changed', id: 3, at: 'now' }),
  });
  assert.equal(told.status, 200);
  await until('the record was fetched', async () =>
    (await server.api('GET', '/api/v1/contacts?q=Fetched')).body.data.some((c) => c.name === 'Fetched 3'));
  assert.equal(desk.state.asked.at(-1), '/people/3');
  assert.equal(desk.state.left, 19);

  const calm = await startDesk(1000), modestId = await connect(server, calm, 'Modest', 'modest');
  const modestRun = await start(server, modestId), own = await parked(server, modestId);
  assert.match(own.waitingMessage, /The template allows itself 10 requests in 3600.000 s \(api_budget\)/);
  assert.equal(calm.state.asked.length, 8, 'a backfill leaves a fifth to others');
  const told10 = [{ requests: 'GET ^/people', limit: 10, remaining: 2, seconds: 3600, resetAt: null }];
  assert.deepEqual((await quotaOf(server, modestId)).templateBudget, told10);
  assert.deepEqual((await quotaOf(server, id)).templateBudget, [], 'a template that allows itself everything says nothing');

  await server.stop(); // what is written once a second is written at the end too
  const before = desk.state.asked.length;
  server = await startTidemark({ data, env: loopback });
  const kept = await quotaOf(server, id);
  assert.deepEqual([kept.limit, kept.remaining, kept.toldAt !== null], [100, 19, true], JSON.stringify(kept));
  assert.deepEqual((await quotaOf(server, modestId)).templateBudget, told10, 'it is kept over a restart');
  // Another connection with the same credential is the same account at the vendor.
  const other = await connect(server, desk, 'Two'), second = await start(server, other);
  await parked(server, other);
  assert.equal(desk.state.asked.length, before, 'nothing was asked for by the backfills');
  const modestOther = await connect(server, calm, 'Modest too', 'modest'), modestSecond = await start(server, modestOther);
  await parked(server, modestOther);
  assert.equal(calm.state.asked.length, 8, 'what was spent before the restart still counts');
  for (const waiting of [run, second, modestRun, modestSecond]) {
    await server.api('POST', `${SYNC}/runs/${waiting}/cancel`);
    assert.equal((await finishedRun(server, waiting)).status, 'cancelled');
  }
});

test('two nodes share one budget', { skip: noDatabase }, async () => {
  const desk = await startDesk(30), database = freshDatabase('quota');
  const begin = async (name) => {
    const node = await startTidemark({
      data: folder(name), args: ['--database', database], env: { ...loopback, API_KEY_ENCRYPTION_SECRET: 'one-key-for-all-nodes-of-this-test' },
    });
    open.push(() => node.stop());
    return node;
  };
  const nodes = [await begin('quota-node0'), await begin('quota-node1')];
  const one = await connect(nodes[0], desk, 'One');
  await start(nodes[0], one);
  await parked(nodes[0], one);
  assert.equal(desk.state.asked.length, 10);
  // Whoever did it: both know a second later, and whoever gets the next run asks for nothing.
  await until('both nodes know', async () => {
    const told = await Promise.all(nodes.map((node) => quotaOf(node, one)));
    return told.every((quota) => quota.remaining === 20 && quota.limit === 100);
  });
  const two = await connect(nodes[1], desk, 'Two');
  await start(nodes[1], two);
  await parked(nodes[1], two);
  assert.equal(desk.state.asked.length, 10);
  // What a template allows itself is counted together too.
  const calm = await startDesk(1000), three = await connect(nodes[0], calm, 'Three', 'modest'), four = await connect(nodes[1], calm, 'Four', 'modest');
  await Promise.all([start(nodes[0], three), start(nodes[1], four)]);
  await Promise.all([parked(nodes[0], three), parked(nodes[1], four)]);
  const asked = calm.state.asked.length;
  assert.ok(asked >= 8 && asked <= 16, `${asked} requests`);
  // A node that comes later knows what those before it have spent.
  for (const node of nodes) await node.stop();
  const later = await begin('quota-node2'), five = await connect(later, calm, 'Five', 'modest');
  await start(later, five);
  await parked(later, five);
  assert.equal(calm.state.asked.length, asked);
});
