// Runs, records, conflicts, jobs, webhooks: what a person sees and does there.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';

import { finishedRun, listAll, startSandbox, until } from '../scenario/lib/tidemark.mjs';
import { contactEvent, send } from '../scenario/lib/webhooks.mjs';
import { startGate } from './lib/gate.mjs';
import { BY_HAND, startStage } from './lib/page.mjs';
import { farAway } from './lib/world.mjs';

const XSS = ['<script>document.title="broken"</script>', '"><img src=x onerror="document.title=\'broken\'">', "javascript:document.title='broken'"];
let stage, vendor, gate, connection, contacts;

const vendorCall = (method, path, body) => fetch(`${vendor.url}/chatwoot/api/v1/accounts/1/${path}`, {
  method, headers: { api_access_token: 'test', 'content-type': 'application/json' }, body: JSON.stringify(body),
});
async function syncAll() {
  const { body } = await stage.server.api('POST', '/api/v1/sync/run', { connectionId: connection, fullSync: true });
  return finishedRun(stage.server, body.data.runId);
}
const rename = (contact, name) => vendorCall('PUT', `contacts/${contact.customFields.chatwoot_id}`, { name });

before(async () => {
  vendor = await startSandbox({ sizes: { contacts: 200, conversations: 3 } });
  gate = await startGate(vendor.url);
  stage = await startStage({ args: [], env: { TIDEMARK_NETWORK_ALLOW: '127.0.0.0/8', TIDEMARK_NETWORK_ALLOW_HTTP: 'true' }, synced: false });
  const made = await stage.server.api('POST', '/api/v1/sync/connections', {
    name: 'Support inbox', platform: 'chatwoot', conflictPolicy: 'manual', schedule: BY_HAND,
    credentials: { accountId: '1', accessToken: 'test', baseUrl: `${gate.url}/chatwoot` },
  });
  assert.equal(made.status, 201, JSON.stringify(made.body));
  connection = made.body.data.id;
  await syncAll();
  contacts = (await listAll(stage.server, '/api/v1/contacts')).filter((c) => c.email && c.customFields?.chatwoot_id);
  for (const [i, contact] of contacts.slice(0, 3).entries()) {
    assert.equal((await stage.server.api('PATCH', `/api/v1/contacts/${contact.id}`, { name: `Here ${i}` })).status, 200);
    assert.equal((await rename(contact, `There ${i}`)).status, 200);
  }
  await rename(contacts[10], XSS[1]);
  await syncAll();
});
after(async () => { await stage?.stop(); gate?.stop(); await vendor?.stop(); });

test('runs: the list, its filters in the address, and one run that adds up', async () => {
  const page = await stage.open('/runs');
  await page.getByRole('table', { name: 'Runs' }).getByText('Support inbox').first().waitFor();
  await stage.picture(page, 'runs');
  await page.getByRole('textbox', { name: 'Status' }).click();
  await page.getByRole('option', { name: 'Failed' }).click();
  await page.getByText('No run matches these filters').waitFor();
  assert.match(page.url(), /\?status=error$/);
  await page.getByRole('button', { name: 'Show all' }).click();
  await page.getByRole('link', { name: /Support inbox/ }).first().click();
  await page.getByText(/^Complete: \d+ records received, and they add up\./).waitFor();
  await page.getByText(/received = .* created \+/).waitFor();
  await page.getByRole('log').getByText('run finished').or(page.getByRole('log').getByText(/page \d/)).first().waitFor();
  await stage.picture(page, 'run');
  stage.noFaults();
});

test('what a run asked of its platform: from a line of the log, with masked headers, failed ones alone', async () => {
  const { body } = await stage.server.api('GET', `/api/v1/sync/runs?connectionId=${connection}&limit=100`);
  const runId = body.data.filter((r) => r.status === 'success' && r.pages > 1).at(-1).id;
  const page = await stage.open(`/runs/${runId}`);
  const table = page.getByRole('table', { name: 'Requests to the platform' });
  const all = (await stage.server.api('GET', `/api/v1/sync/runs/${runId}/requests?limit=500`)).body;
  await table.getByRole('row').nth(Math.min(all.meta.total, 3)).waitFor();
  assert.equal(Number(await table.getAttribute('aria-rowcount')), all.meta.total + 1);
  await page.getByRole('log').getByRole('link', { name: 'Requests of page 2', exact: true }).click();
  await page.getByRole('button', { name: 'All pages' }).waitFor();
  assert.match(page.url(), /\?ofPage=2$/);
  const ofPage = all.data.filter((r) => r.page === 2);
  await until('only those of the page', async () => Number(await table.getAttribute('aria-rowcount')) === ofPage.length + 1);
  const opener = table.getByRole('button', { name: `Headers of request ${ofPage[0].number}`, exact: true });
  await opener.focus();
  await page.keyboard.press('Enter');
  await until('it is open', async () => (await opener.getAttribute('aria-expanded')) === 'true');
  await table.getByText('[redacted]').first().waitFor();
  await table.getByText('Credentials are masked; bodies are not kept.').waitFor();
  await stage.picture(page, 'run-requests', { whole: true });
  await page.getByRole('button', { name: 'All pages' }).click();
  await page.getByRole('switch', { name: 'Only failed ones' }).click({ force: true });
  await page.getByText('No request matches').waitFor();
  stage.noFaults();
});

