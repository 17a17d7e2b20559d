// What an administrator has: templates with a check as one writes, users, keys, the audit, settings; and what others are not offered.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { startStage } from './lib/page.mjs';

const MANIFEST = `version: 6.0.0
type: DeclarativeSource
check: {type: CheckStream, stream_names: [parcels]}
streams:
  - type: DeclarativeStream
    name: parcels
    primary_key: [id]
    retriever:
      type: SimpleRetriever
      requester: {type: HttpRequester, url_base: "https://{{ config['host'] }}", path: /parcels, http_method: GET}
      record_selector: {type: RecordSelector, extractor: {type: DpathExtractor, field_path: [data]}}
    schema_loader: {type: InlineSchemaLoader, schema: {type: object, properties: {id: {type: string}}}}
spec:
  type: Spec
  connection_specification:
    type: object
    required: [host]
    properties:
      host: {type: string, title: Host of the post office}
      token: {type: string, title: Token, airbyte_secret: true}
`;

let stage;
before(async () => { stage = await startStage({ args: [], synced: false }); });
after(async () => { await stage?.stop(); });

test('templates: the list, one of them, and one of our own, checked while it is written', async () => {
  const page = await stage.open('/templates');
  await page.getByRole('link', { name: 'HubSpot' }).waitFor();
  await stage.picture(page, 'templates');
  await page.getByRole('searchbox').fill('hubs');
  await page.getByRole('link', { name: 'Zendesk' }).waitFor({ state: 'detached' });
  await page.getByRole('link', { name: 'HubSpot' }).click();
  await page.getByRole('heading', { level: 1, name: 'HubSpot' }).waitFor();
  await page.getByRole('table', { name: 'Streams' }).getByText('contacts').first().waitFor();
  await stage.picture(page, 'template');
  await page.goto('/templates/add');
  const text = page.getByLabel('Manifest');
  await text.fill('version: [');
  await page.getByText('Not readable yet').waitFor();
  await text.fill(MANIFEST);
  await page.getByText('Readable', { exact: true }).waitFor();
  await page.getByText('Host of the post office', { exact: true }).waitFor();
  await page.getByRole('table', { name: 'Streams' }).getByText('parcels').first().waitFor();
  await page.getByLabel('Name', { exact: true }).fill('post_office');
  await page.getByLabel('Shown as').fill('Post office');
  await page.getByLabel('Category').fill('Logistics');
  await stage.picture(page, 'template-add');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('heading', { level: 1, name: 'Post office' }).waitFor();
  await page.getByRole('button', { name: 'Delete' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
  await page.waitForURL('**/templates');
  assert.equal((await stage.server.api('GET', '/api/v1/templates/post_office')).status, 404);
  stage.noFaults();
});

test('users: one is entered, changed and disabled', async () => {
  const page = await stage.open('/users');
  await page.getByRole('button', { name: 'Add a user' }).click();
  await page.getByLabel(/^Subject/).fill('auth0|ana');
  await page.getByLabel('Name', { exact: true }).fill('Ana');
  await page.getByRole('checkbox', { name: 'change' }).check();
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByText('auth0|ana').waitFor();
  await stage.picture(page, 'users');
  await page.getByRole('button', { name: 'Actions for Ana' }).click();
  await page.getByRole('menuitem', { name: 'Disable' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Disable' }).click();
  await page.getByText('disabled', { exact: true }).waitFor();
  const { body } = await stage.server.api('GET', '/api/v1/users?limit=100');
  const ana = body.data.find((u) => u.subject === 'auth0|ana');
  assert.deepEqual([ana.enabled, ana.permissions.includes('content:update')], [false, true]);
  stage.noFaults();
});

test('keys: one is made, shown once, works, and is revoked', async () => {
  const page = await stage.open('/keys');
  await page.getByRole('button', { name: 'New key' }).click();
  await page.getByLabel('What it is for').fill('Warehouse');
  await page.getByRole('button', { name: 'Create' }).click();
  const key = await page.getByText(/^tm_\w+$/).innerText();
  const ask = () => fetch(`${stage.server.url}/api/v1/contacts`, { headers: { Authorization: `Bearer ${key}` } });
  assert.equal((await ask()).status, 200);
  await page.getByRole('button', { name: 'I have copied it' }).click();
  await page.getByText('Warehouse').waitFor();
  await page.getByText(key).waitFor({ state: 'detached' });
  await stage.picture(page, 'keys');
  await page.getByRole('button', { name: 'Revoke Warehouse?' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click();
  await page.getByText('revoked', { exact: true }).waitFor();
  assert.equal((await ask()).status, 401);
  stage.noFaults();
});

test('the audit names what was done, settings say how the server is', async () => {
  const page = await stage.open('/audit');
  await page.getByRole('table', { name: 'Audit' }).waitFor();
  await stage.picture(page, 'audit');
  await page.goto('/settings');
  await page.getByText(/values and .* all readable/).waitFor();
  await stage.picture(page, 'settings');
  stage.noFaults();
});

test('what a role may not do is not offered', async () => {
  const page = await stage.open('/jobs', { key: stage.keys.reader });
  assert.equal(await page.getByRole('link', { name: 'Users' }).count(), 0);
  assert.equal(await page.getByRole('button', { name: 'New job' }).count(), 0);
  await page.goto('/templates');
  await stage.settled(page);
  assert.equal(await page.getByRole('link', { name: 'Add a template' }).count(), 0);
  stage.noFaults();
});
