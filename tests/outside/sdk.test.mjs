// The vendors' published clients as second witnesses: each reads from our sandbox what our templates read from it, and both must
// have seen the same objects with the same values.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { finishedRun, removeFolder, startSandbox, startTidemark, tempFolder } from '../scenario/lib/tidemark.mjs';
import { modules } from './modules.mjs';

const require = createRequire(join(modules, '..', 'package.json'));
const SYNC = '/api/v1/sync';
const LOCATION = 've9EPM428h8vShlRW1KT';
const data = tempFolder('sdk');
let server, sandbox;

before(async () => {
  sandbox = await startSandbox({ sizes: {
    'hubspot.contacts': 130, 'hubspot.companies': 20, 'hubspot.deals': 30, 'hubspot.tickets': 25, 'gohighlevel.contacts': 130, 'gohighlevel.conversations': 25,
    'amazon_sp_api.orders': 20, 'amazon_sp_api.inventory': 60, 'amazon_sp_api.events': 60, 'amazon_sp_api.quota': 1000 } });
  server = await startTidemark({ data, env: { TIDEMARK_NETWORK_ALLOW: '127.0.0.0/8', TIDEMARK_NETWORK_ALLOW_HTTP: 'true' } });
});
after(async () => {
  await server?.stop();
  await sandbox?.stop();
  removeFolder(data);
});

async function synced(platform, credentials) {
  const made = await server.api('POST', `${SYNC}/connections`, { name: platform, platform, credentials: { baseUrl: `${sandbox.url}/${platform}`, ...credentials }, match: 'none' });
  assert.equal(made.status, 201, made.text);
  const { body } = await server.api('POST', `${SYNC}/run`, { connectionId: made.body.data.id, fullSync: true });
  const run = await finishedRun(server, body.data.runId);
  assert.equal(run.verdict, 'complete', JSON.stringify(run));
  return made.body.data.id;
}
const rows = async (id, stream) => {
  const all = [];
  for (let page = 1; ; page++) {
    const { body } = await server.api('GET', `/api/v1/records/${id}/${stream}?limit=500&page=${page}`);
    all.push(...body.data);
    if (body.data.length < 500) return all;
  }
};
const blank = (value) => (value === undefined || value === '' ? null : value);
const sorted = (list) => list.map((row) => row.map(blank)).sort((a, b) => (String(a[0]) < String(b[0]) ? -1 : 1));
const same = (ours, theirs) => {
  assert.ok(theirs.length > 0);
  assert.deepEqual(sorted(ours), sorted(theirs));
};

describe('@hubspot/api-client', () => {
  let id, client;
  before(async () => {
    id = await synced('hubspot', { accessToken: 'pat-test' });
    client = new (require('@hubspot/api-client').Client)({ accessToken: 'pat-test', basePath: `${sandbox.url}/hubspot`, numberOfApiCallRetries: 3 });
  });

  // Its list pages a hundred at a time with the cursor of the answer.
  async function all(api, properties) {
    const found = [];
    for (let from; ;) {
      const page = await api.basicApi.getPage(100, from, properties);
      found.push(...page.results);
      from = page.paging?.next?.after;
      if (!from) return found;
    }
  }

  test('contacts', async () => {
    const theirs = await all(client.crm.contacts, ['firstname', 'lastname', 'email', 'phone', 'company', 'city', 'lifecyclestage']);
    same((await rows(id, 'contacts')).map((c) => [c.customFields.hubspot_id, c.firstName, c.lastName, c.email, c.phone, c.company, c.city, c.customFields.hubspot_lifecycle_stage]),
      theirs.map(({ id, properties: p }) => [id, p.firstname, p.lastname, p.email, p.phone, p.company, p.city, p.lifecyclestage]));
  });

  test('companies, deals and tickets', async () => {
    same((await rows(id, 'companies')).map((c) => [c.customFields.hubspot_id, c.name, c.domain, c.industry]),
      (await all(client.crm.companies, ['name', 'domain', 'industry'])).map(({ id, properties: p }) => [id, p.name, p.domain, p.industry]));
    same((await rows(id, 'deals')).map((d) => [d.customFields.hubspot_id, d.name, d.amount, d.stage, d.pipeline]),
      (await all(client.crm.deals, ['dealname', 'amount', 'dealstage', 'pipeline'])).map(({ id, properties: p }) => [id, p.dealname, p.amount, p.dealstage, p.pipeline]));
    same((await rows(id, 'tickets')).map((t) => [t.customFields.hubspot_id, t.subject]),
      (await all(client.crm.tickets, ['subject'])).map(({ id, properties: p }) => [id, p.subject]));
  });

  test('owners', async () => {
    const { results } = await client.crm.owners.ownersApi.getPage(undefined, undefined, 100);
    same((await rows(id, 'owners')).map((o) => [o.customFields?.hubspot_id ?? o.id, o.email].slice(1)), results.map((o) => [o.email]));
  });

  test('a search by the client finds what the template has read since', async () => {
    const [contact] = await rows(id, 'contacts');
    const found = await client.crm.contacts.searchApi.doSearch({ limit: 10, properties: ['email'], sorts: [], filterGroups: [{ filters: [{ propertyName: 'hs_object_id', operator: 'EQ', value: contact.customFields.hubspot_id }] }] });
    assert.deepEqual(found.results.map((c) => [c.id, blank(c.properties.email)]), [[contact.customFields.hubspot_id, blank(contact.email)]]);
  });
});

