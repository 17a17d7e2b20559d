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

async function sync(baseUrl, more = {}) {
  const data = tempFolder('outside-amazon');
  const server = await startTidemark({ data, env: loopback });
  const made = await server.api('POST', '/api/v1/sync/connections?test=false', { name: 'Shop', platform: 'amazon_sp_api',
    credentials: { clientId: 'id', clientSecret: 'secret', refreshToken: 'Atzr|mine', baseUrl, ...more } });
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

describe('the successors behind the same streams', { skip: missing }, () => {
  test('the published pairs of Orders 2026-01-01 and Finances 2024-06-19 land as the same rows', async () => {
    const asked = [], published = ['sandbox0', 'sandbox1', 'sandbox2'].map((n) => sample(`orders_2026-01-01.searchOrders.200.${n}`));
    const orders = [...new Map(published.flatMap((page) => page.orders).map((order) => [order.orderId, order])).values()];
    const [shown] = sample('finances_2024-06-19.listTransactions.200.sandbox0').payload.transactions;
    const refund = { ...shown, transactionType: 'Refund', transactionId: 'b0cUbBo0Zhm', transactionStatus: 'DEFERRED', totalAmount: { currencyAmount: -12.3, currencyCode: 'USD' } };
    const answers = {
      '/auth/o2/token': () => ({ access_token: 'Atza|x', token_type: 'bearer', expires_in: 3600 }),
      '/sellers/v1/marketplaceParticipations': () => sample('sellers.getMarketplaceParticipations.200.sandbox0'),
      '/finances/2024-06-19/transactions': (params) => ({ payload: params.has('nextToken') ? { transactions: [refund] } : { transactions: [shown], nextToken: 'more' } }),
      '/fba/inventory/v1/summaries': () => ({ payload: { granularity: {}, inventorySummaries: [] } }),
      // Two pages: the token of the first is asked for in its own parameter.
      '/orders/2026-01-01/orders': (params) => params.has('paginationToken') ? { orders: orders.slice(1) } : { orders: orders.slice(0, 1), pagination: { nextToken: 'more' } },
    };
    const vendor = await listen((request, response) => {
      const { pathname, searchParams } = new URL(request.url, 'http://vendor');
      asked.push({ pathname, params: searchParams });
      const order = orders.find((one) => pathname === `/orders/2026-01-01/orders/${one.orderId}`);
      const answer = order ? { order } : answers[pathname]?.(searchParams);
      response.writeHead(answer ? 200 : 404, { 'Content-Type': 'application/json' }).end(JSON.stringify(answer ?? {}));
    });
    const { server, run, list, stop } = await sync(vendor.url, { ordersVersion: '2026-01-01', financesVersion: '2024-06-19' });
    try {
      assert.equal(run.status, 'success', JSON.stringify(run));
      const rows = await list('orders');
      assert.deepEqual(rows.map((order) => order.orderId).sort(), orders.map((order) => order.orderId).sort());
      const first = rows.find((order) => order.orderId === orders[0].orderId);
      assert.deepEqual([first.totalAmount, first.currency, first.fulfillmentChannel, first.orderStatus, first.marketplaceId],
        [orders[0].proceeds.grandTotal.amount, 'JPY', 'FBA', 'Shipped', 'A1VC38T7YXB528']);
      const [connection] = (await server.api('GET', '/api/v1/sync/connections')).body.data;
      const items = (await server.api('GET', `/api/v1/records/${connection.id}/order_items?limit=500`)).body.data;
      assert.deepEqual(items.map((item) => item.orderItemId).sort(), orders.flatMap((order) => order.orderItems.map((item) => item.orderItemId)).sort());
      const dot = items.find((item) => item.sku === 'ECHO-DOT-4-JP-CHARCOAL');
      assert.deepEqual([dot.asin, dot.quantity, dot.itemPrice, dot.currency, dot.orderId], ['B08C1W5N87', 1, '5980', 'JPY', '250-1234567-8901234']);
      // A shipment is no claim; a refund is one, under the vendor's own id.
      assert.deepEqual((await list('claims')).map((c) => [c.claimId, c.orderId, c.type, c.status, c.amount, c.currency]),
        [['b0cUbBo0Zhm', '8129762527551', 'refund', 'pending', '-12.3', 'USD']]);
      for (const { pathname, params } of asked) assert.ok(![...params.keys()].some((name) => pathname.includes('2026-01-01') && /^[A-Z]/.test(name)), `${pathname}?${params}`);
      assert.ok(!asked.some(({ pathname }) => pathname.includes('/v0/')), 'nothing of the old versions is asked for');
      const { notices } = (await server.api('GET', `/api/v1/sync/connections/${connection.id}`)).body.data;
      assert.deepEqual(notices, []);
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
