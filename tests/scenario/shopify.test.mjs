// Shopify: the template against the simulated vendor, through the doors. What the rows must be is written here from the
// vendor's members, not from the template: two witnesses.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { after, before, test } from 'node:test';

import { loopback } from './lib/chatwoot.mjs';
import { connectedId, row, stopAll, streamOf, syncRun } from './lib/platform.mjs';
import { drained, events } from './lib/webhooks.mjs';
import { finishedRun, listAll, startSandbox, startTidemark, tempFolder, until } from './lib/tidemark.mjs';

const SYNC = '/api/v1/sync';
const SECRET = 'hush';
const PRODUCTS = 130, CUSTOMERS = 320, ORDERS = 80;
const data = tempFolder('shopify');
let sandbox, server, connection;

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

const sync = (fullSync, id = connection) => syncRun(server, { connectionId: id, fullSync });
const make = (credentials, more = {}) => server.api('POST', `${SYNC}/connections`, { name: 'Shop', platform: 'shopify', ...more, credentials });
const graphql = (query, variables) =>
  sandbox.raw('POST', '/shopify/admin/api/2026-10/graphql.json', { query, variables }, { 'x-shopify-access-token': 'test' });

before(async () => {
  sandbox = await startSandbox({ sizes: { 'shopify.products': PRODUCTS, 'shopify.customers': CUSTOMERS, 'shopify.orders': ORDERS, 'shopify.quota': 100000 } });
  server = await startTidemark({ data, env: { ...loopback, SHOPIFY_BASE_URL: `${sandbox.url}/shopify`, TIDEMARK_WEBHOOKS_HINT_RATE: '1000' } });
  const made = await make({ shop: 'your-shop', accessToken: 'shpat_test', clientSecret: SECRET });
  connection = connectedId(made);
});

after(() => stopAll(data, server, sandbox));

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

// ---- webhooks

const customerOf = async (id) => (await rowsOf('customers')).find((c) => own(c).shopify_id === id);
const sign = (body, secret = SECRET) => createHmac('sha256', secret).update(body).digest('base64');

test('webhooks are registered in one call, believed by their signature, and removed', async () => {
  const setup = await server.api('POST', `/api/admin/integrations/${connection}/setup-webhook`, {});
  assert.equal(setup.status, 200, JSON.stringify(setup.body));
  assert.equal(setup.body.registered, true, JSON.stringify(setup.body));
  const registered = async () => (await graphql('{ webhookSubscriptions(first: 50) { nodes { topic uri } } }')).body.data.webhookSubscriptions.nodes;
  assert.equal((await registered()).length, 12);
  const [customer, other] = (await sandbox.truth('shopify', 'customers')).slice(5);
  const done = await graphql('mutation($input: CustomerInput!) { customerUpdate(input: $input) { customer { id } userErrors { message } } }',
    { input: { id: customer.id, firstName: 'Zuleica', lastName: 'Prado' } });
  assert.deepEqual(done.body.data.customerUpdate.userErrors, [], done.text);
  await until('the new name', async () => (await customerOf(customer.legacyResourceId))?.name === 'Zuleica Prado');
  await sandbox.mutate({ vendor: 'shopify', entity: 'customers', delete: [Number(other.legacyResourceId)] });
  await until('the customer is gone', async () => (await customerOf(other.legacyResourceId)) === undefined);
  const again = await server.api('POST', `/api/admin/integrations/${connection}/setup-webhook`, {});
  assert.equal(again.body.registered, true, JSON.stringify(again.body));
  assert.equal((await registered()).length, 12, 'the ones before are removed');
});

test('a forged deletion is refused, at the own address and at the shared one; a signed one is not repeated', async () => {
  const [customer] = (await sandbox.truth('shopify', 'customers')).slice(8);
  const body = JSON.stringify({ id: Number(customer.legacyResourceId) });
  const headers = (signature, id = 'b54557e4-bdd9-4b37-8a5f-bf7d70bcd043') => ({
    'X-Shopify-Topic': 'customers/update', 'X-Shopify-Shop-Domain': 'your-shop.myshopify.com', 'X-Shopify-Webhook-Id': id,
    'X-Shopify-Triggered-At': new Date().toISOString(), 'X-Shopify-Hmac-Sha256': signature,
  });
  for (const path of [`/api/v1/webhooks/${connection}`, '/api/v1/sync/shopify/webhook']) {
    assert.equal((await server.anonymous('POST', path, body, headers(sign(body, 'wrong')))).status, 401, path);
    assert.equal((await server.anonymous('POST', path, body + ' ', headers(sign(body)))).status, 401, `${path}: another body`);
  }
  const first = await server.anonymous('POST', '/api/v1/sync/shopify/webhook', body, headers(sign(body)));
  assert.ok(first.status < 300, first.text);
  const twin = await server.anonymous('POST', '/api/v1/sync/shopify/webhook', body, headers(sign(body)));
  assert.equal(twin.body.duplicate, true, twin.text);
  const elsewhere = { ...headers(sign(body), 'another'), 'X-Shopify-Shop-Domain': 'someone-else.myshopify.com' };
  assert.equal((await server.anonymous('POST', '/api/v1/sync/shopify/webhook', body, elsewhere)).status, 202, 'another shop: counted, nothing stored');
});

