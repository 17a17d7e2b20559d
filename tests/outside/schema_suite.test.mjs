// The official JSON Schema test suite through our validator. The suite comes from Debian's package json-schema-test-suite (draft-07;
// script/bootstrap --tests installs it), or from the folder that TIDEMARK_SCHEMA_SUITE names, with every draft it has.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';

import { binary } from '../scenario/lib/tidemark.mjs';

const suite = process.env.TIDEMARK_SCHEMA_SUITE ?? '/usr/share/json-schema-test-suite';
const script = join(import.meta.dirname, '../../script/schema-suite');
const judge = join(dirname(binary), '../../tests/outside/schema_judge');
const skip = !existsSync(suite) ? 'needs the package json-schema-test-suite' : !existsSync(judge) ? `needs ${judge}` : false;

test('the official JSON Schema suite: all but what is refused on purpose', { skip }, () => {
  const done = spawnSync(process.execPath, [script, suite, judge], { encoding: 'utf8', timeout: 600_000 });
  assert.equal(done.status, 0, done.stdout.split('\n').filter((line) => !/load JSON Schema/.test(line)).join('\n') + done.stderr);
  assert.match(done.stdout, /draft7: \d{3} of \d{3}/);
});
