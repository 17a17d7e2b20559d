// SIGKILL at random moments of a run, on both stores: the restarted run ends in exactly the content of an undisturbed
// one, and no page is fetched twice but those that were in flight (I-1, I-2, I-4, F1).
//
// KILL_COUNT and KILL_CONTACTS make it longer (script/kill-test: 200 kills on 100,000 contacts), KILL_PAUSE_MS is the
// longest time between a commit and the next kill. The seed is printed.
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';

import { assertSameAs, connectChatwoot, loopback } from './lib/chatwoot.mjs';
import {
  finishedRun, freshDatabase, isFinished, pause, removeFolder, seeded, startSandbox, startTidemark, tempFolder, until,
} from './lib/tidemark.mjs';

const KILLS = Number(process.env.KILL_COUNT ?? 20);
const CONTACTS = Number(process.env.KILL_CONTACTS ?? 12_000);
const PAUSE_MS = Number(process.env.KILL_PAUSE_MS ?? 120);
const SEED = Number(process.env.KILL_SEED ?? 20261122);
const IN_FLIGHT = 6; // WORK_PAGES: four on their way to the disk, the next one prepared meanwhile, the one after that asked for

const stores = [
  { name: 'SQLite', skip: false, args: () => [] },
  {
    name: 'PostgreSQL', skip: process.env.TIDEMARK_TEST_PG ? false : 'TIDEMARK_TEST_PG is not set',
    args: () => ['--database', freshDatabase('kill')],
  },
];

// A node takes its own leases back at once. They are long, so that a machine that stands still for seconds costs none: whoever takes the
// run over then asks for the pages in flight again, and nobody was killed.
const settings = {
  ...loopback, TIDEMARK_LEASE_MS: '120000', TIDEMARK_HEARTBEAT_MS: '300', TIDEMARK_SWEEP_MS: '200',
};

async function progress(server, runId) {
  const { body } = await server.api('GET', `/api/v1/sync/runs/${runId}`).catch(() => ({}));
  return body?.data;
}

// Kills again and again, each time only after the new process has committed something, until KILLS or the end.
async function runWithKills(options, runId, server, random, killed) {
  let kills = 0, last = await progress(server, runId);
  while (kills < KILLS && !isFinished(last)) {
    const before = last.recordsSynced;
    last = await until('the run goes on', async () => {
      const now = await progress(server, runId);
      return now && (now.recordsSynced > before || isFinished(now)) ? now : null;
    }, undefined, 5);
    if (isFinished(last)) break;
    await pause(random() * PAUSE_MS);
    await server.kill();
    kills++;
    await killed();
    server = await startTidemark(options);
  }
  return { kills, server, run: await finishedRun(server, runId, 900_000) };
}

for (const store of stores) {
  describe(`killed at random moments on ${store.name} (seed ${SEED})`, () => {
    const open = [], folders = [];
    after(async () => {
      for (const thing of open.reverse()) await thing.stop();
      folders.forEach(removeFolder);
    });

    test('ends as if nothing had happened', { timeout: 1_800_000, skip: store.skip }, async (t) => {
      const data = tempFolder('kill');
      folders.push(data);
      const sandbox = await startSandbox({ sizes: { 'chatwoot.contacts': CONTACTS, 'chatwoot.conversations': 0 } });
      open.push(sandbox);
      const options = { data, args: store.args(), env: settings };
      let server = await startTidemark(options);
      open.push({ stop: () => server.stop() });
      const connection = await connectChatwoot(server, sandbox, { streams: ['contacts'] });
      // Until the first kill the vendor is slow, or the run could be over before it.
      await sandbox.raw('POST', '/_sandbox/faults', { fault: 'delay:ms=250:count=forever:path=/contacts' });
      const started = await server.api('POST', '/api/v1/sync/run', { connectionId: connection, fullSync: true });
      const ended = await runWithKills(options, started.body.data.runId, server, seeded(SEED), () => sandbox.raw('DELETE', '/_sandbox/faults'));
      server = ended.server;
      t.diagnostic(`${ended.kills} kills, ${CONTACTS} contacts`);
      assert.equal(ended.run.status, 'success', JSON.stringify(ended.run));
      assert.equal(ended.run.verdict, 'complete', JSON.stringify(ended.run));
      const listed = (await sandbox.truth('chatwoot', 'contacts')).length; // the vendor's lists leave some out
      assert.equal(ended.run.recordsCreated, listed);
      assert.equal(ended.run.recordsReceived, listed, 'no page is counted twice (I-3)');
      assert.ok(ended.kills >= (process.env.KILL_PAUSE_MS ? KILLS : 1), `${ended.kills} kills: a shorter KILL_PAUSE_MS makes more`);
      await assertSameAs(server, sandbox);

      const asked = (await sandbox.ledger()).filter((e) => /\/contacts\?.*page=/.test(e.target) && e.status === 200);
      const times = new Map();
      for (const { target } of asked) times.set(target, (times.get(target) ?? 0) + 1);
      assert.equal(times.size, Math.ceil(listed / 15), 'each page was asked for');
      const twice = asked.length - times.size;
      assert.ok(twice <= ended.kills * IN_FLIGHT, `${twice} pages fetched again for ${ended.kills} kills`);
    });
  });
}
