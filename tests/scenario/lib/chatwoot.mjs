// What the rows must be for what the simulated Chatwoot holds, written from the field map of the contract, section 3,
// and not from the template: two witnesses.
import assert from 'node:assert/strict';

import { listAll } from './tidemark.mjs';

const blank = (value) => value === null || value === undefined || value === '' ? null : value;
const byId = (a, b) => Number(a.id) - Number(b.id);

// The template's rule: nothing to know it by, or no phone number at all, is rejected.
export const expectedContacts = (truth) =>
  truth.map((c) => ({ id: String(c.id), name: blank(c.name), email: blank(c.email), phone: blank(c.phone_number) })).sort(byId);

export const contactsOf = async (server) =>
  (await listAll(server, '/api/v1/contacts')).map((c) => ({
    id: String(c.customFields.chatwoot_id), name: blank(c.name), email: blank(c.email), phone: blank(c.phone),
  })).sort(byId);

const statusOf = { open: 'active', resolved: 'completed', pending: 'pending', snoozed: 'snoozed' };

export const expectedConversations = (truth) =>
  truth.map((c) => ({ id: String(c.id), status: statusOf[c.status], inbox: String(c.inbox_id) })).sort(byId);

export const conversationsOf = async (server) =>
  (await listAll(server, '/api/v1/conversations')).map((c) => ({
    id: String(c.metadata.chatwoot_id), status: c.status, inbox: String(c.metadata.chatwoot_inbox_id),
  })).sort(byId);

export const expectedMessages = (truth) => truth.map((m) => ({ id: String(m.id), content: blank(m.content) })).sort(byId);

export const messagesOf = async (server) =>
  (await listAll(server, '/api/v1/messages')).map((m) => ({ id: String(m.metadata.chatwoot_id), content: blank(m.content) })).sort(byId);

// Record for record, all three kinds.
export async function assertSameAs(server, sandbox) {
  assert.deepEqual(await contactsOf(server), expectedContacts(await sandbox.truth('chatwoot', 'contacts')));
  assert.deepEqual(await conversationsOf(server), expectedConversations(await sandbox.truth('chatwoot', 'conversations')));
  assert.deepEqual(await messagesOf(server), expectedMessages(await sandbox.truth('chatwoot', 'messages')));
}

export const loopback = {
  TIDEMARK_NETWORK_ALLOW: '127.0.0.0/8', TIDEMARK_NETWORK_ALLOW_HTTP: 'true', TIDEMARK_INTERVAL: '1d', TIDEMARK_OVERLAP: '1s',
};

export async function connectChatwoot(server, sandbox, more = {}) {
  const made = await server.api('POST', '/api/v1/sync/connections', {
    name: 'Chatwoot', platform: 'chatwoot', ...more,
    credentials: { accountId: '1', accessToken: 'test', baseUrl: `${sandbox.url}/chatwoot`, ...more.credentials },
  });
  assert.equal(made.status, 201, JSON.stringify(made.body));
  return made.body.data.id;
}

// received = created + updated + skipped + deleted + errors, per run (I-3).
export function assertAddsUp(run) {
  const { recordsSynced, recordsCreated, recordsUpdated, recordsSkipped } = run;
  assert.equal(recordsSynced, recordsCreated + recordsUpdated + recordsSkipped, JSON.stringify(run));
}
