// `tidemark import` and the page by page `export --format csv`: what goes out comes in again; nothing is made twice.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { stopAll } from './lib/platform.mjs';
import { removeFolder, startTidemark, tempFolder, tidemark } from './lib/tidemark.mjs';

const data = tempFolder('import');
let server;
const cli = (...args) => tidemark([...args, '--data', data]);
const file = (name, text) => (writeFileSync(join(data, name), text), join(data, name));
const lines = (text) => text.split('\n').filter(Boolean);
const exported = (kind, ...args) => lines(cli('export', kind, ...args).stdout);
const rows = (kind) => exported(kind).map((line) => JSON.parse(line));
const counts = ({ stdout }) => JSON.parse(stdout);

before(async () => { server = await startTidemark({ data }); });
after(() => stopAll(data, server));

test('JSON lines come in once, also when the file is imported again', () => {
  const path = file('c.jsonl', ['{"name":"Ana","email":"ana@example.com","customFields":{"a":[1,"x"]}}', '', '{"name":"Bo"}', '{"name":"Bo"}'].join('\n'));
  const first = cli('import', 'contacts', path);
  assert.equal(first.code, 0, first.stderr);
  assert.match(first.stdout, /3 imported, 0 were there already, 0 refused/);
  assert.deepEqual(counts(cli('import', 'contacts', path, '--json')), { imported: 0, alreadyThere: 3, refused: 0, dryRun: false });
  assert.deepEqual(counts(cli('import', 'contacts', path, '--dry-run', '--json')), { imported: 0, alreadyThere: 3, refused: 0, dryRun: true });
  const all = rows('contacts');
  assert.deepEqual(all.map((row) => row.name).sort(), ['Ana', 'Bo', 'Bo']);
  assert.deepEqual(all.find((row) => row.name === 'Ana').customFields, { a: [1, 'x'] });
});

test('a line that is refused is told with its number and stops nobody; mended, only it is sent', () => {
  const good = '{"name":"Good"}', last = '{"name":"Last"}';
  const path = file('d.jsonl', [good, '{"name":', '{"email":"nobody"}', '{"nothing":1}', '[]', last].join('\n'));
  const first = cli('import', 'leads', path);
  assert.equal(first.code, 4);
  for (const number of [2, 3, 4, 5]) assert.match(first.stderr, new RegExp(`d\\.jsonl:${number}: `), first.stderr);
  assert.doesNotMatch(first.stderr, /d\.jsonl:[16]:/);
  assert.match(first.stdout, /2 imported, 0 were there already, 4 refused/);
  file('d.jsonl', [good, '{"name":"Mended"}', '{"name":"Too"}', '{"name":"Three"}', '{"name":"Four"}', last].join('\n'));
  assert.deepEqual(counts(cli('import', 'leads', path, '--json')), { imported: 4, alreadyThere: 2, refused: 0, dryRun: false });
  assert.equal(rows('leads').length, 6);
});

test('CSV: quotes, line breaks, empty cells, a byte order mark; a dry run sends nothing', () => {
  const text = '\ufeffname,email,customFields\r\n"Silva, ""Zé""\nFilho",ze@example.com,"{""n"":1}"\r\n\'=1+1,,\r\nshort\r\n';
  const path = file('p.csv', text);
  const dry = cli('import', 'customers', path, '--dry-run');
  assert.deepEqual([dry.code, rows('customers').length], [4, 0]);
  assert.match(dry.stderr, /p\.csv:5: There are 1 cells/);
  assert.equal(cli('import', 'customers', path).code, 4);
  assert.deepEqual(rows('customers').map((row) => row.name).sort(), ['=1+1', 'Silva, "Zé"\nFilho']);
});

test('CSV goes out page by page as the API writes it, and comes in again the same', async () => {
  const many = Array.from({ length: 1203 }, (_, i) => `{"title":"T${i}","sku":"-${i}=","price":"${i}.10"}`);
  assert.equal(cli('import', 'products', file('many.jsonl', many.join('\n'))).code, 0);
  const text = cli('export', 'products', '--format', 'csv').stdout;
  const { text: own } = await server.api('GET', '/api/v1/products', undefined, { Accept: 'text/csv' });
  assert.deepEqual(lines(text).sort(), lines(own).sort());
  assert.equal(lines(text).length, 1204);
  assert.equal(lines(cli('export', 'products', '--format', 'csv', '--no-header').stdout).length, 1203);
  const other = await startTidemark({ data: tempFolder('import-other') });
  try {
    const path = file('products.csv', text), again = tidemark(['import', 'products', path, '--data', other.data]);
    assert.equal(again.code, 0, again.stderr);
    const bare = (all) => all.map((line) => JSON.parse(line)).map(({ title, sku, price }) => `${title} ${sku} ${price}`).sort();
    assert.deepEqual(bare(lines(tidemark(['export', 'products', '--data', other.data]).stdout)), bare(exported('products')));
  } finally {
    await other.stop();
    removeFolder(other.data);
  }
});

test('what cannot be meant is said so', () => {
  const path = file('e.csv', 'nothing,at all\n1,2\n');
  for (const args of [['contacts'], [], ['nonsense', path], ['contacts', join(data, 'none.csv')], ['contacts', path], ['contacts', path, '--format', 'xml']])
    assert.equal(cli('import', ...args).code, 2, args.join(' '));
});
