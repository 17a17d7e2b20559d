// RD Station: the template against the simulated vendor, through the doors. What the rows must be is written here from the
// vendor's members, not from the template: two witnesses.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { loopback } from './lib/chatwoot.mjs';
import { connectedId, row, stopAll, streamOf, syncRun } from './lib/platform.mjs';
import { finishedRun, listAll, startSandbox, startTidemark, tempFolder, until } from './lib/tidemark.mjs';

const SYNC = '/api/v1/sync';
const CONTACTS = 130, CRM_CONTACTS = 230, COMPANIES = 60, DEALS = 220;
const data = tempFolder('rdstation');
let sandbox, server, connection;

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

const sync = (fullSync, id = connection) => syncRun(server, { connectionId: id, fullSync });
const make = (credentials, more = {}) => server.api('POST', `${SYNC}/connections`, { name: 'RDStation Connection', platform: 'rdstation', ...more, credentials });
const ask = (method, path, body) => sandbox.raw(method, `/rdstation${path}`, body, { authorization: 'Bearer test' });

before(async () => {
  sandbox = await startSandbox({
    sizes: { 'rdstation.contacts': CONTACTS, 'rdstation.crm_contacts': CRM_CONTACTS, 'rdstation.companies': COMPANIES, 'rdstation.deals': DEALS, 'rdstation.quota': 100000 },
  });
  server = await startTidemark({ data, env: { ...loopback, RDSTATION_BASE_URL: `${sandbox.url}/rdstation`, TIDEMARK_WEBHOOKS_HINT_RATE: '1000' } });
  const region = await server.api('PATCH', '/api/v1/tenants/default', { region: 'BR' });
  assert.equal(region.status, 200, JSON.stringify(region.body));
  const made = await make({ apiKey: 'your-api-key', workspaceId: 'workspace-id' }, { match: 'none' });
  connection = connectedId(made);
});

after(() => stopAll(data, server, sandbox));

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

// ---- webhooks

const contactOf = async (uuid) => (await rows('contacts')).find((c) => own(c).rdstation_id === uuid);

test('webhooks of both products are registered, believed by the token in the address, and replaced', async () => {
  const setup = await server.api('POST', `/api/admin/integrations/${connection}/setup-webhook`, {});
  assert.equal(setup.status, 200, JSON.stringify(setup.body));
  assert.deepEqual([setup.body.registered, setup.body.verified], [true, true], JSON.stringify(setup.body));
  const registered = async () => [...(await ask('GET', '/integrations/webhooks')).body.webhooks.map((w) => w.event_type),
    ...(await ask('GET', '/crm/v2/webhooks')).body.data.map((w) => w.event_name)];
  assert.equal((await registered()).length, 8);
  const [lead] = (await sandbox.truth('rdstation', 'contacts')).slice(4);
  const sent = await ask('POST', '/platform/events', {
    event_type: 'CONVERSION', event_family: 'CDP', payload: { email: lead.email, conversion_identifier: 'formulario', name: 'Zuleica Prado', personal_phone: '(48) 3025-2598' },
  });
  assert.equal(sent.status, 200, sent.text);
  await until('the new name', async () => (await contactOf(lead.uuid))?.name === 'Zuleica Prado');
  const [deal] = await sandbox.truth('rdstation', 'deals');
  assert.equal((await ask('PUT', `/crm/v2/deals/${deal.id}`, { data: { name: 'Proposta nova', status: 'won' } })).status, 200);
  await until('the deal', async () => (await rows('deals')).some((d) => own(d).rdstation_id === deal.id && d.name === 'Proposta nova' && d.status === 'won'));
  const forged = JSON.stringify({ event_type: 'WEBHOOK.CONVERTED', entity_type: 'CONTACT', timestamp: new Date().toISOString(), contact: { uuid: lead.uuid, name: 'Forged' } });
  const wrong = await server.anonymous('POST', `/api/v1/webhooks/${connection}?token=wh_wrong`, forged);
  assert.equal(wrong.status, 401, wrong.text);
  assert.equal((await contactOf(lead.uuid)).name, 'Zuleica Prado');
  const ids = async () => [...(await ask('GET', '/integrations/webhooks')).body.webhooks.map((w) => w.uuid),
    ...(await ask('GET', '/crm/v2/webhooks')).body.data.map((w) => w.id)];
  const before = await ids();
  const again = await server.api('POST', `/api/admin/integrations/${connection}/setup-webhook`, {});
  assert.deepEqual([again.body.registered, again.body.verified], [true, true], JSON.stringify(again.body));
  assert.deepEqual(await ids(), before, 'what stands is kept');
  // Somebody takes one of them away over there: all are made anew, none is left behind.
  assert.ok((await ask('DELETE', `/crm/v2/webhooks/${before.at(-1)}`)).status < 300);
  const mended = await server.api('POST', `/api/admin/integrations/${connection}/setup-webhook`, {});
  assert.equal(mended.body.verified, true, JSON.stringify(mended.body));
  assert.equal((await registered()).length, 8);
  assert.ok((await ids()).every((id) => !before.includes(id)));
});

