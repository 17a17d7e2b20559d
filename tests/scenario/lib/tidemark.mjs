// Starts the program under test and talks to it, for whole-server tests. Node's built-ins only.
//
//   const vendor = await startSandbox({ sizes: { contacts: 1000 }, faults: ['429:after=3:count=2'] });
//   const server = await startTidemark({ data, env: { TIDEMARK_LEASE_MS: '1000' } });
//   const { status, body } = await server.api('POST', '/api/v1/sync/connections', {...});
//   await server.stop();  await vendor.stop();
//
// Everything listens on loopback with a free port. A test ends what it started: stop(), kill().
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { rememberProgram } from './failures.mjs';

export const binary = process.env.TIDEMARK_BIN ?? 'build/test/src/cli/tidemark';

// Bounds make a hang a failure with a name; they are no measure of speed, and cost nothing while all goes well. On a machine that
// is slower still TIDEMARK_TEST_PATIENCE multiplies them.
const PATIENCE = Number(process.env.TIDEMARK_TEST_PATIENCE ?? 1);
export const patient = (ms) => ms * PATIENCE;
const WAIT_MS = 120_000, RUN_MS = 300_000;

export const tempFolder = (name = 'test') => mkdtempSync(join(tmpdir(), `tidemark-${name}-`));
export const removeFolder = (folder) => rmSync(folder, { recursive: true, force: true });
export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// A port for a server that is started again on it: below those that the system gives to whoever asks for any, so that nobody has it
// meanwhile. Each process looks in a place of its own.
export async function lastingPort() {
  for (let port = 10_000 + (process.pid * 7) % 20_000; ; port++) {
    const server = createServer();
    const free = await new Promise((resolve) => server.once('error', () => resolve(false)).listen(port, '127.0.0.1', () => resolve(true)));
    if (free) await new Promise((resolve) => server.close(resolve));
    if (free) return port;
  }
}

// Asks until the answer is there.
export async function until(what, ask, timeoutMs = WAIT_MS, everyMs = 25) {
  const end = Date.now() + patient(timeoutMs);
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    if (Date.now() > end) throw new Error(`waited ${patient(timeoutMs)} ms in vain: ${what}`);
    await pause(everyMs);
  }
}

// For what must not see two days (of UTC): waits for the next one where this one is about to end.
export async function sameDay(minutes = 2) {
  const left = 86_400_000 - Date.now() % 86_400_000;
  if (left < minutes * 60_000) await pause(left + 100);
}

function launch(args, { env = {}, cwd } = {}) {
  const child = spawn(binary, args, { cwd, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  const output = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text) => { output.stdout += text; });
  child.stderr.setEncoding('utf8').on('data', (text) => { output.stderr += text; });
  rememberProgram(args[0], child, output);
  // Not 'exit': what it wrote last may be read after that.
  const exited = once(child, 'close').then(([code, signal]) => ({ code, signal }));
  return { child, output, exited };
}

async function ready(process_, what, ask) {
  return until(what, async () => {
    if (process_.child.exitCode !== null || process_.child.signalCode !== null) {
      const { code, signal } = await process_.exited;
      throw new Error(`${what}: it ended (${code ?? signal})\n${process_.output.stdout}\n${process_.output.stderr.slice(-4000)}`);
    }
    return ask();
  });
}

async function call(url, key, method, path, body, headers = {}) {
  const init = { method, headers: { ...(key ? { Authorization: `Bearer ${key}` } : {}), ...headers } };
  if (body !== undefined) {
    init.body = typeof body === 'string' ? body : JSON.stringify(body);
    init.headers['Content-Type'] ??= 'application/json';
  }
  // While a command ran to its end nothing was heard: of a connection that the server closed meanwhile, for being idle, we hear between these.
  for (let i = 0; i < 2; i++) await new Promise((resolve) => setImmediate(resolve));
  const reply = await fetch(url + path, init);
  const text = await reply.text();
  const isJson = (reply.headers.get('content-type') ?? '').includes('json') && !text.includes('}\n{');
  return { status: reply.status, headers: reply.headers, text, body: isJson && text ? JSON.parse(text) : text };
}

