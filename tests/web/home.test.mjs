// The home page: how it is, what needs a person with the one next step, live.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { until } from '../scenario/lib/tidemark.mjs';
import { startStage } from './lib/page.mjs';

let stage;
// What happens stands on this page until it is pushed down by what happens later: first runs bring much.
before(async () => { stage = await startStage({ synced: 'all' }); });
after(async () => { await stage?.stop(); });

test('healthy connections, the last day, and how fresh each stream is', async () => {
  const page = await stage.open('/');
  await page.getByText('Everything is in step.').waitFor();
  const tile = page.locator('a.tile', { hasText: 'Healthy' });
  assert.equal(await tile.getAttribute('href'), '/connections?state=connected');
  const table = page.getByRole('table', { name: 'Freshness' });
  const data = await until('the page says what the overview says', async () => {
    const told = (await stage.server.api('GET', '/api/v1/overview')).body.data;
    return await tile.locator('.tile-number').innerText() === String(told.health.connections.active) &&
      await table.getByRole('row').count() === told.freshness.length + 1 ? told : null;
  });
  await stage.picture(page, 'home', { whole: true });
  const hour = data.last24h.hours.filter((h) => h.received > 0).at(-1), to = new Date(Date.parse(hour.at) + 3_600_000).toISOString();
  await page.locator(`.hours a[href*="from=${encodeURIComponent(hour.at)}"]`).click();
  await page.getByRole('table', { name: 'Records that were read' }).getByRole('row').nth(1).waitFor();
  assert.deepEqual(Object.fromEntries(new URL(page.url()).searchParams), { from: hour.at, to });
  assert.doesNotMatch(await page.locator('.page-head p').innerText(), /[AP]M/, 'the clock has 24 hours everywhere');
  await stage.picture(page, 'read');
  await page.getByRole('link', { name: 'Runs of this time' }).click();
  await page.getByRole('table', { name: 'Runs' }).getByRole('row').nth(1).waitFor();
  assert.deepEqual(Object.fromEntries(new URL(page.url()).searchParams), { from: hour.at, to });
  stage.noFaults();
});

test('a dead token shows itself without a reload, with its next step', async () => {
  const page = await stage.open('/');
  await page.locator('[data-line=live]:visible').waitFor();
  const { body } = await stage.server.api('GET', '/api/v1/sync/connections?limit=50');
  const broken = body.data.find((c) => c.platform === 'chatwoot');
  await stage.server.api('PATCH', `/api/v1/sync/connections/${broken.id}?test=false`, { credentials: { accessToken: 'invalid' } });
  await stage.server.api('POST', `/api/v1/sync/connections/${broken.id}/test`);
  const need = page.locator('[data-kind=connection_error]');
  await need.getByText(`${broken.name} does not work`).waitFor();
  await page.locator('.news li', { hasText: `${broken.name} is now error` }).locator('.dot.bad').waitFor();
  await stage.picture(page, 'home-needs-you', { whole: true });
  assert.equal(await need.getByRole('link', { name: 'Repair' }).getAttribute('href'), `/connections/${broken.id}/settings`);
  stage.noFaults();
});
