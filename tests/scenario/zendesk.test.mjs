// Zendesk: the template against the simulated vendor, through the doors. What the rows must be is written here from the
// vendor's members, not from the template: two witnesses.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { loopback } from './lib/chatwoot.mjs';
import { connectedId, row, stopAll, streamOf, syncRun } from './lib/platform.mjs';
import { listAll, startSandbox, startTidemark, tempFolder, until } from './lib/tidemark.mjs';

const SYNC = '/api/v1/sync';
const USERS = 1200;
const data = tempFolder('zendesk');
let sandbox, server, connection;

const text = (id) => (id === null || id === undefined ? null : String(id));
const byId = (a, b) => Number(a.id) - Number(b.id);

const expected = {
  users: (u) => row({ id: text(u.id), name: u.name, email: u.email, phone: u.phone, role: u.role, companyId: text(u.organization_id), zone: u.iana_time_zone }),
  organizations: (o) => row({ id: text(o.id), name: o.name, domain: o.domain_names[0] }),
  tickets: (t) => row({
    id: text(t.id), subject: t.subject, description: t.description, status: t.status, priority: t.priority, type: t.type,
    contactId: text(t.requester_id), assigneeId: text(t.assignee_id),
  }),
};
const kinds = { users: 'contacts', organizations: 'companies', tickets: 'tickets' };
const found = {
  users: (c) => row({ id: c.customFields.zendesk_id, name: c.name, email: c.email, phone: c.phone, role: c.customFields.zendesk_role, companyId: c.companyId, zone: c.timezone }),
  organizations: (c) => row({ id: c.customFields.zendesk_id, name: c.name, domain: c.domain }),
  tickets: (t) => row({
    id: t.customFields.zendesk_id, subject: t.subject, description: t.description, status: t.status, priority: t.priority, type: t.type,
    contactId: t.contactId, assigneeId: t.assigneeId,
  }),
};

async function assertSame() {
  for (const [entity, kind] of Object.entries(kinds)) {
    const rows = (await listAll(server, `/api/v1/${kind}`)).map(found[entity]).sort(byId);
    assert.deepEqual(rows, (await sandbox.truth('zendesk', entity)).map(expected[entity]).sort(byId), entity);
  }
}

const sync = (fullSync, id = connection) => syncRun(server, { connectionId: id, fullSync });
const make = (credentials, more = {}) => server.api('POST', `${SYNC}/connections`, { name: 'Zendesk', platform: 'zendesk', ...more, credentials });
const documented = { email: 'you@example.com', apiToken: 'your-api-key', subdomain: 'your-subdomain' };

before(async () => {
  sandbox = await startSandbox({ sizes: { 'zendesk.users': USERS, 'zendesk.organizations': 70, 'zendesk.tickets': 90, 'zendesk.quota': 100000 } });
  server = await startTidemark({ data, env: { ...loopback, ZENDESK_BASE_URL: `${sandbox.url}/zendesk`, TIDEMARK_WEBHOOKS_HINT_RATE: '1000' } });
  const made = await make(documented);
  connection = connectedId(made);
});

after(() => stopAll(data, server, sandbox));

test('after the first load every record is there once, comments too', async () => {
  const run = await sync(true);
  assert.equal(run.verdict, 'complete', JSON.stringify(run));
  await assertSame();
  const comments = await listAll(server, `/api/v1/records/${connection}/ticket_comments`);
  const truth = await sandbox.truth('zendesk', 'ticket_comments');
  assert.deepEqual(comments.map((c) => String(c.body)).sort(), truth.map((c) => String(c.body)).sort());
  const [ticket] = await listAll(server, '/api/v1/tickets');
  const requester = (await listAll(server, '/api/v1/contacts')).find((c) => c.customFields.zendesk_id === ticket.contactId);
  assert.equal(ticket.parentId, requester.id);
});

test('an unchanged full run writes nothing', async () => {
  const run = await sync(true);
  assert.deepEqual([run.recordsCreated, run.recordsUpdated, run.recordsErrors], [0, 0, 0], JSON.stringify(run.streams));
});

