// The disk and the database file: full, damaged, made by a newer version (F3, F6).
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, openSync, closeSync, readFileSync, readdirSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';

import { assertSameAs, connectChatwoot, loopback } from './lib/chatwoot.mjs';
import { finishedRun, removeFolder, startSandbox, startTidemark, tempFolder, tidemark, until, withSandbox } from './lib/tidemark.mjs';

const folders = [];
const folder = (name) => folders[folders.push(tempFolder(name)) - 1];
after(() => folders.forEach(removeFolder));

const digests = (data) => Object.fromEntries(readdirSync(data).filter((name) => name.endsWith('.db')).map((name) =>
  [name, createHash('sha256').update(readFileSync(join(data, name))).digest('hex')]));
const databaseFile = (data) => join(data, readdirSync(data).find((name) => name.endsWith('.db')));

// No file of the process may grow beyond that: to a program the same as a full disk. Loosened again by 'unlimited'.
function limitFiles(server, bytes) {
  const done = spawnSync('prlimit', ['--pid', String(server.pid), `--fsize=${bytes}:`], { encoding: 'utf8' });
  assert.equal(done.status, 0, done.stderr);
}

const noPrlimit = spawnSync('prlimit', ['--version']).status === 0 ? false : 'prlimit is not installed';

test('F3: a full disk stops nothing for good', { skip: noPrlimit }, async () => {
  const data = folder('full');
  const sandbox = await startSandbox({ sizes: { 'chatwoot.contacts': 900, 'chatwoot.conversations': 0 } });
  const server = await startTidemark({ data, env: { ...loopback, TIDEMARK_SWEEP_MS: '200' } });
  try {
    const connectionId = await connectChatwoot(server, sandbox, { streams: ['contacts'] });
    await sandbox.raw('POST', '/_sandbox/faults', { fault: 'delay:ms=1500:count=forever:path=/contacts' }); // there are pages left when the disk is full
    const started = await server.api('POST', '/api/v1/sync/run', { connectionId, fullSync: true });
    const look = async () => (await server.api('GET', `/api/v1/sync/runs/${started.body.data.runId}`)).body.data;
    await until('some pages', async () => (await look()).pages > 3);
    limitFiles(server, 4096);
    await until('it is noticed', async () => (await server.anonymous('GET', '/readyz')).status === 503);
    const before = await look(); // reads work
    const refused = await server.api('POST', '/api/v1/sync/connections?test=false', {
      name: 'No room', platform: 'chatwoot', credentials: { accountId: '2', accessToken: 'test', baseUrl: `${sandbox.url}/chatwoot` },
    });
    assert.deepEqual([refused.status, refused.body.code], [503, 'UNAVAILABLE'], refused.text);
    assert.equal((await server.api('GET', '/api/v1/contacts')).body.meta.total, before.recordsCreated, 'only whole pages');
    limitFiles(server, 'unlimited');
    await sandbox.raw('DELETE', '/_sandbox/faults');
    const ended = await finishedRun(server, before.id); // it resumes alone
    const listed = (await sandbox.truth('chatwoot', 'contacts')).length;
    assert.deepEqual([ended.status, ended.verdict, ended.recordsReceived], ['success', 'complete', listed], JSON.stringify(ended));
    await assertSameAs(server, sandbox);
    assert.equal((await server.anonymous('GET', '/readyz')).status, 200);
    assert.deepEqual(await server.stop(), { code: 0, signal: null });
  } finally {
    await server.kill();
    await sandbox.stop();
  }
});

let filled;
async function filledFolder(name) {
  if (!filled) {
    filled = folder('filled');
    const server = await startTidemark({ data: filled, args: withSandbox({ contacts: 50 }) });
    for (const run of (await server.api('GET', '/api/v1/sync/runs')).body.data) await finishedRun(server, run.id);
    assert.equal((await server.stop()).code, 0);
  }
  const data = folder(name);
  cpSync(filled, data, { recursive: true });
  return data;
}

// Refused with words, and not one byte is touched.
function assertRefused(data, words) {
  const before = digests(data);
  assert.ok(Object.keys(before).length > 0);
  const { code, stderr } = tidemark(['serve', '--port', '0', '--data', data]);
  assert.ok(code > 0, `ended with ${code}`);
  assert.match(stderr, words);
  assert.deepEqual(digests(data), before);
  assert.ok(!existsSync(join(data, 'server.json')));
}

test('F6: a file that is no database is refused and left alone', async () => {
  const data = await filledFolder('notours');
  writeFileSync(databaseFile(data), 'these are somebody\'s notes, not a database\n'.repeat(100));
  assertRefused(data, /damaged|none of ours/);
});

test('F6: a damaged database is refused and left alone', async () => {
  const data = await filledFolder('damaged');
  const file = databaseFile(data), size = statSync(file).size;
  const handle = openSync(file, 'r+');
  for (let at = 4096; at < size; at += 8192) writeSync(handle, Buffer.alloc(2048, 0xa5), 0, 2048, at);
  closeSync(handle);
  assertRefused(data, /damaged|none of ours/);
});

test('F6: the database of a newer version is refused and left alone (I-39)', async () => {
  const data = await filledFolder('newer');
  const done = spawnSync('sqlite3', [databaseFile(data),
    "INSERT INTO schema_migrations (number, name, applied_at) VALUES (9999, 'from the future', 0)"], { encoding: 'utf8' });
  assert.equal(done.status, 0, done.stderr);
  assertRefused(data, /newer/);
});
