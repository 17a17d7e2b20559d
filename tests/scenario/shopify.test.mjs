// Shopify: the template against the simulated vendor, through the doors. What the rows must be is written here from the
// vendor's members, not from the template: two witnesses.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { assertAddsUp, loopback } from './lib/chatwoot.mjs';
import { finishedRun, listAll, removeFolder, startSandbox, startTidemark, tempFolder, until } from './lib/tidemark.mjs';

const SYNC = '/api/v1/sync';
const SECRET = 'hush';
const PRODUCTS = 130, CUSTOMERS = 320, ORDERS = 80;
const data = tempFolder('shopify');
let sandbox, server, connection;

const blank = (value) => (value === undefined || value === '' ? null : value);
const row = (fields) => Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, blank(value)]));
const byId = (a, b) => Number(a.id) - Number(b.id);
const number = (gid) => gid.split('/').at(-1);

const expected = {
  products: (p) => row({
    id: p.legacyResourceId, title: p.title, status: p.status.toLowerCase(), price: p.priceRangeV2.minVariantPrice.amount, currency: 'BRL', quantity: p.totalInventory,
    vendor: p.vendor, sku: p.variants[0].sku,
  }),
  collections: (c) => row({ id: c.legacyResourceId, title: c.title, handle: c.handle }),
  customers: (c) => row({
    id: c.legacyResourceId, name: c.displayName, email: c.defaultEmailAddress?.emailAddress, phone: c.defaultPhoneNumber?.phoneNumber, city: c.defaultAddress?.city,
    spent: c.amountSpent.amount,
  }),
  orders: (o) => row({
    id: o.legacyResourceId, number: o.name, status: o.cancelledAt ? 'cancelled' : o.displayFinancialStatus.toLowerCase(), total: o.totalPriceSet.shopMoney.amount,
    customerId: o.customer?.legacyResourceId, email: o.email,
  }),
};
const own = (c) => c.customFields ?? {};
const found = {
  products: (p) => row({
    id: own(p).shopify_id, title: p.title, status: p.status, price: p.price, currency: p.currency, quantity: p.quantity, vendor: p.vendor, sku: p.sku,
  }),
  collections: (c) => row({ id: c.shopifyId, title: c.title, handle: c.handle }),
  customers: (c) => row({ id: own(c).shopify_id, name: c.name, email: c.email, phone: c.phone, city: c.city, spent: own(c).shopify_amount_spent }),
  orders: (o) => row({ id: own(o).shopify_id, number: o.number, status: o.status, total: o.total, customerId: o.customerId, email: o.email }),
};
const lists = { products: '/api/v1/products', customers: '/api/v1/customers', orders: '/api/v1/orders' };
const rowsOf = (entity) => listAll(server, lists[entity] ?? `/api/v1/records/${connection}/${entity}`);

async function assertSame() {
  for (const entity of Object.keys(expected))
    assert.deepEqual((await rowsOf(entity)).map(found[entity]).sort(byId), (await sandbox.truth('shopify', entity)).map(expected[entity]).sort(byId), entity);
  const items = (await rowsOf('order_items')).map((i) => [i.orderItemId, i.orderId, i.sku, i.quantity, i.itemPrice]).sort();
  const truth = (await sandbox.truth('shopify', 'orders')).flatMap((o) =>
    o.lineItems.map((i) => [number(i.id), o.legacyResourceId, i.sku, i.quantity, i.originalUnitPriceSet.shopMoney.amount]));
  assert.deepEqual(items, truth.sort(), 'order_items');
  const variants = (await rowsOf('variants')).map((v) => [v.shopifyId, v.price, v.productId]).sort();
  assert.deepEqual(variants, (await sandbox.truth('shopify', 'variants')).map((v) => [v.legacyResourceId, v.price, v.product.legacyResourceId]).sort(), 'variants');
}

async function sync(fullSync, id = connection) {
  const started = await server.api('POST', `${SYNC}/run`, { connectionId: id, fullSync });
  assert.equal(started.status, 202, JSON.stringify(started.body));
  const run = await finishedRun(server, started.body.data.runId);
  assert.equal(run.status, 'success', JSON.stringify(run));
  assertAddsUp(run);
  return run;
}
const streamOf = (run, name) => run.streams.find((stream) => stream.name === name);
const make = (credentials, more = {}) => server.api('POST', `${SYNC}/connections`, { name: 'Shop', platform: 'shopify', ...more, credentials });
const graphql = (query, variables) =>
  sandbox.raw('POST', '/shopify/admin/api/2026-10/graphql.json', { query, variables }, { 'x-shopify-access-token': 'test' });

before(async () => {
  sandbox = await startSandbox({ sizes: { 'shopify.products': PRODUCTS, 'shopify.customers': CUSTOMERS, 'shopify.orders': ORDERS, 'shopify.quota': 100000 } });
  server = await startTidemark({ data, env: { ...loopback, SHOPIFY_BASE_URL: `${sandbox.url}/shopify`, TIDEMARK_WEBHOOKS_HINT_RATE: '1000' } });
  const made = await make({ shop: 'your-shop', accessToken: 'shpat_test', clientSecret: SECRET });
  assert.equal(made.status, 201, JSON.stringify(made.body));
  assert.equal(made.body.data.status, 'connected');
  connection = made.body.data.id;
});

after(async () => {
  await server?.stop();
  await sandbox?.stop();
  removeFolder(data);
});

test('after the first load every object is there once, the items of long orders too', async () => {
  const run = await sync(true);
  assert.equal(run.verdict, 'complete', JSON.stringify(run));
  await assertSame();
  const [order] = (await rowsOf('orders')).filter((o) => o.customerId);
  const customer = (await rowsOf('customers')).find((c) => own(c).shopify_id === order.customerId);
  assert.equal(order.parentId, customer.id);
  assert.ok((await sandbox.truth('shopify', 'orders')).some((o) => o.lineItems.length > 20), 'no order has more items than a page');
});

test('an unchanged full run writes nothing', async () => {
  const run = await sync(true);
  assert.deepEqual([run.recordsCreated, run.recordsUpdated, run.recordsErrors], [0, 0, 0], JSON.stringify(run.streams));
});

test('an incremental run reads little and updates what changed', async () => {
  await sandbox.mutate({ vendor: 'shopify', entity: 'products', create: 2 });
  await sandbox.mutate({ vendor: 'shopify', entity: 'customers', update: 4, create: 3 });
  await sandbox.mutate({ vendor: 'shopify', entity: 'orders', update: 5 });
  const run = await sync(false);
  assert.deepEqual([streamOf(run, 'customers').recordsUpdated, streamOf(run, 'customers').recordsCreated], [4, 3], JSON.stringify(run.streams));
  assert.equal(streamOf(run, 'products').recordsCreated, 2);
  assert.equal(streamOf(run, 'orders').recordsUpdated, 5);
  assert.ok(streamOf(run, 'customers').recordsReceived < 30, JSON.stringify(streamOf(run, 'customers')));
  await assertSame();
});

test('what was deleted is found by a full run', async () => {
  await sandbox.mutate({ vendor: 'shopify', entity: 'customers', delete: 3 });
  await sandbox.mutate({ vendor: 'shopify', entity: 'collections', delete: 1 });
  const run = await sync(true);
  assert.equal(run.verdict, 'complete', JSON.stringify(run));
  await assertSame();
});
