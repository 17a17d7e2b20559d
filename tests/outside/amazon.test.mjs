// Amazon's own material as a judge: the pairs of request and answer that it publishes for its sandbox answer our requests
// and land as rows; its description files watch over a sync between Tidemark and our simulation of it.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';

import { AMAZON } from '../scenario/lib/amazon.mjs';
import { finishedRun, removeFolder, startSandbox, startTidemark, tempFolder } from '../scenario/lib/tidemark.mjs';
import { startProxy } from './prism.mjs';

const shared = join(import.meta.dirname, '../../../shared');
const samples = join(shared, 'vendor-samples/amazon-sp-api'), specifications = join(shared, 'vendor-specs/amazon-sp-api');
const missing = existsSync(samples) && existsSync(specifications) ? false : 'needs ../shared/vendor-samples and vendor-specs';
const loopback = { TIDEMARK_NETWORK_ALLOW: '127.0.0.0/8', TIDEMARK_NETWORK_ALLOW_HTTP: 'true' };
const sample = (name) => JSON.parse(readFileSync(join(samples, `${name}.json`), 'utf8')).response;

const listen = (handle) => new Promise((resolve) => {
  const server = createServer(handle).listen(0, '127.0.0.1', () => resolve({
    url: `http://127.0.0.1:${server.address().port}`,
    stop: () => new Promise((done) => { server.closeAllConnections?.(); server.close(done); }),
  }));
});

async function sync(baseUrl) {
  const data = tempFolder('outside-amazon');
  const server = await startTidemark({ data, env: loopback });
  const made = await server.api('POST', '/api/v1/sync/connections?test=false', { name: 'Shop', platform: 'amazon_sp_api',
    credentials: { clientId: 'id', clientSecret: 'secret', refreshToken: 'Atzr|mine', baseUrl } });
  assert.equal(made.status, 201, made.text);
  const tested = await server.api('POST', `/api/v1/sync/connections/${made.body.data.id}/test`);
  assert.equal(tested.status, 200, tested.text);
  const { body } = await server.api('POST', '/api/v1/sync/run', { connectionId: made.body.data.id });
  const run = await finishedRun(server, body.data.runId, 60_000);
  return { server, run, list: async (name) => (await server.api('GET', `${AMAZON}/${name}`)).body.data,
    stop: async () => { await server.stop(); removeFolder(data); } };
}

describe('the published sandbox pairs', { skip: missing }, () => {
  test('answer our requests and land as rows', async () => {
    const asked = [];
    const once = (params, name, first) => (params.has(name) ? { payload: {} } : first);
    const answers = {
      '/auth/o2/token': () => ({ access_token: 'Atza|x', token_type: 'bearer', expires_in: 3600 }),
      '/sellers/v1/marketplaceParticipations': () => sample('sellers.getMarketplaceParticipations.200.sandbox0'),
      '/finances/v0/financialEvents': (params) => once(params, 'NextToken', sample('financesV0.listFinancialEvents.200.sandbox0')),
      '/fba/inventory/v1/summaries': (params) => params.has('nextToken')
        ? { payload: { granularity: {}, inventorySummaries: [] } } : sample('fbaInventory.getInventorySummaries.200.sandbox0'),
      '/orders/v0/orders': () => sample('ordersV0.getOrders.200.sandbox0'),
    };
    const vendor = await listen((request, response) => {
      const { pathname, searchParams } = new URL(request.url, 'http://vendor');
      asked.push({ pathname, params: searchParams, token: request.headers['x-amz-access-token'] });
      const items = pathname.endsWith('/orderItems') && { payload: { AmazonOrderId: pathname.split('/')[4], OrderItems: [] } };
      const answer = items || answers[pathname]?.(searchParams);
      response.writeHead(answer ? 200 : 404, { 'Content-Type': 'application/json' }).end(JSON.stringify(answer ?? {}));
    });
    const { run, list, stop } = await sync(vendor.url);
    try {
      assert.equal(run.status, 'success', JSON.stringify(run));
      const published = sample('ordersV0.getOrders.200.sandbox0').payload.Orders;
      const orders = await list('orders');
      assert.deepEqual(orders.map((order) => order.orderId).sort(), published.map((order) => order.AmazonOrderId).sort());
      assert.deepEqual([orders[0].totalAmount, orders[0].currency, orders[0].fulfillmentChannel, orders[0].orderStatus], ['11.01', 'USD', 'FBM', 'Unshipped']);
      const stock = sample('fbaInventory.getInventorySummaries.200.sandbox0').payload.inventorySummaries;
      assert.deepEqual((await list('inventory')).map((row) => row.sku).sort(), [...new Set(stock.map((row) => row.sellerSku))].sort());
      // The published financial events are advertising, rentals and the like: none is a claim.
      assert.deepEqual(await list('claims'), []);
      for (const { pathname, token } of asked.filter((request) => !request.pathname.startsWith('/auth'))) assert.equal(token, 'Atza|x', pathname);
      assert.equal(asked.find((request) => request.pathname === '/orders/v0/orders').params.get('MarketplaceIds'), 'ATVPDKIKX0DER');
    } finally {
      await stop();
      await vendor.stop();
    }
  });
});

describe('the official description files', { skip: missing }, () => {
  const open = [];
  after(async () => {
    for (const thing of open.reverse()) await thing.stop();
  });

  test('neither Tidemark nor the simulation breaks them in a whole sync', async () => {
    const vendor = await startSandbox({ sizes: { 'amazon_sp_api.orders': 20, 'amazon_sp_api.events': 60, 'amazon_sp_api.quota': 1000 } });
    open.push(vendor);
    const upstream = `${vendor.url}/amazon_sp_api`;
    const judges = {};
    for (const [prefix, file] of [['/orders/', 'ordersV0.json'], ['/finances/', 'financesV0.json'], ['/fba/', 'fbaInventory.json'], ['/sellers/', 'sellers.json']]) {
      judges[prefix] = await startProxy(join(specifications, file), upstream);
      open.push(judges[prefix]);
    }
    const router = await listen(async (request, response) => {
      const judge = Object.keys(judges).find((prefix) => request.url.startsWith(prefix));
      const chunks = [];
      for await (const chunk of request) chunks.push(chunk);
      const { host, connection, 'content-length': length, ...headers } = request.headers;
      const reply = await fetch((judge ? judges[judge].url : upstream) + request.url,
        { method: request.method, headers, body: chunks.length ? Buffer.concat(chunks) : undefined });
      const { 'content-encoding': encoding, 'transfer-encoding': transfer, 'content-length': size, ...back } = Object.fromEntries(reply.headers);
      response.writeHead(reply.status, back).end(Buffer.from(await reply.arrayBuffer()));
    });
    open.push(router);
    const done = await sync(router.url);
    open.push(done);
    const found = Object.values(judges).flatMap((judge) => judge.violations());
    assert.deepEqual(found, [], found.slice(0, 10).join('\n'));
    assert.equal(done.run.status, 'success', JSON.stringify(done.run));
    assert.equal((await done.list('orders')).length, 20);
  });
});
