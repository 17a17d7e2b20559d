// A store that holds very much: one small run makes real rows, the database multiplies them while the server is away. A run
// of 100,000 records would say the same and take a minute in a build with sanitizers.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const columnsOf = (sql, table) => sql(`SELECT group_concat(name) FROM pragma_table_info('${table}')`).trim().split(',');

// `count` copies of the row of `table` that `where` finds; `changes` says what is different in each, by its number `n`.
function copies(sql, table, where, count, changes) {
  const names = columnsOf(sql, table);
  return `WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < ${count})
    INSERT INTO ${table} (${names.join(', ')}) SELECT ${names.map((name) => changes[name] ?? `one.${name}`).join(', ')}
    FROM n, (SELECT * FROM ${table} WHERE ${where} ORDER BY id LIMIT 1) AS one;`;
}

// UUIDs behind all that the server made itself: they grow with time.
const uuid = (first) => `printf('7${first}000000-0000-7000-8000-%012x', n)`;

export function multiply(data, { contacts, runs }) {
  const sql = (text) => {
    const done = spawnSync('sqlite3', [join(data, 'tidemark.db'), text], { encoding: 'utf8' });
    assert.equal(done.status, 0, done.stderr);
    return done.stdout;
  };
  const last = (table) => Number(sql(`SELECT max(id) FROM ${table}`));
  const [record, job, run] = ['records', 'jobs', 'runs'].map(last);
  const kind = "collection = (SELECT id FROM collections WHERE kind = 'contacts')";
  sql(`BEGIN;
    ${copies(sql, 'records', kind, contacts, { id: `${record} + n`, uuid: uuid('a'), title: "printf('Person %06d', n)",
    data: `json_set(one.data, '$.name', printf('Person %06d', n), '$.email', printf('p%06d@example.com', n))` })}
    UPDATE collection_counts SET live = live + ${contacts} WHERE ${kind} AND shard = (SELECT min(shard) FROM collection_counts WHERE ${kind});
    UPDATE sequences SET last = ${record + contacts} WHERE name = 'records';
    ${copies(sql, 'jobs', 'finished_at IS NOT NULL', runs, { id: `${job} + n`, uuid: uuid('b'), name: "printf('job %06d', n)" })}
    ${copies(sql, 'runs', 'finished_at IS NOT NULL', runs, { id: `${run} + n`, uuid: uuid('c'), job: `${job} + n`, received: 'n' })}
    COMMIT;`);
}
