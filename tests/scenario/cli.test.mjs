// The command line: against a running server, against a bare data folder, and its words, exit codes and --json.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { stopAll } from './lib/platform.mjs';
import { binary, finishedRun, pause, removeFolder, startTidemark, tempFolder, tidemark, withSandbox } from './lib/tidemark.mjs';

const data = tempFolder('cli');
let server;
const cli = (...args) => tidemark([...args, '--data', data]);
const json = (...args) => {
  const { code, stdout, stderr } = cli(...args, '--json');
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout);
};

before(async () => {
  server = await startTidemark({ data, args: withSandbox({ contacts: 40, conversations: 3 }) });
  for (const run of (await server.api('GET', '/api/v1/sync/runs')).body.data) await finishedRun(server, run.id);
});

after(() => stopAll(data, server));

test('every command explains itself, and only what exists is listed', () => {
  const { code, stdout } = tidemark(['--help']);
  assert.equal(code, 0);
  const commands = [...stdout.matchAll(/^ {2}([a-z]+) {2,}\S/gm)].map((m) => m[1]);
  assert.ok(commands.length > 15, commands.join(' '));
  for (const command of commands) {
    const help = tidemark([command, '--help']);
    assert.equal(help.code, 0, command);
    assert.match(help.stdout, new RegExp(`^Usage: tidemark ${command}`));
  }
});

test('mistakes are usage errors that say what is wrong', () => {
  for (const [args, words] of [[['nothing'], /no command nothing/], [['runs', '--nothing'], /Unknown option --nothing/],
    [['runs', '--limit', '0'], /--limit must be/], [['sync', 'a', 'b'], /Too many words/], [['runs', '--set', 'x=1'], /no setting x/],
    [['serve', '--port', '99999'], /port must be a whole number/], [['logs', '--follow=yes'], /takes no value/]]) {
    const { code, stderr } = tidemark([...args, '--data', data]);
    assert.equal(code, 2, `${args.join(' ')}: ${stderr}`);
    assert.match(stderr, words);
  }
  assert.equal(tidemark([]).code, 2);
  assert.match(tidemark(['version']).stdout, /^tidemark \d+\.\d+\.\d+/);
});

test('a database of another kind is refused in clear words, without its password', () => {
  for (const database of ['mysql://root:geheim@db/x', 'sqlite:///x.db', 'geheim.db']) {
    const { code, stderr } = tidemark(['migrate', '--data', data, '--database', database]);
    assert.equal(code, 2, stderr);
    assert.match(stderr, /postgres:\/\/user@host\/name/);
    assert.doesNotMatch(stderr, /geheim/);
  }
});

test('without server and data folder the exit code is 3 and the way out is named', () => {
  const { code, stderr } = tidemark(['runs', '--data', join(data, 'nowhere')]);
  assert.equal(code, 3);
  assert.match(stderr, /tidemark serve/);
  assert.equal(tidemark(['runs', '--url', 'http://127.0.0.1:1', '--key', 'tm_x']).code, 3);
});

test('lists are tables for people and JSON for programs', () => {
  assert.match(cli('connections').stdout, /^NAME +PLATFORM +STATUS/);
  assert.ok(json('connections').data.some((c) => c.platform === 'chatwoot'));
  assert.match(cli('runs').stdout, /^RUN +CONNECTION +STATUS[\s\S]* Chatwoot \(simulated\) +success/);
  assert.doesNotMatch(cli('runs').stdout, / $/m);
  const contacts = cli('contacts', '--limit', '5');
  assert.equal(contacts.stdout.trim().split('\n').length, 7, contacts.stdout); // head, five, and "5 of 40"
  assert.equal(json('contacts', '--limit', '5').data.length, 5);
  assert.match(cli('templates').stdout, /chatwoot/);
  assert.match(cli('templates', 'chatwoot').stdout, /accessToken/);
});

