// A browser in front of the real server with its sandbox: Debian's chromium, driven by playwright-core. Pictures of each page
// in both themes and two sizes go to build/screenshots; axe-core judges each.
//
//   const stage = await startStage();                       // server, browser, signed in
//   const page = await stage.open('/connections');
//   await stage.picture(page, 'connections');               // four pictures, and axe finds nothing serious
//   await stage.stop();
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { load, modules } from './modules.mjs';
import { finishedRun, patient, removeFolder, startTidemark, tempFolder, withSandbox } from '../../scenario/lib/tidemark.mjs';

export const pictures = process.env.TIDEMARK_SCREENSHOTS ?? 'build/screenshots';
const CHROMIUM = [process.env.TIDEMARK_CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) => path && existsSync(path));
export const SIZES = { wide: { width: 1280, height: 800 }, narrow: { width: 390, height: 844 } };
const WAIT_MS = patient(180_000);
const WATCHED = new Set(['chatwoot', 'hubspot', 'zendesk']);
// For connections of tests: no run begins by itself while a test counts, neither after a quarter of an hour nor at night.
export const BY_HAND = { every: '366d', fullEvery: '8000h' };

// In each page, before its own code: what is asked for and was not answered yet, and what was said for some seconds only.
function keepTrack() {
  const asked = new Set(), answered = new Set(), told = [];
  globalThis.track = { asked, answered, told };
  const ask = globalThis.fetch.bind(globalThis);
  globalThis.fetch = async (...what) => {
    const { method = 'GET', url = String(what[0]) } = what[0], key = `${method} ${new URL(url, location.href)}`, isNew = !answered.has(key), mark = {};
    if (isNew) asked.add(mark);
    const done = () => { answered.add(key); asked.delete(mark); };
    try {
      const reply = await ask(...what);
      // A stream does not end, and what is asked for over and over is known already.
      if (isNew && !/event-stream|ndjson/.test(reply.headers.get('content-type') ?? '')) reply.clone().arrayBuffer().then(done, done);
      else done();
      return reply;
    } catch (error) {
      done();
      throw error;
    }
  };
  new MutationObserver((changes) => {
    for (const { addedNodes } of changes)
      for (const node of addedNodes) if (node instanceof Element) for (const toast of node.matches('.toast') ? [node] : node.querySelectorAll('.toast')) told.push(toast.textContent);
  }).observe(document, { childList: true, subtree: true });
}

