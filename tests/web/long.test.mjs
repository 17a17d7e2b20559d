// 100,000 records and 10,000 runs stay smooth: the first list takes no longer than a short one, and scrolling shows rows at
// every step, with as many elements as before and the next page there before it is seen. Times are told, not judged, except
// against a short list's on the same machine at the same moment.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { finishedRun, startSandbox, until } from '../scenario/lib/tidemark.mjs';
import { multiply } from './lib/many.mjs';
import { BY_HAND, startStage } from './lib/page.mjs';

const RECORDS = 100_000, RUNS = 10_000, SHORT = 100;
const ROWS_MAX = 90;            // rows in the document at once: those in sight, and some above and below
const STEP_PX = 700, STEPS = 40, ROUNDS = 3;
const ROUNDS_MAX = 30;         // a neighbour on the machine makes a round slow, not all of them
const FOOT_PX = 80;            // below the list: how much of it is loaded
const AT_ONCE_MS = 4_000;      // less than the time after which a list is asked for again
let stage, vendor, page;
const asked = [];

async function begin(server) {
  const made = await server.api('POST', '/api/v1/sync/connections', { name: 'Support inbox', platform: 'chatwoot',
    credentials: { accountId: '1', accessToken: 'test', baseUrl: `${vendor.url}/chatwoot` }, streams: ['contacts'], schedule: BY_HAND });
  assert.equal(made.status, 201, JSON.stringify(made.body));
  const { body } = await server.api('POST', '/api/v1/sync/run', { connectionId: made.body.data.id });
  await finishedRun(server, body.data.runId);
  for (let i = 0; i < SHORT; i++) assert.equal((await server.api('POST', '/api/v1/companies', { name: `Company ${i}` })).status, 201);
}

before(async () => {
  vendor = await startSandbox({ sizes: { contacts: 20, conversations: 1 } });
  stage = await startStage({ args: [], env: { TIDEMARK_NETWORK_ALLOW: '127.0.0.0/8', TIDEMARK_NETWORK_ALLOW_HTTP: 'true' }, synced: false, begin,
    seed: (data) => multiply(data, { contacts: RECORDS, runs: RUNS }) });
  page = await stage.open('/records/kind/companies');
  page.on('request', (request) => { if (request.url().includes('/api/')) asked.push(new URL(request.url())); });
});
after(async () => { await stage?.stop(); await vendor?.stop(); });

const median = (numbers) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];
const listed = (table) => page.getByRole('table', { name: table }).getByRole('row').nth(20).waitFor();

// Loads the page at an address and says when its list was drawn, by the page's own marks: since the address was asked for, and
// since its code began on the list.
async function listTimes(path, table) {
  asked.length = 0;
  await page.goto(path);
  await listed(table);
  const lists = await page.evaluate(() => performance.getEntriesByType('resource').filter(({ name }) => name.includes('limit=100') && !name.includes('cursor=')).map((one) => one.startTime));
  assert.equal(lists.filter((at) => at < lists[0] + AT_ONCE_MS).length, 1, `${path} asks for its list once: ${lists}`);
  return { whole: await marked('end'), list: await marked('duration') };
}
// The mark is made a moment after the list was drawn.
const marked = async (what) => (await page.waitForFunction((name) => {
  const [m] = performance.getEntriesByName('tidemark:list');
  return m && { end: m.startTime + m.duration, duration: m.duration }[name];
}, what)).jsonValue();
// The same by a click, from another page of an open window.
async function goneTo(name, table) {
  await page.goto('/settings');
  await page.getByRole('navigation').getByRole('link', { name: 'Settings' }).waitFor();
  await page.evaluate(() => performance.clearMeasures('tidemark:list'));
  await page.getByRole('navigation').getByRole('link', { name, exact: true }).click();
  await listed(table);
  return marked('duration');
}
const ahead = () => asked.filter((url) => url.searchParams.has('cursor')).length;
const drawn = () => page.locator('.tbody [role=row]').count();
// Where the list is scrolled to, rows stand from the top of the window to its end.
const sight = () => page.evaluate(() => {
  const boxes = [...document.querySelectorAll('.tbody [role=row]')].map((row) => row.getBoundingClientRect()).sort((a, b) => a.top - b.top);
  const seen = boxes.filter((box) => box.bottom > 0 && box.top < innerHeight);
  const gaps = seen.slice(1).filter((box, i) => Math.abs(box.top - seen[i].bottom) > 1.5).length;
  return { gaps, seen: seen.length, top: seen[0]?.top ?? Infinity, bottom: seen.at(-1)?.bottom ?? 0, height: innerHeight, left: document.documentElement.scrollHeight - scrollY - innerHeight };
});