// ---- points

test('who has too few points left waits as long as they take to come back, and nothing is an error', async () => {
  // A page takes nearly all points that there can be, and they are gone for so long that no machine is as slow.
  const slow = await startSandbox({ sizes: { 'shopify.products': 110, 'shopify.customers': 10, 'shopify.orders': 10, 'shopify.quota': 18 } });
  try {
    const made = await make({ shop: 'slow', accessToken: 'test', baseUrl: `${slow.url}/shopify` }, { streams: ['products'] });
    assert.equal(made.status, 201, JSON.stringify(made.body));
    const run = await sync(true, made.body.data.id);
    assert.equal(run.recordsErrors, 0);
    assert.equal(streamOf(run, 'products').recordsCreated, 110);
    const log = (await server.api('GET', run.logUrl)).text;
    assert.match(log, /RATE_LIMITED|Throttled|slow down/i);
    const asked = (await slow.ledger()).filter((e) => e.method === 'POST').length;
    assert.ok(asked < 20, `${asked} requests: it waited as long as told`);
    await server.api('DELETE', `${SYNC}/connections/${made.body.data.id}?purge=true`);
  } finally {
    await slow.stop();
  }
});

test('the simulated vendor refuses what does not exist, what is too dear and what is no query', async () => {
  const code = async (query, variables) => (await graphql(query, variables)).body.errors?.[0]?.extensions?.code;
  assert.equal(await code('{ products(first: 1) { nodes { id colour } } }'), 'undefinedField');
  assert.equal(await code('{ shop }'), 'selectionMismatch');
  assert.equal(await code('{ products { nodes { id } } }'), 'BAD_REQUEST');
  assert.equal(await code('{ orders(first: 250) { nodes { id lineItems(first: 50) { nodes { id } } } } }'), 'MAX_COST_EXCEEDED');
  assert.equal(await code('{ products(first: 1) { nodes { id }'), 'argumentLiteralsIncompatible');
  const aliased = (await graphql('query A($n: Int = 2) { few: products(first: $n) { edges { cursor node { ...P } } pageInfo { hasNextPage } } } fragment P on Product { id name: title }')).body;
  assert.equal(aliased.data.few.edges.length, 2);
  assert.ok(aliased.data.few.edges[0].node.name);
  assert.ok(aliased.extensions.cost.throttleStatus.restoreRate > 0);
  const taken = (await sandbox.truth('shopify', 'customers')).find((c) => c.email);
  const twin = await graphql('mutation { customerCreate(input: {email: "' + taken.email + '"}) { customer { id } userErrors { field message } } }');
  assert.equal(twin.status, 200);
  assert.deepEqual(twin.body.data.customerCreate, { customer: null, userErrors: [{ field: ['input', 'email'], message: 'Email has already been taken' }] });
});

// ---- signing in

test('client credentials and an app for many shops: tokens are asked for, kept, and renewed once', async () => {
  const client = await make({ shop: 'your-shop', authType: 'client_credentials', clientId: 'app', clientSecret: SECRET }, { streams: ['collections'] });
  assert.equal(client.status, 201, JSON.stringify(client.body));
  await sync(true, client.body.data.id);
  const logins = async () => (await sandbox.ledger()).filter((e) => /access_token/.test(e.target)).length;
  const at = await logins();
  await sync(false, client.body.data.id);
  assert.equal(await logins(), at, 'the day\'s token is kept');
  await sandbox.json('POST', '/_sandbox/faults', { fault: '401:count=1:path=graphql' });
  await sync(false, client.body.data.id);
  assert.equal(await logins(), at + 1);
  await server.api('DELETE', `${SYNC}/connections/${client.body.data.id}?purge=true`);

  const kept = await server.api('POST', `${SYNC}/connections?test=false`, {
    name: 'App', platform: 'shopify', streams: ['collections'], credentials: { shop: 'your-shop', authType: 'oauth', clientId: 'app', clientSecret: SECRET },
  });
  assert.equal(kept.status, 201, JSON.stringify(kept.body));
  const id = kept.body.data.id;
  const started = await server.api('GET', `/api/v1/oauth/start?connectionId=${id}`);
  const asked = new URL(started.body.authUrl ?? started.body.data.authUrl);
  assert.equal(asked.searchParams.get('scope'), 'read_products,read_customers,write_customers,read_orders');
  const back = new URL((await fetch(asked, { redirect: 'manual' })).headers.get('location'));
  assert.equal((await server.api('GET', back.pathname + back.search)).status, 200);
  await sync(true, id);
  await sandbox.json('POST', '/_sandbox/faults', { fault: '401:count=1:path=graphql' });
  const before = await logins();
  await sync(false, id);
  assert.equal(await logins(), before + 1);
  await server.api('DELETE', `${SYNC}/connections/${id}?purge=true`);
});

