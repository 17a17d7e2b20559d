// Several processes on one PostgreSQL: they share the runs, take over those of a process that died or was stopped,
// and none of it is lost or there twice (I-13, I-14, I-15, I-17, F36, F38). TIDEMARK_TEST_PG names the server.
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';

import { connectChatwoot, loopback } from './lib/chatwoot.mjs';
import {
  finishedRun, freshDatabase, isFinished, listAll, pause, removeFolder, seeded, startSandbox, startTidemark, tempFolder, until,
} from './lib/tidemark.mjs';

const skip = process.env.TIDEMARK_TEST_PG ? false : 'TIDEMARK_TEST_PG is not set';
const CONTACTS = 450; // thirty pages of each account
const LEASE_MS = 8000; // a machine that stands still for seconds loses none: three in a row, and a run is taken for a poisoned one
const open = [];
after(async () => {
  for (const stop of open.reverse()) await stop();
});

// Nodes on one database, and a vendor that takes its time.
async function cluster({ nodes, connections, workers, delayMs }) {
  const sandbox = await startSandbox({ sizes: { 'chatwoot.contacts': CONTACTS, 'chatwoot.conversations': 0 } });
  open.push(() => sandbox.stop());
  const database = freshDatabase('nodes'), started = [];
  for (let i = 0; i < nodes; i++) {
    const data = tempFolder('node');
    open.push(() => removeFolder(data));
    const node = await startTidemark({
      data, args: ['--database', database],
      env: {
        ...loopback, API_KEY_ENCRYPTION_SECRET: 'one-key-for-all-nodes-of-this-test', TIDEMARK_WORKERS: String(workers), TIDEMARK_LEASE_MS: String(LEASE_MS),
        TIDEMARK_HEARTBEAT_MS: '250', TIDEMARK_SWEEP_MS: '200', TIDEMARK_METRICS_PUBLIC: 'true',
      },
    });
    open.push(() => node.stop('SIGKILL'));
    started.push(node);
  }
  const ids = [];
  for (let account = 1; account <= connections; account++)
    ids.push(await connectChatwoot(started[0], sandbox, {
      name: `Account ${account}`, streams: ['contacts'], match: 'none', credentials: { accountId: String(account) },
    }));
  await sandbox.raw('POST', '/_sandbox/faults', { fault: `delay:ms=${delayMs}:count=forever:path=/contacts` });
  return { sandbox, nodes: started, connections: ids };
}

async function startRuns({ nodes, connections }) {
  const runs = await Promise.all(connections.map((connectionId, i) =>
    nodes[i % nodes.length].api('POST', '/api/v1/sync/run', { connectionId, fullSync: true })));
  for (const run of runs) assert.equal(run.status, 202, JSON.stringify(run.body));
  return runs.map((run) => run.body.data.runId);
}

const metric = async (node, name) =>
  Number(new RegExp(`^tidemark_${name} (\\d+)`, 'm').exec((await node.anonymous('GET', '/metrics')).text)[1]);
const look = async (node, run) => (await node.api('GET', `/api/v1/sync/runs/${run}`)).body.data;
const lookAll = (node, runs) => Promise.all(runs.map((run) => look(node, run)));

// Each of the runs goes on, or has ended, without those who had them before.
async function takenOver(node, runs) {
  const before = await lookAll(node, runs);
  const began = Date.now();
  await until('others go on with the runs', async () => {
    const now = await lookAll(node, runs);
    return now.every((run, i) => isFinished(run) || run.pages > before[i].pages);
  });
  return Date.now() - began;
}

// What the vendor has of all accounts is there, once; and each run counted each record once (I-3, I-4).
async function assertWhole(node, { sandbox, connections }, runs) {
  const theirs = [];
  for (let account = 1; account <= connections.length; account++) {
    const listed = await sandbox.truth('chatwoot', `contacts?account=${account}`);
    const run = await finishedRun(node, runs[account - 1]);
    assert.deepEqual([run.status, run.verdict, run.recordsCreated, run.recordsReceived],
      ['success', 'complete', listed.length, listed.length], JSON.stringify(run));
    theirs.push(...listed.map((c) => `${c.id} ${c.name ?? ''} ${c.email ?? ''}`));
  }
  const ours = (await listAll(node, '/api/v1/contacts')).map((c) => `${c.customFields.chatwoot_id} ${c.name ?? ''} ${c.email ?? ''}`);
  assert.deepEqual(ours.sort(), theirs.sort());
}

