// Makes the pictures of docs/tour.md, after the page was changed: TIDEMARK_BIN=build/release/tidemark node tests/web/tour.mjs
// They are taken of the real page over the sandbox, at 1280 by 800.
import { mkdirSync, writeFileSync } from 'node:fs';

import { startStage } from './lib/page.mjs';

const FOLDER = new URL('../../docs/pictures/', import.meta.url);
const QUALITY = 78;
mkdirSync(FOLDER, { recursive: true });
const stage = await startStage({ byHand: false });

async function take(page, name) {
  await stage.settled(page);
  const session = await page.context().newCDPSession(page);
  const { data } = await session.send('Page.captureScreenshot', { format: 'webp', quality: QUALITY });
  writeFileSync(new URL(`${name}.webp`, FOLDER), Buffer.from(data, 'base64'));
}

try {
  const api = (...args) => stage.server.api(...args);
  const connection = (await api('GET', '/api/v1/sync/connections?platform=chatwoot')).body.data[0];
  const run = (await api('GET', `/api/v1/sync/runs?connectionId=${connection.id}`)).body.data[0];
  const page = await stage.open('/connections/new');
  await take(page, 'gallery');
  await page.goto('/connections/new/chatwoot');
  await page.getByLabel('Account id').fill('1');
  await take(page, 'form');
  await page.getByLabel('API access token').fill('your-token');
  await page.getByRole('button', { name: 'Test the connection' }).click();
  await page.getByRole('button', { name: 'Continue' }).waitFor();
  await take(page, 'ladder');
  for (const [path, name] of [[`/connections/${connection.id}`, 'connection'], [`/connections/${connection.id}/mapping`, 'mapping'], [`/runs/${run.id}`, 'run'],
    ['/records/kind/contacts', 'records'], ['/connections', 'connections']]) {
    await page.goto(path);
    await take(page, name);
  }
  await api('PATCH', `/api/v1/sync/connections/${connection.id}?test=false`, { credentials: { accessToken: 'invalid' } });
  await api('POST', `/api/v1/sync/connections/${connection.id}/test`);
  await page.goto('/');
  await page.locator('[data-kind=connection_error]').waitFor();
  await take(page, 'home');
  await page.emulateMedia({ colorScheme: 'dark' });
  await take(page, 'home-dark');
} finally {
  await stage.stop();
}