test('a refused token, a dead one, missing fields and a bad shop are told apart', async () => {
  const refused = await make({ shop: 'your-shop', accessToken: 'invalid' });
  assert.deepEqual([refused.status, refused.body.code], [400, 'INVALID_CREDENTIALS'], JSON.stringify(refused.body));
  assert.match(refused.body.error, /Invalid API key or access token/);
  const missing = await make({ shop: 'your-shop' });
  assert.ok(missing.body.details.some((d) => d.pointer === '/credentials/accessToken'), JSON.stringify(missing.body));
  assert.equal((await make({ shop: 'evil.example/', accessToken: 'x' })).status, 400);
  const dying = await make({ shop: 'your-shop', accessToken: 'expired' });
  assert.equal(dying.status, 201, JSON.stringify(dying.body));
  const started = await server.api('POST', `${SYNC}/run`, { connectionId: dying.body.data.id, fullSync: true });
  const run = await finishedRun(server, started.body.data.runId);
  assert.equal(run.status, 'error');
  assert.match(JSON.stringify(run), /AUTH_EXPIRED/);
  await server.api('DELETE', `${SYNC}/connections/${dying.body.data.id}?purge=true`);
});

// ---- jobs and writing

test('the filter `collections` of a job narrows products, and nothing else is touched', async () => {
  const job = await server.api('POST', '/sync/queue', {
    name: 'summer', type: 'full', data: { source: connection, target: 'local', entity: 'products', filters: { collections: ['summer-collection'] } },
  }, { orgid: 'default' });
  assert.equal(job.status, 201, JSON.stringify(job.body));
  const narrow = await until('it is done', async () => {
    const runs = (await server.api('GET', `${SYNC}/runs?connectionId=${connection}&limit=1`)).body.data;
    return runs[0].entityType === 'products' && runs[0].status === 'success' ? runs[0] : null;
  });
  assert.ok(narrow.recordsReceived > 0 && narrow.recordsReceived < PRODUCTS / 2, JSON.stringify(narrow));
  await assertSame();
});

test('customers are written: only what changed, what is wrong is told, and it is no news when it is read again', async () => {
  const both = await server.api('PATCH', `${SYNC}/connections/${connection}`, { direction: 'both', schedule: { every: '300d', fullEvery: '300d' } });
  assert.equal(both.status, 200, JSON.stringify(both.body));
  const settled = () => until('everything is pushed', async () => {
    const shown = (await server.api('GET', `${SYNC}/connections/${connection}`)).body.data;
    const busy = (await server.api('GET', `${SYNC}/runs?connectionId=${connection}&limit=20`)).body.data.some((r) => ['pending', 'in_progress'].includes(r.status));
    return shown.push?.waiting === 0 && !busy;
  });
  await settled();
  const truthOf = async (email) => (await sandbox.truth('shopify', 'customers')).find((c) => c.email === email);
  const made = await server.api('POST', '/api/v1/customers', { name: 'Conceição de Araújo', email: 'conceicao@example.com', phone: '+5581998765432' });
  assert.equal(made.status, 201, JSON.stringify(made.body));
  const there = await until('it is there', () => truthOf('conceicao@example.com'));
  assert.deepEqual([there.firstName, there.lastName, there.phone], ['Conceição', 'de Araújo', '+5581998765432']);
  await settled();
  assert.equal((await server.api('PATCH', `/api/v1/customers/${made.body.data.id}`, { phone: '+5581998765433' })).status, 200);
  await until('it is changed', async () => (await truthOf('conceicao@example.com')).phone === '+5581998765433');
  await settled();
  const taken = (await sandbox.truth('shopify', 'customers')).find((c) => c.phone && c.email && c.email !== 'conceicao@example.com');
  const known = await server.api('POST', '/api/v1/customers', { name: taken.displayName, email: taken.email.toUpperCase() });
  assert.ok(known.status < 300, JSON.stringify(known.body));
  await settled();
  assert.equal((await sandbox.truth('shopify', 'customers')).filter((c) => c.email?.toLowerCase() === taken.email).length, 1, 'no twin');
  // Somebody there whom nobody here has read yet (the webhook is lost): found by e-mail, or by phone, before anybody is made.
  await sandbox.json('POST', '/_sandbox/webhooks', { lost: 100 });
  const creations = async () => (await sandbox.ledger()).filter((r) => /customerCreate/.test(r.body ?? '')).length;
  for (const [there_, here] of [[{ email: 'velha@example.com' }, { email: 'VELHA@example.com' }], [{ phone: '+5581998765499' }, { phone: '+55 81 99876-5499' }]]) {
    const made_ = await graphql('mutation($input: CustomerInput!) { customerCreate(input: $input) { customer { legacyResourceId } userErrors { message } } }',
      { input: { firstName: 'Velha', lastName: 'Amiga', ...there_ } });
    const { legacyResourceId } = made_.body.data.customerCreate.customer;
    const before_ = await creations();
    const twin = await server.api('POST', '/api/v1/customers', { name: 'Velha Amiga', ...here });
    assert.equal(twin.status, 201, JSON.stringify(twin.body));
    await settled();
    const linked = (await server.api('GET', `/api/v1/customers/${twin.body.data.id}`)).body.data;
    assert.deepEqual(linked.externalIds.map((e) => e.externalId), [String(legacyResourceId)]);
    assert.equal(await creations(), before_, 'nobody was made');
  }
  await sandbox.json('POST', '/_sandbox/webhooks', { lost: 0 });
  const run = await sync(true);
  assert.equal(run.recordsCreated, 0, JSON.stringify(run.streams));
});