test('a server that is slow to answer is waited for, and not taken for one that does not run', async () => {
  process.kill(server.pid, 'SIGSTOP');
  const child = spawn(binary, ['connections', '--json', '--data', data], { stdio: ['ignore', 'pipe', 'pipe'] }), told = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr']) child[name].setEncoding('utf8').on('data', (text) => { told[name] += text; });
  const ended = once(child, 'close');
  await Promise.race([ended, pause(4000)]);
  process.kill(server.pid, 'SIGCONT');
  assert.deepEqual(await ended, [0, null], told.stderr);
  assert.ok(JSON.parse(told.stdout).data.length > 0);
});

test('status says what is healthy, and of what is not what to do', async () => {
  const well = cli('status');
  assert.equal(well.code, 0, well.stdout + well.stderr);
  assert.match(well.stdout, /^9 connections: 9 connected\.\nRuns: 0 under way/);
  assert.match(well.stdout, /Nothing needs you\.\n$/);
  const credentials = { accountId: '1', accessToken: 'expired' }; // answers 401 in the middle of a run
  const made = await server.api('POST', '/api/v1/sync/connections', { name: 'Broken\u009b31m\u001b[0m', platform: 'chatwoot', credentials });
  assert.equal(cli('sync', made.body.data.id).code, 1);
  const ill = cli('status');
  assert.equal(ill.code, 4, ill.stdout);
  assert.match(ill.stdout, /1 failing[\s\S]*1 thing needs you[\s\S]*Broken\?31m\?\[0m: the connection fails/);
  assert.match(ill.stdout, new RegExp(`do: .* connections test ${made.body.data.id}\n`));
  for (const text of [ill.stdout, cli('connections').stdout]) assert.doesNotMatch(text, /[\u0080-\u009f\u001b]/); // no vendor or user steers a terminal
  await server.api('DELETE', `/api/v1/sync/connections/${made.body.data.id}`);
  assert.equal(cli('status').code, 0);
});

test('sync watches the run and ends with one honest sentence', () => {
  const { code, stdout } = cli('sync', 'chatwoot', '--full');
  assert.ok([0, 4].includes(code), stdout);
  assert.match(stdout, /\d+ records in .*: 0 created, 0 updated, \d+ unchanged, \d+ rejected\. (Complete: it adds up\.|Partial: .+)/);
  const own = json('connections').data.find((c) => c.platform === 'chatwoot').id;
  const run = json('runs').data.find((r) => r.connectionId === own);
  assert.equal(run.fullSync, true);
  assert.match(cli('runs', 'show', run.id).stdout, /Verdict/);
  assert.ok(cli('logs', run.id).stdout.length > 0);
  assert.equal(cli('logs').stdout, cli('logs', run.id).stdout); // the newest of all
  assert.ok(cli('logs', 'chatwoot', '--follow').stdout.length > 0);
  assert.match(cli('state', 'chatwoot').stdout, /contacts/);
});

test('connect makes a connection, refuses a wrong credential, and never prints the secret', () => {
  const made = tidemark(['connect', 'chatwoot', 'accountId=1', 'accessToken=-', '--name', 'By hand', '--data', data], { input: 'a-secret-token\n' });
  assert.equal(made.code, 0, made.stderr);
  assert.match(made.stdout, /Connected "By hand"/);
  const refused = cli('connect', 'chatwoot', 'accountId=1', 'accessToken=invalid');
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /Connection test failed/);
  assert.match(cli('connections', 'show', 'By hand').stdout, /••••/);
  assert.equal(cli('connect', 'fax').code, 1);
  assert.match(cli('rejected').stderr, /Say which connection\. There are: "/);
  const two = cli('sync', 'chatwoot');
  assert.equal(two.code, 1);
  assert.match(two.stderr, /name one by its id/);
  assert.equal(cli('connections', 'disable', 'by HAND').code, 0);
  assert.equal(cli('connections', 'delete', 'By hand').code, 0);
});

test('any kind is exported by its name', () => {
  const rows = cli('export', 'messages').stdout.trim().split('\n').map((line) => JSON.parse(line));
  assert.ok(rows.length > 0 && rows.every((row) => row.id && row.kind === 'messages'), JSON.stringify(rows[0]));
  assert.ok(cli('export', 'deals').stdout.trim().split('\n').every((line) => JSON.parse(line).kind === 'deals'));
  assert.ok(cli('export', 'customers').stdout.trim().split('\n').every((line) => JSON.parse(line).kind === 'customers'));
  assert.match(cli('export', 'conversations', '--format', 'csv').stdout, /^id,/);
  assert.equal(cli('export').code, 2);
  assert.equal(cli('export', 'nonsense').code, 1);
});

test('contacts are exported as JSON lines and CSV', () => {
  const total = json('contacts').meta.total;
  assert.equal(cli('contacts', 'export').stdout.trim().split('\n').map((line) => JSON.parse(line)).length, total);
  assert.match(cli('contacts', 'export', '--format', 'csv').stdout, /^id,name,email/);
  const [{ id }] = json('contacts', '--limit', '1').data;
  assert.match(cli('contacts', 'show', id).stdout, new RegExp(id));
});

test('keys and tenants', () => {
  const made = cli('keys', 'create', 'dashboard', '--permissions', 'content:read');
  assert.match(made.stdout, /Key \(shown this once\) +tm_/);
  const { data: rows } = json('keys');
  const key = rows.find((k) => k.name === 'dashboard');
  assert.deepEqual(key.permissions, ['content:read']);
  assert.equal(cli('keys', 'revoke', key.id).code, 0);
  assert.match(cli('tenants').stdout, /default/);
});

test('config show tells where each value came from, and masks secrets', () => {
  const { stdout } = tidemark(['config', 'show', '--data', data], { env: { TIDEMARK_JWT_SECRET: 'x'.repeat(40), TIDEMARK_WORKERS: '3' } });
  assert.match(stdout, /^workers +3 +TIDEMARK_WORKERS$/m);
  assert.match(stdout, /^data_dir .+ --data$/m);
  assert.match(stdout, /^auth\.jwt_secret +••••xxxx/m);
});

test('doctor finds a running server well', () => {
  const { code, stdout } = cli('doctor');
  assert.equal(code, 0, stdout);
  assert.match(stdout, /^ok +server/m);
});

test('without a server the same commands work on the data folder', async () => {
  const bare = tempFolder('bare');
  const first = await startTidemark({ data: bare, args: withSandbox({ contacts: 10 }) });
  for (const run of (await first.api('GET', '/api/v1/sync/runs')).body.data) await finishedRun(first, run.id);
  await first.stop();
  const contacts = tidemark(['contacts', '--json', '--data', bare]);
  assert.equal(contacts.code, 0, contacts.stderr);
  assert.ok(JSON.parse(contacts.stdout).meta.total > 0);
  assert.match(tidemark(['keys', 'create', 'offline', '--data', bare]).stdout, /tm_/);
  assert.equal(tidemark(['migrate', '--data', bare]).code, 0);
  removeFolder(bare);
});

test('manifest: check, requests and usage', () => {
  const file = new URL('../../templates/chatwoot.yaml', import.meta.url).pathname;
  const check = tidemark(['manifest', 'check', file]);
  assert.equal(check.code, 0, check.stderr);
  assert.match(check.stdout, /contacts/);
  const config = join(data, 'config.json');
  writeFileSync(config, JSON.stringify({ accountId: '1', accessToken: 'x', baseUrl: 'https://chat.example.com' }));
  const requests = tidemark(['manifest', 'requests', file, '--config', config, '--now', '2026-06-15T12:34:56Z']);
  assert.equal(requests.code, 0, requests.stderr);
  const lines = requests.stdout.trim().split('\n').map((line) => JSON.parse(line));
  assert.equal(lines[0].requests[0].url, 'https://chat.example.com/api/v1/accounts/1/contacts');
  assert.equal(tidemark(['manifest', 'requests', file]).code, 2);
  assert.equal(tidemark(['manifest', 'check', '/nowhere.yaml']).code, 2);
});

// The reference pages are made from the tables of the program.
for (const [page, words] of [['configuration', 'settings'], ['errors', 'errors'], ['cli', 'commands']])
  test(`docs/${page}.md is what the program says`, () => {
    const { stdout } = tidemark(['config', 'reference', words]);
    assert.equal(readFileSync(new URL(`../../docs/${page}.md`, import.meta.url), 'utf8'), stdout,
      `run: tidemark config reference ${words} > docs/${page}.md`);
  });
