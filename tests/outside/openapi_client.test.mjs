// A client that openapi-typescript makes of our document: it compiles without a fault, and drives a whole sync.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { pathToFileURL } from 'node:url';

import { removeFolder, startSandbox, startTidemark, tempFolder } from '../scenario/lib/tidemark.mjs';
import { modules } from './modules.mjs';

const data = tempFolder('client'), work = tempFolder('client-code');
const loopback = { TIDEMARK_NETWORK_ALLOW: '127.0.0.0/8', TIDEMARK_NETWORK_ALLOW_HTTP: 'true' };
let server, sandbox;

before(async () => {
  sandbox = await startSandbox({ sizes: { 'chatwoot.contacts': 40, 'chatwoot.conversations': 4, 'chatwoot.messages': 3 } });
  server = await startTidemark({ data, env: loopback });
});

after(async () => {
  await server?.stop();
  await sandbox?.stop();
  removeFolder(data);
  removeFolder(work);
});

function run(program, ...args) {
  const done = spawnSync(process.execPath, [join(modules, program), ...args], { cwd: work, encoding: 'utf8', timeout: 600_000 });
  assert.equal(done.status, 0, `${program} ${args.join(' ')}: ${done.stdout}${done.stderr}`);
}

test('a generated client compiles in strict mode and drives a whole sync', async () => {
  writeFileSync(join(work, 'openapi.json'), (await server.anonymous('GET', '/openapi.json')).text);
  run('openapi-typescript/bin/cli.js', 'openapi.json', '-o', 'schema.d.ts', '--default-non-nullable', 'false');
  copyFileSync(join(import.meta.dirname, 'openapi_client.ts'), join(work, 'client.ts'));
  symlinkSync(modules, join(work, 'node_modules'));
  writeFileSync(join(work, 'package.json'), '{"type":"module"}');
  run('typescript/bin/tsc', '--strict', '--noUncheckedIndexedAccess', '--target', 'es2022', '--module', 'nodenext', '--skipLibCheck', 'false',
    '--lib', 'es2022,dom,dom.iterable', 'client.ts');
  const { drive } = await import(pathToFileURL(join(work, 'client.js')));
  const told = await drive(server.url, server.key, `${sandbox.url}/chatwoot`);
  const truth = (await sandbox.truth('chatwoot', 'contacts')).length;
  assert.equal(told.verdict, 'complete');
  assert.equal(told.contacts, truth);
  assert.equal(told.jobStatus, 'completed');
  assert.deepEqual(told.wrong, { status: 404, code: 'CONNECTION_NOT_FOUND' });
  assert.equal(told.user, 'content:read');
});