test('runs of a time', async () => {
  const page = await stage.open(`/runs?from=${encodeURIComponent('2020-01-01T10:00:00.000Z')}&to=${encodeURIComponent('2020-01-01T11:00:00.000Z')}`);
  await page.getByText('No run matches these filters').waitFor();
  assert.equal(await page.getByLabel('At work from').inputValue(), '2020-01-01T10:00');
  await page.getByLabel('At work until').fill('2199-01-01T00:00');
  await page.getByRole('table', { name: 'Runs' }).getByText('Support inbox').first().waitFor();
  await stage.picture(page, 'runs-of-a-time');
  await page.getByRole('button', { name: 'Any time' }).click();
  await page.waitForURL(/\/runs\??$/);
  stage.noFaults();
});

test('a run is watched, paused, resumed and cancelled without a reload', async () => {
  const page = await stage.open('/runs');
  gate.shut(6, 1500);   // a run that has some seconds of a course, and is not over before it was looked at
  const { body } = await stage.server.api('POST', '/api/v1/sync/run', { connectionId: connection, fullSync: true });
  await page.goto(`/runs/${body.data.runId}`);
  const run = async () => (await stage.server.api('GET', `/api/v1/sync/runs/${body.data.runId}`)).body.data;
  await page.locator('figure.chart canvas').waitFor();
  await page.getByRole('button', { name: 'Pause' }).click();
  await until('it is asked to pause', async () => { const { pauseRequested, status } = await run(); return pauseRequested || status === 'paused'; });
  gate.open();
  await page.getByText(/^Paused after/).waitFor();
  await page.getByText('As a table').click();
  const drawn = async () => (await page.getByRole('table', { name: 'Over time' }).locator('tbody tr').allInnerTexts())
    .map((row) => row.split('\t').slice(1).map(Number)).reduce((sum, [ok, err]) => sum + ok + err, 0);
  await until('the table says what was received', async () => (await drawn()) === (await run()).recordsReceived);
  await stage.picture(page, 'run-over-time');
  gate.shut();
  await page.getByRole('button', { name: 'Resume' }).click();
  await page.getByText(/^Running:/).first().waitFor();
  await page.getByRole('button', { name: 'Cancel run' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel run' }).click();
  await until('it is asked to end', async () => { const { cancelRequested, status } = await run(); return cancelRequested || status === 'cancelled'; });
  gate.open();
  await page.getByText(/^Cancelled after/).waitFor();
  stage.noFaults();
});

test('records: search, one record with its history, an edit, an export', async () => {
  const page = await stage.open('/records');
  await page.getByRole('table', { name: 'Contacts' }).waitFor();
  await stage.picture(page, 'records');
  const wanted = contacts[20];
  await until('the search text to be there', async () =>
    (await stage.server.api('GET', `/api/v1/contacts?q=${encodeURIComponent(wanted.email)}`)).body.data.length === 1);
  await page.getByRole('searchbox', { name: /Search names/ }).fill(wanted.email);
  await page.waitForURL(/q=/);
  await page.getByText('1 of 1').waitFor();
  await page.getByRole('link', { name: wanted.name }).click();
  await page.getByRole('heading', { level: 1, name: wanted.name }).waitFor();
  await page.getByRole('button', { name: 'Edit' }).click();
  await page.getByLabel('name', { exact: true }).fill('Ana Edited');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('heading', { level: 1, name: 'Ana Edited' }).waitFor();
  await page.getByText(`was ${wanted.name}`).waitFor();
  await page.getByRole('button', { name: 'As it came' }).click();
  await page.getByRole('region').first().waitFor();
  await stage.picture(page, 'record');
  await page.goto('/records');
  await page.getByRole('button', { name: 'Export' }).click();
  const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('menuitem', { name: /^CSV/ }).click()]);
  assert.equal(file.suggestedFilename(), 'contacts.csv');
  assert.ok(readFileSync(await file.path(), 'utf8').split('\n').length > 200);
  stage.noFaults();
});

