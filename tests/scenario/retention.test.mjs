// What is kept for a while only goes by itself; data, cursors and unfinished work stay.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';

import { assertSameAs, connectChatwoot, loopback } from './lib/chatwoot.mjs';
import { finishedRun, removeFolder, startSandbox, startTidemark, tempFolder, until } from './lib/tidemark.mjs';

const folders = [];
after(() => folders.forEach(removeFolder));

// A run that has ended, looked at before anything may take it away: what is kept for how long counts from the start after it.
const started = async (env) => {
  const data = folders[folders.push(tempFolder('retention')) - 1];
  const sandbox = await startSandbox({ sizes: { 'chatwoot.contacts': 40, 'chatwoot.conversations': 0 } });
  const first = await startTidemark({ data, env: loopback });
  const connection = await connectChatwoot(first, sandbox, { streams: ['contacts'] });
  const run = await first.api('POST', '/api/v1/sync/run', { connectionId: connection, fullSync: true });
  const ended = await finishedRun(first, run.body.data.runId);
  await first.stop();
  const server = await startTidemark({ data, env: { ...loopback, TIDEMARK_RETENTION_EVERY: '1s', ...env } });
  return { sandbox, server, connection, ended, data };
};

test('an old run goes with its log; its records, its cursor and the next run do not miss it', async () => {
  const { sandbox, server: brief, connection, ended, data } = await started({ TIDEMARK_RETENTION_LOGS: '1s', TIDEMARK_RETENTION_RUNS: '1s' });
  let server = brief;
  try {
    await until('the run is gone', async () => (await server.api('GET', `/api/v1/sync/runs/${ended.id}`)).status === 404);
    await assertSameAs(server, sandbox);
    const state = await server.api('GET', `/api/v1/sync/connections/${connection}/state`);
    assert.ok(JSON.stringify(state.body).includes('contacts'), state.text);
    await server.stop();
    server = await startTidemark({ data, env: loopback }); // it keeps the next one for as long as we look at it
    const again = await server.api('POST', '/api/v1/sync/run', { connectionId: connection });
    assert.equal(again.status, 202, again.text);
    const next = await finishedRun(server, again.body.data.runId);
    assert.deepEqual([next.status, next.recordsCreated], ['success', 0], JSON.stringify(next));
  } finally {
    await server.stop();
    await sandbox.stop();
  }
});

test('0s keeps for ever, and what is young stays', async () => {
  const { sandbox, server, ended } = await started({ TIDEMARK_RETENTION_LOGS: '0s', TIDEMARK_RETENTION_EVENTS: '1s' });
  try {
    // The change feed is swept, so a round has come by: neither the run nor its log was taken.
    await until('events are removed', async () => server.output.stderr.includes('what is too old was removed'));
    const log = await server.api('GET', `/api/v1/sync/runs/${ended.id}/logs`);
    assert.equal(log.status, 200);
    assert.ok(log.text.length > 0);
  } finally {
    await server.stop();
    await sandbox.stop();
  }
});