describe('@gohighlevel/api-client', () => {
  let id, client;
  before(async () => {
    id = await synced('gohighlevel', { apiKey: 'pit-test', locationId: LOCATION });
    const { HighLevel } = require('@gohighlevel/api-client');
    HighLevel.BASE_URL = `${sandbox.url}/gohighlevel`;
    client = new HighLevel({ privateIntegrationToken: 'pit-test', apiVersion: '2021-07-28', logLevel: 'none' });
  });

  test('contacts', async () => {
    const theirs = [];
    for (let searchAfter; ;) {
      const { contacts } = await client.contacts.searchContactsAdvanced({ locationId: LOCATION, pageLimit: 100, sort: [{ field: 'dateUpdated', direction: 'desc' }], ...(searchAfter && { searchAfter }) });
      theirs.push(...contacts);
      if (contacts.length < 100) break;
      searchAfter = contacts.at(-1).searchAfter;
    }
    same((await rows(id, 'contacts')).map((c) => [c.customFields.gohighlevel_id, c.name, c.email, c.phone, c.city, c.company]),
      theirs.map((c) => [c.id, c.contactName, c.email, c.phone, c.city, c.companyName]));
  });

  test('conversations and messages', async () => {
    const { conversations } = await client.conversations.searchConversation({ locationId: LOCATION, limit: 100, status: 'all' });
    same((await rows(id, 'conversations')).map((c) => [c.metadata.gohighlevel_id, c.contactId]), conversations.map((c) => [c.id, c.contactId]));
    const theirs = [];
    for (const conversation of conversations) {
      for (let lastMessageId; ;) {
        const page = await client.conversations.getMessages({ conversationId: conversation.id, limit: 100, lastMessageId });
        theirs.push(...page.messages);
        if (!page.nextPage) break;
        lastMessageId = page.lastMessageId;
      }
    }
    same((await rows(id, 'messages')).map((m) => [m.metadata.gohighlevel_id, m.content, m.metadata.gohighlevel_conversation_id]), theirs.map((m) => [m.id, m.body, m.conversationId]));
  });

  test('calendars, appointments and opportunities', async () => {
    const { calendars } = await client.calendars.getCalendars({ locationId: LOCATION });
    same((await rows(id, 'calendars')).map((c) => [c.customFields.gohighlevel_id, c.name]), calendars.map((c) => [c.id, c.name]));
    const day = 86_400_000, today = Math.floor(Date.now() / day) * day, theirs = [];
    for (const { id: calendarId } of calendars)
      theirs.push(...(await client.calendars.getCalendarEvents({ locationId: LOCATION, calendarId, startTime: String(today - 395 * day), endTime: String(today + 395 * day) })).events);
    same((await rows(id, 'appointments')).map((a) => [a.customFields.gohighlevel_id, a.title, a.status, a.startTime]), theirs.map((a) => [a.id, a.title, a.appointmentStatus, a.startTime]));
    const first = await client.opportunities.searchOpportunity({ locationId: LOCATION, limit: 100 });
    const second = await client.opportunities.searchOpportunity({ locationId: LOCATION, limit: 100, startAfter: String(first.meta.startAfter), startAfterId: first.meta.startAfterId });
    same((await rows(id, 'opportunities')).map((o) => [o.customFields.gohighlevel_id, o.name, o.amount, o.status]),
      [...first.opportunities, ...second.opportunities].map((o) => [o.id, o.name, String(o.monetaryValue), o.status]));
  });
});

