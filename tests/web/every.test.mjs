// What every page owes: nothing that axe finds serious in any theme and language, also where something is open, empty or failed;
// no word of the other language; to each role what it may do and nothing else; the same from a terminal; numbers that lead to
// what they count; and where there is nothing or something went wrong, what to do.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, test } from 'node:test';

import { binary, until } from '../scenario/lib/tidemark.mjs';
import { SIZES } from './lib/page.mjs';
import { assertComplete, startWorld } from './lib/world.mjs';
import { untranslated } from './lib/words.mjs';

let world, stage;
before(async () => { world = await startWorld(); stage = world.stage; });
after(async () => { await world?.stop(); });

const at = (page, path) => stage.go(page, path);

// Words are what languages change, colours what themes change: each page is judged whole in both languages, and its colours in
// both themes of each, at both sizes.
const LOOKS = { en: [['wide', 'light'], ['narrow', 'dark']], 'pt-BR': [['narrow', 'dark'], ['wide', 'light']] };
async function lookedAt(language, [[size, theme], [other, otherTheme]], english) {
  const page = await stage.open('/', { language });
  for (const path of [...world.pages, ...world.empty, ...world.missing]) {
    await page.setViewportSize(SIZES[size]);
    await stage.themed(page, theme);
    await at(page, path);
    await stage.judge(page, `${path} ${language} ${size} ${theme}`);
    if (language !== 'en') english.push(...await untranslated(page, path));
    await page.setViewportSize(SIZES[other]);
    await stage.themed(page, otherTheme);
    await stage.judge(page, `${path} ${language} ${other} ${otherTheme}`, ['color-contrast']);
  }
  await page.context().close();
}

test('axe finds nothing serious on any page, in both languages, light and dark, wide and narrow; every word is in its language', async () => {
  assertComplete(world.pages);
  const english = [];
  await Promise.all(Object.entries(LOOKS).map(([language, looks]) => lookedAt(language, looks, english)));
  assert.deepEqual(english, []);
  stage.noFaults();
});

async function opened(page, [path, opener, item]) {
  await page.goto(path);
  await stage.settled(page);
  await page.getByRole('button', { name: opener, exact: true }).click();
  if (item) await page.getByRole('menuitem', { name: item, exact: true }).click();
  await page.getByRole('dialog').waitFor();
}

test('axe finds nothing serious in what opens in front, empty lists and errors, in the dark and on a narrow screen', async () => {
  const page = await stage.open('/', { theme: 'dark' });
  for (const [i, dialog] of world.dialogs.entries()) {
    await page.setViewportSize(i % 2 ? SIZES.narrow : SIZES.wide);
    await opened(page, dialog);
    await stage.judge(page, dialog.join(', '));
  }
  await page.setViewportSize(SIZES.wide);
  stage.noFaults();
});

// The part of a page that says that there is nothing, or what went wrong: it also says what to do.
const advice = (page) => page.evaluate(() => [...document.querySelectorAll('.empty, .trouble')].filter((e) => e.checkVisibility())
  .map((e) => ({ words: e.innerText.replace(/\s+/g, ' '), helps: e.querySelector('a, button') !== null || e.innerText.split('\n').filter((line) => line.trim()).length > 1 })));

