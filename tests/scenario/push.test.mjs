// Push: what is changed here reaches the simulated vendors, and does not come back as a change.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { loopback } from './lib/chatwoot.mjs';
import { finishedRun, listAll, removeFolder, startSandbox, startTidemark, tempFolder, until } from './lib/tidemark.mjs';

const SYNC = '/api/v1/sync';
const data = tempFolder('push');
let sandbox, server, chatwoot;

const env = () => ({ ...loopback, CHATWOOT_BASE_URL: sandbox.url, HUBSPOT_BASE_URL: `${sandbox.url}/hubspot`, ZENDESK_BASE_URL: `${sandbox.url}/zendesk`,
  GOHIGHLEVEL_BASE_URL: `${sandbox.url}/highlevel` });

async function connect(platform, credentials, more = {}) {
  const made = await server.api('POST', `${SYNC}/connections`, { name: platform, platform, credentials, direction: 'both', schedule: { every: '12h', fullEvery: '30d' }, ...more });
  assert.equal(made.status, 201, JSON.stringify(made.body));
  return made.body.data.id;
}
async function sync(id, more = {}) {
  const started = await until('a free connection', async () => {
    const reply = await server.api('POST', `${SYNC}/run`, { connectionId: id, ...more });
    return reply.status === 202 ? reply : reply.status === 409 ? null : assert.fail(JSON.stringify(reply.body));
  });
  const run = await finishedRun(server, started.body.data.runId);
  assert.equal(run.status, 'success', JSON.stringify(run));
  return run;
}
const contacts = () => listAll(server, '/api/v1/contacts');
const one = async (id) => (await server.api('GET', `/api/v1/contacts/${id}`)).body.data;
const runs = async (id) => (await server.api('GET', `${SYNC}/runs?connectionId=${id}&limit=100`)).body.data;
// Nothing waits and nothing runs.
const settled = (...ids) => until('everything is pushed', async () => {
  for (const id of ids) {
    const connection = (await server.api('GET', `${SYNC}/connections/${id}`)).body.data;
    if (connection.push?.waiting !== 0) return false;
    if ((await runs(id)).some((r) => ['pending', 'in_progress'].includes(r.status))) return false;
  }
  return true;
});
const writes = async (vendor) => (await sandbox.ledger()).filter((r) => r.vendor === vendor && ['POST', 'PUT', 'PATCH', 'DELETE'].includes(r.method) &&
  !/search|filter/.test(r.target));
const patch = async (id, fields) => {
  const reply = await server.api('PATCH', `/api/v1/contacts/${id}`, fields);
  assert.equal(reply.status, 200, JSON.stringify(reply.body));
};

before(async () => {
  sandbox = await startSandbox({ sizes: { contacts: 40, conversations: 0, 'hubspot.contacts': 0, 'zendesk.users': 3, 'highlevel.contacts': 0 } });
  server = await startTidemark({ data, env: env() });
  chatwoot = await connect('chatwoot', { accountId: '1', accessToken: 'test' }, { streams: ['contacts'] });
  await sync(chatwoot);
});
after(async () => {
  await server?.stop();
  await sandbox?.stop();
  removeFolder(data);
});

describe('one platform', () => {
  test('a local edit reaches the vendor: only what changed is sent, and it is no news when it is read again', async () => {
    const before_ = (await writes('chatwoot')).length;
    const ana = (await contacts()).find((c) => c.email);
    await patch(ana.id, { name: 'Ana de Souza' });
    await settled(chatwoot);
    const sent = (await writes('chatwoot')).slice(before_);
    assert.equal(sent.length, 1, JSON.stringify(sent));
    const truth = (await sandbox.truth('chatwoot', 'contacts')).find((c) => String(c.id) === ana.customFields.chatwoot_id);
    assert.equal(truth.name, 'Ana de Souza');
    assert.equal(truth.email, ana.email);
    const version = (await one(ana.id)).version;
    const run = await sync(chatwoot, { fullSync: true });
    assert.equal(run.recordsUpdated, 0, JSON.stringify(run));
    assert.equal((await one(ana.id)).version, version);
    await settled(chatwoot);
    assert.equal((await writes('chatwoot')).length, before_ + 1);
  });
});
