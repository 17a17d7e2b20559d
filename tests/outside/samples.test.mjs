// The vendors' own examples: answers, recorded exchanges and webhooks with their signatures go through the built-in templates and
// land as rows. What the examples do not hold (an object that an event only names) a stand-in answers with what they show of it.
import assert from 'node:assert/strict';
import { createHash, createHmac } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { drained } from '../scenario/lib/webhooks.mjs';
import { finishedRun, listAll, removeFolder, startTidemark, tempFolder, until } from '../scenario/lib/tidemark.mjs';

const folder = join(import.meta.dirname, '../../../shared/vendor-samples');
const skip = existsSync(folder) ? false : 'needs ../shared/vendor-samples';
const SYNC = '/api/v1/sync';
const PUBLIC = 'https://tidemark.example';
const data = tempFolder('samples');
const text = (vendor, name) => readFileSync(join(folder, vendor, name), 'utf8');
const sample = (vendor, name) => JSON.parse(text(vendor, name));
const hmac = (secret, body, encoding) => createHmac('sha256', secret).update(body).digest(encoding);
let server, stand;

// path (or path and a star) -> answer; remembers what was asked for.
async function standIn() {
  const answers = new Map(), asked = [];
  const http = createServer((request, response) => {
    const { pathname } = new URL(request.url, 'http://vendor');
    asked.push(`${request.method} ${request.url}`);
    const [status, body, headers] = answers.get(pathname) ?? [404, { error: 'RecordNotFound', description: 'Not found' }];
    response.writeHead(status, { 'Content-Type': 'application/json', ...headers }).end(JSON.stringify(body));
  });
  await new Promise((resolve) => http.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${http.address().port}`, asked,
    on: (path, body, { status = 200, headers } = {}) => answers.set(path, [status, body, headers]),
    stop: () => new Promise((done) => { http.closeAllConnections(); http.close(done); }),
  };
}

before(async () => {
  if (skip) return;
  stand = await standIn();
  server = await startTidemark({ data, env: { TIDEMARK_NETWORK_ALLOW: '127.0.0.0/8', TIDEMARK_NETWORK_ALLOW_HTTP: 'true', TIDEMARK_PUBLIC_URL: PUBLIC } });
});
after(async () => {
  await server?.stop();
  await stand?.stop();
  removeFolder(data);
});

const connect = async (platform, credentials, more = {}) => {
  const made = await server.api('POST', `${SYNC}/connections?test=false`, { name: platform, platform, credentials: { baseUrl: stand.url, ...credentials }, match: 'none', ...more });
  assert.equal(made.status, 201, made.text);
  return made.body.data.id;
};
const sync = async (connectionId) => {
  const { body } = await server.api('POST', `${SYNC}/run`, { connectionId, fullSync: true });
  return finishedRun(server, body.data.runId);
};
const post = (path, body, headers = {}) => server.anonymous('POST', path, body, { 'content-type': 'application/json', ...headers });
const rows = async (id, stream) => (await server.api('GET', `/api/v1/records/${id}/${stream}?limit=500`)).body.data ?? [];
const events = async (id) => (await server.api('GET', `/api/v1/webhooks/events?connectionId=${id}&limit=500`)).body.data;

describe('Chatwoot', { skip }, () => {
  const vector = skip || sample('chatwoot', 'signature-vector.json');
  let id;

  test('lists land as rows', async () => {
    const contacts = sample('chatwoot', 'contacts.index.json'), conversations = sample('chatwoot', 'conversations.index.json');
    const api = '/api/v1/accounts/1';
    stand.on(`${api}/contacts`, contacts);
    stand.on(`${api}/conversations`, conversations);
    stand.on(`${api}/conversations/123/messages`, { meta: {}, payload: conversations.data.payload[0].messages });
    stand.on(`${api}/contacts/789`, { payload: contacts.payload[0] });
    stand.on(`${api}/conversations/123`, conversations.data.payload[0]);
    id = await connect('chatwoot', { accountId: '1', accessToken: 't' }, { webhookSecret: vector.secret });
    const run = await sync(id);
    assert.deepEqual([run.status, run.verdict, run.recordsCreated], ['success', 'complete', 3], JSON.stringify(run));
    const [contact] = await rows(id, 'contacts'), [conversation] = await rows(id, 'conversations'), [message] = await rows(id, 'messages');
    assert.deepEqual([contact.name, contact.email, contact.phone, contact.customFields.chatwoot_id], ['Ana Souza', 'ana@example.com', '+5581999990000', '789']);
    assert.deepEqual([conversation.status, conversation.parentId, message.content, message.direction], ['active', contact.id, 'Hello!', 'incoming']);
  });

  test('the signature is the published one, and an old time is refused', async () => {
    const at = vector.headers['X-Chatwoot-Timestamp'];
    assert.equal(`sha256=${hmac(vector.secret, `${at}.${vector.raw_body}`, 'hex')}`, vector.headers['X-Chatwoot-Signature']);
    assert.equal((await post(`/api/v1/webhooks/${id}`, vector.raw_body, vector.headers)).status, 401);
  });

  test('every webhook is taken, signed as it is, and changes its row', async () => {
    // The sync has just seen both: what the events tell is older than that, so the vendor is asked, and has it so by now.
    const { account, event, changed_attributes: changed, ...contact } = sample('chatwoot', 'webhook.contact_updated.json');
    stand.on('/api/v1/accounts/1/contacts/789', { payload: contact });
    for (const name of readdirSync(join(folder, 'chatwoot')).filter((file) => file.startsWith('webhook.'))) {
      // The example of the changed status still carries the time of before the change.
      const body = name.includes('status_changed') ? JSON.stringify({ ...sample('chatwoot', name), updated_at: 1767434700.5 }) : text('chatwoot', name);
      const at = String(Math.floor(Date.now() / 1000));
      const reply = await post(`/api/v1/webhooks/${id}`, body, {
        'X-Chatwoot-Timestamp': at, 'X-Chatwoot-Delivery': name, 'X-Chatwoot-Signature': `sha256=${hmac(vector.secret, `${at}.${body}`, 'hex')}` });
      assert.deepEqual([reply.status, reply.body.trust], [200, 'signed'], `${name}: ${reply.text}`);
    }
    await drained(server);
    assert.deepEqual((await events(id)).filter((e) => e.status !== 'applied').map((e) => [e.type, e.status, e.errorMessage]), []);
    assert.equal((await rows(id, 'contacts'))[0].name, 'Ana S. Souza');
    assert.equal((await rows(id, 'conversations'))[0].status, { open: 'active', resolved: 'completed', pending: 'pending', snoozed: 'snoozed' }[sample('chatwoot', 'webhook.conversation_status_changed.json').status]);
    const told = sample('chatwoot', 'webhook.message_created.json');
    const message = (await rows(id, 'messages')).find((m) => m.metadata.chatwoot_id === String(told.id));
    assert.deepEqual([message.content, message.direction], [told.content, told.message_type]);
  });

  test('its refusals are told in its words', async () => {
    stand.on('/api/v1/accounts/9/contacts', sample('chatwoot', 'error.401.json'), { status: 401 });
    const refused = await server.api('POST', `${SYNC}/connections`, { name: 'no', platform: 'chatwoot', credentials: { accountId: '9', accessToken: 'x', baseUrl: stand.url } });
    assert.equal(refused.body.code, 'INVALID_CREDENTIALS');
    assert.ok(refused.body.error.includes(Object.values(sample('chatwoot', 'error.401.json'))[0]), refused.body.error);
  });
});

describe('HighLevel', { skip }, () => {
  const vectors = skip || sample('highlevel', 'signature-vectors.json');
  const LOCATION = 've9EPM428h8vShlRW1KT';
  const keyOf = (header) => vectors.vectors.find((v) => v.header === header);

  for (const header of ['x-ghl-signature', 'x-wh-signature'])
    test(`the published vector of ${header} proves its sender, an altered body does not`, async () => {
      const { public_key_pem: key, signature_base64: signature } = keyOf(header);
      const id = await connect('gohighlevel', { apiKey: 'k', locationId: LOCATION, webhookPublicKey: key });
      const told = await post(`/api/v1/webhooks/${id}`, vectors.raw_body, { [header]: signature });
      assert.deepEqual([told.status, told.body.trust], [200, 'signed'], told.text);
      assert.equal((await post(`/api/v1/webhooks/${id}`, `${vectors.raw_body} `, { [header]: signature })).status, 401);
      await drained(server);
      const [contact] = await rows(id, 'contacts');
      assert.deepEqual([contact.name, contact.email, contact.phone, contact.city, contact.customFields.gohighlevel_id],
        ['John Deo', 'JohnDeo@gmail.comm', '+919509597501', 'ruDolomitebika', 'nmFmQEsNgz6AVpgLVUJ0']);
      assert.equal((await server.api('DELETE', `${SYNC}/connections/${id}?purge=true`)).status, 204);
    });

  test('every published webhook is known or said to be unknown, and the known ones land as rows', async () => {
    const names = readdirSync(join(folder, 'highlevel')).filter((file) => file.startsWith('webhook.'));
    const bodies = names.map((name) => [name, sample('highlevel', name)]);
    const connections = new Map();
    for (const [name, body] of bodies) {
      // What an event only names is asked for: the stand-in has it as the event shows it.
      if (name.startsWith('webhook.Opportunity')) stand.on(`/opportunities/${body.id}`, { opportunity: { ...body, createdAt: body.dateAdded, updatedAt: body.dateAdded } });
      if (name.startsWith('webhook.Appointment')) stand.on(`/calendars/events/appointments/${body.appointment.id}`, { event: body.appointment });
      if (name.startsWith('webhook.Contact') && !name.includes('Delete')) stand.on(`/contacts/${body.id}`, { contact: body });
      if (body.messageId) stand.on(`/conversations/messages/${body.messageId}`, { ...body, id: body.messageId });
      if (body.locationId && !connections.has(body.locationId)) connections.set(body.locationId, await connect('gohighlevel', { apiKey: 'k', locationId: body.locationId }));
    }
    const path = new Map();
    for (const [location, id] of connections) {
      const { webhookUrl } = (await server.api('POST', `${SYNC}/connections/${id}/setup-webhook`)).body;
      path.set(location, webhookUrl.replace(PUBLIC, ''));
    }
    const unhandled = [];
    for (const [name, body] of bodies.filter(([name]) => !name.includes('Delete'))) {
      const to = path.get(body.locationId) ?? path.values().next().value;
      const reply = await post(to, JSON.stringify(body));
      assert.equal(reply.status, body.type ? 200 : 400, `${name}: ${reply.text}`); // some examples of invoices have no type
      if (reply.body.status === 'unhandled') unhandled.push(body.type);
    }
    await drained(server);
    assert.deepEqual([...new Set(unhandled)].filter((type) => !/^(Campaign|Email$|Invoice|LCEmail|Location|Note|Order|PLAN|Plan|Product|SMS$|Task)/.test(type)), []);
    const failed = (await Promise.all([...connections.values()].map(events))).flat().filter((e) => e.status === 'failed');
    assert.deepEqual(failed.map((e) => [e.type, e.errorMessage]), []);
    const all = async (stream) => (await Promise.all([...connections.values()].map((id) => rows(id, stream)))).flat();
    assert.deepEqual((await all('contacts')).map((c) => c.name), ['John Deo']);
    const [deal] = await all('opportunities');
    assert.deepEqual([deal.name, deal.amount, deal.status], ['Loram ipsu', '40', 'open']);
    const [appointment] = await all('appointments');
    assert.deepEqual([appointment.title, appointment.status, appointment.startTime], ['Appointment with GHL Dev team', 'confirmed', '2023-09-25T10:30:00.000Z']);
    assert.deepEqual((await all('messages')).map((m) => m.metadata.gohighlevel_message_type).sort(), ['CALL', 'Email', 'SMS', 'VoiceMail']);

    stand.on('/contacts/nmFmQEsNgz6AVpgLVUJ0', { statusCode: 404 }, { status: 404 });
    for (const [, body] of bodies.filter(([name]) => name.includes('Delete')))
      assert.equal((await post(path.get(body.locationId) ?? path.values().next().value, JSON.stringify({ ...body, timestamp: new Date().toISOString() }))).status, body.type ? 200 : 400);
    await drained(server);
    await until('the contact and the opportunity are gone', async () => (await all('contacts')).length + (await all('opportunities')).length === 0);
  });
});

describe('HubSpot', { skip }, () => {
  const { client_secret: secret, vectors } = skip ? {} : sample('hubspot', 'signature-vectors.json');

  test('the published webhook with its published signature brings the contact', async () => {
    const [v1, v2, v3] = vectors;
    assert.equal(createHash('sha256').update(secret + v1.body).digest('hex'), v1.expect_hex);
    assert.equal(hmac(secret, v3.method + v3.url + v3.body + v3.timestamp_ms, 'base64'), v3.expect_base64);
    assert.equal(createHash('sha256').update(secret + v2.method + v2.url + v2.body).digest('hex'), v2.expect_hex);
    stand.on('/crm/objects/2026-09/contacts/123', { id: '123', properties: { firstname: 'Ana', lastname: 'Souza', email: 'ana@example.com' }, createdAt: '2019-07-26T04:00:00.000Z', updatedAt: '2019-07-26T04:00:00.000Z', archived: false });
    const id = await connect('hubspot', { accessToken: 'pat-x', portalId: '62515', clientSecret: secret });
    const byFirst = await post(`/api/v1/webhooks/${id}`, v1.body, { 'X-HubSpot-Signature': v1.expect_hex });
    assert.deepEqual([byFirst.status, byFirst.body.trust], [200, 'signed'], byFirst.text);
    const second = createHash('sha256').update(`${secret}POST${PUBLIC}/api/v1/webhooks/${id}${v1.body}`).digest('hex');
    const bySecond = await post(`/api/v1/webhooks/${id}`, v1.body, { 'X-HubSpot-Signature': second, 'X-HubSpot-Signature-Version': 'v2' });
    assert.deepEqual([bySecond.status, bySecond.body.trust], [200, 'signed'], bySecond.text);
    assert.equal((await post(`/api/v1/webhooks/${id}`, `${v1.body} `, { 'X-HubSpot-Signature': second })).status, 401);
    assert.equal((await post(`/api/v1/webhooks/${id}`, `${v1.body} `, { 'X-HubSpot-Signature': v1.expect_hex })).status, 401);
    assert.equal((await post(`/api/v1/webhooks/${id}`, v3.body, { 'X-HubSpot-Signature-v3': v3.expect_base64, 'X-HubSpot-Request-Timestamp': v3.timestamp_ms })).status, 401, 'too old');
    const body = JSON.stringify(sample('hubspot', 'webhook.contact.creation.json')), at = String(Date.now());
    const third = hmac(secret, `POST${PUBLIC}/api/v1/sync/hubspot/webhook${body}${at}`, 'base64');
    const shared = await post('/api/v1/sync/hubspot/webhook', body, { 'X-HubSpot-Signature-v3': third, 'X-HubSpot-Request-Timestamp': at });
    assert.deepEqual([shared.status, shared.body.trust], [200, 'signed'], shared.text);
    await drained(server);
    const [contact] = await rows(id, 'contacts');
    assert.deepEqual([contact.name, contact.email, contact.customFields.hubspot_id], ['Ana Souza', 'ana@example.com', '123']);
  });
});

describe('Zendesk', { skip }, () => {
  test('recorded organizations land as rows, and the recorded headers are learnt', async () => {
    const recorded = sample('zendesk', 'organizations_test_list_all.json'), pages = sample('zendesk', 'pagination_test_execute.json');
    const single = sample('zendesk', 'organizations_test_show_single.json')[0];
    const listed = [...recorded, ...pages].flatMap((exchange) => exchange.response.organizations ?? []);
    const organizations = [...new Map(listed.map((o) => [o.id, o])).values()];
    assert.ok(organizations.length > 3);
    stand.on('/api/v2/incremental/organizations', { organizations, count: organizations.length, end_time: 1700000000, end_of_stream: true, next_page: null }, { headers: recorded[0].headers });
    stand.on(`/api/v2/organizations/${single.response.organization.id}`, single.response);
    const id = await connect('zendesk', { email: 'a@example.com', apiToken: 't', subdomain: 'nodejsapi' }, { streams: ['organizations'] });
    const run = await sync(id);
    assert.deepEqual([run.status, run.recordsCreated], ['success', organizations.length], JSON.stringify(run));
    const names = (await rows(id, 'organizations')).map((o) => o.name).sort();
    assert.deepEqual(names, organizations.map((o) => o.name).sort());
    const quota = (await server.api('GET', `${SYNC}/connections/${id}/quota`)).body.data;
    assert.deepEqual([quota.limit, quota.windows[0].name], [700, 'minute'], JSON.stringify(quota));
  });

  test('a signed event is believed as the published vector is made; what the vendor no longer has is gone', async () => {
    const vector = sample('zendesk', 'webhook.signature-vector.json');
    const headers = (body, at) => ({ 'X-Zendesk-Webhook-Signature-Timestamp': at, 'X-Zendesk-Webhook-Signature': hmac(vector.secret, at + body, 'base64') });
    assert.deepEqual(headers(vector.raw_body, vector.headers['X-Zendesk-Webhook-Signature-Timestamp']), vector.headers);
    stand.on('/api/v2/tickets/141', { ticket: { id: 141, subject: 'Printer', status: 'open', requester_id: 7, created_at: '2026-01-03T14:00:00Z', updated_at: '2026-01-03T14:32:05Z', generated_timestamp: 1767450725 } });
    const id = await connect('zendesk', { email: 'b@example.com', apiToken: 't', subdomain: 'nodejsapi' }, { webhookSecret: vector.secret });
    assert.equal((await post(`/api/v1/webhooks/${id}`, vector.raw_body, vector.headers)).status, 401, 'too old');
    const now = new Date().toISOString();
    const told = await post(`/api/v1/webhooks/${id}`, vector.raw_body, headers(vector.raw_body, now));
    assert.deepEqual([told.status, told.body.trust], [200, 'signed'], told.text);
    await drained(server);
    assert.deepEqual((await rows(id, 'tickets')).map((t) => [t.subject, t.status]), [['Printer', 'open']]);
    stand.on('/api/v2/tickets/141', sample('zendesk', 'organizations_test_delete_not_found_organization.json')[0].response, { status: 404 });
    const later = vector.raw_body.replace('01JQMQH83YNAKWSWJ8B1QH2NSC', '01JQMQH83YNAKWSWJ8B1QH2NSD').replace('ticket.status_changed', 'ticket.soft_deleted').replace('2026-01-03T14:32:05.254571515Z', new Date().toISOString());
    assert.equal((await post(`/api/v1/webhooks/${id}`, later, headers(later, new Date().toISOString()))).status, 200);
    await drained(server);
    assert.deepEqual(await rows(id, 'tickets'), []);
  });
});
