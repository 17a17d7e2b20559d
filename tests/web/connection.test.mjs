// One connection: each of its tabs; broken by a dead token and repaired; its mapping changed with a live preview; an export's place.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { startStage } from './lib/page.mjs';
import { contactEvent } from '../scenario/lib/webhooks.mjs';
import { until } from '../scenario/lib/tidemark.mjs';

let stage, connection;
const api = (...args) => stage.server.api(...args);
before(async () => {
  stage = await startStage();
  connection = (await api('GET', '/api/v1/sync/connections?platform=chatwoot')).body.data[0];
});
after(async () => { await stage?.stop(); });

const at = (tab = '') => `/connections/${connection.id}${tab && `/${tab}`}`;

test('the overview, and every tab', async () => {
  const page = await stage.open(at());
  const state = (await api('GET', `/api/v1/sync/connections/${connection.id}/state`)).body.data;
  const table = page.getByRole('table', { name: 'Streams' });
  for (const s of state.streams) await table.getByRole('link', { name: `${s.records.toLocaleString('en')} Records` }).waitFor();
  await stage.picture(page, 'connection', { whole: true });
  for (const tab of ['Runs', 'Records', 'Conflicts', 'Webhooks']) {
    await page.getByRole('navigation', { name: 'Overview' }).getByRole('link', { name: tab }).click();
    await stage.settled(page);
    await stage.picture(page, `connection-${tab.toLowerCase()}`);
  }
  stage.noFaults();
});

test('a dead token is said, and repaired where it is said', async () => {
  await api('PATCH', `/api/v1/sync/connections/${connection.id}?test=false`, { credentials: { accessToken: 'invalid' } });
  await api('POST', `/api/v1/sync/connections/${connection.id}/test`);
  const page = await stage.open(at());
  await page.getByText('This connection does not work').waitFor();
  await stage.picture(page, 'connection-broken');
  await page.getByRole('link', { name: 'Repair' }).click();
  await page.getByLabel('API access token').fill('invalid');
  await page.getByRole('button', { name: 'Save and test' }).click();
  await page.getByRole('alert').waitFor();
  await page.getByLabel('API access token').fill('your-token');
  await page.getByRole('button', { name: 'Save and test' }).click();
  await stage.told(page, `${connection.name} works`);
  await stage.settled(page);
  await stage.picture(page, 'connection-settings', { whole: true });
  assert.equal((await api('GET', `/api/v1/sync/connections/${connection.id}`)).body.data.status, 'connected');
  stage.noFaults();
});

test('a mapping is tried on a real record before it is kept', async () => {
  const page = await stage.open(at('mapping'));
  const value = page.locator('.map-row', { has: page.getByText('name', { exact: true }) }).locator('.map-value');
  await until('a real record', async () => !['', '–'].includes(await value.innerText()));
  const name = await value.innerText();
  await page.getByLabel('name', { exact: true }).fill("{{ record['name'] | upper }}");
  await until('its name in capitals', async () => (await value.innerText()) === name.toUpperCase());
  await stage.picture(page, 'connection-mapping', { whole: true });
  await page.getByLabel('name', { exact: true }).fill("{{ record['name'");
  await page.getByRole('alert').waitFor();
  assert.ok(await page.getByRole('button', { name: 'Save' }).isDisabled());
  await page.getByLabel('name', { exact: true }).fill("{{ record['name'] | upper }}");
  await page.getByRole('alert').waitFor({ state: 'detached' });
  await page.getByRole('button', { name: 'Save' }).click();
  await stage.told(page, 'The next run of this stream is a full one');
  assert.deepEqual((await api('GET', `/api/v1/sync/connections/${connection.id}`)).body.data.mapping, { contacts: { name: "{{ record['name'] | upper }}" } });
  stage.noFaults();
});

test('an event is replayed, and what it brings stays text', async () => {
  const page = await stage.open(at('webhooks'));
  await page.getByRole('button', { name: 'Set up webhooks' }).click();
  const url = new URL(await page.locator('.command code').innerText());
  const xss = '<img src=x onerror=alert(1)><script>alert(2)</script>';
  const sent = await stage.server.anonymous('POST', url.pathname + url.search, contactEvent(2, xss, { updatedAt: new Date().toISOString() }));
  assert.equal(sent.status, 200, sent.text);
  const events = page.getByRole('table', { name: 'Last events' });
  await events.getByText('contact_updated').waitFor();
  await events.getByRole('button', { name: 'Replay' }).first().click();
  await stage.told(page, 'It is applied once more');
  // One that was not looked at yet waits; "not tested" is said of connections.
  await page.route(/\/webhooks\/events\?/, async (route) => {
    const reply = await route.fetch(), body = await reply.json();
    await route.fulfill({ response: reply, json: { ...body, data: body.data.map((event) => ({ ...event, status: 'pending' })) } });
  });
  await events.getByText('Waiting').first().waitFor();
  await page.unrouteAll({ behavior: 'wait' });
  await page.goto(at('records'));
  await stage.settled(page);
  assert.equal(await page.locator('.table img, .table script').count(), 0);
  stage.noFaults();
});

test('started with the keyboard', async () => {
  const page = await stage.open(at());
  const before = (await api('GET', `/api/v1/sync/runs?connectionId=${connection.id}`)).body.meta.total;
  await page.getByRole('button', { name: 'Sync now' }).focus();
  await page.keyboard.press('Enter');
  await stage.told(page, 'A run has begun');
  await until('one run more', async () => (await api('GET', `/api/v1/sync/runs?connectionId=${connection.id}`)).body.meta.total === before + 1);
  stage.noFaults();
});
