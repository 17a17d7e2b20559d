// The vendor misbehaves in each way of the fault list, and the run ends as it says: nothing lost, nothing twice, nothing
// half applied. Each test is one connection to a sandbox of its own, so that a fault meets one run only.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { assertAddsUp, assertSameAs, connectChatwoot, contactsOf, expectedContacts, loopback } from './lib/chatwoot.mjs';
import { stopAll } from './lib/platform.mjs';
import { finishedRun, startSandbox, startTidemark, tempFolder, until } from './lib/tidemark.mjs';

const CONTACTS = 150; // ten pages
const data = tempFolder('faults');
let server;

before(async () => {
  server = await startTidemark({ data, env: { ...loopback, TIDEMARK_SWEEP_MS: '100' } });
});

after(() => stopAll(data, server));

async function withFaults(faults, work) {
  const sandbox = await startSandbox({ sizes: { 'chatwoot.contacts': CONTACTS, 'chatwoot.conversations': 0 } });
  let connection;
  try {
    connection = await connectChatwoot(server, sandbox, { name: faults.join(' '), streams: ['contacts'], match: 'none' });
    const existed = new Set((await sandbox.truth('chatwoot', 'contacts')).map((contact) => contact.id));
    for (const fault of faults) await sandbox.raw('POST', '/_sandbox/faults', { fault });
    const started = await server.api('POST', '/api/v1/sync/run', { connectionId: connection, fullSync: true });
    assert.equal(started.status, 202, JSON.stringify(started.body));
    await work({ sandbox, connection, existed, runId: started.body.data.runId, run: () => finishedRun(server, started.body.data.runId) });
  } finally {
    await sandbox.stop();
    if (connection) await server.api('DELETE', `/api/v1/sync/connections/${connection}?purge=true`);
  }
}

// The run is a success that adds up, and every record is there.
const healed = async ({ sandbox, run }) => {
  const ended = await run();
  assert.equal(ended.status, 'success', JSON.stringify(ended));
  assert.equal(ended.verdict, 'complete', JSON.stringify(ended));
  assertAddsUp(ended);
  await assertSameAs(server, sandbox);
  const struck = (await sandbox.ledger()).filter((entry) => entry.fault);
  assert.ok(struck.length > 0, 'the fault never struck');
};

// The run failed with that code; what was committed before stays, and it is a part of what the vendor has.
const failed = (code) => async ({ sandbox, run }) => {
  const ended = await run();
  assert.equal(ended.status, 'error', JSON.stringify(ended));
  assert.ok(JSON.stringify(ended).includes(code), `expected ${code}: ${JSON.stringify(ended)}`);
  const theirs = new Map(expectedContacts(await sandbox.truth('chatwoot', 'contacts')).map((c) => [c.id, c]));
  for (const contact of await contactsOf(server)) assert.deepEqual(contact, theirs.get(contact.id));
};

test('F12: 429 with Retry-After in seconds is waited for', () => withFaults(['429:after=3:count=2:retry-after=1:path=/contacts'], healed));
test('F13: 429 without Retry-After backs off', () => withFaults(['429:after=3:count=1:path=/contacts'], healed));
test('F16: a burst of 500 is ridden out', () => withFaults(['500:after=3:count=2:path=/contacts'], healed));
test('F18: a slow drip ends in the page all the same', () => withFaults(['drip:after=3:count=1:bytes-per-s=60000:path=/contacts'], healed));
test('F17: a connection that breaks in the body is tried again', () => withFaults(['reset:after=3:count=1:path=/contacts'], healed));
test('F19: truncated JSON is no page', () => withFaults(['truncated-json:after=3:count=1:path=/contacts'], healed));
test('F19: a body shorter than its length is no page', () => withFaults(['short-length:after=3:count=1:path=/contacts'], healed));
test('F19: a cut gzip body is no page', () => withFaults(['cut-gzip:after=3:count=1:path=/contacts'], healed));
test('F21: HTML with status 200 is no page', () => withFaults(['html:after=3:count=1:path=/contacts'], healed));
test('F21: an empty body is no page', () => withFaults(['empty:after=3:count=1:path=/contacts'], healed));
test('F21: JSON of another type is no page', () => withFaults(['wrong-type:after=3:count=1:path=/contacts'], healed));
test('F19: truncated JSON for ever ends as BAD_PAGE', () => withFaults(['truncated-json:after=3:count=forever:path=/contacts'], failed('BAD_PAGE')));
test('F20: a page that is too large ends as PAGE_TOO_LARGE', () => withFaults(['huge:after=3:mib=70:count=forever:path=/contacts'], failed('PAGE_TOO_LARGE')));
test('F20: a bomb ends as PAGE_TOO_LARGE', () => withFaults(['gzip-bomb:after=3:mib=70:count=forever:path=/contacts'], failed('PAGE_TOO_LARGE')));
test('F20: nesting without end ends as PAGE_TOO_LARGE', () => withFaults(['deep:after=3:count=forever:path=/contacts'], failed('PAGE_TOO_LARGE')));
test('F22: invalid UTF-8 is no page', () => withFaults(['bad-utf8:after=3:count=1:path=/contacts'], healed));
test('F15: a vendor that forbids ends the run with its words', () => withFaults(['403:after=3:count=forever:path=/contacts'], failed('VENDOR_REFUSED')));
test('F25: a vendor that gives the same page for ever is stopped (I-8)', () => withFaults(['loop:after=3:count=forever:path=/contacts'], failed('CURSOR_LOOP')));
test('F25: a page given twice in the place of another does not add up (I-3)', () => withFaults(['loop:after=3:path=/contacts'], failed('UNRECONCILED')));
test('F14: 401 in the middle ends as AUTH_EXPIRED and keeps what was committed', () =>
  withFaults(['401:after=4:count=forever:path=/contacts'], async (context) => {
    await failed('AUTH_EXPIRED')(context);
    assert.equal((await contactsOf(server)).length, 60);
    const connection = await server.api('GET', `/api/v1/sync/connections/${context.connection}`);
    assert.equal(connection.body.data.status, 'error');
    assert.ok(connection.body.data.errorMessage);
  }));

// What existed before the run and after it must be there, whatever came, went and moved meanwhile.
for (const kind of ['insert', 'delete', 'touch'])
  test(`F24: pages that shift by ${kind} lose nothing that existed throughout (I-7)`, () =>
    withFaults([`shift:after=3:every=2:count=3:objects=2:do=${kind}:path=/contacts`], async ({ sandbox, existed, run }) => {
      const ended = await run();
      assert.equal(ended.status, 'success', JSON.stringify(ended));
      const ours = new Set((await contactsOf(server)).map((contact) => contact.id));
      const missing = (await sandbox.truth('chatwoot', 'contacts')).filter((c) => existed.has(c.id) && !ours.has(String(c.id)));
      assert.deepEqual(missing, []);
      assert.ok((await sandbox.json('GET', '/_sandbox/faults')).faults.some((fault) => fault.fired > 0), 'nothing shifted');
    }));
test('F13: while a run waits for the vendor it holds no worker, and can be cancelled', () =>
  withFaults(['429:after=3:count=forever:retry-after=3600:path=/contacts'], async ({ runId }) => {
    await until('the run is parked', async () => {
      const { body } = await server.api('GET', `/api/v1/sync/runs/${runId}`);
      return body.data.waitReason || body.data.waiting ? body : null;
    });
    const cancelled = await server.api('POST', `/api/v1/sync/runs/${runId}/cancel`);
    assert.equal(cancelled.status, 200, JSON.stringify(cancelled.body));
    assert.equal((await finishedRun(server, runId)).status, 'cancelled');
  }));
