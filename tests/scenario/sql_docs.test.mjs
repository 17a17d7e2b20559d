// docs/sql.md lists every view with its columns, and both databases have the same ones.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';

const root = new URL('../../', import.meta.url);
const folder = new URL('src/store/views/', root);
const names = (text) => [...text.matchAll(/`(\w+)`/g)].map((m) => m[1]);
const documented = new Map(readFileSync(new URL('docs/sql.md', root), 'utf8').split('\n')
  .filter((line) => line.startsWith('| `')).map((line) => line.split('|').slice(1, 3)).map(([view, columns]) => [names(view)[0], names(columns)]));

// The words behind the last AS of each line of the select list; a view that is written otherwise is only looked for.
const columnsOf = (text) => [...text.slice(text.indexOf('SELECT'), text.indexOf('\nFROM')).matchAll(/ AS (\w+),?$/gm)].map((m) => m[1]);

for (const file of readdirSync(folder).filter((name) => name.endsWith('.sql')))
  test(`docs/sql.md lists ${file} with its columns`, () => {
    const view = file.slice(0, -4);
    const [sqlite, postgres] = readFileSync(new URL(file, folder), 'utf8').split('-- @postgres').map(columnsOf);
    assert.deepEqual(postgres, sqlite, 'the two databases differ');
    assert.ok(documented.has(view), `docs/sql.md has no row \`${view}\``);
    if (sqlite.length > 0) assert.deepEqual(documented.get(view), sqlite);
  });
