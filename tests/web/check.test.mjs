// The page's sources hold together: the compiler agrees, with the types of today's API and every word in both languages; and
// nothing in them names the address of a registry or goes around the policy.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { test } from 'node:test';

import { modules } from './lib/modules.mjs';

const root = resolve(import.meta.dirname ?? '.', '../..');

test('the compiler agrees', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-check-'));
  try {
    cpSync(join(root, 'web'), folder, { recursive: true, filter: (path) => !path.includes('node_modules') });
    symlinkSync(modules, join(folder, 'node_modules'));
    const run = (...args) => spawnSync(process.execPath, args, { cwd: folder, encoding: 'utf8', env: { ...process.env, TIDEMARK_ROOT: root } });
    const types = run('types.mjs');
    assert.equal(types.status, 0, types.stderr);
    const checked = run('node_modules/typescript/bin/tsc', '--noEmit');
    assert.equal(checked.status, 0, checked.stdout);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('the lock file names no address of a package', () => {
  const lock = JSON.parse(readFileSync(join(root, 'web/package-lock.json'), 'utf8'));
  const packages = Object.entries(lock.packages).filter(([name]) => name);
  assert.deepEqual(packages.filter(([, p]) => p.resolved).map(([name]) => name), []);
  assert.deepEqual(packages.filter(([, p]) => !p.integrity).map(([name]) => name), []);
});

test('no source makes markup or code out of text', () => {
  const files = readdirSync(join(root, 'web/src'), { recursive: true, withFileTypes: true }).filter((f) => /\.tsx?$/.test(f.name) && f.name !== 'schema.d.ts');
  for (const file of files) {
    const text = readFileSync(join(file.parentPath ?? file.path, file.name), 'utf8');
    assert.doesNotMatch(text, /dangerouslySetInnerHTML|innerHTML|\beval\(|new Function/, file.name);
  }
});
