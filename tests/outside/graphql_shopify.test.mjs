// Shopify's published schema as a judge, by the reference implementation of GraphQL: it stands between Tidemark and the sandbox.
// Every query must be valid, every answer must be what the schema says of what was asked.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';

import { finishedRun, removeFolder, startSandbox, startTidemark, tempFolder, until } from '../scenario/lib/tidemark.mjs';
import { load } from './modules.mjs';

const specification = join(import.meta.dirname, '../../../shared/vendor-specs/shopify/admin-2026-10.subset.graphql');
const missing = existsSync(specification) ? false : 'needs ../shared/vendor-specs/shopify';
const loopback = { TIDEMARK_NETWORK_ALLOW: '127.0.0.0/8', TIDEMARK_NETWORK_ALLOW_HTTP: 'true' };

// The file is a part of the whole: types that it names and does not have become connections, or scalars of any shape.
function schemaOf({ buildASTSchema, parse, visit, Kind }) {
  const whole = parse(readFileSync(specification, 'utf8'), { noLocation: true });
  const document = { definitions: whole.definitions.filter((d) => d.kind !== Kind.UNION_TYPE_DEFINITION) };
  const known = new Set(['Int', 'Float', 'String', 'Boolean', 'ID', ...document.definitions.map((d) => d.name?.value)]);
  const named = new Set();
  const definitions = document.definitions.map((d) => (d.interfaces ? { ...d, interfaces: [] } : d));
  visit({ kind: Kind.DOCUMENT, definitions }, { NamedType: (node) => void named.add(node.name.value) });
  const stubs = ['schema { query: QueryRoot mutation: Mutation }', 'type ProductPriceRangeV2 { minVariantPrice: MoneyV2! maxVariantPrice: MoneyV2! }'];
  known.add('ProductPriceRangeV2');
  for (const name of named) {
    if (known.has(name)) continue;
    const node = name.replace(/Connection$/, '');
    const makes = name.endsWith('Connection') && known.has(node);
    stubs.push(makes ? `type ${name} { edges: [${node}Edge!]! nodes: [${node}!]! pageInfo: PageInfo! }` : `scalar ${name}`);
    if (makes && !known.has(`${node}Edge`)) stubs.push(`type ${node}Edge { cursor: String! node: ${node}! }`), known.add(`${node}Edge`);
  }
  const unique = new Map([...parse(stubs.join('\n')).definitions, ...definitions].map((d) => [d.name?.value ?? d, d]));
  return buildASTSchema({ kind: Kind.DOCUMENT, definitions: [...unique.values()] }, { assumeValidSDL: true });
}

function judge(graphql, schema, { query, variables }, answer) {
  const document = graphql.parse(query);
  const faults = graphql.validate(schema, document).map((e) => `query: ${e.message}`);
  if (faults.length || answer.errors) return faults;
  // The answer is resolved once more, by the names under which it stands there: what the schema does not allow is a fault.
  const again = graphql.executeSync({
    schema, document, rootValue: answer.data, variableValues: variables, fieldResolver: (source, args, context, info) => source[info.path.key],
  });
  faults.push(...(again.errors ?? []).map((e) => `answer: ${e.message} at ${e.path?.join('.')}`));
  if (!faults.length && JSON.stringify(again.data) !== JSON.stringify(answer.data)) faults.push('answer: other fields than were asked for');
  return faults;
}

async function startJudge(graphql, target) {
  const schema = schemaOf(graphql), faults = new Set(), names = new Set();
  const server = createServer(async (request, reply) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks).toString();
    const headers = { 'content-type': request.headers['content-type'] ?? '', 'x-shopify-access-token': request.headers['x-shopify-access-token'] ?? '' };
    const got = await fetch(target + request.url, { method: request.method, headers, ...(body ? { body } : {}) });
    const text = await got.text();
    if (request.url.endsWith('graphql.json')) {
      const asked = JSON.parse(body);
      names.add(asked.query.match(/\{\s*(?:\w+:\s*)?(\w+)/)[1]);
      for (const fault of judge(graphql, schema, asked, JSON.parse(text))) faults.add(fault);
    }
    reply.writeHead(got.status, { 'content-type': got.headers.get('content-type') });
    reply.end(text);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${server.address().port}`, faults, names, stop: () => new Promise((resolve) => server.close(resolve)) };
}

describe('Shopify as its own schema says', { skip: missing }, () => {
  const open = [];
  after(async () => {
    for (const thing of open.reverse()) await thing.stop();
  });

  test('a sync, webhooks and a written customer between the schema\'s eyes', async () => {
    const graphql = await load('graphql');
    const sandbox = await startSandbox({ sizes: { 'shopify.products': 70, 'shopify.customers': 160, 'shopify.orders': 30, 'shopify.quota': 100000 } });
    open.push(sandbox);
    const between = await startJudge(graphql, `${sandbox.url}/shopify`);
    open.push(between);
    const data = tempFolder('graphql');
    const server = await startTidemark({ data, env: loopback });
    open.push(server);
    const made = await server.api('POST', '/api/v1/sync/connections', {
      name: 'Shop', platform: 'shopify', direction: 'both', schedule: { every: '300d', fullEvery: '300d' },
      credentials: { shop: 'your-shop', accessToken: 'test', clientSecret: 'hush', baseUrl: between.url },
    });
    assert.equal(made.status, 201, JSON.stringify(made.body));
    const id = made.body.data.id;
    for (const fullSync of [true, false]) {
      const started = await server.api('POST', '/api/v1/sync/run', { connectionId: id, fullSync });
      const run = await finishedRun(server, started.body.data.runId);
      assert.equal(run.verdict, 'complete', JSON.stringify(run));
    }
    const setup = await server.api('POST', `/api/admin/integrations/${id}/setup-webhook`, {});
    assert.equal(setup.body.registered, true, JSON.stringify(setup.body));
    assert.equal(setup.body.verified, true, JSON.stringify(setup.body));
    const rotated = await server.api('POST', `/api/admin/integrations/${id}/setup-webhook?rotate=true`, {});
    assert.equal(rotated.body.registered, true, JSON.stringify(rotated.body));
    const written = await server.api('POST', '/api/v1/customers', { name: 'Conceição Araújo', email: 'c@example.com', phone: '+5581998765432' });
    const there = () => sandbox.truth('shopify', 'customers').then((all) => all.find((c) => c.email === 'c@example.com'));
    await until('it is there', there);
    await server.api('PATCH', `/api/v1/customers/${written.body.data.id}`, { name: 'Conceição Lima' });
    await until('it is changed', async () => (await there()).lastName === 'Lima');
    assert.deepEqual([...between.faults], []);
    for (const name of ['products', 'productVariants', 'collections', 'customers', 'orders', 'shop', 'customer', 'customerCreate', 'customerUpdate',
      'webhookSubscriptions', 'webhookSubscriptionCreate', 'webhookSubscriptionDelete'])
      assert.ok(between.names.has(name), `${name} was not asked for: ${[...between.names]}`);
    removeFolder(data);
  });
});
