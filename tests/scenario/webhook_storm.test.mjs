// A storm of webhooks (I-20 to I-22, F43): duplicates, reordering, and the server killed again and again while it takes and
// applies them. In the end every record is in its newest state and every delivery was kept exactly once.
//
// TIDEMARK_STORM_EVENTS sets how many, TIDEMARK_STORM_STORES where (sqlite, postgres, both); script/storm-test sets them. PostgreSQL
// needs TIDEMARK_TEST_PG.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { Agent, request } from 'node:http';
import { test } from 'node:test';

import { loopback } from './lib/chatwoot.mjs';
import { freshDatabase, lastingPort, listAll, patient, pause, removeFolder, startTidemark, tempFolder, until } from './lib/tidemark.mjs';
import { conversationEvent, drained, events, sign } from './lib/webhooks.mjs';

const EVENTS = Number(process.env.TIDEMARK_STORM_EVENTS ?? 1500), RECORDS = Math.max(20, Math.floor(EVENTS / 100));
const KILLS = Number(process.env.TIDEMARK_STORM_KILLS ?? 4), CLIENTS = 32, SECRET = 'storm-secret';
const BACK_MS = 600_000;

// The same numbers each time: a storm that failed can be seen again.
const random = ((seed) => () => (seed = (seed * 1103515245 + 12345) % 2147483648) / 2147483648)(2026);

const storm = () => {
  const base = Date.now() / 1000 - 3600, newest = new Map(), sends = [];
  for (let i = 0; i < EVENTS; i++) {
    const record = 1 + Math.floor(random() * RECORDS), version = Number((base + i / 1000).toFixed(6));
    newest.set(record, i);
    const body = JSON.stringify(conversationEvent(record, i % 2 ? 'open' : 'resolved', version, { labels: [`state-${i}`] }));
    const one = { body, delivery: randomUUID(), at: i + random() * 400 };
    sends.push(one);
    if (random() < 0.15) sends.push({ ...one, at: i + random() * EVENTS });
  }
  return { newest, sends: sends.sort((a, b) => a.at - b.at) };
};

async function weather(database) {
  const data = tempFolder('storm'), env = { ...loopback, ...(database ? { TIDEMARK_DATABASE: database } : {}) };
  const port = await lastingPort();
  let server = await startTidemark({ data, env, port });
  const agent = new Agent({ keepAlive: true, maxSockets: CLIENTS });
  const made = await server.api('POST', '/api/v1/sync/connections?test=false', {
    name: 'Storm', platform: 'chatwoot', webhookSecret: SECRET,
    credentials: { accountId: '1', accessToken: 'test', baseUrl: 'http://127.0.0.1:9' },
  });
  assert.equal(made.status, 201, made.text);

  const { newest, sends } = storm();
  const deliver = ({ body, delivery }) => new Promise((resolve) => {
    const r = request({ port, agent, method: 'POST', path: '/api/v1/sync/chatwoot/webhook',
      headers: { ...sign(SECRET, body), 'X-Chatwoot-Delivery': delivery, 'Content-Length': Buffer.byteLength(body) } }, (reply) => {
      reply.resume().on('end', () => resolve(reply.statusCode)).on('error', () => resolve(0));
    });
    r.on('error', () => resolve(0)).end(body);
  });
  let next = 0, acknowledged = 0, over = false;
  const client = async () => {
    while (next < sends.length) {
      const one = sends[next++];
      for (const end = Date.now() + patient(BACK_MS); ;) {
        const status = await deliver(one);
        if (status === 200) break;
        assert.ok(status === 0 || status === 503, `status ${status}`);
        assert.ok(Date.now() < end, 'the server never came back');
        await pause(20);
      }
      acknowledged++;
    }
  };
  // An event that was under way at three deaths is taken for their cause (I-16), so at least one is applied in each life.
  const die = async (lived) => {
    const applied = async () => (await server.api('GET', '/api/v1/webhooks/events?status=applied&limit=1')).body.meta.total;
    await until('an event is applied', async () => (await applied()) > lived || (await events(server, '?status=pending&limit=1')).length === 0);
    await server.kill();
    server = await startTidemark({ data, env, port });
    return applied();
  };
  let lived = 0;
  const killer = async () => {
    for (let kill = 1; kill <= KILLS; kill++) {
      while (!over && acknowledged < (sends.length * kill) / (KILLS + 1)) await pause(5);
      lived = await die(lived);
    }
  };
  await Promise.all([killer(), Promise.all(Array.from({ length: CLIENTS }, client)).finally(() => { over = true; })]);
  assert.equal(acknowledged, sends.length);
  if (KILLS > 0) await die(lived); // once more, in the middle of applying
  await drained(server, 1_200_000, 200); // seldom: who asks takes part of the machine

  const kept = await listAll(server, '/api/v1/webhooks/events');
  assert.equal(kept.length, EVENTS, 'each delivery once');
  assert.deepEqual([...new Set(kept.map((e) => e.status))], ['applied']);
  const rows = await listAll(server, '/api/v1/conversations');
  assert.equal(rows.length, newest.size, 'no record twice, none missing');
  for (const row of rows)
    assert.deepEqual(row.metadata.chatwoot_labels, [`state-${newest.get(Number(row.metadata.chatwoot_id))}`], row.metadata.chatwoot_id);
  agent.destroy();
  await server.stop();
  removeFolder(data);
}

const title = `${EVENTS} events with duplicates, reordering and ${KILLS} kills end in the newest state, none lost`;
const stores = process.env.TIDEMARK_STORM_STORES ?? 'both';
if (stores !== 'postgres') test(title, { timeout: 3_600_000 }, () => weather(null));
if (stores !== 'sqlite' && process.env.TIDEMARK_TEST_PG)
  test(`${title}: PostgreSQL`, { timeout: 3_600_000 }, () => weather(freshDatabase('hooks')));
