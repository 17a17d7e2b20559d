// The same scenarios as tenants_off and erase, on PostgreSQL: one behaviour on both stores.
import { test } from 'node:test';

if (process.env.TIDEMARK_TEST_PG) {
  process.env.TIDEMARK_TEST_STORE = 'postgres';
  await import('./tenants_off.test.mjs');
  await import('./erase.test.mjs');
} else {
  test('tenants and erasure on PostgreSQL', { skip: 'TIDEMARK_TEST_PG is not set' }, () => {});
}
