// I-28 under SIGKILL: the process dies when the effect is committed and its answer is not. The same key must find what
// was made and not make it again, on both stores.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { connectChatwoot, loopback } from './lib/chatwoot.mjs';
import { finishedRun, freshDatabase, listAll, removeFolder, startSandbox, startTidemark, tempFolder, until } from './lib/tidemark.mjs';

const settings = { ...loopback, TIDEMARK_SWEEP_MS: '200' };
const stores = [
  { name: 'SQLite', skip: false, args: () => [] },
  {
    name: 'PostgreSQL', skip: process.env.TIDEMARK_TEST_PG ? false : 'TIDEMARK_TEST_PG is not set',
    args: () => ['--database', freshDatabase('idempotency')],
  },
];

for (const store of stores)
  test(`a killed server does not repeat what a key did, on ${store.name} (I-28)`, { skip: store.skip }, async () => {
    const options = { data: tempFolder('idempotency'), env: settings, args: store.args() };
    const sandbox = await startSandbox({ sizes: { 'chatwoot.contacts': 60, 'chatwoot.conversations': 0 } });
    let server = await startTidemark(options);
    try {
      const connection = await connectChatwoot(server, sandbox, { streams: ['contacts'] });
      await sandbox.raw('POST', '/_sandbox/faults', { fault: 'delay:ms=3000:count=forever:path=/contacts' });
      const ask = () => server.api('POST', `/api/v1/sync/connections/${connection}/sync`, undefined,
        { 'Idempotency-Key': 'once', Prefer: 'wait=30' });
      // Without a body the answer waits for the run, so that the run stands long before its answer does.
      ask().catch(() => {});
      const run = await until('the run exists', async () => (await listAll(server, '/api/v1/sync/runs'))[0]);
      await server.kill();
      await sandbox.raw('DELETE', '/_sandbox/faults');
      server = await startTidemark(options);
      const again = await ask();
      assert.equal(again.headers.get('idempotency-replayed'), 'true', JSON.stringify(again.body));
      assert.equal(again.body.data.runId, run.id);
      await finishedRun(server, run.id);
      assert.equal((await listAll(server, '/api/v1/sync/runs')).length, 1);
      const third = await ask();
      assert.deepEqual(third.body, again.body);
    } finally {
      await server.stop();
      await sandbox.stop();
      removeFolder(options.data);
    }
  });
