// A full pass deletes only what it has looked at (I-7, I-9): a conversation that shifting pages hid from the pass over
// messages was not visited, so its messages are not gone.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { connectChatwoot, loopback, messagesOf } from './lib/chatwoot.mjs';
import { finishedRun, removeFolder, startSandbox, startTidemark, tempFolder } from './lib/tidemark.mjs';

const run = async (server, connectionId, fullSync) => {
  const started = await server.api('POST', '/api/v1/sync/run', { connectionId, fullSync });
  assert.equal(started.status, 202, JSON.stringify(started.body));
  return finishedRun(server, started.body.data.runId);
};

test('messages of a conversation that the pass did not visit are not deleted (I-7, I-9)', async () => {
  const data = tempFolder('safety');
  // A platform that tells no total: nothing shows that a page has shifted.
  const yaml = readFileSync(new URL('../../templates/chatwoot.yaml', import.meta.url), 'utf8');
  mkdirSync(join(data, 'templates'));
  writeFileSync(join(data, 'templates', 'untold.yaml'),
    yaml.replace('    x-tidemark-total: data.meta.all_count\n', '').replace(/^    name: chatwoot$/m, '    name: untold'));
  const server = await startTidemark({ data, env: loopback });
  const sandbox = await startSandbox({ sizes: { 'chatwoot.contacts': 30, 'chatwoot.conversations': 100 } });
  try {
    const connection = await connectChatwoot(server, sandbox, { platform: 'untold', streams: ['conversations', 'messages'] });
    assert.equal((await run(server, connection, true)).status, 'success');
    const before = await messagesOf(server);
    // Pages of 25, and an empty one: requests 1 to 5 are the pass over conversations, 6 to 10 list them for their messages. Before the
    // 7th two conversations of the page before go, so that two others slide into that page unseen.
    await sandbox.raw('POST', '/_sandbox/faults',
      { fault: 'shift:after=6:count=1:do=delete:which=served:objects=2:entity=conversations:path=/conversations?' });
    const ended = await run(server, connection, true);
    assert.equal(ended.status, 'success', JSON.stringify(ended));
    const struck = (await sandbox.json('GET', '/_sandbox/faults')).faults;
    assert.equal(struck[0].fired, 1, JSON.stringify(struck));
    const ours = new Set((await messagesOf(server)).map((message) => message.id));
    const truth = (await sandbox.truth('chatwoot', 'messages')).map((message) => String(message.id));
    assert.deepEqual(truth.filter((id) => !ours.has(id)), []);
    // What is truly gone goes with the next pass, which finds the conversations gone.
    await sandbox.raw('DELETE', '/_sandbox/faults');
    assert.equal((await run(server, connection, true)).status, 'success');
    const after = (await messagesOf(server)).map((message) => message.id).sort();
    assert.deepEqual(after, truth.sort());
    assert.ok(after.length < before.length);
  } finally {
    await server.stop();
    await sandbox.stop();
    removeFolder(data);
  }
});
