// What was synced is text, everywhere: the published strings stand in every field of every kind, in names, guides, messages and
// reasons; on each page that shows them they are read as they are, and nothing of them becomes markup, code or an address.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { finishedRun, listAll } from '../scenario/lib/tidemark.mjs';
import { contactEvent, drained, send } from '../scenario/lib/webhooks.mjs';
import { KINDS, manifest, startHostile } from './lib/hostile.mjs';
import { BY_HAND, startStage } from './lib/page.mjs';
import { HOSTILE, injected } from './lib/strings.mjs';
import { farAway } from './lib/world.mjs';

let stage, vendor, page, first, failing, chat;
const records = new Map(), dialogs = [];
const api = async (method, path, body, headers) => {
  const reply = await stage.server.api(method, path, body, { 'X-Tenant-Id': 'default', ...headers });
  assert.ok(reply.status < 300, `${method} ${path}: ${reply.status} ${reply.text.slice(0, 400)}`);
  return reply.body;
};
const connect = async (name, more) => (await api('POST', '/api/v1/sync/connections', { name, platform: 'hostile', enabled: true, conflictPolicy: 'manual', schedule: BY_HAND,
  credentials: { host: vendor.url, secret: HOSTILE[0], [HOSTILE[0]]: HOSTILE[3] }, ...more })).data.id;
async function sync(connection) {
  const { data } = await api('POST', '/api/v1/sync/run', { connectionId: connection, fullSync: true });
  return finishedRun(stage.server, data.runId);
}

before(async () => {
  vendor = await startHostile();
  stage = await startStage({ args: [], env: { TIDEMARK_NETWORK_ALLOW: '127.0.0.0/8', TIDEMARK_NETWORK_ALLOW_HTTP: 'true' }, synced: false });
  await api('POST', '/api/admin/integration-templates', { name: 'hostile', displayName: HOSTILE[1], category: HOSTILE[0], description: HOSTILE[2], manifest: manifest() });
  first = await connect(HOSTILE[1], { streams: [...KINDS, 'refused'] });
  failing = await connect(HOSTILE[6], { streams: ['fails'] });
  chat = (await api('POST', '/api/v1/sync/connections', { name: HOSTILE[2], platform: 'chatwoot', schedule: BY_HAND, credentials: { accountId: '1', accessToken: 'x', baseUrl: `${vendor.url}/chat` } })).data.id;
  await sync(first);
  await sync(failing);
  for (const kind of KINDS) records.set(kind, await listAll(stage.server, `/api/v1/${kind}`));
  for (const contact of records.get('contacts').slice(0, 3)) await api('PATCH', `/api/v1/contacts/${contact.id}`, { name: HOSTILE[7] });
  vendor.round(5);
  await sync(first);
  await send(stage.server, contactEvent(7, HOSTILE[0], { event: HOSTILE[1] }), { path: `/api/v1/webhooks/${chat}`, headers: { 'User-Agent': HOSTILE[2], 'X-Chatwoot-Delivery': HOSTILE[3] } });
  await send(stage.server, contactEvent(8, HOSTILE[4]), { path: `/api/v1/webhooks/${chat}` });
  await drained(stage.server);
  await api('POST', '/sync/queue', { name: HOSTILE[0], type: 'scheduled', data: { source: first, target: null }, schedule: { repeat: 'daily', time: farAway(), timezone: 'UTC' } }, { orgid: 'default' });
  await api('POST', '/api/v1/users', { subject: HOSTILE[0], name: HOSTILE[1], role: 'user', permissions: ['content:read'] });
  await api('POST', '/api/v1/keys', { name: HOSTILE[2], role: 'user' });
  await api('POST', '/api/v1/tenants', { key: 'other', name: HOSTILE[8] });
  page = await stage.open('/');
  page.on('dialog', (dialog) => { dialogs.push(dialog.message()); void dialog.dismiss(); });
});
after(async () => { await stage?.stop(); vendor?.stop(); });

// A browser draws white space of its own where a text has any.
const flat = (text) => text.replace(/\s+/g, ' ').trim();
async function textOf() {
  return flat(await page.evaluate(() => [document.body.innerText, ...[...document.querySelectorAll('input, textarea')].map((field) => field.value)].join(' ')));
}

// The page as it stands: nothing of it came out of text, and `shown` of the strings are there to be read.
async function judge(where, shown) {
  assert.deepEqual(await page.evaluate(injected), [], where);
  const text = await textOf();
  const read = HOSTILE.filter((string) => text.includes(flat(string))).length;
  assert.ok(read >= shown, `${where}: ${read} of ${shown} strings can be read\n${text.slice(0, 1500)}`);
  assert.deepEqual(dialogs.splice(0), [], where);
  stage.noFaults();
}
async function look(path, shown) {
  await stage.go(page, path);
  await judge(path, shown);
}

