// Events that can never be applied, in the whole server: one whose mapping is refused for ever, and one that stops the process each
// time it is tried (I-16 for the inbox). Neither holds up the others; both end in a state that can be seen, and can be replayed.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { connectChatwoot, loopback } from './lib/chatwoot.mjs';
import { removeFolder, startSandbox, startTidemark, tempFolder, until } from './lib/tidemark.mjs';
import { contactEvent, contactNamed, drained, events, eventsAbout, send } from './lib/webhooks.mjs';

const SECRET = 'poison-secret', data = tempFolder('poison'), iso = (ms) => new Date(ms).toISOString();
const env = { ...loopback, TIDEMARK_WEBHOOKS_HINT_RATE: '1000' };
// The vendor answers when all is over: whoever asks it stands still until then.
const NEVER = 'delay:ms=600000:count=forever';
const signed = (server, id, more = {}) => send(server, contactEvent(id, `Contact ${id}`, { updatedAt: iso(Date.now()), ...more }), { secret: SECRET });

test('an event that always fails, and one that kills the process, hold up nobody and can be replayed', async () => {
  const sandbox = await startSandbox({ sizes: { 'chatwoot.contacts': 5, 'chatwoot.conversations': 0 } });
  let server = await startTidemark({ data, env });
  try {
    const connection = await connectChatwoot(server, sandbox, { webhookSecret: SECRET });

    // Refused by the mapping, between two good ones.
    await signed(server, 91001);
    await signed(server, 91002, { phone_number: '12' });
    await signed(server, 91003);
    await drained(server);
    const [refused] = await eventsAbout(server, 91002);
    assert.deepEqual([refused.status, refused.errorMessage], ['failed', 'Contact 91002: Invalid phone format']);
    for (const id of [91001, 91003]) assert.equal((await contactNamed(server, id))?.name, `Contact ${id}`);

    // The process dies while the vendor is asked for this one: each time anew.
    const [truth] = await sandbox.truth('chatwoot', 'contacts');
    const asked = async () => (await sandbox.ledger()).filter((entry) => entry.target.includes(`/contacts/${truth.id}`)).length;
    await sandbox.raw('POST', '/_sandbox/faults', { fault: `${NEVER}:path=/contacts/${truth.id}` });
    const hint = await send(server, contactEvent(truth.id, 'A hint', { updatedAt: iso(Date.now()) }));
    assert.equal(hint.status, 202, hint.text);
    let kills = 0;
    const one = async () => (await eventsAbout(server, truth.id)).find((event) => event.trust === 'hint');
    for (let before = 0; kills < 8; kills++) {
      const state = await until('it is tried again, or given up', async () => {
        const event = await one();
        return event.status !== 'pending' ? event : (await asked()) > before ? 'asked' : null;
      });
      if (state !== 'asked') break;
      before = await asked();
      await server.kill();
      server = await startTidemark({ data, env });
      if (kills === 0) await signed(server, 91004);
    }
    assert.ok(kills >= 3 && kills < 8, `${kills} kills`);
    const poison = await one();
    assert.deepEqual([poison.status, poison.errorCode], ['failed', 'POISON_PAGE'], JSON.stringify(poison));
    await drained(server);
    assert.equal((await contactNamed(server, 91004))?.name, 'Contact 91004', 'the one behind it');
    await signed(server, 91005);
    await until('later ones', () => contactNamed(server, 91005));

    // What was wrong is mended: both go through.
    await sandbox.raw('DELETE', '/_sandbox/faults');
    const changed = await server.api('PATCH', `/api/v1/sync/connections/${connection}`, { rules: { rejectBadPhone: false } });
    assert.equal(changed.status, 200, changed.text);
    for (const event of [poison, refused])
      assert.ok((await server.api('POST', `/api/v1/webhooks/events/${event.id}/replay`)).status < 300);
    await drained(server);
    for (const event of [poison, refused]) {
      const { data: now } = (await server.api('GET', `/api/v1/webhooks/events/${event.id}`)).body;
      assert.equal(now.status, 'applied', JSON.stringify(now));
    }
    assert.equal((await contactNamed(server, truth.id))?.name ?? null, truth.name);
  } finally {
    await server.stop();
    await sandbox.stop('SIGKILL'); // some of its answers are not due yet
    removeFolder(data);
  }
});

test('what is changed holds for what comes next, also while an earlier event is under way', async () => {
  const folder = tempFolder('changed'), sandbox = await startSandbox({ sizes: { 'chatwoot.contacts': 1, 'chatwoot.conversations': 0 } });
  const server = await startTidemark({ data: folder, env });
  try {
    const connection = await connectChatwoot(server, sandbox, { webhookSecret: SECRET });
    const [truth] = await sandbox.truth('chatwoot', 'contacts');
    const asked = async () => (await sandbox.ledger()).some((entry) => entry.target.includes(`/contacts/${truth.id}`));
    await sandbox.raw('POST', '/_sandbox/faults', { fault: `delay:ms=2000:count=1:path=/contacts/${truth.id}` });
    assert.equal((await send(server, contactEvent(truth.id, 'A hint', { updatedAt: iso(Date.now()) }))).status, 202);
    await until('the vendor is asked', asked);
    const changed = await server.api('PATCH', `/api/v1/sync/connections/${connection}`, { rules: { rejectBadPhone: false } });
    assert.equal(changed.status, 200, changed.text);
    assert.equal((await signed(server, 93001, { phone_number: '12' })).status, 200);
    await drained(server);
    assert.deepEqual((await events(server)).map((event) => event.status), ['applied', 'applied']);
  } finally {
    await server.stop();
    await sandbox.stop();
    removeFolder(folder);
  }
});

test('after a death only as many events go one by one as its batch may have held', async () => {
  const MANY = 160, BATCH = 100, folder = tempFolder('death');
  const sandbox = await startSandbox({ sizes: { 'chatwoot.contacts': 1, 'chatwoot.conversations': 0 } });
  let server = await startTidemark({ data: folder, env });
  try {
    await connectChatwoot(server, sandbox, { webhookSecret: SECRET });
    const [truth] = await sandbox.truth('chatwoot', 'contacts');
    const asked = async () => (await sandbox.ledger()).some((entry) => entry.target.includes(`/contacts/${truth.id}`));
    await sandbox.raw('POST', '/_sandbox/faults', { fault: `${NEVER}:path=/contacts/${truth.id}` });
    assert.equal((await send(server, contactEvent(truth.id, 'A hint', { updatedAt: iso(Date.now()) }))).status, 202);
    await until('the vendor is asked', asked);
    for (let i = 0; i < MANY; i += 20) // behind the one that is under way
      await Promise.all(Array.from({ length: 20 }, async (_, k) => assert.equal((await signed(server, 92000 + i + k)).status, 200)));
    await server.kill();
    await sandbox.raw('DELETE', '/_sandbox/faults');
    server = await startTidemark({ data: folder, env });
    await drained(server);
    const all = await events(server, '?limit=500'), tried = all.filter((event) => event.attempts > 0);
    assert.deepEqual([all.length, all.filter((event) => event.status === 'applied').length], [MANY + 1, MANY + 1]);
    assert.ok(tried.some((event) => event.trust === 'hint'), 'the one that was under way is counted');
    assert.ok(tried.length <= BATCH, `${tried.length} of ${all.length} were counted before they were tried`);
  } finally {
    await server.stop();
    await sandbox.stop('SIGKILL'); // some of its answers are not due yet
    removeFolder(folder);
  }
});
