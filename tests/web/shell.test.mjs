// The frame of the page: signing in and out, its policy, its size, its two languages, what a role is offered.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { until } from '../scenario/lib/tidemark.mjs';
import { startStage } from './lib/page.mjs';

const FIRST_LOAD_MAX = 300 * 1024;
let stage;
before(async () => { stage = await startStage(); });
after(async () => { await stage?.stop(); });

test('signing in with a key, and out again', async () => {
  const page = await stage.open('/', { key: null });
  await page.getByRole('heading', { name: 'Sign in to Tidemark' }).waitFor();
  await stage.picture(page, 'sign-in');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByText('Enter a key or a token.').waitFor();
  await page.getByLabel('API key or token').fill('tm_wrong');
  await page.keyboard.press('Enter');
  await page.getByRole('alert').waitFor();
  await page.getByLabel('API key or token').fill(stage.keys.admin);
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { level: 1, name: 'Home' }).waitFor();
  const cookies = await page.context().cookies();
  assert.ok(cookies.find((c) => c.name === 'session_token').httpOnly);
  assert.equal(await page.evaluate(() => JSON.stringify(localStorage).includes('tm_')), false);
  await page.getByRole('button', { name: 'Account' }).click();
  await page.getByRole('menuitem', { name: 'Sign out' }).click();
  await page.getByRole('heading', { name: 'Sign in to Tidemark' }).waitFor();
  assert.equal((await page.context().cookies()).length, 0);
  stage.noFaults();
});

test('no inline code, a nonce of its own for each answer, files that never change', async () => {
  const ask = (path, headers = {}) => fetch(stage.server.url + path, { headers });
  const [one, two] = [await ask('/'), await ask('/')];
  const policy = one.headers.get('content-security-policy');
  const nonce = /'nonce-(\w+)'/.exec(policy)[1];
  assert.match(policy, /script-src 'self';/);
  assert.doesNotMatch(policy, /unsafe/);
  assert.notEqual(policy, two.headers.get('content-security-policy'));
  assert.equal(one.headers.get('cache-control'), 'no-store');
  const html = await one.text();
  assert.ok(html.includes(`nonce="${nonce}"`) && !html.includes('@NONCE@'));
  assert.doesNotMatch(html, /<script(?![^>]*\bsrc=)|\bon\w+=|style=/);
  const file = /src="(\/assets\/[^"]+\.js)"/.exec(html)[1];
  const script = await ask(file, { 'Accept-Encoding': 'br' });
  assert.equal(script.headers.get('cache-control'), 'public, max-age=31536000, immutable');
  assert.equal(script.headers.get('content-encoding'), 'br');
  assert.equal((await ask(file, { 'Accept-Encoding': 'gzip' })).headers.get('content-encoding'), 'gzip');
  assert.equal(await (await ask(file, { 'Accept-Encoding': 'identity' })).text(), await script.text());
  assert.equal((await ask('/assets/none.js')).status, 404);
});

test('an address of the page is the page for a browser, and nothing for a program', async () => {
  const asked = async (path, accept) => (await fetch(stage.server.url + path, { headers: { Accept: accept } })).status;
  assert.equal(await asked('/connections/1', 'text/html,*/*'), 200);
  assert.equal(await asked('/connections/1', 'application/json'), 404);
  assert.equal(await asked('/api/v1/none', 'text/html'), 404);
  const page = await stage.open('/nowhere');
  await page.getByRole('heading', { level: 1, name: 'There is nothing at this address' }).waitFor();
});

test('the first load is small', async () => {
  const context = await stage.context();
  const page = await context.newPage();
  const session = await context.newCDPSession(page);
  let bytes = 0;
  await session.send('Network.enable');
  const kinds = new Map();
  session.on('Network.responseReceived', ({ requestId, response }) => kinds.set(requestId, response.url));
  session.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => { if (!kinds.get(requestId)?.includes('/api/')) bytes += encodedDataLength; });
  await page.goto('/');
  await stage.settled(page);
  await page.waitForLoadState('load');
  assert.ok(bytes > 50_000 && bytes < FIRST_LOAD_MAX, `${bytes} bytes`);
});

