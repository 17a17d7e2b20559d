// `tidemark backup` and `restore` on PostgreSQL (I-40, F40): one committed moment while the server writes, loaded into an
// empty database, where the run that was under way goes on. The embedded database's test stands in process.test.mjs.
import assert from 'node:assert/strict';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { assertAddsUp, assertSameAs, connectChatwoot, loopback } from './lib/chatwoot.mjs';
import { finishedRun, freshDatabase, removeFolder, startSandbox, startTidemark, tempFolder, tidemark, until } from './lib/tidemark.mjs';

const skip = process.env.TIDEMARK_TEST_PG ? false : 'TIDEMARK_TEST_PG is not set';
const env = { ...loopback, TIDEMARK_SWEEP_MS: '200' };

test('a PostgreSQL backup under load is a committed moment, and a restore goes on from it (I-40)', { skip }, async () => {
  const data = tempFolder('backup'), file = join(data, 'saved.tidemark');
  const [first, second] = [freshDatabase('backup'), freshDatabase('backup')];
  const sandbox = await startSandbox({ sizes: { 'chatwoot.contacts': 3000, 'chatwoot.conversations': 0 } });
  let server = await startTidemark({ data, env, args: ['--database', first] });
  const onData = (words, database) => tidemark([...words, '--data', data, '--database', database]);
  try {
    const connection = await connectChatwoot(server, sandbox, { streams: ['contacts'] });
    const started = await server.api('POST', '/api/v1/sync/run', { connectionId: connection, fullSync: true });
    const { runId } = started.body.data;
    await until('some pages', async () => (await server.api('GET', `/api/v1/sync/runs/${runId}`)).body.data.pages > 5, undefined, 5);
    const saved = onData(['backup', file], first);
    assert.equal(saved.code, 0, saved.stderr);
    assert.equal((statSync(file).mode & 0o777).toString(8), '600');
    assert.equal(onData(['backup', file], first).code, 1, 'a backup is not overwritten');
    const refused = onData(['restore', file], first);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /has data/);
    await finishedRun(server, runId);
    await server.stop();

    // A file that is cut or altered changes nothing: the database stays empty and takes the good one.
    const good = readFileSync(file);
    const broken = (name, bytes) => (writeFileSync(join(data, name), bytes), onData(['restore', join(data, name)], second));
    assert.equal(broken('cut', good.subarray(0, good.length - 100)).code, 1);
    const altered = Buffer.from(good);
    altered[altered.length >> 1] ^= 0xff;
    assert.equal(broken('altered', altered).code, 1);
    assert.match(broken('nonsense', 'x'.repeat(1000)).stderr, /damaged/);
    const restored = onData(['restore', file], second);
    assert.equal(restored.code, 0, restored.stderr);

    server = await startTidemark({ data, env, args: ['--database', second] });
    const ended = await finishedRun(server, runId);
    assert.equal(ended.status, 'success', JSON.stringify(ended));
    assertAddsUp(ended);
    await assertSameAs(server, sandbox);
    // Ids go on behind those of the backup, and the next run is an ordinary one.
    const next = await server.api('POST', '/api/v1/sync/run', { connectionId: connection });
    assert.equal((await finishedRun(server, next.body.data.runId)).status, 'success');
  } finally {
    await server.kill();
    await sandbox.stop();
    removeFolder(data);
  }
});