test('an empty list, a place where nothing is and every kind of failure say what to do', async () => {
  const page = await stage.open('/');
  for (const path of [...world.empty, ...world.missing]) {
    await at(page, path);
    const said = await advice(page);
    assert.ok(said.length > 0 && said.every((x) => x.helps), `${path}: ${JSON.stringify(said)}`);
  }
  const failures = [[403, 'FORBIDDEN'], [429, 'RATE_LIMITED'], [500, 'INTERNAL'], [503, 'UNAVAILABLE']];
  for (const path of ['/', '/connections', '/runs', '/records', '/conflicts', '/jobs', '/webhooks', '/templates', '/users', '/keys', '/audit']) {
    const [status, code] = failures[path.length % failures.length];
    const routes = /\/(api\/v1|sync|api\/integration-templates)(?!\/(session|tenants|events))/;
    await page.route(routes, (route) => (route.request().resourceType() === 'document' || route.request().url().includes('/assets/') ? route.continue()
      : route.fulfill({ status, contentType: 'application/json', headers: { 'Retry-After': '7', 'X-Request-Id': 'r1' }, body: JSON.stringify({ success: false, error: 'It did not work', code }) })));
    await page.goto(path);
    await page.locator('.trouble').first().waitFor();
    const said = await advice(page);
    assert.ok(said.every((x) => x.helps && /again|administrator|Wait|log/.test(x.words)), `${path} ${status}: ${JSON.stringify(said)}`);
    await stage.judge(page, `${path} ${status}`);
    await page.unroute(routes);
  }
  await page.goto('/runs');
  await stage.settled(page);
  await page.context().setOffline(true);
  await page.getByRole('navigation', { name: 'Main menu' }).getByRole('link', { name: 'Jobs' }).click();
  await page.locator('.trouble, .empty').first().waitFor();
  assert.ok((await advice(page)).every((x) => x.helps));
  await page.context().close();
  stage.faults.length = 0;   // what the browser says of failures that were wanted
});

// Who may do what a button or link says. A button that is new on a page must be put here: so somebody thinks of who may use it.
const READ = 'read', CHANGE = 'change', DELETE = 'delete', ADMIN = 'admin';
const OFFERED = [
  [/^(Headers of request \d+|Look|Open|Copy|Copied|API and command line|Load more|Try again|Load again|Export|As it came|Hide|Clear|Close|Show all|Show records|Download|Another record|Documentation|All events|More options|Open menu)$/, READ],
  [/^(Add a connection|Test the connection|Test|Sync now|Sync again|Save and test|Save|Save the secret|Set up webhooks|Replay|Add a field|Remove (?!finished).*|Switch off|Switch on|Settings|Repair)$/, CHANGE],
  [/^(Decide|Edit ?e?|Keep ours ?1?|Take theirs ?2?|New job|Actions for .*|Try all again|Retry these|Connect|Show the password)$/, CHANGE],
  [/^(Delete|Delete the connection|Read everything again|Remove finished|Confirm deletes)$/, DELETE],
  [/^(Add a template|Open a file|Add a user|New key|Revoke .*|Verify|Rotate)$/, ADMIN],
];
const NEEDED = new Map([['/connections/new', CHANGE], ['/templates/add', ADMIN], ['/users', ADMIN], ['/keys', ADMIN], ['/audit', ADMIN], ['/settings', ADMIN]]);
const placeNeeds = (path) => [...NEEDED].find(([start]) => path.startsWith(start))?.[1];
const needs = (name, path) => {
  const place = placeNeeds(path);
  if (place) return place;
  if (path.startsWith('/templates/') && /^Switch/.test(name)) return ADMIN;
  const found = OFFERED.find(([pattern]) => pattern.test(name));
  assert.ok(found, `"${name}" on ${path}: say in this table who may do it`);
  return found[1];
};
const buttons = (page) => page.evaluate(() => [...document.querySelectorAll('#main button:not(.sorter):not(.chip), #main a[role=button], #main a.mantine-Button-root, #main a.m_77c9d27d')]
  .filter((e) => e.checkVisibility() && !e.closest('.page-head .crumb')).map((e) => (e.getAttribute('aria-label') ?? e.innerText).replace(/\s+/g, ' ').trim()));

