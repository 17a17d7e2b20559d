// The same scenarios as seed_002.test.mjs, on PostgreSQL: one behaviour on both stores.
import { test } from 'node:test';

if (process.env.TIDEMARK_TEST_PG) {
  process.env.TIDEMARK_TEST_STORE = 'postgres';
  await import('./seed_002.test.mjs');
} else {
  test('seed 002 on PostgreSQL', { skip: 'TIDEMARK_TEST_PG is not set' }, () => {});
}
