// RD Station: the template against the simulated vendor, through the doors. What the rows must be is written here from the
// vendor's members, not from the template: two witnesses.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { assertAddsUp, loopback } from './lib/chatwoot.mjs';
import { finishedRun, listAll, removeFolder, startSandbox, startTidemark, tempFolder, until } from './lib/tidemark.mjs';

const SYNC = '/api/v1/sync';
const CONTACTS = 130, CRM_CONTACTS = 230, COMPANIES = 60, DEALS = 220;
const data = tempFolder('rdstation');
let sandbox, server, connection;

const blank = (value) => (value === undefined || value === '' ? null : value);
const row = (fields) => Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, blank(value)]));
const byId = (a, b) => (a.id < b.id ? -1 : 1);
const money = (n) => (n === null || n === undefined ? null : Number(n).toFixed(2));

const expected = {
  contacts: (c) => row({
    id: c.uuid, name: c.name, email: c.email, phone: c.mobile_phone ?? c.personal_phone, jobTitle: c.job_title, city: c.city, website: c.website,
  }),
  crm_contacts: (c) => row({ id: c.id, name: c.name, email: c.emails[0]?.email, phone: c.phones[0]?.phone, jobTitle: c.job_title, companyId: c.organization_id }),
  companies: (c) => row({ id: c.id, name: c.name, website: c.url, description: c.description }),
  deals: (d) => row({
    id: d.id, name: d.name, status: { ongoing: 'open', paused: 'open', won: 'won', lost: 'lost' }[d.status], stage: d.stage_id, amount: money(d.total_price),
    companyId: d.organization_id,
  }),
};
const own = (c) => c.customFields ?? {};
const found = {
  contacts: (c) => row({ id: own(c).rdstation_id, name: c.name, email: c.email, phone: c.phone, jobTitle: c.jobTitle, city: c.city, website: c.website }),
  crm_contacts: (c) => row({ id: own(c).rdstation_crm_id, name: c.name, email: c.email, phone: c.phone, jobTitle: c.jobTitle, companyId: c.companyId }),
  companies: (c) => row({ id: own(c).rdstation_id, name: c.name, website: c.website, description: c.description }),
  deals: (d) => row({ id: own(d).rdstation_id, name: d.name, status: d.status, stage: d.stage, amount: money(d.amount), companyId: d.companyId }),
};

async function rows(entity) {
  if (entity === 'contacts') return (await listAll(server, '/api/v1/contacts')).filter((c) => own(c).rdstation_id);
  if (entity === 'crm_contacts') return (await listAll(server, '/api/v1/contacts')).filter((c) => own(c).rdstation_crm_id);
  return listAll(server, `/api/v1/${entity}`);
}

async function assertSame(entities = Object.keys(expected)) {
  for (const entity of entities)
    assert.deepEqual((await rows(entity)).map(found[entity]).sort(byId), (await sandbox.truth('rdstation', entity)).map(expected[entity]).sort(byId), entity);
  const leads = (await listAll(server, '/api/v1/leads')).map((l) => [own(l).rdstation_id, l.name, l.email]).sort();
  if (entities.includes('contacts'))
    assert.deepEqual(leads, (await sandbox.truth('rdstation', 'contacts')).map((c) => [c.uuid, c.name, c.email]).sort(), 'leads');
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
const make = (credentials, more = {}) => server.api('POST', `${SYNC}/connections`, { name: 'RDStation Connection', platform: 'rdstation', ...more, credentials });
const ask = (method, path, body) => sandbox.raw(method, `/rdstation${path}`, body, { authorization: 'Bearer test' });

before(async () => {
  sandbox = await startSandbox({
    sizes: { 'rdstation.contacts': CONTACTS, 'rdstation.crm_contacts': CRM_CONTACTS, 'rdstation.companies': COMPANIES, 'rdstation.deals': DEALS, 'rdstation.quota': 100000 },
  });
  server = await startTidemark({ data, env: { ...loopback, RDSTATION_BASE_URL: `${sandbox.url}/rdstation`, TIDEMARK_WEBHOOKS_HINT_RATE: '1000' } });
  const made = await make({ apiKey: 'your-api-key', workspaceId: 'workspace-id' }, { match: 'none' });
  assert.equal(made.status, 201, JSON.stringify(made.body));
  assert.equal(made.body.data.status, 'connected');
  connection = made.body.data.id;
});

after(async () => {
  await server?.stop();
  await sandbox?.stop();
  removeFolder(data);
});

test('after the first load every record of both products is there once', async () => {
  const run = await sync(true);
  assert.equal(run.verdict, 'complete', JSON.stringify(run));
  await assertSame();
  const [deal] = await listAll(server, '/api/v1/deals');
  const company = (await listAll(server, '/api/v1/companies')).find((c) => own(c).rdstation_id === deal.companyId);
  assert.equal(deal.parentId, company.id);
});

test('an unchanged full run writes nothing', async () => {
  const run = await sync(true);
  assert.deepEqual([run.recordsCreated, run.recordsUpdated, run.recordsErrors], [0, 0, 0], JSON.stringify(run.streams));
});

test('an incremental run asks for contacts that converted, and for what the CRM says has changed', async () => {
  await sandbox.mutate({ vendor: 'rdstation', entity: 'contacts', touch: 3, create: 2 });
  await sandbox.mutate({ vendor: 'rdstation', entity: 'deals', update: 4, create: 1 });
  const before = (await sandbox.ledger()).length;
  const run = await sync(false);
  assert.deepEqual([streamOf(run, 'contacts').recordsUpdated, streamOf(run, 'contacts').recordsCreated], [3, 2], JSON.stringify(run.streams));
  assert.deepEqual([streamOf(run, 'deals').recordsUpdated, streamOf(run, 'deals').recordsCreated], [4, 1]);
  const asked = (await sandbox.ledger()).slice(before);
  const single = asked.filter((e) => /\/platform\/contacts\//.test(e.target)).length;
  assert.ok(single >= 5 && single < 15, `${single} contacts were asked for`);
  await assertSame();
});

test('what was deleted is found by a full run', async () => {
  await sandbox.mutate({ vendor: 'rdstation', entity: 'contacts', delete: 2 });
  await sandbox.mutate({ vendor: 'rdstation', entity: 'companies', delete: 1 });
  await sandbox.mutate({ vendor: 'rdstation', entity: 'deals', delete: 3 });
  const run = await sync(true);
  assert.equal(run.verdict, 'complete', JSON.stringify(run));
  await assertSame();
});
