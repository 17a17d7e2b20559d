// Whole-server tests once more, with Prism between them and the server: every answer is what our own document says.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { pathToFileURL } from 'node:url';

import { patient, removeFolder, startTidemark, tempFolder } from '../scenario/lib/tidemark.mjs';
import { startCourt } from './prism_judge.mjs';

const judge = pathToFileURL(join(import.meta.dirname, 'prism_judge.mjs')).href;
const scenarios = join(import.meta.dirname, '..', 'scenario');
// Those that speak through the test library's api(), one per area.
const files = ['seed_000', 'seed_001', 'seed_003', 'entities', 'seed_002', 'seed_004', 'integrations', 'events', 'webhooks', 'gohighlevel']
  .map((name) => join(scenarios, `${name}.test.mjs`)).filter((file) => existsSync(file));

const RUN_TIMEOUT_MS = patient(1_800_000); // a hang; a file takes a minute or two
let court;

before(async () => {
  const data = tempFolder('document'), server = await startTidemark({ data });
  court = await startCourt((await server.api('GET', '/openapi.json')).body);
  await server.stop();
  removeFolder(data);
});
after(() => court?.stop());

// The file's own run behind Prism: what it printed, and what was found.
async function runBehindPrism(file) {
  const folder = tempFolder('judge'), findings = join(folder, 'findings');
  const env = { ...process.env, TIDEMARK_TEST_FINDINGS: findings, TIDEMARK_TEST_JUDGE: judge, TIDEMARK_TEST_PRISM: court.url };
  delete env.NODE_TEST_CONTEXT; // it is a run of its own
  const child = spawn(process.execPath, ['--test', '--test-reporter=tap', file], { env, timeout: RUN_TIMEOUT_MS, stdio: ['ignore', 'pipe', 'ignore'] });
  let printed = '';
  child.stdout.setEncoding('utf8').on('data', (text) => { printed += text; });
  await once(child, 'close');
  const told = existsSync(findings) ? readFileSync(findings, 'utf8').trim().split('\n').map((line) => JSON.parse(line)) : [];
  removeFolder(folder);
  return { printed, told };
}

for (const file of files) {
  test(`what ${file.slice(scenarios.length + 1)} gets is what the document says`, async () => {
    const { printed, told } = await runBehindPrism(file), wrong = told.filter((finding) => finding.wrong);
    assert.deepEqual(wrong.slice(0, 5), [], `${wrong.length} answers are not what the document says`);
    // Prism does not hand on HEAD, broken JSON and numbers that a double cannot hold; tests of those fail behind it.
    const count = (word) => (printed.match(new RegExp(`^ *${word} \\d+ - `, 'gm')) ?? []).length;
    assert.ok(count('ok') > 3 * count('not ok'), `${count('ok')} passed\n${printed.split('\n').filter((line) => /^\s*not ok/.test(line)).join('\n')}`);
    assert.ok(told.reduce((sum, finding) => sum + (finding.calls ?? 0), 0) > 20, 'hardly anything was asked');
  });
}
