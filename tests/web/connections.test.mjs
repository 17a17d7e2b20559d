// Connections: the list with its filters and what is done to many at once; a new one, from the gallery to its first run.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { startStage } from './lib/page.mjs';
import { until } from '../scenario/lib/tidemark.mjs';

let stage;
before(async () => { stage = await startStage(); });
after(async () => { await stage?.stop(); });

const rowsOf = (page) => page.getByRole('table', { name: 'Connections' }).locator('.tbody').getByRole('row');
// The list before may stay until this one is there.
const hasRows = (page, count) => until(`${count} rows`, async () => (await rowsOf(page).count()) === count);

test('the list, and filters that stand in the address', async () => {
  const page = await stage.open('/connections');
  const { body } = await stage.server.api('GET', '/api/v1/sync/connections?limit=100');
  await hasRows(page, body.data.length);
  await stage.picture(page, 'connections');
  await page.getByRole('combobox', { name: 'Platform' }).selectOption('zendesk');
  await page.waitForURL(/platform=zendesk/);
  await hasRows(page, 1);
  await page.reload();
  await stage.settled(page);
  await hasRows(page, 1);
  await page.getByRole('textbox', { name: 'Search' }).fill('no such thing');
  await page.getByText('No connection is like that').waitFor();
  await page.getByRole('button', { name: 'Show all' }).click();
  await hasRows(page, body.data.length);
  stage.noFaults();
});

test('two are chosen with the keyboard, tested, switched off and on again', async () => {
  const page = await stage.open('/connections');
  for (const name of ['Choose Zendesk (simulated)', 'Choose HubSpot (simulated)']) {
    await page.getByRole('checkbox', { name }).focus();
    await page.keyboard.press('Space');
  }
  await page.getByText('2 chosen').waitFor();
  await page.getByRole('button', { name: 'Test', exact: true }).click();
  await stage.told(page, '2 work');
  await page.locator('.bulk').waitFor({ state: 'detached' });
  const off = async () => (await stage.server.api('GET', '/api/v1/sync/connections?enabled=false')).body.meta.total;
  for (const [button, wanted] of [['Switch off', 2], ['Switch on', 0]]) {
    for (const name of ['Choose Zendesk (simulated)', 'Choose HubSpot (simulated)']) await page.getByRole('checkbox', { name }).check();
    await page.getByRole('button', { name: button }).first().click();
    if (wanted) await page.getByRole('dialog').getByRole('button', { name: button }).click();
    await until(`${wanted} are off`, async () => (await off()) === wanted);
    await page.locator('.bulk').waitFor({ state: 'detached' });
  }
  stage.noFaults();
});

test('who may only read is offered nothing else', async () => {
  const page = await stage.open('/connections', { key: stage.keys.reader });
  await rowsOf(page).first().waitFor();
  assert.equal(await page.getByRole('checkbox').count(), 0);
  assert.equal(await page.getByRole('link', { name: 'Add a connection' }).count(), 0);
  stage.noFaults();
});

test('a new connection: gallery, form, ladder, what to sync, and data arrives', async () => {
  const page = await stage.open('/connections/new');
  await stage.picture(page, 'gallery');
  await page.getByRole('textbox', { name: 'Search platforms' }).fill('chat');
  await page.getByRole('link', { name: /Chatwoot/ }).click();
  await page.getByLabel('Account id').waitFor();
  await page.getByRole('button', { name: 'Test the connection' }).click();
  await page.getByText('is required').first().waitFor();
  await stage.picture(page, 'add-faults');
  await page.getByLabel('Name').fill('My <b>desk</b>');
  await page.getByLabel('Account id').fill('abc');
  await page.getByLabel('API access token').fill('invalid');
  assert.equal(await page.getByLabel('API access token').getAttribute('type'), 'password');
  await page.getByRole('button', { name: 'Test the connection' }).click();
  await page.getByText(/does not have the right form/).waitFor();
  await page.getByLabel('Account id').fill('2');
  await page.getByRole('button', { name: 'Test the connection' }).click();
  await page.locator('[data-step=credential][data-status=failed]').waitFor();
  await stage.picture(page, 'add-refused');
  await page.getByRole('button', { name: 'Back' }).click();
  assert.equal(await page.getByLabel('Account id').inputValue(), '2');
  await page.getByLabel('API access token').fill('your-token');
  await page.getByRole('button', { name: 'Test the connection' }).click();
  await page.getByRole('button', { name: 'Continue' }).waitFor();
  await stage.picture(page, 'add-ladder', { whole: true });
  await page.getByRole('button', { name: 'Continue' }).click();
  await page.getByRole('checkbox', { name: /messages/ }).uncheck();
  await stage.picture(page, 'add-what');
  await page.getByRole('button', { name: 'Start syncing' }).click();
  await page.waitForURL(/\/connections\/[0-9a-f-]{36}$/);
  const id = page.url().split('/').pop();
  const made = (await stage.server.api('GET', `/api/v1/sync/connections/${id}`)).body.data;
  assert.deepEqual([made.name, made.streams, made.status], ['My <b>desk</b>', ['contacts', 'conversations'], 'connected']);
  const run = await until('its run', async () => (await stage.server.api('GET', `/api/v1/sync/runs?connectionId=${id}`)).body.data[0]);
  assert.ok(run.id);
  stage.noFaults();
});
