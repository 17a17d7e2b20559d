// HubSpot: the template against the simulated vendor, through the doors. What the rows must be is written here from the
// vendor's properties, not from the template: two witnesses.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { after, before, describe, test } from 'node:test';

import { loopback } from './lib/chatwoot.mjs';
import { connectedId, row, stopAll, streamOf, syncRun } from './lib/platform.mjs';
import { finishedRun, listAll, startSandbox, startTidemark, tempFolder, until } from './lib/tidemark.mjs';
import { drained } from './lib/webhooks.mjs';

const SYNC = '/api/v1/sync';
const PORTAL = '62515';
const SECRET = '3f6c1a9e-7b52-4d08-9c1e-5a2b7c8d9e0f';
const CONTACTS = 1300;
const data = tempFolder('hubspot');
let sandbox, server, connection;

const byId = (a, b) => Number(a.id) - Number(b.id);

const expected = {
  contacts: ({ id, properties: p }) => row({
    id, name: `${p.firstname ?? ''} ${p.lastname ?? ''}`.trim(), email: p.email, phone: p.phone, company: p.company, city: p.city,
    companyId: p.associatedcompanyid, stage: p.lifecyclestage, owner: p.hubspot_owner_id,
  }),
  companies: ({ id, properties: p }) => row({ id, name: p.name, domain: p.domain, phone: p.phone, industry: p.industry, revenue: p.annualrevenue }),
  deals: ({ id, properties: p }) => row({
    id, name: p.dealname, amount: p.amount, currency: p.deal_currency_code, stage: p.dealstage, companyId: p.hs_primary_associated_company,
    status: p.hs_is_closed_won === 'true' ? 'won' : p.hs_is_closed === 'true' ? 'lost' : 'open',
  }),
  tickets: ({ id, properties: p }) => row({
    id, subject: p.subject, description: p.content, status: p.hs_pipeline_stage,
    priority: { LOW: 'low', MEDIUM: 'normal', HIGH: 'high' }[p.hs_ticket_priority], type: p.hs_ticket_category,
  }),
};
const found = {
  contacts: (c) => row({
    id: c.customFields.hubspot_id, name: c.name, email: c.email, phone: c.phone, company: c.company, city: c.city, companyId: c.companyId,
    stage: c.customFields.hubspot_lifecycle_stage, owner: c.customFields.hubspot_owner_id,
  }),
  companies: (c) => row({ id: c.customFields.hubspot_id, name: c.name, domain: c.domain, phone: c.phone, industry: c.industry, revenue: c.annualRevenue }),
  deals: (d) => row({ id: d.customFields.hubspot_id, name: d.name, amount: d.amount, currency: d.currency, stage: d.stage, companyId: d.companyId, status: d.status }),
  tickets: (t) => row({ id: t.customFields.hubspot_id, subject: t.subject, description: t.description, status: t.status, priority: t.priority, type: t.type }),
};

async function assertSame(kinds = Object.keys(expected)) {
  for (const kind of kinds) {
    const rows = (await listAll(server, `/api/v1/${kind}`)).map(found[kind]).sort(byId);
    assert.deepEqual(rows, (await sandbox.truth('hubspot', kind)).map(expected[kind]).sort(byId), kind);
  }
}

const vendor = async (method, path, body) => {
  const reply = await sandbox.raw(method, `/hubspot${path}`, body, { authorization: 'Bearer test' });
  return { status: reply.status, body: reply.body, headers: reply.headers };
};
const search = (type, body) => vendor('POST', `/crm/objects/2026-09/${type}/search`, { filterGroups: [], sorts: [], properties: [], limit: 10, after: '0', ...body });

const sync = (fullSync, id = connection) => syncRun(server, { connectionId: id, fullSync });
const contact = async (id, query = '') =>
  (await listAll(server, `/api/v1/contacts${query}`)).find((c) => c.customFields?.hubspot_id === String(id));

before(async () => {
  sandbox = await startSandbox({ sizes: { 'hubspot.contacts': CONTACTS, 'hubspot.companies': 90, 'hubspot.deals': 210, 'hubspot.tickets': 70 } });
  server = await startTidemark({ data, env: { ...loopback, HUBSPOT_BASE_URL: `${sandbox.url}/hubspot`, TIDEMARK_WEBHOOKS_HINT_RATE: '1000' } });
  const made = await server.api('POST', `${SYNC}/connections`, {
    name: 'HubSpot', platform: 'hubspot', credentials: { accessToken: 'your-api-key', portalId: PORTAL, clientSecret: SECRET },
  });
  connection = connectedId(made);
});