// ---- privacy: what the vendor demands of every app

test('who asks for his data is told of, who asks to be forgotten is erased with his orders, and a shop that left goes whole', async () => {
  const send = (topic, body, { secret, shop = 'your-shop' } = {}) => {
    const text = JSON.stringify({ shop_id: 690933842, shop_domain: `${shop}.myshopify.com`, ...body });
    return server.anonymous('POST', '/api/v1/sync/shopify/webhook', text, { 'X-Shopify-Topic': topic, 'X-Shopify-Shop-Domain': `${shop}.myshopify.com`,
      'X-Shopify-Webhook-Id': `${topic}-${shop}`, 'X-Shopify-Triggered-At': new Date().toISOString(), 'X-Shopify-Hmac-Sha256': sign(text, secret) });
  };
  const order = (await rowsOf('orders')).find((o) => o.customerId && o.email), customer = await customerOf(order.customerId);
  const asked = { customer: { id: Number(order.customerId), email: customer.email }, orders_to_redact: [] };
  assert.equal((await send('customers/redact', asked, { secret: 'wrong' })).status, 401);
  assert.equal((await send('customers/data_request', asked)).status, 200);
  await drained(server);
  const [told] = await events(server, `?type=customers/data_request&connectionId=${connection}`);
  assert.equal(told.status, 'applied', JSON.stringify(told));
  assert.equal((await server.api('GET', `/api/v1/customers/${customer.id}`)).status, 200, 'only told of');

  assert.equal((await send('customers/redact', asked)).status, 200);
  await until('the request is done, and gone with the rest', async () => (await events(server, '?type=customers/redact')).length === 0);
  assert.deepEqual([await customerOf(order.customerId), (await rowsOf('orders')).find((o) => o.id === order.id)], [undefined, undefined]);
  assert.ok(!(await server.api('GET', `/api/v1/customers?q=${encodeURIComponent(customer.email)}`)).text.includes(customer.email));
  await sync(true);
  assert.equal(await customerOf(order.customerId), undefined, 'no sync brings him back');

  const left = (await make({ shop: 'closing', accessToken: 'test', clientSecret: SECRET, baseUrl: `${sandbox.url}/shopify` }, { streams: ['collections'], match: 'none' })).body.data.id;
  await sync(true, left);
  assert.equal((await send('shop/redact', {}, { shop: 'closing' })).status, 200);
  await until('the connection is gone', async () => (await server.api('GET', `${SYNC}/connections/${left}`)).status === 404);
  assert.equal((await server.api('GET', `${SYNC}/connections/${connection}`)).status, 200, 'the other shop stays');
  const alerts = await fetch(`${server.url}/api/v1/events?types=alert.raised`, { headers: { Authorization: `Bearer ${server.key}`, 'Last-Event-ID': '0-0' } });
  let text = '';
  for await (const chunk of alerts.body) {
    text += Buffer.from(chunk).toString();
    if (/data_request[^]*account_erased/.test(text)) break;
  }
  assert.ok(text.includes(customer.id), text);
});
