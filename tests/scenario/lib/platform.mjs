// What the tests of one platform share: a connection that stands, a run that ends well, rows to compare.
import assert from 'node:assert/strict';

import { assertAddsUp } from './chatwoot.mjs';
import { finishedRun, removeFolder, until } from './tidemark.mjs';

const SYNC = '/api/v1/sync';

const blank = (value) => (value === undefined || value === '' ? null : value);
// Fields in the form in which two witnesses compare them: what is not there is null.
export const row = (fields) => Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, blank(value)]));

export const streamOf = (run, name) => run.streams.find((stream) => stream.name === name);

// The id of the connection that was just made and works.
export function connectedId(made) {
  assert.equal(made.status, 201, JSON.stringify(made.body));
  assert.equal(made.body.data.status, 'connected');
  return made.body.data.id;
}

// What was changed here is sent by itself, a moment later: a run that does so may be in the way of this one.
export async function startRun(server, body) {
  const started = await until('the connection is free', async () => {
    const reply = await server.api('POST', `${SYNC}/run`, body);
    return reply.body.code === 'SYNC_IN_PROGRESS' ? null : reply;
  });
  assert.equal(started.status, 202, JSON.stringify(started.body));
  return started.body.data.runId;
}

// A run from its start to its good end.
export async function syncRun(server, body) {
  const run = await finishedRun(server, await startRun(server, body));
  assert.equal(run.status, 'success', JSON.stringify(run));
  assertAddsUp(run);
  return run;
}

// At the end of a file: whatever of it was started.
export async function stopAll(data, ...started) {
  for (const one of started) await one?.stop();
  removeFolder(data);
}
