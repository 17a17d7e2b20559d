// Whole-server tests once more, with Prism between them and the server: every answer is what our own document says.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';

import { removeFolder, tempFolder } from '../scenario/lib/tidemark.mjs';

const judge = pathToFileURL(join(import.meta.dirname, 'prism_judge.mjs')).href;
const scenarios = join(import.meta.dirname, '..', 'scenario');
// Those that speak through the test library's api(), one per area.
const files = ['seed_000', 'seed_001', 'seed_003', 'entities', 'seed_002', 'seed_004', 'integrations', 'events', 'webhooks', 'gohighlevel']
  .map((name) => join(scenarios, `${name}.test.mjs`)).filter((file) => existsSync(file));

for (const file of files) {
  test(`what ${file.slice(scenarios.length + 1)} gets is what the document says`, () => {
    const folder = tempFolder('judge'), findings = join(folder, 'findings');
    const env = { ...process.env, TIDEMARK_TEST_FINDINGS: findings, TIDEMARK_TEST_JUDGE: judge };
    delete env.NODE_TEST_CONTEXT; // it is a run of its own
    const done = spawnSync(process.execPath, ['--test', '--test-reporter=tap', file], { encoding: 'utf8', timeout: 600_000, env });
    const told = existsSync(findings) ? readFileSync(findings, 'utf8').trim().split('\n').map((line) => JSON.parse(line)) : [];
    const wrong = told.filter((finding) => finding.wrong);
    assert.deepEqual(wrong.slice(0, 5), [], `${wrong.length} answers are not what the document says`);
    // Prism does not hand on HEAD, broken JSON and numbers that a double cannot hold; tests of those fail behind it.
    const count = (word) => (done.stdout.match(new RegExp(`^ *${word} \\d+ - `, 'gm')) ?? []).length;
    assert.ok(count('ok') > 3 * count('not ok'), `${count('ok')} passed\n${done.stdout.split('\n').filter((line) => /^\s*not ok/.test(line)).join('\n')}`);
    assert.ok(told.reduce((sum, finding) => sum + (finding.calls ?? 0), 0) > 20, 'hardly anything was asked');
    removeFolder(folder);
  });
}
