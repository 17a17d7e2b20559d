// A store that holds very much: one small run makes real rows, the database multiplies them while the server is away. A run
// of 100,000 records would say the same and take a minute in a build with sanitizers.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

import { databaseOf } from '../../scenario/lib/tidemark.mjs';

// What the two databases write differently; `n` numbers the copies. UUIDs stand behind all that the server made itself: they
// grow with time.
const sqlite = (data) => ({
  command: ['sqlite3', [join(data, 'tidemark.db')]],
  columns: (table) => `SELECT group_concat(name) FROM pragma_table_info('${table}')`,
  numbers: (count) => `(WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < ${count}) SELECT n FROM n) AS n`,
  uuid: (first) => `printf('7${first}000000-0000-7000-8000-%012x', n)`,
  text: (before, after = '') => `printf('${before}%06d${after}', n)`,
  data: (changes) => `json_set(one.data${Object.entries(changes).map(([name, value]) => `, '$.${name}', ${value}`).join('')})`,
  behind: (table, last) => `UPDATE sequences SET last = ${last} WHERE name = '${table}';`,
});
const postgres = (url) => ({
  command: ['psql', [url, '--quiet', '--tuples-only', '--no-align', '--set=ON_ERROR_STOP=1', '--command']],
  columns: (table) => `SELECT string_agg(column_name, ',') FROM information_schema.columns WHERE table_name = '${table}' AND table_schema = current_schema()`,
  numbers: (count) => `generate_series(1, ${count}) AS n (n)`,
  uuid: (first) => `'7${first}000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0')`,
  text: (before, after = '') => `'${before}' || lpad(CAST(n AS text), 6, '0') || '${after}'`,
  data: (changes) => `CAST(CAST(one.data AS jsonb) || jsonb_build_object(${Object.entries(changes).map(([name, value]) => `'${name}', ${value}`).join(', ')}) AS json)`,
  behind: (table, last) => `SELECT setval(pg_get_serial_sequence('${table}', 'id'), ${last});`,
});

export function multiply(data, { contacts, runs }) {
  const db = databaseOf(data) ? postgres(databaseOf(data)) : sqlite(data);
  const sql = (text) => {
    const done = spawnSync(db.command[0], [...db.command[1], text], { encoding: 'utf8' });
    assert.equal(done.status, 0, done.stderr);
    return done.stdout;
  };
  // `count` copies of the row of `table` that `where` finds; `changes` says what is different in each.
  const copies = (table, where, count, changes) => {
    const names = sql(db.columns(table)).trim().split(',');
    return `INSERT INTO ${table} (${names.join(', ')}) SELECT ${names.map((name) => changes[name] ?? `one.${name}`).join(', ')}
      FROM ${db.numbers(count)}, (SELECT * FROM ${table} WHERE ${where} ORDER BY id LIMIT 1) AS one;`;
  };
  const [record, job, run] = ['records', 'jobs', 'runs'].map((table) => Number(sql(`SELECT max(id) FROM ${table}`)));
  const kind = "collection = (SELECT id FROM collections WHERE kind = 'contacts')";
  const person = db.text('Person ');
  sql(`BEGIN;
    ${copies('records', kind, contacts, { id: `${record} + n`, uuid: db.uuid('a'), title: person, data: db.data({ name: person, email: db.text('p', '@example.com') }) })}
    UPDATE collection_counts SET live = live + ${contacts} WHERE ${kind} AND shard = (SELECT min(shard) FROM collection_counts WHERE ${kind});
    ${db.behind('records', record + contacts)}
    ${copies('jobs', 'finished_at IS NOT NULL', runs, { id: `${job} + n`, uuid: db.uuid('b'), name: db.text('job ') })}
    ${copies('runs', 'finished_at IS NOT NULL', runs, { id: `${run} + n`, uuid: db.uuid('c'), job: `${job} + n`, received: 'n' })}
    COMMIT;`);
}