test('a conversation, which has no name, goes by its number at its platform', async () => {
  const [talk] = (await stage.server.api('GET', '/api/v1/conversations?limit=1')).body.data;
  const page = await stage.open('/records/kind/conversations');
  const link = page.getByRole('link', { name: `#${talk.metadata.chatwoot_id}`, exact: true });
  await link.click();
  await page.getByRole('heading', { name: `#${talk.metadata.chatwoot_id}`, exact: true }).waitFor();
  stage.noFaults();
});

test('what was synced stays text', async () => {
  const page = await stage.open(`/records/${contacts[10].id}`);
  await page.getByRole('heading', { level: 1, name: XSS[1] }).waitFor();
  assert.doesNotMatch(await page.title(), /^broken/);
  assert.equal(await page.locator('#main img').count(), 0);
  stage.noFaults();
});

test('conflicts: three sides, resolved by a button and by keys', async () => {
  const page = await stage.open('/conflicts');
  await page.getByRole('link', { name: 'Here 0', exact: true }).waitFor();   // called what the record says, not what the platform does
  await stage.picture(page, 'conflicts');
  await until('all three are there', async () => (await page.getByRole('article').count()) === 3);
  const first = page.getByRole('article').first();
  const id = await first.getAttribute('data-conflict');
  await first.getByRole('button', { name: 'Take theirs' }).click();
  // The keys do nothing while a decision is being sent.
  const isReady = async () => { await until('the next can be decided', () => page.getByRole('button', { name: 'Take theirs' }).first().isEnabled()); await stage.settled(page); };
  await page.locator(`[data-conflict="${id}"]`).waitFor({ state: 'detached' });
  await isReady();
  await page.keyboard.press('1');
  await until('the second to be resolved', async () => (await page.getByRole('article').count()) === 1);
  await isReady();
  await page.keyboard.press('e');
  await page.getByLabel('name', { exact: true }).fill('Both of them');
  await page.getByRole('button', { name: 'Save these values' }).click();
  await page.getByText('No conflicts').waitFor();
  const { body } = await stage.server.api('GET', '/api/v1/conflicts?status=resolved');
  assert.deepEqual(body.data.map((c) => c.choice).sort(), ['local', 'source', 'values']);
  stage.noFaults();
});

test('jobs: one is queued for every night, paused, cancelled', async () => {
  const page = await stage.open('/jobs');
  await page.getByRole('button', { name: 'New job' }).click();
  const dialog = page.getByRole('dialog', { name: 'New job' });
  await dialog.getByLabel(/^Name/).fill('nightly');
  await dialog.getByRole('textbox', { name: 'Connection' }).click();
  await page.getByRole('option', { name: 'Support inbox' }).click();
  await dialog.getByRole('textbox', { name: 'Repeat' }).click();
  await page.getByRole('option', { name: 'every day' }).click();
  await dialog.getByLabel('At', { exact: true }).fill(farAway());
  await dialog.getByRole('button', { name: 'Queue it' }).click();
  await page.getByText('nightly').first().waitFor();
  await stage.picture(page, 'jobs');
  await page.getByRole('button', { name: 'Actions for nightly' }).click();
  await page.getByRole('menuitem', { name: 'Pause' }).click();
  await page.locator('[data-status="paused"]').first().waitFor();
  await page.getByRole('button', { name: 'Actions for nightly' }).click();
  await page.getByRole('menuitem', { name: 'Cancel' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).last().click();
  await page.locator('[data-status="cancelled"]').first().waitFor();
  stage.noFaults();
});

test('webhooks: an event as it came, and replayed', async () => {
  const sent = await send(stage.server, contactEvent(Number(contacts[5].customFields.chatwoot_id), XSS[0]), { path: `/api/v1/webhooks/${connection}` });
  assert.equal(sent.status, 202);
  const page = await stage.open('/webhooks');
  await page.getByRole('link', { name: /contact_updated/ }).first().waitFor();
  await stage.picture(page, 'webhooks');
  await page.getByRole('link', { name: /contact_updated/ }).first().click();
  await page.getByRole('heading', { level: 1, name: 'contact_updated' }).waitFor();
  await page.getByText('document.title').first().waitFor();
  await stage.picture(page, 'webhook');
  await page.getByRole('button', { name: 'Replay' }).click();
  await stage.told(page, 'It is applied again');
  stage.noFaults();
});