describe('@sp-api-sdk', () => {
  let id, options;
  const MARKETPLACE = 'ATVPDKIKX0DER';
  before(async () => {
    id = await synced('amazon_sp_api', { clientId: 'c', clientSecret: 's', refreshToken: 'Atzr|x' });
    const { sellingPartnerRegions } = require(require.resolve('@sp-api-sdk/common', { paths: [join(modules, '@sp-api-sdk/orders-api-v0')] }));
    sellingPartnerRegions.na.endpoints.production = `${sandbox.url}/amazon_sp_api`;
    const login = await sandbox.raw('POST', '/amazon_sp_api/auth/o2/token', 'grant_type=refresh_token&refresh_token=Atzr%7Cx&client_id=c&client_secret=s', { 'content-type': 'application/x-www-form-urlencoded' });
    options = { region: 'na', auth: { getAccessToken: async () => login.body.access_token } };
  });

  test('orders and their items', async () => {
    const client = new (require('@sp-api-sdk/orders-api-v0').OrdersApiClient)(options);
    const orders = [];
    for (let nextToken; ;) {
      const { data: { payload } } = await client.getOrders({ marketplaceIds: [MARKETPLACE], createdAfter: '2024-01-01T00:00:00Z', maxResultsPerPage: 10, nextToken });
      orders.push(...payload.Orders);
      if (!payload.NextToken) break;
      nextToken = payload.NextToken;
    }
    same((await rows(id, 'orders')).map((o) => [o.orderId, o.orderStatus, o.totalAmount, o.currency]), orders.map((o) => [o.AmazonOrderId, o.OrderStatus, o.OrderTotal?.Amount, o.OrderTotal?.CurrencyCode]));
    const items = [];
    for (const order of orders) {
      const { data: { payload } } = await client.getOrderItems({ orderId: order.AmazonOrderId });
      items.push(...payload.OrderItems);
    }
    same((await rows(id, 'order_items')).map((i) => [i.orderItemId, i.sku, i.asin, i.quantity, i.itemPrice]), items.map((i) => [i.OrderItemId, i.SellerSKU, i.ASIN, i.QuantityOrdered, i.ItemPrice?.Amount]));
  });

  test('inventory', async () => {
    const client = new (require('@sp-api-sdk/fba-inventory-api-v1').FbaInventoryApiClient)(options);
    const found = [];
    for (let nextToken; ;) {
      const { data } = await client.getInventorySummaries({ granularityType: 'Marketplace', granularityId: MARKETPLACE, marketplaceIds: [MARKETPLACE], details: true, nextToken });
      found.push(...data.payload.inventorySummaries);
      nextToken = data.pagination?.nextToken;
      if (!nextToken) break;
    }
    same((await rows(id, 'inventory')).map((i) => [i.sku, i.asin, i.fnsku, i.quantityAvailable]), found.map((i) => [i.sellerSku, i.asin, i.fnSku, i.inventoryDetails.fulfillableQuantity]));
  });

  test('financial events that are claims', async () => {
    const client = new (require('@sp-api-sdk/finances-api-v0').FinancesApiClient)(options);
    const refunds = new Map();
    for (let until = Date.now() - 180_000; until > Date.now() - 500 * 86_400_000; until -= 170 * 86_400_000) {
      for (let nextToken; ;) {
        const { data: { payload } } = await client.listFinancialEvents({ maxResultsPerPage: 100, postedAfter: new Date(until - 170 * 86_400_000).toISOString(), postedBefore: new Date(until).toISOString(), nextToken });
        for (const event of payload.FinancialEvents?.RefundEventList ?? []) refunds.set(`${event.AmazonOrderId} ${event.PostedDate}`, event.AmazonOrderId);
        if (!payload.NextToken) break;
        nextToken = payload.NextToken;
      }
    }
    const ours = (await rows(id, 'claims')).filter((c) => c.type === 'refund').map((c) => c.orderId);
    assert.ok(ours.length > 0);
    assert.deepEqual(ours.sort(), [...refunds.values()].sort());
  });
});