// Nothing is answered but the page and its first script, and all else that a list needs is asked for: so no request waits for
// another's answer, however far the server is.
test('a list takes three steps, one after the other: the page, its first script, everything else', async () => {
  const page = await (await stage.open('/runs')).context().newPage();   // known, and nothing of another page is on its way
  const held = [];
  let isOpen = false;
  await page.route(/\/(api|assets)\//, (route) => (isOpen || /assets\/first-/.test(route.request().url()) ? route.continue() : held.push(route)));
  const coming = page.goto('/runs?status=success');
  const needed = ['/assets/index-', '/assets/base-', '/assets/Runs-', '/assets/lists-', '/api/v1/session', '/api/v1/tenants?limit=500', '/api/v1/sync/runs?limit=100&status=success'];
  const missing = () => needed.filter((part) => !held.some((route) => route.request().url().includes(part)));
  await until('all is asked for at once', () => missing().length === 0).catch((error) => assert.fail(`${error.message}: ${missing()}`));
  isOpen = true;
  await Promise.all(held.map((route) => route.continue()));
  await coming;
  await stage.settled(page);
  await page.getByRole('table', { name: 'Runs' }).getByRole('row').nth(1).waitFor();
  assert.equal(held.filter((route) => route.request().url().includes('/api/v1/sync/runs')).length, 1);
  stage.noFaults();
});

const NONE = '00000000-0000-7000-8000-000000000000';
const FIRST = ['/', '/connections', `/connections/${NONE}`, `/connections/${NONE}/runs`, '/runs?status=success&from=2026-01-01T00%3A00%3A00.000Z', `/runs/${NONE}`, `/runs/${NONE}/records`, '/runs/read?from=2026-01-01T00%3A00%3A00.000Z&to=2026-01-01T01%3A00%3A00.000Z',
  '/records?q=a%20b&includeDeleted=true', '/records/kind/conversations', `/records/${NONE}`, '/webhooks?status=failed', `/webhooks/${NONE}`];

test('what was asked for before the page\'s code came is used, by who asked and nobody else', async () => {
  const page = await stage.open('/jobs');
  await page.addInitScript(() => { performance.now = () => 1; });   // however slow the machine is, no answer is too old to be used
  for (const path of FIRST) {
    await page.goto(path);
    await stage.settled(page);
    assert.deepEqual(await page.evaluate(() => [...window.tidemarkEarly.keys()].map((url) => url.slice(location.origin.length))), [], `${path} asked for what it does not use`);
  }
  // Another tenant's answer is not this one's.
  await page.evaluate(() => localStorage.setItem('tidemark.first', JSON.stringify({ tenant: 'somebody-else', admin: true })));
  await page.goto('/connections');
  await page.getByRole('table').getByRole('row').nth(2).waitFor();
  assert.ok(await page.evaluate(() => [...window.tidemarkEarly.keys()].some((url) => url.includes('/sync/connections'))));
  // Whoever is not signed in asks for nothing but who he is.
  const nobody = await (await stage.context({ key: null })).newPage();
  const asked = [];
  nobody.on('request', (request) => { if (request.url().includes('/api/')) asked.push(new URL(request.url()).pathname); });
  await nobody.goto('/runs');
  await nobody.getByRole('heading', { name: 'Sign in to Tidemark' }).waitFor();
  assert.deepEqual(asked, ['/api/v1/session']);
  stage.noFaults();
});

test('of a line of tabs too long for the window, the open one is in sight', async () => {
  const page = await stage.open('/records/kind/customers', { size: 'narrow', language: 'pt-BR' });
  for (const name of ['Clientes', 'Contatos']) {
    const tab = page.locator('.tabs').getByRole('link', { name, exact: true });
    await tab.evaluate((link) => link.click());   // a click of the mouse would bring it into sight itself
    await page.locator('.tabs [aria-current]', { hasText: name }).waitFor();
    const box = await tab.boundingBox();
    assert.ok(box.x >= 0 && box.x + box.width <= page.viewportSize().width, `${name} ${JSON.stringify(box)}`);
  }
  stage.noFaults();
  await page.context().close();
});

test('when the line breaks, the account menu stays in reach, in both languages', async () => {
  for (const [language, account] of [['en', 'Account'], ['pt-BR', 'Conta']]) {
    const page = await stage.open('/jobs', { language });
    await page.route(/\/api\/v1\/events/, (route) => route.abort());
    await page.reload();
    await page.locator('.side [data-line=broken]').waitFor();
    await stage.settled(page);
    const button = await page.getByRole('button', { name: account, exact: true }).boundingBox(), side = await page.locator('.side').boundingBox();
    assert.ok(button.x + button.width <= side.x + side.width, `${language}: ${button.x + button.width} of ${side.width}`);
    await page.context().close();
  }
  stage.faults.length = 0;   // what the browser says of the line
});

test('Portuguese for who prefers it, and by choice', async () => {
  const page = await stage.open('/', { language: 'pt-BR' });
  await page.getByRole('heading', { level: 1, name: 'Início' }).waitFor();
  assert.equal(await page.evaluate(() => document.documentElement.lang), 'pt-BR');
  const contact = (await stage.server.api('GET', '/api/v1/contacts?limit=1')).body.data[0];
  await stage.go(page, `/records/${contact.id}`);
  await page.locator('.facts dd').getByText('Contatos', { exact: true }).waitFor();
  await stage.go(page, '/');
  await page.getByRole('button', { name: 'Conta' }).click();
  await page.getByRole('menuitem', { name: 'English' }).click();
  await page.getByRole('heading', { level: 1, name: 'Home' }).waitFor();
  await page.reload();
  await page.getByRole('heading', { level: 1, name: 'Home' }).waitFor();
});