test('each role is offered what it may do and nothing else', async () => {
  const made = async (permissions) => (await world.api('POST', '/api/v1/keys', { name: permissions.join(), role: 'user', permissions: permissions.map((name) => `content:${name}`) })).data.key;
  const roles = { reader: [stage.keys.reader, [READ]], changer: [await made(['read', 'update']), [READ, CHANGE]], remover: [await made(['read', 'update', 'delete']), [READ, CHANGE, DELETE]],
    admin: [stage.keys.admin, [READ, CHANGE, DELETE, ADMIN]] };
  const all = new Map();
  const walk = async (role) => {
    // What a person who may delete is offered more stands on these.
    const pages = role === 'remover' ? world.pages.filter((path) => /settings|^.records.[^k]|jobs|^.$/.test(path)) : world.pages;
    const [key, may] = roles[role];
    const page = await stage.open('/', { key });
    for (const path of pages) {
      await at(page, path);
      const offered = [...new Set(await buttons(page))];
      if (role === 'admin') { all.set(path, offered); continue; }
      const allowed = all.get(path).filter((name) => may.includes(needs(name, path)));
      // By the table, not by what an admin saw: what is loaded late may have come late there.
      assert.deepEqual(offered.filter((name) => !may.includes(needs(name, path)) && name !== 'Look'), [], `${role} is offered too much on ${path}`);
      if (placeNeeds(path)) continue;
      let missed = allowed;
      await until(`what ${role} misses on ${path}: ${allowed}`, async () => { const now = await buttons(page); missed = missed.filter((name) => !now.includes(name)); return missed.length === 0; });
    }
    for (const entry of ['Users', 'Keys', 'Audit', 'Settings', 'Templates'])
      assert.equal(await page.getByRole('navigation', { name: 'Main menu' }).getByRole('link', { name: entry, exact: true }).count(), role === 'admin' ? 1 : 0, `${role}: ${entry}`);
    await page.context().close();
  };
  await walk('admin');
  await Promise.all(['remover', 'changer', 'reader'].map(walk));
  stage.faults.length = 0;
});

// A number that counts something leads to it. Those that stand alone and lead nowhere are here, with why.
const NO_COUNT = [
  ['kbd', 'a key'], ['.json, .mono, .map-value, .facts dd, code, pre', 'what a platform or a field says'],
  ['[role=table][aria-label="Requests to the platform"]', 'bytes, milliseconds and statuses of one request, which opens by its number'],
  ['[role=table][aria-label="Audit"]', 'the status and address of one request'],
  ['[role=table][aria-label="Jobs"]', 'a percentage'], ['.steps', 'which step this is'],
  ['.facts .number, .panel > .panel-body > p.number', 'what a platform allows, what waits to be sent: there is no list of it'],
];
const loose = (exceptions) => {
  const found = [];
  const walker = document.createTreeWalker(document.querySelector('#main'), NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const text = node.textContent.trim(), element = node.parentElement;
    if (/^\d[\d.,]*( ?[kKM])?$/.test(text) && text !== '0' && element.checkVisibility() && !element.closest('a[href]') && !exceptions.some((selector) => element.closest(selector)))
      found.push(`${text} in ${element.closest('[role=table]')?.getAttribute('aria-label') ?? element.closest('.panel, .tiles')?.innerText.slice(0, 40)}`);
  }
  return found;
};

// Where the numbers of these stand, each link says how many rows its list has.
const COUNTED = [
  ['/', '[role=table][aria-label="Freshness"] a.number'], ['one', '#main a.number'], ['/runs', '[role=table] a.number'],
  ['run', '.tiles a'], ['run', '[role=table][aria-label="Streams"] a.number'],
];