test('records of every kind, in lists, one by one, searched and filtered', async () => {
  for (const kind of KINDS) {
    assert.equal(records.get(kind).length, HOSTILE.length, kind);
    await look(`/records/kind/${kind}`, HOSTILE.length - 1);
    await look(`/records/${records.get(kind)[KINDS.indexOf(kind)].id}`, 1);
    await page.getByRole('button', { name: 'As it came' }).first().click();
    await page.getByRole('button', { name: 'Edit' }).click();
    await judge(`${kind}, edited, as it came`, 1);
  }
  for (const string of HOSTILE) {
    const query = encodeURIComponent(string);
    await look(`/records/kind/contacts?q=${query}&status=${query}&updatedSince=${query}`, 0);
  }
});

test('conflicts, each side of them, and their editor', async () => {
  await look('/conflicts', 3);
  await page.keyboard.press('e');
  await page.getByRole('button', { name: 'Save these values' }).waitFor();
  await judge('the editor', 3);
});

test('runs: names, reasons, the log, what the platform said', async () => {
  await look('/runs', 2);
  for (const connection of [first, failing])
    for (const run of (await api('GET', `/api/v1/sync/runs?connectionId=${connection}`)).data) {
      await look(`/runs/${run.id}`, 1);
      const show = page.getByRole('button', { name: 'Show records' });
      if (await show.count()) {
        await show.first().click();
        await page.getByRole('button', { name: 'Hide' }).first().waitFor();
        await stage.settled(page);
        await judge(`${run.id}, its rejected records`, 5);
      }
    }
});

test('connections: their names, and each tab', async () => {
  await look('/', 2);
  await look('/connections', 2);
  for (const tab of ['', '/runs', '/records', '/records?show=rejected', '/mapping', '/conflicts', '/webhooks', '/settings']) await look(`/connections/${first}${tab}`, 1);
  await page.getByRole('button', { name: 'Delete the connection' }).click();
  await page.getByRole('dialog').waitFor();
  await judge('the question before it is deleted', 1);
  await look(`/connections/${failing}`, 1);
  await look(`/connections/${chat}/webhooks`, 1);
});

test('templates: the gallery, the form with its guide, the ladder with its sample, the editor', async () => {
  await look('/connections/new', 2);
  await look('/connections/new/hostile', 6);
  await page.getByLabel(HOSTILE[1]).fill(vendor.url);
  await page.getByRole('button', { name: 'Test the connection' }).click();
  await page.getByRole('button', { name: 'Test again' }).waitFor();
  await page.locator('[data-step]').first().waitFor();
  await judge('the ladder', 2);
  await look('/templates', 2);
  await look('/templates/hostile', 6);
  await look('/templates/add', 0);
  await page.getByLabel('Manifest').fill(manifest().replaceAll('"hostile"', '"other"'));
  await page.getByText('Readable', { exact: true }).waitFor();
  await judge('the editor of templates', 5);
});

test('webhooks, jobs, users, keys, the audit, tenants', async () => {
  await look('/webhooks', 1);
  const events = (await api('GET', '/api/v1/webhooks/events')).data;
  assert.equal(events.length, 2);
  for (const event of events) await look(`/webhooks/${event.id}`, 1);
  await look(`/webhooks?q=${encodeURIComponent(HOSTILE[1])}`, 1);
  await look('/jobs', 1);
  await page.getByRole('button', { name: `Actions for ${HOSTILE[0]}` }).click();
  await page.getByRole('menuitem', { name: 'Cancel' }).click();
  await page.getByRole('dialog').waitFor();
  await judge('the question before a job is cancelled', 1);
  await look('/users', 2);
  await look('/keys', 1);
  await look(`/audit?actor=${encodeURIComponent(HOSTILE[0])}`, 0);
  await look('/audit', 0);
  await look('/settings', 1);
});

test('an export is a file, never a page', async () => {
  await page.goto('/records/kind/contacts');
  await page.getByRole('button', { name: 'Export' }).click();
  const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('menuitem', { name: /^CSV/ }).click()]);
  assert.equal(file.suggestedFilename(), 'contacts.csv');
  const url = `${stage.server.url}/api/v1/contacts`;
  for (const accept of ['text/csv', 'application/x-ndjson', 'text/html', 'application/json']) {
    const reply = await fetch(url, { headers: { Accept: accept, Authorization: `Bearer ${stage.server.key}`, 'X-Tenant-Id': 'default' } });
    assert.equal(reply.status, 200, accept);
    assert.doesNotMatch(reply.headers.get('content-type'), /html|xml|svg/, accept);
    assert.equal(reply.headers.get('x-content-type-options'), 'nosniff', accept);
  }
});