// Somebody who stands between a test and its server (tests/outside/prism_own.test.mjs): a module with judge(url), which
// gives {url, headers, look(reply, method, path), stop()}.
const judgeOf = async (url) => process.env.TIDEMARK_TEST_JUDGE ? (await import(process.env.TIDEMARK_TEST_JUDGE)).judge(url) : null;

// With TIDEMARK_TEST_STORE=postgres every data folder has a database of its own, so a whole file runs on PostgreSQL.
const databases_of = new Map();
// The address of that database, for tests that look into it.
export const databaseOf = (data) => databases_of.get(data);
function databaseArgs(data, args) {
  if (process.env.TIDEMARK_TEST_STORE !== 'postgres' || args.includes('--database')) return [];
  if (!databases_of.has(data)) databases_of.set(data, freshDatabase('scenario'));
  return ['--database', databases_of.get(data)];
}

// The server with its data folder. `args` are added to `serve`; settings go as TIDEMARK_* in `env`.
export async function startTidemark({ data = tempFolder(), args = [], env = {}, port = 0 } = {}) {
  const file = join(data, 'server.json');
  rmSync(file, { force: true });
  const process_ = launch(['serve', '--port', String(port), '--data', data, ...databaseArgs(data, args), ...args], { env });
  const server = await ready(process_, 'tidemark serve', async () => {
    if (!existsSync(file)) return null;
    try {
      const { url, address, key } = JSON.parse(readFileSync(file, 'utf8'));
      const base = url ?? address;
      const reply = await fetch(`${base}/readyz`).catch(() => null);
      return reply?.ok ? { url: base, key } : null;
    } catch {
      return null; // half written
    }
  });
  const judge = await judgeOf(server.url);
  const at = judge?.url ?? server.url, judged = judge?.look ?? ((reply) => reply);
  const ask = async (key, method, path, body, headers) =>
    judged(await call(at, key, method, path, body, { ...judge?.headers, ...headers }), method, path);
  process_.exited.then(() => judge?.stop());
  return {
    ...server, data, pid: process_.child.pid, output: process_.output,
    api: (...what) => ask(server.key, ...what),
    anonymous: (...what) => ask(null, ...what),
    async stop(signal = 'SIGTERM') {
      process_.child.kill(signal);
      return process_.exited;
    },
    async kill() {
      process_.child.kill('SIGKILL');
      return process_.exited;
    },
    exited: process_.exited,
  };
}

// Arguments of a server with all the simulated vendors in it. Shopify's quota is widened: with its own, the first sync waits for it.
export const withSandbox = (sizes = {}) =>
  ['--sandbox', ...Object.entries({ 'shopify.quota': 1000, ...sizes }).flatMap(([entity, count]) => ['--size', `${entity}=${count}`])];

// The simulated vendors on their own.
export async function startSandbox({ seed = 7, sizes = {}, faults = [], args = [], port = 0 } = {}) {
  const options = ['sandbox', '--listen', `127.0.0.1:${port}`, '--seed', String(seed), '--json'];
  for (const [entity, count] of Object.entries(sizes)) options.push('--size', `${entity}=${count}`);
  for (const fault of faults) options.push('--fault', fault);
  const process_ = launch([...options, ...args]);
  const url = await ready(process_, 'tidemark sandbox', async () => {
    const line = process_.output.stdout.split('\n').slice(0, -1).find((l) => l.startsWith('{')); // the last may be half there
    return line ? JSON.parse(line).url : null;
  });
  const json = async (method, path, body) => (await call(url, null, method, path, body)).body;
  const lines = async (path) => {
    const { text } = await call(url, null, 'GET', path);
    return text.split('\n').filter(Boolean).map((line) => JSON.parse(line));
  };
  return {
    url, output: process_.output, json,
    raw: (method, path, body, headers) => call(url, null, method, path, body, headers),
    // Every request it took: {seq, vendor, method, target, status, ...}.
    ledger: (since = 0) => lines(`/_sandbox/ledger?since=${since}`),
    // What the vendor holds now, record by record.
    truth: (vendor, entity) => lines(`/_sandbox/truth/${vendor}/${entity}`),
    mutate: (what) => json('POST', '/_sandbox/mutate', what),
    async stop(signal = 'SIGTERM') {
      process_.child.kill(signal);
      return process_.exited;
    },
  };
}

