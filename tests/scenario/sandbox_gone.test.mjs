// A folder that was made with --sandbox, used without it: nothing may go to the real vendor, and it works again with it.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';

import { stopAll } from './lib/platform.mjs';
import { finishedRun, startTidemark, tempFolder, tidemark, withSandbox } from './lib/tidemark.mjs';

const data = tempFolder('sandbox-gone');
const size = withSandbox({ contacts: 20, conversations: 2 });
let server;

const newestRun = async () => {
  const [run] = (await server.api('GET', '/api/v1/sync/runs?limit=1')).body.data;
  return finishedRun(server, run.id);
};

after(() => stopAll(data, server));

test('a simulated connection is refused while no sandbox runs, and syncs again with one', async () => {
  server = await startTidemark({ data, args: size });
  for (const run of (await server.api('GET', '/api/v1/sync/runs?limit=100')).body.data) assert.equal((await finishedRun(server, run.id)).status, 'success');
  await server.stop();
  const { code, stdout } = tidemark(['sync', 'chatwoot', '--data', data]);
  assert.equal(code, 1, stdout);
  assert.match(stdout, /Failed: .*tidemark serve --sandbox/);
  const tested = tidemark(['connections', 'test', 'chatwoot', '--data', data]);
  assert.equal(tested.code, 1);
  assert.match(tested.stderr, /tidemark serve --sandbox/);
  server = await startTidemark({ data, args: size });
  assert.equal((await newestRun()).status, 'success');
});
