// The runner of these tests: what failed is shown whole, however much the file prints after it.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test } from 'node:test';

import { patient, removeFolder, tempFolder } from './lib/tidemark.mjs';

const FILE = `
import { before, describe, test } from 'node:test';
import { startTidemark } from '${resolve('tests/scenario/lib/tidemark.mjs')}';
describe('one suite', () => {
  let server;
  before(async () => { server = await startTidemark(); });
  test('it breaks early', async () => { throw new Error('what went wrong', { cause: new Error('the reason behind') }); });
  for (let i = 0; i < 200; i++) test('fine ' + i, () => {});
  test('the end', () => server.stop());
});
describe('another', () => {
  before(async () => { await startTidemark({ args: ['--nonsense'] }); });
  test('never run', () => {});
});
`;

// Runs one file as script/test does and shows it if it failed.
const RUN = `
import importlib.util, pathlib, sys
spec = importlib.util.spec_from_file_location('runner', 'script/run-tests.py')
runner = importlib.util.module_from_spec(spec)
spec.loader.exec_module(runner)
runner.ROOT = runner.FAILED = pathlib.Path(sys.argv[1])
result = runner.run_scenario(sys.argv[2], runner.ROOT / 'breaks.test.mjs')
runner.show_failure(result)
print(result.passed, result.failed)
`;

test('a failed test is shown with its error, its causes, its stack and the log of its server', () => {
  const folder = tempFolder('runner');
  writeFileSync(join(folder, 'breaks.test.mjs'), FILE);
  // Node's runner tells a file that it runs in another's; this one is its own.
  const env = { ...process.env, NODE_TEST_CONTEXT: undefined, TIDEMARK_BIN: resolve(process.env.TIDEMARK_BIN ?? 'build/test/src/cli/tidemark') };
  const done = spawnSync('python3', ['-c', RUN, folder, process.execPath], { encoding: 'utf8', env, timeout: patient(300_000) });
  assert.equal(done.status, 0, done.stderr);
  for (const line of [/not ok \d+ - it breaks early/, /what went wrong/, /\[cause\]: Error: the reason behind/, /breaks\.test\.mjs:7:\d+/,
    /log of serve, process \d+, running:/, /schema migration applied/, /not ok \d+ - another/, /Unknown option --nonsense/, /^201 2$/m])
    assert.match(done.stdout, line);
  assert.ok(done.stdout.split('\n').length < 200, 'no more than what failed');
  assert.deepEqual(readdirSync(folder).filter((name) => name.endsWith('.log')), ['breaks.test.mjs.log']);
  removeFolder(folder);
});