after(() => stopAll(data, server, sandbox));

test('after the first load every record is there once, and the run adds up against the vendor\'s totals', async () => {
  const run = await sync(true);
  assert.equal(run.verdict, 'complete', JSON.stringify(run));
  assert.deepEqual(['contacts', 'companies', 'deals', 'tickets'].map((name) => streamOf(run, name).total), [CONTACTS, 90, 210, 70]);
  assert.equal(streamOf(run, 'owners').recordsCreated, 5);
  await assertSame();
});

test('the tie between deal and company holds', async () => {
  const [deal] = await listAll(server, '/api/v1/deals');
  const company = (await listAll(server, '/api/v1/companies')).find((c) => c.customFields.hubspot_id === deal.companyId);
  assert.equal(deal.parentId, company.id);
});

test('owners are kept as they came', async () => {
  const owners = await listAll(server, `/api/v1/records/${connection}/owners`);
  const truth = await sandbox.truth('hubspot', 'owners');
  assert.deepEqual(owners.map((o) => o.email).sort(), truth.map((o) => o.email).sort());
});

test('an unchanged full run writes nothing', async () => {
  const run = await sync(true);
  assert.deepEqual([run.recordsCreated, run.recordsUpdated, run.recordsErrors], [0, 0, 0]);
  await assertSame();
});

test('one per cent changed: an incremental run reads little and updates just those', async () => {
  await sandbox.mutate({ vendor: 'hubspot', entity: 'contacts', update: '1%' });
  await sandbox.mutate({ vendor: 'hubspot', entity: 'deals', update: '1%', create: 2 });
  const run = await sync(false);
  assert.equal(streamOf(run, 'contacts').recordsUpdated, CONTACTS / 100, JSON.stringify(run));
  assert.deepEqual([streamOf(run, 'deals').recordsUpdated, streamOf(run, 'deals').recordsCreated], [3, 2]);
  assert.ok(streamOf(run, 'contacts').recordsReceived < CONTACTS / 10, JSON.stringify(run.streams));
  await assertSame();
});

test('one per cent deleted: a full run asks once more and finds them gone', async () => {
  await sandbox.mutate({ vendor: 'hubspot', entity: 'contacts', delete: '1%' });
  const run = await sync(true);
  assert.deepEqual([run.recordsCreated, run.recordsErrors, run.recordsMissing], [0, 0, CONTACTS / 100]);
  await assertSame();
});

test('after a merge the contact that lost is gone, although its id still answers', async () => {
  const [winner, loser] = await sandbox.truth('hubspot', 'contacts');
  const merged = await vendor('POST', '/crm/objects/2026-09/contacts/merge', { primaryObjectId: winner.id, objectIdToMerge: loser.id });
  assert.equal(merged.status, 200, JSON.stringify(merged.body));
  assert.equal((await vendor('GET', `/crm/objects/2026-09/contacts/${loser.id}`)).body.id, winner.id);
  await sync(true);
  assert.equal(await contact(loser.id), undefined);
  assert.equal((await contact(winner.id)).customFields.hubspot_merged_ids, loser.id);
  await assertSame(['contacts']);
});

test('a refused token, a missing one and another account\'s are told apart', async () => {
  const make = (credentials) => server.api('POST', `${SYNC}/connections`, { name: 'x', platform: 'hubspot', credentials });
  const refused = await make({ accessToken: 'invalid' });
  assert.deepEqual([refused.status, refused.body.code], [400, 'INVALID_CREDENTIALS']);
  assert.match(refused.body.error, /^Connection test failed: .*Authentication credentials not found/);
  const missing = await make({});
  assert.deepEqual([missing.status, missing.body.code], [400, 'VALIDATION_FAILED']);
  assert.ok(missing.body.details.some((d) => d.pointer === '/credentials/accessToken'), JSON.stringify(missing.body));
  const other = await make({ accessToken: 'test', portalId: '1' });
  assert.equal(other.status, 400, JSON.stringify(other.body));
  assert.match(other.body.error, /another HubSpot account/);
});