test('a published delivery lands as it is, phones without a country code are Brazilian', async () => {
  const setup = await server.api('POST', `/api/admin/integrations/${connection}/setup-webhook`, {});
  const sample = {
    event_type: 'WEBHOOK.CONVERTED', entity_type: 'CONTACT', event_identifier: 'my-event-identifier', timestamp: '2026-03-13T14:09:02.724-03:00',
    event_timestamp: '2026-03-13T14:07:04.254-03:00',
    contact: {
      uuid: 'c2f3d2b3-7250-4d27-97f4-eef38be32f7f', email: 'contact@example.com', name: 'Contact Name', job_title: 'Developer', personal_phone: '48 30252598',
      mobile_phone: '48 30252598', city: 'Florianópolis', tags: ['tag 1', 'tag 2'], cf_custom_field_example: ['Option1', 'Option2'],
      legal_bases: [{ category: 'communications', type: 'consent', status: 'granted' }], company: { name: 'Company Example 0' }, funnel: { name: 'default' },
    },
  };
  const path = new URL(setup.body.webhookUrl);
  const reply = await server.anonymous('POST', path.pathname + path.search, JSON.stringify(sample));
  assert.ok(reply.status < 300, reply.text);
  const contact = await until('the contact', () => contactOf(sample.contact.uuid));
  assert.deepEqual([contact.name, contact.email, contact.city, contact.jobTitle], ['Contact Name', 'contact@example.com', 'Florianópolis', 'Developer']);
  assert.deepEqual(own(contact).rdstation_fields, { cf_custom_field_example: ['Option1', 'Option2'] });
  assert.deepEqual(contact.tags, ['tag 1', 'tag 2']);
  await server.api('DELETE', `/api/v1/contacts/${contact.id}`);
});

test('a conversion is sent, also with an API key that reads nothing', async () => {
  const key = await make({ apiKey: 'public-token', product: 'conversions' }, { direction: 'push', match: 'none' });
  assert.equal(key.status, 201, JSON.stringify(key.body));
  const input = { email: 'nova.lead@example.com', conversion_identifier: 'site', name: 'Nova Lead' };
  for (const id of [connection, key.body.data.id]) {
    const done = await server.api('POST', `/api/admin/integrations/${id}/actions/send-conversion`, input);
    assert.equal(done.status, 200, JSON.stringify(done.body));
  }
  const events = (await sandbox.ledger()).filter((e) => e.method === 'POST' && /\/platform\/(events|conversions)/.test(e.target));
  assert.match(events.at(-1).target, /\/platform\/conversions\?api_key=/);
  assert.match(events.at(-2).target, /\/platform\/events$/);
  assert.ok((await sandbox.truth('rdstation', 'contacts')).some((c) => c.email === 'nova.lead@example.com'));
  await server.api('DELETE', `${SYNC}/connections/${key.body.data.id}?purge=true`);
});

// ---- signing in

