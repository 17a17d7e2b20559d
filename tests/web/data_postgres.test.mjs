// Runs, records, conflicts, jobs and webhooks on the page, on PostgreSQL: the pages that ask the most of the store. The other
// files run there too, by hand: TIDEMARK_TEST_STORE=postgres script/pg-temp run node --test tests/web/every.test.mjs
import { test } from 'node:test';

if (process.env.TIDEMARK_TEST_PG) {
  process.env.TIDEMARK_TEST_STORE = 'postgres';
  await import('./data.test.mjs');
} else {
  test('the page on PostgreSQL', { skip: 'TIDEMARK_TEST_PG is not set' }, () => {});
}
