// Webhooks in (contract, section 7; I-20 to I-22, D7 to D12): what is believed, what is only a hint, and what comes of it.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';

import { connectChatwoot, loopback } from './lib/chatwoot.mjs';
import { finishedRun, removeFolder, startSandbox, startTidemark, tempFolder, until } from './lib/tidemark.mjs';
import {
  contactEvent, contactNamed, conversationEvent, conversationNumbered, drained, events, send, sign,
} from './lib/webhooks.mjs';

const SHARED = '/api/v1/sync/chatwoot/webhook';
const SECRET = 'dVkQzq5nq3bE2Yx9p1cZr7Ta';
const data = tempFolder('webhooks');
let sandbox, server, connection;

const iso = (ms) => new Date(ms).toISOString();
const requestsTo = async (path) => (await sandbox.ledger()).filter((entry) => entry.target.includes(path)).length;

before(async () => {
  sandbox = await startSandbox({ sizes: { contacts: 20, conversations: 5, messages: 3 } });
  server = await startTidemark({ data, env: { ...loopback, TIDEMARK_WEBHOOKS_HINT_RATE: '1000' } });
  connection = await connectChatwoot(server, sandbox, { webhookSecret: SECRET });
  const { body } = await server.api('POST', `/api/v1/sync/connections/${connection}/sync`, {});
  await finishedRun(server, body.data.runId);
});

after(async () => {
  await server?.stop();
  await sandbox?.stop();
  removeFolder(data);
});

test('a signed event is the data: 200 after it is kept, then applied', async () => {
  const reply = await send(server, contactEvent(90001, 'Ana Souza', { updatedAt: iso(Date.now()) }), { secret: SECRET });
  assert.equal(reply.status, 200, reply.text);
  assert.deepEqual(reply.body, { status: 'accepted', trust: 'signed' });
  const contact = await until('the contact is there', () => contactNamed(server, 90001));
  assert.equal(contact.name, 'Ana Souza');
  assert.equal(contact.email, 'contact90001@example.com');
  const [event] = await events(server, '?q=90001');
  assert.equal(event.status, 'applied', JSON.stringify(event));
  assert.equal(event.connectionId, connection);
});