test('CRM: the sign-in of one callback, refresh tokens that work once, and no Marketing stream is touched', async () => {
  const made = await make({ authType: 'oauth', product: 'crm', clientId: 'app', clientSecret: 'test' }, { match: 'none', schedule: { every: '300d', fullEvery: '300d' } });
  assert.ok([201, 400].includes(made.status), JSON.stringify(made.body));
  const kept = await server.api('POST', `${SYNC}/connections?test=false`, {
    name: 'CRM', platform: 'rdstation', match: 'none', credentials: { authType: 'oauth', product: 'crm', clientId: 'app', clientSecret: 'test' },
  });
  assert.equal(kept.status, 201, JSON.stringify(kept.body));
  const id = kept.body.data.id;
  const started = await server.api('GET', `/api/v1/oauth/start?connectionId=${id}`);
  assert.equal(started.status, 200, started.text);
  const asked = new URL(started.body.authUrl ?? started.body.data.authUrl);
  assert.match(asked.pathname, /\/oauth\/authorize$/);
  const back = new URL((await fetch(asked, { redirect: 'manual' })).headers.get('location'));
  const done = await server.api('GET', back.pathname + back.search);
  assert.equal(done.status, 200, done.text);
  const before = (await sandbox.ledger()).length;
  const run = await sync(true, id);
  assert.deepEqual(run.streams.map((s) => s.name).sort(), ['companies', 'crm_contacts', 'deals']);
  const first = (await sandbox.ledger()).slice(before);
  assert.ok(!first.some((e) => /\/platform\//.test(e.target)), 'Marketing was asked');
  // The vendor forgets the access token: one refresh with the rotated token, and another one after it.
  for (let i = 0; i < 2; i++) {
    await sandbox.json('POST', '/_sandbox/faults', { fault: '401:count=1:path=/crm/v2/organizations' });
    const at = (await sandbox.ledger()).length;
    await sync(false, id);
    const logins = (await sandbox.ledger()).slice(at).filter((e) => /\/oauth2\/token/.test(e.target));
    assert.deepEqual(logins.map((e) => e.status), [200], `refresh ${i}`);
  }
  const shown = JSON.stringify((await server.api('GET', `${SYNC}/connections/${id}`)).body);
  assert.ok(!shown.includes('refreshToken":"') || /••/.test(shown), 'tokens are masked');
  await server.api('DELETE', `${SYNC}/connections/${id}?purge=true`);
});

test('a token that ended is told with a status, an invalid one is refused at once', async () => {
  const refused = await make({ apiKey: 'invalid' });
  assert.deepEqual([refused.status, refused.body.code], [400, 'INVALID_CREDENTIALS'], JSON.stringify(refused.body));
  assert.match(refused.body.error, /Invalid token/);
  const missing = await make({ authType: 'oauth', clientId: 'x', clientSecret: 'y' });
  assert.equal(missing.status, 400);
  assert.ok(missing.body.details.some((d) => /product/.test(JSON.stringify(d))), JSON.stringify(missing.body));
  const dying = await make({ apiKey: 'expired' }, { match: 'none' });
  assert.equal(dying.status, 201, JSON.stringify(dying.body));
  const started = await server.api('POST', `${SYNC}/run`, { connectionId: dying.body.data.id, fullSync: true });
  const run = await finishedRun(server, started.body.data.runId);
  assert.equal(run.status, 'error');
  assert.match(JSON.stringify(run), /AUTH_EXPIRED/);
  assert.equal((await server.api('GET', `${SYNC}/connections/${dying.body.data.id}`)).body.data.status, 'error');
  await server.api('DELETE', `${SYNC}/connections/${dying.body.data.id}?purge=true`);
});

test('so many requests a minute, then the run waits for as long as the vendor says, without an error', async () => {
  // So few that no machine is so slow that they last a minute, and so many contacts that a minute which begins in the middle does not spare them.
  const rate = await startSandbox({ sizes: { 'rdstation.quota': 12, 'rdstation.contacts': 100, 'rdstation.crm_contacts': 5, 'rdstation.companies': 5, 'rdstation.deals': 5 } });
  try {
    const made = await make({ apiKey: 'test', baseUrl: `${rate.url}/rdstation` }, { match: 'none' });
    assert.equal(made.status, 201, JSON.stringify(made.body));
    const started = await server.api('POST', `${SYNC}/run`, { connectionId: made.body.data.id, fullSync: true });
    const waiting = await until('the run waits', async () => {
      const run = (await server.api('GET', `${SYNC}/runs/${started.body.data.runId}`)).body.data;
      assert.ok(!['error', 'success'].includes(run.status), JSON.stringify(run));
      return /RATE_LIMITED/.test(JSON.stringify(run)) ? run : null;
    });
    assert.equal(waiting.recordsErrors, 0);
    const quotas = (await rate.ledger()).filter((e) => e.status === 429);
    assert.ok(quotas.length >= 1 && quotas.length < 5, `${quotas.length} refused`);
    await server.api('POST', `${SYNC}/runs/${started.body.data.runId}/cancel`);
    await server.api('DELETE', `${SYNC}/connections/${made.body.data.id}?purge=true`);
  } finally {
    await rate.stop();
  }
});

// ---- writing

test('contacts are written: by e-mail, only what changed, and not read back as news', async () => {
  const both = await server.api('PATCH', `${SYNC}/connections/${connection}`, { direction: 'both', match: 'auto', schedule: { every: '300d', fullEvery: '300d' } });
  assert.equal(both.status, 200, JSON.stringify(both.body));
  await sync(true);
  const settled = () => until('everything is pushed', async () => {
    const shown = (await server.api('GET', `${SYNC}/connections/${connection}`)).body.data;
    const busy = (await server.api('GET', `${SYNC}/runs?connectionId=${connection}&limit=20`)).body.data.some((r) => ['pending', 'in_progress'].includes(r.status));
    return shown.push?.waiting === 0 && !busy;
  });
  await settled();
  const patches = async () => (await sandbox.ledger()).filter((e) => ['PATCH', 'POST'].includes(e.method) && /\/platform\/contacts/.test(e.target));
  const at = (await patches()).length;
  const made = await server.api('POST', '/api/v1/contacts', { name: 'Conceição Araújo', email: 'conceicao@example.com', phone: '(81) 99876-5432' });
  assert.equal(made.status, 201, JSON.stringify(made.body));
  const there = await until('it is there', async () => (await sandbox.truth('rdstation', 'contacts')).find((c) => c.email === 'conceicao@example.com'));
  assert.equal(there.name, 'Conceição Araújo');
  await settled();
  assert.equal((await server.api('PATCH', `/api/v1/contacts/${made.body.data.id}`, { name: 'Conceição A. Lima' })).status, 200);
  await until('it is changed', async () => (await sandbox.truth('rdstation', 'contacts')).find((c) => c.email === 'conceicao@example.com')?.name === 'Conceição A. Lima');
  await settled();
  const sent = (await patches()).slice(at);
  assert.equal(sent.length, 2, JSON.stringify(sent));
  assert.match(decodeURIComponent(sent[0].target), /email:conceicao@example\.com/);
  assert.match(sent[1].target, /uuid:/);
  const run = await sync(true);
  assert.equal(run.recordsUpdated, 0, JSON.stringify(run.streams));
  assert.equal((await patches()).length, at + 2);
  // Of two streams of people only the first is written to.
  assert.deepEqual((await sandbox.ledger()).filter((e) => ['PUT', 'POST'].includes(e.method) && /\/crm\/v2\/contacts/.test(e.target)), []);
});

test('CRM contacts are written: made once, only what changed, and of several addresses the others stay', async () => {
  assert.equal((await server.api('PATCH', `${SYNC}/connections/${connection}`, { enabled: false })).status, 200);
  const made = await make({ apiKey: 'your-api-key', product: 'crm' }, { name: 'RD CRM', streams: ['crm_contacts'], direction: 'both', schedule: { every: '300d', fullEvery: '300d' } });
  const id = connectedId(made);
  await sync(true, id);
  const settled = () => until('everything is pushed', async () => {
    const shown = (await server.api('GET', `${SYNC}/connections/${id}`)).body.data;
    const busy = (await server.api('GET', `${SYNC}/runs?connectionId=${id}&limit=20`)).body.data.some((r) => ['pending', 'in_progress'].includes(r.status));
    return shown.push?.waiting === 0 && !busy;
  });
  const truth = async (test_) => (await sandbox.truth('rdstation', 'crm_contacts')).find(test_);
  const writes = async () => (await sandbox.ledger()).filter((e) => ['PUT', 'POST'].includes(e.method) && /\/crm\/v2\/contacts/.test(e.target));
  await settled();
  const at = (await writes()).length;
  const nova = await server.api('POST', '/api/v1/contacts', { name: 'Iracema Alencar', email: 'iracema@example.com', phone: '(85) 99876-5432' });
  assert.equal(nova.status, 201, JSON.stringify(nova.body));
  await settled();
  const there = await truth((c) => c.emails[0]?.email === 'iracema@example.com');
  assert.deepEqual([there.name, there.emails.length, there.phones.map((p) => p.phone)], ['Iracema Alencar', 1, ['+5585998765432']]);
  assert.equal((await server.api('PATCH', `/api/v1/contacts/${nova.body.data.id}`, { name: 'Iracema de Alencar' })).status, 200);
  await settled();
  const sent = (await writes()).slice(at);
  assert.deepEqual(sent.map((e) => [e.method, JSON.parse(e.body)]).slice(1), [['PUT', { data: { name: 'Iracema de Alencar' } }]], JSON.stringify(sent));
  assert.equal(sent[0].method, 'POST');
  // Somebody with two addresses: the first is changed here, the second is the CRM's own.
  await ask('PUT', `/crm/v2/contacts/${there.id}`, { data: { emails: [{ email: 'iracema@example.com' }, { email: 'outra@example.com' }] } });
  await sync(true, id);
  await settled();
  assert.equal((await server.api('PATCH', `/api/v1/contacts/${nova.body.data.id}`, { email: 'iracema.a@example.com' })).status, 200);
  await settled();
  assert.deepEqual((await truth((c) => c.id === there.id)).emails.map((e) => e.email), ['iracema.a@example.com', 'outra@example.com']);
  const run = await sync(true, id);
  assert.equal(run.recordsUpdated, 0, JSON.stringify(run.streams));
  await settled();
  assert.equal((await writes()).length, at + 4, 'the two edits here, the one out there, and the creation');
  assert.equal((await server.api('DELETE', `${SYNC}/connections/${id}?purge=true`)).status, 204);
});