// One command of the command line, to its end.
export function tidemark(args, { env = {}, input, timeout = patient(RUN_MS) } = {}) {
  const done = spawnSync(binary, args, { env: { ...process.env, ...env }, input, encoding: 'utf8', timeout });
  return { code: done.status, stdout: done.stdout, stderr: done.stderr };
}

export const isFinished = (run) => ['success', 'error', 'cancelled'].includes(run.status);

export async function finishedRun(server, runId, timeoutMs = RUN_MS) {
  return until(`run ${runId} finishes`, async () => {
    const { body } = await server.api('GET', `/api/v1/sync/runs/${runId}`);
    return body?.data && isFinished(body.data) ? body.data : null;
  }, timeoutMs, 50);
}

// Every page of a list, by cursor.
export async function listAll(server, path) {
  const rows = [];
  let cursor = '';
  for (let pages = 0; pages < 100_000; pages++) {
    const mark = path.includes('?') ? '&' : '?';
    const { status, body } = await server.api('GET', `${path}${mark}limit=500${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ''}`);
    if (status !== 200) throw new Error(`GET ${path}: ${status} ${JSON.stringify(body)}`);
    rows.push(...body.data);
    cursor = body.meta.nextCursor;
    if (!cursor) return rows;
  }
  throw new Error(`GET ${path}: the cursor never ended`);
}

// SQL of somebody else's, in the server's database: what it printed. It waits for whoever writes.
export function sqlIn(data, text, database = databaseOf(data)) {
  const done = database ? spawnSync('psql', ['-qAt', database, '-c', text], { encoding: 'utf8' })
    : spawnSync('sqlite3', ['-cmd', `.timeout ${patient(WAIT_MS)}`, join(data, 'tidemark.db'), text], { encoding: 'utf8' });
  if (done.status !== 0) throw new Error(`${text}: ${done.stderr}`);
  return done.stdout.trim();
}

// A small seeded generator, so that a failing test can be run again as it was.
export function seeded(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let z = Math.imul(state ^ (state >>> 15), state | 1);
    z ^= z + Math.imul(z ^ (z >>> 7), z | 61);
    return ((z ^ (z >>> 14)) >>> 0) / 4294967296;
  };
}

// A new, empty database on the PostgreSQL server of the tests (TIDEMARK_TEST_PG: "host=... user=... dbname=..."). The number of a
// process comes again within one run of all tests (there may be 32,768, threads included), so the time is in the name too.
let databases = 0;
export function freshDatabase(purpose) {
  const words = Object.fromEntries(process.env.TIDEMARK_TEST_PG.trim().split(/\s+/).map((word) => word.split('=')));
  const name = `tidemark_${purpose}_${Date.now().toString(36)}_${process.pid}_${++databases}`;
  const made = spawnSync('psql', ['-q', process.env.TIDEMARK_TEST_PG, '-c', `CREATE DATABASE ${name}`], { encoding: 'utf8' });
  if (made.status !== 0) throw new Error(`CREATE DATABASE ${name}: ${made.stderr}`);
  const port = words.port ? `&port=${words.port}` : '';
  return `postgres:///${name}?host=${encodeURIComponent(words.host)}&user=${words.user}${port}`;
}
