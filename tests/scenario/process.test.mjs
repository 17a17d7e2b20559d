// The process: first start, restart, orderly stop, and refusals to start (I-1, I-38, F42).
import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';

import { finishedRun, patient, removeFolder, startTidemark as start, tempFolder, tidemark, until, withSandbox } from './lib/tidemark.mjs';

const folders = [], servers = [];
const folder = (name) => folders[folders.push(tempFolder(name)) - 1];
const startTidemark = async (options) => servers[servers.push(await start(options)) - 1];
// A test that failed may have left its server.
after(async () => {
  for (const server of servers) await server.kill();
  folders.forEach(removeFolder);
});

// I-38 says 15 s. A busy machine adds its own; what would hold a stop up lasts for minutes here.
const STOP_MS = patient(60_000);

const mode = (path) => (statSync(path).mode & 0o777).toString(8);
const adminKey = (output) => /Admin key \(shown this once\):\s+(tm_\w+)/.exec(output)?.[1];

test('first start prints an admin key once, what is synced, and what to try next', async () => {
  const data = folder('first');
  chmodSync(data, 0o755); // as who makes the folder beforehand may have it
  const first = await startTidemark({ data, args: withSandbox({ contacts: 20 }) });
  await until('the greeting', () => first.output.stdout.includes('Try next'));
  const key = adminKey(first.output.stdout);
  assert.ok(key, first.output.stdout);
  assert.match(first.output.stdout, /is ready at http:\/\/127\.0\.0\.1:\d+ {3}\(sandbox/);
  assert.match(first.output.stdout, /Syncing now: .*contacts/);
  assert.equal((await first.anonymous('GET', '/api/v1/tenants', undefined, { Authorization: `Bearer ${key}` })).status, 200);
  assert.equal(mode(join(data, 'server.json')), '600');
  assert.equal(mode(join(data, 'secret.key')), '600');
  const files = ['tidemark.db', 'tidemark.db-wal', 'tidemark.db-shm'].filter((file) => existsSync(join(data, file)));
  for (const file of files) assert.equal(mode(join(data, file)), '600', file);
  const { total } = (await first.api('GET', '/api/v1/sync/connections')).body.meta;
  assert.deepEqual(await first.stop(), { code: 0, signal: null });
  assert.ok(!existsSync(join(data, 'server.json')), 'the address goes with the server');

  const second = await startTidemark({ data, args: withSandbox() });
  await until('the greeting', () => second.output.stdout.includes('Try next'));
  assert.equal(adminKey(second.output.stdout), undefined);
  assert.equal((await second.anonymous('GET', '/api/v1/session', undefined, { Authorization: `Bearer ${key}` })).status, 200);
  assert.equal((await second.api('GET', '/api/v1/sync/connections')).body.meta.total, total, 'no second connection of any');
  await second.stop();
});

test('a restart keeps connections, runs, records and secrets', async () => {
  const data = folder('restart');
  const first = await startTidemark({ data, args: withSandbox({ contacts: 20 }) });
  const [{ id }] = (await first.api('GET', '/api/v1/sync/connections')).body.data;
  const started = (await first.api('GET', '/api/v1/sync/runs?limit=100')).body.data, [run] = started;
  for (const { id: each } of started) await finishedRun(first, each); // each of them brings contacts
  const before = await finishedRun(first, run.id);
  const total = (await first.api('GET', '/api/v1/contacts')).body.meta.total;
  await first.stop();
  const second = await startTidemark({ data, args: withSandbox({ contacts: 20 }) });
  assert.deepEqual((await second.api('GET', `/api/v1/sync/runs/${run.id}`)).body.data, before);
  assert.equal((await second.api('GET', '/api/v1/contacts')).body.meta.total, total);
  assert.equal((await second.api('POST', `/api/v1/sync/connections/${id}/test`)).status, 200, 'the credential still opens');
  await second.stop();
});

test('SIGTERM in the middle of a run exits 0 in time, and the run goes on after the start', async () => {
  const data = folder('term');
  const args = withSandbox({ contacts: 3000 });
  const first = await startTidemark({ data, args });
  const [run] = (await first.api('GET', '/api/v1/sync/runs')).body.data;
  await until('some pages', async () => (await first.api('GET', `/api/v1/sync/runs/${run.id}`)).body.data.pages > 2, undefined, 5);
  const began = Date.now();
  assert.deepEqual(await first.stop(), { code: 0, signal: null });
  assert.ok(Date.now() - began < STOP_MS, `${Date.now() - began} ms`);
  const second = await startTidemark({ data, args });
  const ended = await finishedRun(second, run.id);
  assert.equal(ended.status, 'success', JSON.stringify(ended));
  assert.equal(ended.recordsUpdated, 0, 'nothing was read twice');
  await second.stop();
});

// Every run that reads contacts waits for its vendor, for longer than a test lasts.
const limited = ['--sandbox', '--size', 'contacts=5', '--fault', '429:count=forever:retry-after=600:vendor=chatwoot:path=/contacts'];
const parkedRun = (server, connection) => until('its run waits for the vendor', async () => {
  const [run] = (await server.api('GET', `/api/v1/sync/runs?connectionId=${connection}`)).body.data;
  const shown = run && (await server.api('GET', `/api/v1/sync/runs/${run.id}`)).body.data;
  return shown?.waiting && shown;
});

test('a request that waits does not hold up the stop', async () => {
  const data = folder('waiting'), WAIT_S = 30;
  const server = await startTidemark({ data, args: limited });
  const made = await server.api('POST', '/api/v1/sync/connections?test=false', { name: 'Waits', platform: 'chatwoot', credentials: { accountId: '1', accessToken: 'another' } });
  assert.equal(made.status, 201, made.text);
  const { id } = made.body.data, asked = Date.now();
  const waiting = server.api('POST', `/api/v1/sync/connections/${id}/sync`, undefined, { Prefer: `wait=${WAIT_S}` }).catch(() => null);
  await parkedRun(server, id);
  assert.deepEqual(await server.stop(), { code: 0, signal: null });
  await waiting;
  assert.ok(Date.now() - asked < WAIT_S * 1000, `${Date.now() - asked} ms`);
});

test('a followed log shows lines while the run goes on, and ends with it', async () => {
  const data = folder('follow');
  const server = await startTidemark({ data, args: withSandbox({ contacts: 1500, conversations: 0 }) });
  const [run] = (await server.api('GET', '/api/v1/sync/runs')).body.data;
  const reply = await fetch(`${server.url}/api/v1/sync/runs/${run.id}/logs?follow=1`, { headers: { Authorization: `Bearer ${server.key}` } });
  assert.equal(reply.headers.get('content-type'), 'application/x-ndjson');
  const lines = (await reply.text()).trim().split('\n').map((line) => JSON.parse(line));
  const ended = await finishedRun(server, run.id);
  assert.equal(lines.filter((line) => line.message === 'page').length, ended.pages);
  await server.stop();
});

test('a log that is followed does not hold up the stop', async () => {
  const data = folder('followed');
  const server = await startTidemark({ data, args: limited });
  const { id } = (await server.api('GET', '/api/v1/sync/connections')).body.data.find((connection) => connection.platform === 'chatwoot');
  const run = await parkedRun(server, id);
  const reply = await fetch(`${server.url}/api/v1/sync/runs/${run.id}/logs?follow=1`, { headers: { Authorization: `Bearer ${server.key}` } });
  const began = Date.now();
  assert.deepEqual(await server.stop(), { code: 0, signal: null });
  assert.ok(Date.now() - began < STOP_MS, `${Date.now() - began} ms`);
  await reply.text().catch(() => '');
});

test('a second process on the same data folder is refused with what to do', async () => {
  const data = folder('twice');
  const server = await startTidemark({ data });
  const { code, stderr } = tidemark(['serve', '--port', '0', '--data', data]);
  assert.notEqual(code, 0);
  assert.match(stderr, /[Aa]nother process/);
  await server.stop();
});

test('F42: a lost or wrong secret key is refused clearly, and nothing is overwritten', async () => {
  const data = folder('key');
  const first = await startTidemark({ data, args: withSandbox({ contacts: 3 }) });
  await first.stop();
  const file = join(data, 'secret.key'), kept = readFileSync(file, 'utf8');
  renameSync(file, `${file}.away`);
  const lost = tidemark(['serve', '--port', '0', '--data', data]);
  assert.notEqual(lost.code, 0);
  assert.match(lost.stderr, /API_KEY_ENCRYPTION_SECRET|secret\.key/);
  assert.ok(!existsSync(file), 'no new key hides that the old one is gone');
  const wrong = tidemark(['serve', '--port', '0', '--data', data], { env: { API_KEY_ENCRYPTION_SECRET: 'another-key-altogether' } });
  assert.notEqual(wrong.code, 0);
  writeFileSync(file, kept, { mode: 0o600 });
  const again = await startTidemark({ data });
  assert.equal((await again.stop()).code, 0);
});

test('a key file that others can read is refused', () => {
  const data = folder('open');
  writeFileSync(join(data, 'secret.key'), 'x'.repeat(43), { mode: 0o644 });
  const { code, stderr } = tidemark(['serve', '--port', '0', '--data', data]);
  assert.notEqual(code, 0);
  assert.match(stderr, /chmod 600/);
});

// I-40
test('a backup taken while the server writes is a committed moment, and a restore brings it back', async () => {
  const data = folder('backup'), file = join(data, 'saved.db');
  const server = await startTidemark({ data, args: withSandbox({ contacts: 2000, conversations: 0 }) });
  const [run] = (await server.api('GET', '/api/v1/sync/runs')).body.data;
  await until('some pages', async () => (await server.api('GET', `/api/v1/sync/runs/${run.id}`)).body.data.pages > 5, undefined, 5);
  const saved = tidemark(['backup', file, '--data', data]);
  assert.equal(saved.code, 0, saved.stderr);
  assert.equal(mode(file), '600');
  assert.equal(tidemark(['backup', file, '--data', data]).code, 1, 'a backup is not overwritten');
  const refused = tidemark(['restore', file, '--data', data]);
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /stop it/);
  const after = await finishedRun(server, run.id);
  await server.stop();

  const nonsense = join(data, 'nonsense.db');
  writeFileSync(nonsense, 'x'.repeat(10_000));
  assert.equal(tidemark(['restore', nonsense, '--data', data]).code, 1);
  const restored = tidemark(['restore', file, '--data', data]);
  assert.equal(restored.code, 0, restored.stderr);
  assert.match(restored.stdout, /before-restore/);

  // The run that was under way in the backup goes on from there and ends as the undisturbed one did.
  const again = await startTidemark({ data, args: withSandbox({ contacts: 2000, conversations: 0 }) });
  const ended = await finishedRun(again, run.id);
  assert.equal(ended.status, 'success', JSON.stringify(ended));
  assert.equal(ended.recordsCreated, after.recordsCreated);
  await again.stop();
});

test("a person's own template in the data folder is a platform", async () => {
  const data = folder('template');
  mkdirSync(join(data, 'templates'));
  writeFileSync(join(data, 'templates', 'mine.yaml'), readFileSync(new URL('../../bench/plain.yaml', import.meta.url), 'utf8'));
  writeFileSync(join(data, 'templates', 'broken.yaml'), 'version: [');
  const server = await startTidemark({ data });
  const names = (await server.anonymous('GET', '/api/v1/templates')).body.data.map((t) => t.name);
  assert.ok(names.includes('chatwoot'), names.join());
  assert.ok(!names.includes('broken'), names.join());
  await until('the log says why', () => /broken/.test(server.output.stderr));
  await server.stop();
});
