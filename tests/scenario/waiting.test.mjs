// Requests that wait for their commit (I-20, I-38, F5, F33): they hold no thread, a client may leave meanwhile, a stop answers
// them, and a disk without room is told, with nothing stored. The commit is held up from outside: another program locks.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { loopback } from './lib/chatwoot.mjs';
import { stopAll } from './lib/platform.mjs';
import { databaseOf, pause, startTidemark, tempFolder, until } from './lib/tidemark.mjs';
import { contactEvent, send } from './lib/webhooks.mjs';

const postgres = process.env.TIDEMARK_TEST_STORE === 'postgres';
const SECRET = 'waiting-webhook-secret';
const env = { ...loopback, TIDEMARK_SERVER_HANDLER_THREADS: '2', TIDEMARK_WEBHOOKS_WORKERS: '1' };
const data = tempFolder('waiting');
const startAt = new Date(Date.now() + 86_400_000).toISOString();
let server, connection, sent = 0;

before(async () => {
  server = await startTidemark({ data, env });
  const made = await server.api('POST', '/api/v1/sync/connections?test=false', {
    platform: 'chatwoot', name: 'Waiting', webhookSecret: SECRET,
    credentials: { accountId: '1', accessToken: 'none', baseUrl: 'http://127.0.0.1:9' },
  });
  assert.equal(made.status, 201, made.text);
  connection = made.body.data.id;
});

after(() => stopAll(data, server));

// Nobody can write until the returned function is called; it says whether that was soon enough: who waits for longer than five
// seconds, on PostgreSQL five times as long, is told so (503), and on a machine that stood still meanwhile nothing is shown.
const SOON_MS = 4000, COMMIT_SOON_MS = postgres ? 20_000 : SOON_MS;
async function lock() {
  const [program, args, sql] = postgres
    ? ['psql', ['-qX', '-v', 'ON_ERROR_STOP=1', databaseOf(data)], 'BEGIN; LOCK TABLE inbox_events, jobs, records, idempotency_keys IN EXCLUSIVE MODE;']
    : ['sqlite3', ['-bail', '-cmd', '.timeout 120000', join(data, 'tidemark.db')], 'BEGIN IMMEDIATE;'];
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  child.stdin.on('error', () => {}).write(`${sql}\n${postgres ? "\\echo locked" : ".print locked"}\n`);
  const holds = await Promise.race([once(child.stdout, 'data').then(() => true), exited.then(() => false)]);
  return holds ? { child, exited } : lock(); // two who wait for each other: one of them is refused, and asks again
}
async function locked(soonMs = COMMIT_SOON_MS) {
  const { child, exited } = await lock(), began = performance.now();
  return async () => {
    child.stdin.end('COMMIT;\n');
    await exited;
    return performance.now() - began < soonMs;
  };
}

// Does it again, with other names, until the machine was quick enough to say something.
async function inTime(work) {
  for (let round = 0; round < 60; round++) if (await work(round)) return;
  assert.fail('the machine is too slow: no lock was given back soon');
}

// Until that many requests more have come to their handlers.
async function arrived(count, act) {
  const handled = async () => Number((await server.api('GET', '/metrics')).text.match(/^tidemark_http_requests_total (\d+)$/m)[1]);
  const before = await handled(), answers = act();
  let looks = 0;
  await until(`${count} requests have come`, async () => (await handled()) - before - ++looks >= count);
  return answers;
}

const hook = (headers) => send(server, contactEvent(++sent, `Person ${sent}`), { secret: SECRET, headers });
const job = (name, headers) => server.api('POST', '/sync/queue', {
  name, type: 'full', data: { source: connection }, schedule: { startAt },
}, { orgid: 'default', ...headers });
const contact = (name, headers) => server.api('POST', '/api/v1/contacts', { name }, headers);
const jobs = async () => (await server.api('GET', '/sync/jobs?limit=1', undefined, { orgid: 'default' })).body.meta.total;
const accepted = async () => (await server.api('GET', '/api/v1/webhooks/events?limit=1')).body.meta.total;