describe('several nodes on one PostgreSQL', { skip }, () => {
  test('share the runs; when one is killed the others take its runs over (I-14, I-15)', async (t) => {
    const all = await cluster({ nodes: 3, connections: 6, workers: 2, delayMs: 2000 }); // no run is over before it is
    const runs = await startRuns(all);
    await until('every node reads', async () =>
      (await Promise.all(all.nodes.map((node) => metric(node, 'pages_committed_total')))).every((pages) => pages > 0));
    const [dies, lives] = all.nodes;
    // A node that stood still for longer than its lease has lost its runs, and takes others.
    await until('the one that dies has a run', async () => await metric(dies, 'runs_active') > 0);
    await dies.kill();
    await all.sandbox.raw('DELETE', '/_sandbox/faults');
    t.diagnostic(`taken over after ${await takenOver(lives, runs)} ms`);
    await assertWhole(lives, all, runs);
  });

  test('a node that was stopped for longer than its lease is fenced when it wakes (F36)', async (t) => {
    const all = await cluster({ nodes: 2, connections: 4, workers: 2, delayMs: 500 }); // the runs are not over before it has one
    const [sleeper, awake] = all.nodes, random = seeded(7);
    const runs = await startRuns(all);
    let stops = 0;
    const allDone = async () => (await lookAll(awake, runs)).every(isFinished);
    for (; stops < 3; stops++) {
      await until('it has a run', async () => await metric(sleeper, 'runs_active') > 0 || allDone());
      if (await allDone()) break;
      await pause(random() * 100); // anywhere within a page
      process.kill(sleeper.pid, 'SIGSTOP');
      try {
        t.diagnostic(`taken over after ${await takenOver(awake, runs)} ms`);
      } finally {
        process.kill(sleeper.pid, 'SIGCONT');
      }
      await until('the node that slept is ready', async () => (await sleeper.anonymous('GET', '/readyz')).status === 200);
    }
    assert.ok(stops > 0);
    await all.sandbox.raw('DELETE', '/_sandbox/faults');
    await assertWhole(awake, all, runs);
    const again = await startRuns(all);
    for (const run of again) assert.equal((await finishedRun(sleeper, run)).recordsCreated, 0);
  });

  test('the same connection asked for on all nodes at once makes one run (I-13, F38)', async () => {
    const all = await cluster({ nodes: 3, connections: 1, workers: 2, delayMs: 2000 }); // it is not done before the last has asked
    const asked = await Promise.all(Array.from({ length: 12 }, (_, i) =>
      all.nodes[i % 3].api('POST', '/api/v1/sync/run', { connectionId: all.connections[0], fullSync: true })));
    const accepted = asked.filter((reply) => reply.status === 202);
    assert.equal(accepted.length, 1, asked.map((reply) => reply.status).join(' '));
    await all.sandbox.raw('DELETE', '/_sandbox/faults');
    for (const reply of asked.filter((r) => r.status !== 202)) {
      assert.deepEqual([reply.status, reply.body.code], [409, 'SYNC_IN_PROGRESS']);
      assert.ok(JSON.stringify(reply.body.details).includes(accepted[0].body.data.runId), reply.text);
    }
    await assertWhole(all.nodes[2], all, [accepted[0].body.data.runId]);
    assert.equal((await all.nodes[1].api('GET', '/api/v1/sync/runs')).body.meta.total, 1); // I-17
  });

  test('a node that is told to stop hands its runs on at once (I-38)', async () => {
    const all = await cluster({ nodes: 2, connections: 4, workers: 2, delayMs: 2500 }); // each run takes more than a minute
    const [leaves, stays] = all.nodes;
    const runs = await startRuns(all);
    await until('both nodes read', async () =>
      (await Promise.all(all.nodes.map((node) => metric(node, 'pages_committed_total')))).every((pages) => pages > 0));
    assert.deepEqual(await leaves.stop(), { code: 0, signal: null });
    assert.ok((await lookAll(stays, runs)).every((run) => !isFinished(run)), 'it waited for no run');
    await all.sandbox.raw('DELETE', '/_sandbox/faults');
    await takenOver(stays, runs);
    await assertWhole(stays, all, runs);
  });

  test('what one node revokes or switches off, the others refuse too (I-34)', async () => {
    const { nodes: [here, there] } = await cluster({ nodes: 2, connections: 0, workers: 1, delayMs: 0 });
    const made = async (tenant) => {
      const reply = await here.api('POST', '/api/v1/keys', { name: 'app' }, { 'X-Tenant-Id': tenant });
      assert.equal(reply.status, 201, reply.text);
      return reply.body.data;
    };
    const ask = async (key) => (await fetch(`${there.url}/api/v1/contacts?limit=1`, { headers: { Authorization: `Bearer ${key}` } })).status;
    assert.equal((await here.api('POST', '/api/v1/tenants', { key: 'acme' })).status, 201);
    const revoked = await made('default'), stays = await made('default'), acme = await made('acme');
    for (const { key } of [revoked, stays, acme]) assert.equal(await ask(key), 200); // known there now
    const gone = await here.api('DELETE', `/api/v1/keys/${revoked.id}`, undefined, { 'X-Tenant-Id': 'default' });
    assert.equal(gone.status, 204, gone.text);
    assert.ok((await here.api('POST', '/api/v1/tenants/acme/disable')).status < 300);
    await until('the key is refused there', async () => await ask(revoked.key) === 401);
    await until('the tenant is refused there', async () => await ask(acme.key) === 403);
    assert.equal(await ask(stays.key), 200);
  });
});
