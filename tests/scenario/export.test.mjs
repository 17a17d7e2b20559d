// 100,000 rows leave as a stream while memory stays flat, and a reader that takes nothing holds none (F44).
import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, readFileSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { loopback } from './lib/chatwoot.mjs';
import { stopAll } from './lib/platform.mjs';
import { finishedRun, pause, startSandbox, startTidemark, tempFolder } from './lib/tidemark.mjs';

const ROWS = 100_000, GROWTH_MIB = 40;
const data = tempFolder('export');
let sandbox, server;

before(async () => {
  mkdirSync(join(data, 'templates'), { recursive: true });
  copyFileSync(new URL('../../bench/plain.yaml', import.meta.url), join(data, 'templates', 'plain.yaml'));
  sandbox = await startSandbox({ sizes: { plain: ROWS } });
  // A sanitizer keeps what was freed for a while: that is not the program's memory.
  const ASAN_OPTIONS = [process.env.ASAN_OPTIONS, 'quarantine_size_mb=1', 'malloc_context_size=1'].filter(Boolean).join(':');
  server = await startTidemark({ data, env: { ...loopback, ASAN_OPTIONS } });
  const made = await server.api('POST', '/api/v1/sync/connections?test=false', {
    name: 'Plain', platform: 'plain', credentials: { baseUrl: sandbox.url, ids: 'ordered', after: '0' } });
  assert.equal(made.status, 201, made.text);
  const run = await server.api('POST', '/api/v1/sync/run', { connectionId: made.body.data.id, fullSync: true });
  assert.equal((await finishedRun(server, run.body.data.runId)).status, 'success');
});

after(() => stopAll(data, server, sandbox));

const memoryMib = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${server.pid}/status`, 'utf8'))[1]) / 1024;

async function lines(accept) {
  const reply = await fetch(`${server.url}/api/v1/contacts`, { headers: { Authorization: `Bearer ${server.key}`, Accept: accept } });
  assert.equal(reply.status, 200);
  let count = 0, most = 0;
  for await (const bytes of reply.body) {
    for (let i = 0; i < bytes.length; i++) count += bytes[i] === 10;
    if (count % 50 === 0) most = Math.max(most, memoryMib());
  }
  return { count, most };
}

test('an export of 100,000 rows needs no memory of its size', async () => {
  await lines('application/x-ndjson'); // what the first one needs once: caches, arenas
  const before_ = memoryMib();
  const json = await lines('application/x-ndjson'), csv = await lines('text/csv');
  assert.deepEqual([json.count, csv.count], [ROWS, ROWS + 1]);
  const most = Math.max(json.most, csv.most, memoryMib());
  assert.ok(most - before_ < GROWTH_MIB, `grew from ${before_} to ${most} MiB`);
});

test('readers that never read are given no more than a socket holds, and others are served', async () => {
  const { port } = new URL(server.url), sockets = [];
  const before_ = memoryMib();
  for (let i = 0; i < 20; i++) {
    const socket = net.connect(Number(port), '127.0.0.1', () => socket.write(
      `GET /api/v1/${i % 2 ? 'contacts' : 'events?lastEventId=0-0'} HTTP/1.1\r\nHost: x\r\nAccept: application/x-ndjson\r\nAuthorization: Bearer ${server.key}\r\n\r\n`));
    socket.pause();
    socket.on('error', () => {});
    sockets.push(socket);
  }
  await pause(1500);
  const reply = await server.api('GET', '/api/v1/contacts?limit=5');
  assert.equal(reply.body.data.length, 5);
  const grown = memoryMib() - before_;
  for (const socket of sockets) socket.destroy();
  assert.ok(grown < 3 * GROWTH_MIB, `grew by ${grown} MiB`);
});
