// The same scenarios as seed_003_changes.test.mjs, on PostgreSQL: one behaviour on both stores.
import { test } from 'node:test';

if (process.env.TIDEMARK_TEST_PG) {
  process.env.TIDEMARK_TEST_STORE = 'postgres';
  await import('./seed_003_changes.test.mjs');
} else {
  test('seed 003 (changes) on PostgreSQL', { skip: 'TIDEMARK_TEST_PG is not set' }, () => {});
}