test('a token that dies in the middle of a run is said, and what was read stays', async () => {
  const made = await server.api('POST', `${SYNC}/connections`, { name: 'Dying', platform: 'hubspot', match: 'none', credentials: { accessToken: 'expired' } });
  assert.equal(made.status, 201, JSON.stringify(made.body));
  const started = await server.api('POST', `${SYNC}/run`, { connectionId: made.body.data.id, fullSync: true });
  const run = await finishedRun(server, started.body.data.runId);
  assert.equal(run.status, 'error');
  assert.match(JSON.stringify(run), /AUTH_EXPIRED/);
  assert.ok(run.recordsSynced > 0);
  assert.ok((await server.api('DELETE', `${SYNC}/connections/${made.body.data.id}?purge=true`)).status < 300);
});

describe('webhooks', () => {
  const path = `${SYNC}/hubspot/webhook`;
  const deliver = async (type, id, { secret = SECRET, url = server.url + path, target = path, query = '' } = {}) => {
    const { body } = await vendor('POST', `/_webhooks/${type}/${id}?secret=${secret}&url=${encodeURIComponent(url)}${query}`);
    return server.anonymous('POST', target, body.body, body.headers);
  };
  const change = (id, properties) => vendor('PATCH', `/crm/objects/2026-09/contacts/${id}`, { properties });

  test('a signed change fetches the record at once', async () => {
    const [, , third] = await sandbox.truth('hubspot', 'contacts');
    await change(third.id, { firstname: 'Zuleica' });
    const reply = await deliver('contact.propertyChange', third.id, { query: '&property=firstname&value=Zuleica' });
    assert.deepEqual([reply.status, reply.body.trust], [200, 'signed'], reply.text);
    await until('the new name', async () => (await contact(third.id))?.firstName === 'Zuleica');
  });

  test('the types of newer apps say the object beside them', async () => {
    const made = await vendor('POST', '/crm/objects/2026-09/contacts', { properties: { email: 'nova.pessoa@example.com', firstname: 'Nova' } });
    assert.equal(made.status, 201);
    assert.equal((await deliver('object.creation', made.body.id, { query: '&objectTypeId=0-1' })).status, 200);
    await until('the new contact', async () => (await contact(made.body.id))?.email === 'nova.pessoa@example.com');
  });

  test('a signed deletion is believed; the same again changes nothing', async () => {
    const gone = (await sandbox.truth('hubspot', 'contacts'))[5];
    await vendor('DELETE', `/crm/objects/2026-09/contacts/${gone.id}`);
    assert.equal((await deliver('contact.deletion', gone.id)).status, 200);
    await until('the contact is gone', async () => (await contact(gone.id)) === undefined);
    assert.equal((await deliver('contact.deletion', gone.id)).status, 200);
    await drained(server);
    assert.ok((await contact(gone.id, '?includeDeleted=true')).deletedAt);
  });

  test('a merge takes the one that lost away and fetches the one that won', async () => {
    const truth = await sandbox.truth('hubspot', 'contacts');
    const [winner, loser] = [truth[8], truth[9]];
    await vendor('POST', '/crm/objects/2026-09/contacts/merge', { primaryObjectId: winner.id, objectIdToMerge: loser.id });
    assert.equal((await deliver('contact.merge', winner.id, { query: `&merged=${loser.id}` })).status, 200);
    await until('the loser is gone', async () => (await contact(loser.id)) === undefined);
    await until('the winner says so', async () => (await contact(winner.id))?.customFields.hubspot_merged_ids === loser.id);
  });

  test('another key, another address or an altered body is 401', async () => {
    const [first] = await sandbox.truth('hubspot', 'contacts');
    assert.equal((await deliver('contact.propertyChange', first.id, { secret: 'another' })).status, 401);
    assert.equal((await deliver('contact.propertyChange', first.id, { url: `${server.url}/elsewhere` })).status, 401);
    const body = JSON.stringify([{ subscriptionType: 'contact.deletion', objectId: Number(first.id), portalId: Number(PORTAL), occurredAt: Date.now() }]);
    const stale = String(Date.now() - 400_000);
    const signature = createHmac('sha256', SECRET).update(`POST${server.url}${path}${body}${stale}`).digest('base64');
    const late = await server.anonymous('POST', path, body, { 'x-hubspot-signature-v3': signature, 'x-hubspot-request-timestamp': stale });
    assert.equal(late.status, 401, 'older than five minutes');
    await drained(server);
    assert.ok(await contact(first.id), 'nothing was deleted');
  });

  test('an unsigned deletion is only a hint: the vendor is asked', async () => {
    const [first] = await sandbox.truth('hubspot', 'contacts');
    const body = JSON.stringify([{ eventId: 9, subscriptionType: 'contact.deletion', objectId: Number(first.id), portalId: Number(PORTAL), occurredAt: Date.now() }]);
    const reply = await server.anonymous('POST', path, body);
    assert.deepEqual([reply.status, reply.body.trust], [202, 'hint']);
    await drained(server);
    assert.ok(await contact(first.id));
  });
});