test('the first list of 100,000 records and of 10,000 runs takes no longer than one of 100, and asks once', async (t) => {
  const places = [['/records/kind/companies', 'Companies'], ['/records/kind/contacts', 'Contacts'], ['/runs', 'Runs']];
  const times = places.map(() => []);
  const best = (all) => Math.min(...all.map((x) => x.list));
  const isSmooth = () => times.slice(1).every((all) => best(all) < 3 * best(times[0]) + 150);
  for (let round = 0; round < ROUNDS_MAX && (round < ROUNDS || !isSmooth()); round++)
    for (const [i, place] of places.entries()) times[i].push(await listTimes(...place));
  const [short, records, runs] = times.map((all) => ({ whole: median(all.map((x) => x.whole)), list: median(all.map((x) => x.list)) }));
  const words = ({ list, whole }) => `${Math.round(list)} ms, ${Math.round(whole)} ms with the page itself`;
  t.diagnostic(`first list of ${RECORDS} records: ${words(records)}; of ${RUNS} runs: ${words(runs)}; of ${SHORT} records: ${words(short)}`);
  const clicked = [];
  for (let round = 0; round < ROUNDS; round++) clicked.push([await goneTo('Records', 'Contacts'), await goneTo('Runs', 'Runs')]);
  t.diagnostic(`by a click in an open window: records ${Math.round(median(clicked.map(([ms]) => ms)))} ms, runs ${Math.round(median(clicked.map(([, ms]) => ms)))} ms`);
  assert.ok(isSmooth(), `${words(records)}, ${words(runs)} against ${words(short)}`);
});

async function scrollThrough(t, what) {
  asked.length = 0;
  let most = 0;
  await page.mouse.move(700, 500);
  for (let step = 0; step < STEPS; step++) {
    // Where the end of what is here is near, more comes; a wheel is turned before the page moves.
    const to = await (await page.waitForFunction((px) => document.documentElement.scrollHeight - scrollY - innerHeight >= px && scrollY + px, STEP_PX)).jsonValue();
    await page.mouse.wheel(0, STEP_PX);
    await page.waitForFunction((wanted) => Math.abs(scrollY - wanted) < 1, to);
    await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
    const at = await sight();
    const words = `${what}, step ${step}: ${JSON.stringify(at)}`;
    assert.equal(at.gaps, 0, words);
    assert.ok(at.top < at.height / 2 && (at.bottom >= at.height - 1 || at.left < FOOT_PX), words);
    most = Math.max(most, await drawn());
  }
  assert.ok(most <= ROWS_MAX, `${what}: ${most} rows in the document`);
  t.diagnostic(`${what}: ${STEPS} steps of ${STEP_PX} pixels, ${most} rows in the document at most, ${ahead()} pages asked for on the way`);
}

test('scrolling through records shows rows at every step', async (t) => {
  await listTimes('/records/kind/contacts', 'Contacts');
  await scrollThrough(t, 'records');
});

test('scrolling through 10,000 runs too; asking anew asks for what is in sight only', async (t) => {
  await listTimes('/runs', 'Runs');
  await scrollThrough(t, 'runs');
  const loaded = ahead();
  assert.ok(loaded > 5);
  await stage.settled(page);
  asked.length = 0;
  const pages = () => asked.filter((url) => url.pathname.endsWith('/runs')).map((url) => url.href);
  // Each time it is asked anew, it is asked for one page after another: where one comes again, all of a time were there.
  await until('it was asked anew, and once more', () => new Set(pages()).size < pages().length);
  assert.ok(new Set(pages()).size <= 3, `${new Set(pages()).size} requests for ${loaded} pages`);
  stage.noFaults();
});

// Each time the end of what is here is gone to until all is here: the last pages must come as the first did.
async function goToTheEnd() {
  await listTimes('/runs', 'Runs');
  const took = await page.evaluate(async (wanted) => {
    const times = [], shown = () => Number(document.querySelector('[role=table]').dataset.rows);
    for (let before = performance.now(), pages = shown(); shown() < wanted && times.length < 200;) {
      window.scrollTo(0, document.documentElement.scrollHeight);
      await new Promise((done) => setTimeout(done, 4));
      if (shown() === pages) continue;
      pages = shown();
      times.push(performance.now() - before);
      before = performance.now();
    }
    return times;
  }, RUNS + 1);
  await page.getByText('10,001 of 10,001').waitFor();
  return [median(took.slice(0, 20)), median(took.slice(-20))];
}

test('all 10,000 runs are reached, the last as smoothly as the first', async (t) => {
  let first = 0, last = Infinity;
  for (let round = 0; round < ROUNDS_MAX && last >= 3 * first + 50; round++) [first, last] = await goToTheEnd();
  t.diagnostic(`a page more: ${Math.round(first)} ms at the beginning, ${Math.round(last)} ms at the end of ${RUNS} runs`);
  assert.ok(last < 3 * first + 50, `${last} ms against ${first} ms`);
  assert.ok(await drawn() <= ROWS_MAX);
  stage.noFaults();
});