test('every number leads to what it counts, and that many are there', async () => {
  const page = await stage.open('/');
  const astray = [];
  for (const path of world.pages) {
    await at(page, path);
    astray.push(...(await page.evaluate(loose, NO_COUNT.map(([selector]) => selector))).map((words) => `${path}: ${words}`));
  }
  assert.deepEqual(astray, []);
  const links = new Map();
  for (const [path, selector] of COUNTED) {
    await at(page, { one: `/connections/${world.connection}`, run: `/runs/${world.run}` }[path] ?? path);
    await page.locator(selector).first().waitFor();
    const shown = await page.locator(selector).evaluateAll((all) => all.map((e) => [e.getAttribute('href'), Number((e.querySelector('.tile-number') ?? e).textContent.replace(/\D/g, ''))]));
    for (const [href, n] of shown) {
      assert.ok(!links.has(href) || links.get(href) === n, `${href}: ${n} and ${links.get(href)}`);
      links.set(href, n);
    }
  }
  await at(page, '/');
  for (const [href, label] of await page.locator('.hours a').evaluateAll((all) => all.map((e) => [e.getAttribute('href'), e.getAttribute('aria-label')])))
    links.set(href, Number(/: ([\d.,]+) record/.exec(label)[1].replace(/\D/g, '')));
  assert.ok([...links.keys()].some((href) => href.startsWith('/runs/read')) && [...links].some(([href, n]) => href.includes('show=deleted') && n > 0));
  await at(page, '/connections');
  const [all, streams] = await page.locator('[role=table] a.number').first().evaluate((e) => [Number(e.textContent), e.getAttribute('href')]);
  await at(page, streams);
  const each = await page.locator('#streams a.number[href*="/records?stream="]').evaluateAll((found) => found.map((e) => Number(e.textContent)));
  assert.equal(each.reduce((sum, n) => sum + n, 0), all, 'a connection\'s number is that of its streams');
  assert.ok(links.size > 15, `${links.size} numbers`);
  for (const [href, n] of links) {
    await at(page, href);
    // The list before stays until this one is there.
    if (n === 0) await page.locator('#main .empty').waitFor();
    else await page.waitForFunction((rows) => Number(document.querySelector('#main [role=table]')?.getAttribute('aria-rowcount')) - 1 === rows, n)
      .catch(async () => assert.fail(`${href} says ${n}, its list has ${await page.locator('#main [role=table]').first().getAttribute('aria-rowcount')} rows with its head`));
  }
  await page.context().close();
  stage.noFaults();
});

// Runs what a page says can be typed, as it stands there; each line once, some at a time.
const HARMFUL = /-X (DELETE)|sync --all|setup-webhook/;
const AT_ONCE = 3;
const run = (file, args, env) => new Promise((done) => execFile(file, args, { env, encoding: 'utf8' }, (error, stdout, stderr) => done({ code: error ? error.code ?? 1 : 0, stdout, stderr })));
async function typed(line, where, env) {
  if (line.startsWith('curl')) {
    const done = await run('bash', ['-c', `${line} -sS -o /dev/null -w '%{http_code}'`], env);
    assert.match(done.stdout, /^2/, `${where}: ${line}: ${done.stdout} ${done.stderr}`);
    return;
  }
  const words = line.replace(/ > .*/, '').replace(' --follow', '').match(/'[^']*'|\S+/g).slice(1).map((word) => word.replace(/^'|'$/g, ''));
  const done = await run(binary, [...words, '--data', stage.server.data], process.env);
  assert.ok(done.code === 0 || (words[0] === 'status' && done.code === 4), `${where}: ${line}: ${done.code} ${done.stderr}`);   // 4: something needs a person
}

test('every page shows the same from a terminal, and it works there', async () => {
  const page = await stage.open('/');
  const lines = new Map();
  for (const path of world.pages) {
    await at(page, path);
    await page.getByRole('button', { name: 'API and command line' }).click();
    const shown = page.getByRole('dialog').locator('.command code');
    await shown.first().waitFor();
    const found = await shown.allInnerTexts();
    assert.match(found[0], /^curl /, path);
    assert.ok(found.length > 1, `${path}: the command line is missing`);
    for (const line of found) if (!HARMFUL.test(line) && !/\.\.\.|FILE|NAME|…/.test(line)) lines.set(line, path);
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'hidden' });
  }
  const waiting = [...lines], env = { ...process.env, KEY: stage.keys.admin };
  assert.ok(waiting.length > 40, `${waiting.length} lines`);
  await Promise.all(Array.from({ length: AT_ONCE }, async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) await typed(...next, env);
  }));
});