test('requests that wait for their commit hold no thread', () => inTime(async (round) => {
  const before = [await accepted(), await jobs()], unlock = await locked();
  const settled = [], answers = await arrived(40, () => Array.from({ length: 10 }, (_, i) => [hook(), job(`waits ${round}.${i}`),
    job(`keyed ${round}.${i}`, { 'Idempotency-Key': `waits-${round}.${i}` }), contact(`Waits ${round}.${i}`)]).flat());
  for (const answer of answers) answer.then((reply) => settled.push(reply.status));
  const reads = await Promise.all(Array.from({ length: 5 }, () => server.api('GET', '/api/v1/contacts'))); // two threads, forty that wait
  const said = [...settled], wasSoon = await unlock(), replies = await Promise.all(answers);
  for (const { status } of reads) assert.equal(status, 200);
  if (!wasSoon) return false;
  assert.deepEqual(said, [], 'nothing is said before the commit (I-20)');
  for (const answer of replies) assert.ok(answer.status === 200 || answer.status === 201, answer.text);
  assert.deepEqual([await accepted(), await jobs()], [before[0] + 10, before[1] + 20]);
  assert.equal((await server.api('GET', '/api/v1/contacts?q=Waits')).status, 200);
  const again = await job(`keyed ${round}.3`, { 'Idempotency-Key': `waits-${round}.3` });
  assert.deepEqual([again.status, again.headers.get('idempotency-replayed')], [201, 'true']);
  return true;
}));

test('F33: what a client sent that left meanwhile is kept all the same', () => inTime(async (round) => {
  const before = await accepted(), unlock = await locked();
  const leave = new AbortController(), name = `Left behind ${round}`;
  const [gone, stays] = await arrived(2, () => [fetch(`${server.url}/api/v1/contacts`, {
    method: 'POST', body: JSON.stringify({ name }), signal: leave.signal, headers: { Authorization: `Bearer ${server.key}`, 'Content-Type': 'application/json' },
  }).then(() => 'answered', () => 'left'), hook()]);
  leave.abort();
  const how = await gone, wasSoon = await unlock(), reply = await stays;
  if (!wasSoon) return false;
  assert.deepEqual([how, reply.status], ['left', 200], reply.text);
  assert.equal(await accepted(), before + 1);
  await until('it is there', async () => (await server.api('GET', '/api/v1/contacts?limit=500')).body.data.some((c) => c.name === name));
  return true;
}));

test('F3: where the disk has no room for it every door says so, and nothing is stored',
  { skip: postgres && 'the disk is another process\'s' }, async () => {
    const limit = (bytes) => assert.equal(spawnSync('prlimit', ['--pid', String(server.pid), `--fsize=${bytes}:`]).status, 0);
    const before = [await accepted(), await jobs()];
    limit(4096);
    const refused = await Promise.all([hook(), job('no room'), contact('No room'), job('no room, keyed', { 'Idempotency-Key': 'no-room' })]);
    limit('unlimited');
    for (const reply of refused) {
      assert.equal(reply.status, 503, reply.text);
      assert.ok(Number(reply.headers.get('retry-after')) >= 1);
    }
    assert.deepEqual([await accepted(), await jobs()], before);
    assert.ok(!(await server.api('GET', '/api/v1/contacts?limit=500')).body.data.some((c) => c.name === 'No room'));
    assert.equal((await job('no room, keyed', { 'Idempotency-Key': 'no-room' })).status, 201, 'the key is free again');
    assert.equal((await hook()).status, 200);
  });

test('I-38: a stop answers all that wait for their commit, and they are there after the start', () => inTime(async () => {
  const before = await accepted(), unlock = await locked(SOON_MS);
  const answers = await arrived(20, () => Array.from({ length: 20 }, () => hook().catch((error) => ({ text: String(error) }))));
  const stopped = server.stop();
  await pause(300);
  const wasSoon = await unlock(), replies = await Promise.all(answers), end = await stopped;
  server = await startTidemark({ data, env });
  if (!wasSoon) return false;
  assert.deepEqual(end, { code: 0, signal: null });
  for (const reply of replies) assert.equal(reply.status, 200, reply.text);
  assert.equal(await accepted(), before + 20);
  return true;
}));
