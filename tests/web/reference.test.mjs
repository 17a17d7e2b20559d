// The reference at /docs: all of it comes from this server and stays here, whatever a reader does with it; search, trying a
// request with a key, both themes and sizes, the keyboard, Portuguese.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { until } from '../scenario/lib/tidemark.mjs';
import { pictures, startStage } from './lib/page.mjs';

const DOCS_MAX = 1300 * 1024;
let stage;
before(async () => { stage = await startStage({ synced: false }); });
after(async () => { await stage?.stop(); });

// Whatever a page asks for elsewhere; nothing gets there. What its policy forbade is an error that the stage notes.
async function watched(options = {}) {
  const outside = [], context = await stage.context({ key: null, ...options });
  await context.route((url) => !url.href.startsWith(stage.server.url) && !/^(blob|data):/.test(url.protocol), (route) => { outside.push(route.request().url()); return route.abort(); });
  await context.addInitScript(() => document.addEventListener('securitypolicyviolation', (e) => console.error(`policy: ${e.violatedDirective} ${e.blockedURI}`)));
  const page = await stage.open('/docs', { context });
  await page.getByRole('heading', { level: 1, name: 'Tidemark' }).waitFor();
  return { page, outside };
}

const linksOut = (page) => page.evaluate(() => [...document.querySelectorAll('a[href], form[action], iframe, img[src]')]
  .map((e) => e.href ?? e.action ?? e.src).filter((address) => !address.startsWith(location.origin) && !/^(blob|data):/.test(address)));

// The key is heard once the button for it is there, and what is typed once the field has the focus.
async function openSearch(page) {
  await page.locator('button', { hasText: 'Search' }).first().waitFor({ state: 'attached' });
  await page.keyboard.press('Control+k');
  await page.waitForFunction(() => document.activeElement?.role === 'combobox');
}

async function closeSearch(page) {
  await page.keyboard.press('Escape');
  await page.getByRole('combobox').waitFor({ state: 'hidden' });
}

async function search(page, word, name) {
  await openSearch(page);
  await page.getByRole('combobox').fill(word);
  await page.getByRole('option', { name }).first().waitFor();
}

async function openOperation(page, word, name) {
  await search(page, word, name);
  await page.getByRole('option', { name }).first().click();
  await page.getByRole('dialog').waitFor({ state: 'hidden' });
  await page.getByRole('heading', { name }).first().waitFor();
}

// Colours are judged when what moves has come to its end; what turns for ever does not count.
const atRest = (page) => page.evaluate(() => Promise.allSettled(document.getAnimations()
  .filter((a) => a.effect?.getComputedTiming().endTime !== Infinity).map((a) => a.finished)));

// A page of its own for each: changing the theme of one costs seconds.
for (const [size, theme] of [['wide', 'light'], ['narrow', 'dark'], ['wide', 'dark']])
  test(`everything that is read and tried goes to this server alone, ${size} and ${theme}`, async () => {
    const { page, outside } = await watched({ size, theme });
    const picture = async (name) => {
      await atRest(page);
      await stage.judge(page, `${name} ${size} ${theme}`);
      await page.screenshot({ path: join(pictures, `${name}-${size}-${theme}.png`), animations: 'disabled' });
      assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= document.documentElement.clientWidth), `${name} ${size}: it stands out at the side`);
    };
    await picture('reference');
    await search(page, 'newest', 'Connections, newest first');
    await picture('reference-search');
    await closeSearch(page);
    await openOperation(page, 'newest', 'Connections, newest first');
    await picture('reference-operation');
    await page.getByRole('button', { name: /^Test Request/ }).first().click();
    const client = page.getByRole('dialog');
    await client.getByPlaceholder('Token').fill(stage.keys.reader);
    const asked = page.waitForRequest((request) => request.url().includes('/api/v1/sync/connections'));
    await client.getByRole('button', { name: /^Send/ }).first().click();
    assert.equal(await (await asked).headerValue('authorization'), `Bearer ${stage.keys.reader}`);
    await client.getByText('200 OK').first().waitFor();
    await picture('reference-tried');
    assert.deepEqual(await linksOut(page), []);
    assert.deepEqual(outside, []);
    stage.noFaults();
    await page.context().close();
  });