test('one per cent changed: an incremental run reads little and updates just those', async () => {
  await sandbox.mutate({ vendor: 'zendesk', entity: 'users', update: '1%', create: 4 });
  await sandbox.mutate({ vendor: 'zendesk', entity: 'tickets', touch: 3 });
  const run = await sync(false);
  assert.deepEqual([streamOf(run, 'users').recordsUpdated, streamOf(run, 'users').recordsCreated], [USERS / 100, 4], JSON.stringify(run.streams));
  assert.ok(streamOf(run, 'users').recordsReceived < USERS / 10);
  assert.equal(streamOf(run, 'tickets').recordsUpdated, 3);
  assert.equal(streamOf(run, 'ticket_comments').recordsCreated, 3);
  await assertSame();
});

test('one per cent deleted: an incremental run already hears of it', async () => {
  await sandbox.mutate({ vendor: 'zendesk', entity: 'users', delete: '1%' });
  await sandbox.mutate({ vendor: 'zendesk', entity: 'tickets', delete: 2 });
  await sandbox.mutate({ vendor: 'zendesk', entity: 'organizations', delete: 1 });
  await sync(false);
  await assertSame();
  const run = await sync(true);
  assert.equal(run.verdict, 'complete', JSON.stringify(run));
  await assertSame();
});

test('a refused token, missing fields and a bad subdomain are told apart; OAuth client credentials work', async () => {
  const refused = await make({ ...documented, apiToken: 'invalid' });
  assert.deepEqual([refused.status, refused.body.code], [400, 'INVALID_CREDENTIALS']);
  assert.match(refused.body.error, /^Connection test failed: .*Couldn't authenticate you/);
  const missing = await make({ subdomain: 'acme' });
  assert.ok(missing.body.details.some((d) => d.pointer === '/credentials/apiToken'), JSON.stringify(missing.body));
  assert.equal((await make({ ...documented, subdomain: 'evil.example/' })).status, 400);
  const oauth = await make({ subdomain: 'acme', authType: 'oauth', clientId: 'tidemark', clientSecret: 'test' }, { match: 'none', streams: ['organizations'] });
  assert.equal(oauth.status, 201, JSON.stringify(oauth.body));
  assert.equal((await sync(true, oauth.body.data.id)).verdict, 'complete');
  assert.ok((await server.api('DELETE', `${SYNC}/connections/${oauth.body.data.id}?purge=true`)).status < 300);
});

test('webhooks are registered, signed, believed and removed', async () => {
  const setup = await server.api('POST', `/api/admin/integrations/${connection}/setup-webhook`, {});
  assert.equal(setup.status, 200, JSON.stringify(setup.body));
  assert.equal(setup.body.registered, true, JSON.stringify(setup.body));
  const [user, other] = (await sandbox.truth('zendesk', 'users')).slice(5);
  const put = await sandbox.raw('PUT', `/zendesk/api/v2/users/${user.id}`, { user: { name: 'Zuleica Prado' } }, { authorization: 'Bearer test' });
  assert.equal(put.status, 200);
  const contact = async (id) => (await listAll(server, '/api/v1/contacts')).find((c) => c.customFields.zendesk_id === String(id));
  await until('the new name', async () => (await contact(user.id))?.name === 'Zuleica Prado');
  await sandbox.raw('DELETE', `/zendesk/api/v2/users/${other.id}`, undefined, { authorization: 'Bearer test' });
  await until('the user is gone', async () => (await contact(other.id)) === undefined);
  const forged = JSON.stringify({ type: 'zen:event-type:user.deleted', id: 'x', time: new Date().toISOString(), detail: { id: String(user.id) } });
  const wrong = await server.anonymous('POST', `/api/v1/webhooks/${connection}`, forged, {
    'x-zendesk-webhook-signature': 'AAAA', 'x-zendesk-webhook-signature-timestamp': new Date().toISOString(),
  });
  assert.equal(wrong.status, 401, wrong.text);
});

test('ten exports a minute are answered, then the vendor says how long to wait', async () => {
  const own = await startSandbox({ sizes: { 'zendesk.users': 5 } });
  try {
    const ask = () => own.raw('GET', '/zendesk/api/v2/incremental/users/cursor?start_time=0', undefined, { authorization: 'Bearer test' });
    assert.equal((await ask()).headers.get('x-rate-limit'), '700');
    // All at once: a minute may end between two of them, but not between all.
    const refused = await until('too many in one minute', async () => (await Promise.all(Array.from({ length: 25 }, ask))).find((reply) => reply.status === 429));
    assert.ok(Number(refused.headers.get('retry-after')) > 0);
  } finally {
    await own.stop();
  }
});