describe('the simulated vendor', () => {
  test('a search ends after 10,000 results, as the real one', async () => {
    const reply = await search('contacts', { limit: 200, after: '9900' });
    assert.deepEqual([reply.status, reply.body.category], [400, 'VALIDATION_ERROR']);
  });

  test('searches are counted by the second and carry no limits; other answers do', async () => {
    const own = await startSandbox({ sizes: { 'hubspot.companies': 1 } }), as = { authorization: 'Bearer test' };
    try {
      const ask = () => own.raw('POST', '/hubspot/crm/objects/2026-09/companies/search', { limit: 1 }, as);
      // All at once: a second may end between two of them, but not each time. By a machine that is slow the limit of ten seconds is met too.
      const refused = await until('too many in one second', async () =>
        (await Promise.all(Array.from({ length: 30 }, ask))).find(({ body }) => body.policyName === 'SECONDLY'));
      assert.deepEqual([refused.status, refused.body.errorType], [429, 'RATE_LIMIT']);
      assert.equal(refused.headers.get('x-hubspot-ratelimit-max'), null);
      const details = await until('it answers again', async () => {
        const reply = await own.raw('GET', '/hubspot/account-info/2026-09/details', undefined, as);
        return reply.status === 429 ? null : reply;
      });
      assert.equal(String(details.body.portalId), PORTAL);
      assert.equal(details.headers.get('x-hubspot-ratelimit-max'), '100');
    } finally {
      await own.stop();
    }
  });

  test('an e-mail is unique, a batch says which failed', async () => {
    const truth = await sandbox.truth('hubspot', 'contacts');
    const taken = truth.find((c) => c.properties.email);
    const twin = await vendor('POST', '/crm/objects/2026-09/contacts', { properties: { email: taken.properties.email } });
    assert.deepEqual([twin.status, twin.body.message], [409, `Contact already exists. Existing ID: ${taken.id}`]);
    const batch = await vendor('POST', '/crm/objects/2026-09/contacts/batch/upsert', {
      inputs: [
        { id: taken.properties.email, idProperty: 'email', properties: { city: 'Recife' }, objectWriteTraceId: 'a' },
        { id: 'bad', idProperty: 'email', properties: { email: 'bad' }, objectWriteTraceId: 'b' },
      ],
    });
    assert.equal(batch.status, 207);
    assert.deepEqual([batch.body.results.length, batch.body.results[0].new, batch.body.numErrors], [1, false, 1]);
    assert.deepEqual(batch.body.errors[0].context.objectWriteTraceId, ['b']);
  });

  test('the numbered paths still answer', async () => {
    assert.equal((await vendor('GET', '/crm/v3/objects/contacts?limit=2&properties=email,city')).body.results.length, 2);
  });
});

test('more than 10,000 contacts are read whole, and again when all of them change in one millisecond', async () => {
  const own = await startSandbox({ sizes: { 'hubspot.contacts': 10_450, 'hubspot.companies': 1, 'hubspot.deals': 1, 'hubspot.tickets': 1 } });
  try {
    const made = await server.api('POST', `${SYNC}/connections`, {
      name: 'Large', platform: 'hubspot', match: 'none', streams: ['contacts'], credentials: { accessToken: 'test', baseUrl: `${own.url}/hubspot` },
    });
    assert.equal(made.status, 201, JSON.stringify(made.body));
    const run = await sync(true, made.body.data.id);
    assert.equal(run.verdict, 'complete', JSON.stringify(run));
    assert.equal(run.recordsCreated, 10_450);
    // An import: more changes at one time than a search shows, however its window is cut by time.
    await own.raw('POST', '/_sandbox/mutate', { vendor: 'hubspot', entity: 'contacts', update: 10_450, atOnce: true });
    const times = new Set((await own.truth('hubspot', 'contacts')).map((c) => c.updatedAt));
    assert.equal(times.size, 1, 'all of them at once');
    const again = await sync(false, made.body.data.id);
    assert.deepEqual([again.verdict, again.recordsUpdated + again.recordsSkipped], ['complete', 10_450], JSON.stringify(again));
    assert.ok(again.recordsUpdated > 10_000, JSON.stringify(again));
    assert.equal((await own.ledger()).filter((entry) => entry.status === 400).length, 0);
  } finally {
    await own.stop();
  }
});