test('a key that was typed is kept nowhere', async () => {
  const { page } = await watched();
  const field = page.getByPlaceholder('Token').first();
  await field.fill(stage.keys.reader);
  await page.waitForTimeout(1200); // what is kept is kept after half a second
  const kept = await page.evaluate(async () => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie, await indexedDB.databases()]));
  assert.ok(!kept.includes(stage.keys.reader) && kept.endsWith('[]]'), kept);
  await page.reload();
  await page.getByPlaceholder('Token').first().waitFor();
  assert.equal(await page.getByPlaceholder('Token').first().inputValue(), '');
  stage.noFaults();
});

test('nothing is offered that leads away, on any part of it', async () => {
  const { page, outside } = await watched();
  for (const area of ['Jobs', 'Webhooks', 'Records', 'Identity', 'Server']) {
    await page.getByRole('link', { name: area, exact: true }).first().click();
    await page.getByRole('heading', { level: 2, name: area }).first().waitFor();
    assert.deepEqual(await linksOut(page), [], area);
  }
  const text = await page.evaluate(() => document.body.innerText);
  assert.doesNotMatch(text, /Scalar|Ask AI|MCP|Generate SDK|Open API Client/i);
  assert.equal(await page.getByRole('link', { name: 'Back to the page' }).getAttribute('href'), '/');
  assert.deepEqual(outside, []);
  stage.noFaults();
});

test('by the keyboard: search, an operation, and back out', async () => {
  const { page } = await watched();
  await openSearch(page);
  await page.keyboard.type('healthz');
  await until('it is found', async () => /healthz/.test(await page.getByRole('option').first().innerText()));
  await page.keyboard.press('ArrowDown');
  await page.locator('[role=option][aria-selected=true]').waitFor();
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => location.hash.includes('healthz'));
  await openSearch(page);
  await closeSearch(page);
  stage.noFaults();
});

test('in Portuguese for who prefers it', async () => {
  const { page } = await watched({ language: 'pt-BR' });
  await page.getByRole('link', { name: 'Voltar à página' }).waitFor();
  await page.getByRole('link', { name: 'Introdução' }).first().waitFor();
  assert.equal(await page.evaluate(() => document.documentElement.lang), 'pt-BR');
  await page.screenshot({ path: join(pictures, 'reference-portuguese-wide-light.png') });
  stage.noFaults();
});

test('its policy, its size; the page at / fetches nothing of it', async () => {
  const one = await fetch(`${stage.server.url}/docs`), two = await fetch(`${stage.server.url}/docs`);
  const policy = one.headers.get('content-security-policy'), html = await one.text();
  const nonce = /'nonce-(\w+)'/.exec(policy)[1];
  assert.match(policy, /default-src 'none'; script-src 'self';.* connect-src 'self';/);
  assert.doesNotMatch(policy, /unsafe|https?:|\*/);
  assert.notEqual(policy, two.headers.get('content-security-policy'));
  assert.ok(html.includes(`nonce="${nonce}"`) && !html.includes('@NONCE@'));
  assert.match(html, /<noscript>.*href="\/openapi\.json"/);
  const own = [...html.matchAll(/(?:src|href)="(\/assets\/docs[^"]+)"/g)].map(([, file]) => file);
  let bytes = 0;
  for (const file of own) bytes += Number((await fetch(stage.server.url + file, { headers: { 'Accept-Encoding': 'gzip' } })).headers.get('content-length'));
  assert.ok(own.length >= 2 && bytes > 100_000 && bytes < DOCS_MAX, `${own.length} files, ${bytes} bytes`);
  const asked = [], page = await (await stage.context()).newPage();
  page.on('request', (request) => asked.push(new URL(request.url()).pathname));
  await page.goto('/');
  await stage.settled(page);
  assert.deepEqual(asked.filter((path) => own.includes(path)), []);
});
