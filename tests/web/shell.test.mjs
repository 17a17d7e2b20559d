// The frame of the page: signing in and out, its policy, its size, its two languages, what a role is offered.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

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

test('Portuguese for who prefers it, and by choice', async () => {
  const page = await stage.open('/', { language: 'pt-BR' });
  await page.getByRole('heading', { level: 1, name: 'Início' }).waitFor();
  assert.equal(await page.evaluate(() => document.documentElement.lang), 'pt-BR');
  await page.getByRole('button', { name: 'Conta' }).click();
  await page.getByRole('menuitem', { name: 'English' }).click();
  await page.getByRole('heading', { level: 1, name: 'Home' }).waitFor();
  await page.reload();
  await page.getByRole('heading', { level: 1, name: 'Home' }).waitFor();
});
