// Amazon's own material as a judge: the pairs of request and answer that it publishes for its sandbox answer our requests
// and land as rows; its description files watch over a sync between Tidemark and our simulation of it.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { AMAZON } from '../scenario/lib/amazon.mjs';
import { finishedRun, removeFolder, startSandbox, startTidemark, tempFolder } from '../scenario/lib/tidemark.mjs';
import { startMock, startProxy } from './prism.mjs';

const shared = join(import.meta.dirname, '../../../shared');
const samples = join(shared, 'vendor-samples/amazon-sp-api'), specifications = join(shared, 'vendor-specs/amazon-sp-api');
const missing = existsSync(samples) && existsSync(specifications) ? false : 'needs ../shared/vendor-samples and vendor-specs';
const loopback = { TIDEMARK_NETWORK_ALLOW: '127.0.0.0/8', TIDEMARK_NETWORK_ALLOW_HTTP: 'true' };
const work = tempFolder('outside-amazon-files');
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
  const run = await finishedRun(server, body.data.runId);
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

// The description files as one: their definitions get the file's name before theirs. Where tokens would lead from page to page for
// ever, as a mock's do, they are left out.
function specification({ tokens = true } = {}) {
  const merged = { swagger: '2.0', info: { title: 'Selling Partner API', version: '1' }, consumes: ['application/json'], produces: ['application/json'], paths: {}, definitions: {} };
  for (const file of ['ordersV0', 'orders_2026-01-01', 'financesV0', 'finances_2024-06-19', 'fbaInventory', 'sellers']) {
    const text = readFileSync(join(specifications, `${file}.json`), 'utf8').replaceAll('#/definitions/', `#/definitions/${file}-`);
    const one = JSON.parse(text, (key, value) => (key === 'x-amzn-api-sandbox' || key === 'examples' || (!tokens && /^nextToken$/i.test(key) && value?.type) ? undefined : value));
    Object.assign(merged.paths, one.paths);
    for (const [name, definition] of Object.entries(one.definitions)) merged.definitions[`${file}-${name}`] = definition;
  }
  merged.definitions['sellers-Marketplace'].properties.id.example = 'ATVPDKIKX0DER';
  const fields = ['grant_type', 'client_id', 'client_secret', 'refresh_token'].map((name) => ({ name, in: 'formData', type: 'string', required: true }));
  merged.paths['/auth/o2/token'] = { post: { consumes: ['application/x-www-form-urlencoded'], parameters: fields, responses: { 200: { description: 'Login with Amazon', schema: {
    type: 'object', required: ['access_token', 'expires_in'], properties: { access_token: { type: 'string' }, expires_in: { type: 'integer', example: 3600 } } } } } } };
  const path = join(work, `${tokens ? 'all' : 'mock'}.json`);
  writeFileSync(path, JSON.stringify(merged));
  return path;
}

describe('the official description files', { skip: missing }, () => {
  const data = tempFolder('outside-amazon'), open = [], successors = { ordersVersion: '2026-01-01', financesVersion: '2024-06-19' };
  let server, sandbox;
  before(async () => {
    sandbox = await startSandbox({ sizes: { 'amazon_sp_api.orders': 24, 'amazon_sp_api.events': 80, 'amazon_sp_api.quota': 1000 } });
    server = await startTidemark({ data, env: loopback });
  });
  after(async () => {
    await server?.stop();
    await sandbox?.stop();
    for (const thing of open.reverse()) await thing.stop();
    removeFolder(data);
    removeFolder(work);
  });

  async function run(baseUrl, more) {
    const made = await server.api('POST', '/api/v1/sync/connections', { name: 'Shop', platform: 'amazon_sp_api', match: 'none',
      credentials: { clientId: 'id', clientSecret: 'secret', refreshToken: 'Atzr|mine', baseUrl, ...more } });
    assert.equal(made.status, 201, made.text);
    const { body } = await server.api('POST', '/api/v1/sync/run', { connectionId: made.body.data.id });
    const done = await finishedRun(server, body.data.runId);
    assert.deepEqual([done.status, done.verdict], ['success', 'complete'], JSON.stringify(done));
    const rows = async (stream) => (await server.api('GET', `/api/v1/records/${made.body.data.id}/${stream}?limit=500`)).body.data;
    return { orders: await rows('orders'), items: await rows('order_items'), claims: await rows('claims'), inventory: await rows('inventory') };
  }

  test('a mock made from the files answers a whole sync, of either version', async () => {
    const mock = await startMock(specification({ tokens: false }));
    open.push(mock);
    const old = await run(mock.url), recent = await run(mock.url, successors);
    for (const found of [old, recent]) assert.deepEqual([found.orders.length, found.items.length, found.inventory.length], [1, 1, 1]);
    // Two examples of the files break their own schemas; what we sent breaks nothing.
    assert.deepEqual(mock.violations().filter((line) => !line.includes('response.body')), []);
  });

  test('neither Tidemark nor the simulation breaks them, and both versions bring the same orders, items and claims', async () => {
    const proxy = await startProxy(specification(), `${sandbox.url}/amazon_sp_api`);
    open.push(proxy);
    const old = await run(proxy.url), recent = await run(proxy.url, { ...successors, buyerData: true });
    assert.deepEqual(proxy.violations(), [], proxy.violations().slice(0, 10).join('\n'));
    const told = (rows, ...names) => rows.map((row) => names.map((name) => row[name] ?? null).join(' ')).sort();
    assert.equal(old.orders.length, 24);
    const order = ['orderId', 'orderDate', 'orderStatus', 'fulfillmentChannel', 'marketplaceId', 'totalAmount', 'currency', 'lastUpdatedAt'];
    assert.deepEqual(told(recent.orders, ...order), told(old.orders, ...order));
    assert.ok(recent.orders.every((o) => o.buyerName && o.buyerEmail && o.recipientCity), 'asked for, buyers are told');
    assert.ok(old.orders.every((o) => !o.buyerName && !o.recipientCity));
    const item = ['orderId', 'orderItemId', 'sku', 'asin', 'title', 'quantity', 'quantityShipped', 'itemPrice', 'currency'];
    assert.deepEqual(told(recent.items, ...item), told(old.items, ...item));
    // A liquidation's removal order is told by v0 alone; 2024-06-19 calls every adjustment just that.
    const money = (rows) => rows.map((row) => ({ ...row, amount: Number(row.amount).toFixed(2), orderId: /^RO-/.test(row.orderId) ? null : row.orderId }));
    const claim = ['orderId', 'postedAt', 'amount', 'currency'];
    assert.ok(old.claims.length > 40);
    assert.deepEqual(told(money(recent.claims), ...claim), told(money(old.claims), ...claim));
    assert.equal(new Set(recent.claims.map((c) => c.claimId)).size, recent.claims.length);
  });
});