// `seed(data)`: fills the store while no server stands on it, after `begin(server)`. `synced: 'all'`: no first run is under way.
export async function startStage({ args = withSandbox(), env = {}, synced = true, byHand = true, begin, seed } = {}) {
  const { chromium } = await load('playwright-core');
  assert.ok(CHROMIUM, 'no chromium: script/bootstrap --tests installs it');
  const axe = readFileSync(join(modules, 'axe-core', 'axe.min.js'), 'utf8');
  const data = tempFolder('web');
  if (seed) {
    const first = await startTidemark({ data, args, env });
    await begin(first);
    await first.stop();
    seed(data);
  }
  const server = await startTidemark({ data, args, env });
  const browser = await chromium.launch({ executablePath: CHROMIUM, timeout: WAIT_MS, args: ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu', '--force-prefers-reduced-motion'] });
  const made = async (body) => (await server.api('POST', '/api/v1/keys', body)).body.data.key;
  const keys = { admin: await made({ name: 'Page', role: 'admin' }), user: await made({ name: 'Operator', role: 'user' }),
    reader: await made({ name: 'Reader', role: 'user', permissions: ['content:read'] }) };
  const contexts = [], faults = [];
  mkdirSync(pictures, { recursive: true });

  const connections = (await server.api('GET', '/api/v1/sync/connections?limit=100')).body.data;
  if (byHand)
    for (const { id } of connections) assert.equal((await server.api('PATCH', `/api/v1/sync/connections/${id}?test=false`, { schedule: BY_HAND })).status, 200);
  // The first runs of those that tests look at; others may be waiting for their simulated platform for a minute.
  if (synced) {
    const watched = new Set(connections.filter((c) => synced === 'all' || WATCHED.has(c.platform)).map((c) => c.id));
    const { body } = await server.api('GET', '/api/v1/sync/runs?limit=100');
    for (const run of body.data.filter((r) => watched.has(r.connectionId))) await finishedRun(server, run.id);
  }

  // What the browser complains about fails the test that asks: a broken rule of the page's policy, an error in its code.
  function watch(page) {
    page.on('pageerror', (error) => faults.push(`error: ${error.message}`));
    page.on('console', (message) => { if (message.type() === 'error' && !/status of (4\d\d|502)/.test(message.text())) faults.push(message.text()); });
  }

  async function context({ size = 'wide', theme = 'light', language = 'en', key = keys.admin } = {}) {
    const made = await browser.newContext({ viewport: SIZES[size], colorScheme: theme, locale: language, baseURL: server.url, reducedMotion: 'reduce',
      permissions: ['clipboard-read', 'clipboard-write'], timezoneId: 'UTC' });
    made.setDefaultTimeout(WAIT_MS);
    await made.addInitScript(keepTrack);
    if (key) {
      const reply = await made.request.post(`${server.url}/api/v1/session`, { data: { token: key }, headers: { Origin: server.url } });
      assert.equal(reply.status(), 200, await reply.text());
    }
    contexts.push(made);
    return made;
  }

  async function open(path, options = {}) {
    const page = await (options.context ?? await context(options)).newPage();
    watch(page);
    await page.goto(path);
    await settled(page);
    return page;
  }

  // Nothing is being asked for any more but what was answered before, and what came is drawn: it stays so for some turns, in which
  // whoever got an answer is drawn again and asks for more.
  const TURNS = 4;
  async function settled(page) {
    await page.locator('#root h1').first().waitFor();
    await page.evaluate(async ({ turns, ms }) => {
      await document.fonts.ready;
      const end = Date.now() + ms, isBusy = () => globalThis.track.asked.size > 0 || document.querySelector('[aria-busy="true"]') !== null;
      for (let still = 0; still < turns; still = isBusy() ? 0 : still + 1) {
        if (Date.now() > end) throw new Error(`waited ${ms} ms in vain for the page to settle`);
        await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
      }
    }, { turns: TURNS, ms: WAIT_MS });
  }

  // Short words at the edge of the page, which are gone after some seconds.
  const told = (page, words) => page.waitForFunction((wanted) => globalThis.track.told.some((said) => said.includes(wanted)), words);

  // Within the page, as its links do: a fifth of what loading it anew costs.
  async function go(page, path) {
    await page.evaluate(async (to) => {
      globalThis.track.answered.clear();
      history.pushState(null, '', to);
      await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    }, path);
    await settled(page);
  }

  async function themed(page, theme) {
    await page.emulateMedia({ colorScheme: theme });
    await page.waitForFunction((wanted) => document.documentElement.dataset.mantineColorScheme === wanted, theme);
  }

  // `rules`: only these.
  async function judge(page, name, rules) {
    if (!await page.evaluate(() => !!globalThis.axe)) await page.evaluate(axe);
    const { violations } = await page.evaluate((only) => globalThis.axe.run(document, { resultTypes: ['violations'], ...(only ? { runOnly: { type: 'rule', values: only } } : {}) }), rules);
    const serious = violations.filter((v) => ['serious', 'critical'].includes(v.impact))
      .map((v) => `${v.id}: ${v.help}\n    ${v.nodes.slice(0, 4).map((n) => `${n.target.join(' ')} ${n.failureSummary?.split('\n').slice(1, 3).join(' ')}`).join('\n    ')}`);
    assert.deepEqual(serious, [], `axe on ${name}`);
  }

  // Both themes, both sizes, of the page as it stands.
  async function picture(page, name, { whole = false, judged = true } = {}) {
    for (const size of Object.keys(SIZES))
      for (const theme of ['light', 'dark']) {
        await page.setViewportSize(SIZES[size]);
        await page.emulateMedia({ colorScheme: theme });
        await page.waitForFunction((wanted) => document.documentElement.dataset.mantineColorScheme === wanted, theme);
        // Colours differ by theme, and little else by size.
        if (judged && (size === 'wide') === (theme === 'light')) await judge(page, `${name} ${size} ${theme}`);
        await page.screenshot({ path: join(pictures, `${name}-${size}-${theme}.png`), fullPage: whole, animations: 'disabled' });
        const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
        assert.ok(overflow <= 0, `${name} ${size}: ${overflow} pixels stand out at the side`);
      }
    await page.setViewportSize(SIZES.wide);
    await page.emulateMedia({ colorScheme: 'light' });
  }

  return {
    server, keys, browser, context, open, settled, told, go, themed, judge, picture, faults,
    noFaults() { assert.deepEqual(faults.splice(0), [], 'the browser complained'); },
    async stop() {
      await Promise.all(contexts.map((made) => made.close().catch(() => {})));
      await browser.close();
      await server.stop();
      removeFolder(data);
    },
  };
}
