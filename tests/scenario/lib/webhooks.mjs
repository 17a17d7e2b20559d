// Chatwoot's webhooks as Chatwoot sends them: flat bodies, signed over the time and the body.
import { createHmac, randomUUID } from 'node:crypto';

import { until } from './tidemark.mjs';

export const sign = (secret, body, at = Math.floor(Date.now() / 1000)) => ({
  'X-Chatwoot-Timestamp': String(at),
  'X-Chatwoot-Signature': `sha256=${createHmac('sha256', secret).update(`${at}.${body}`).digest('hex')}`,
});

export const contactEvent = (id, name, { account = 1, updatedAt, event = 'contact_updated', ...more } = {}) => ({
  account: { id: account, name: 'Acme Inc' }, additional_attributes: {}, avatar: '', custom_attributes: {},
  email: `contact${id}@example.com`, id, identifier: null, name, phone_number: null, thumbnail: '', blocked: false, ...more, event,
  ...(updatedAt ? { changed_attributes: [{ updated_at: { previous_value: null, current_value: updatedAt } }] } : {}),
});

export const conversationEvent = (id, status, updatedAt, { account = 1, event = 'conversation_updated', ...more } = {}) => ({
  id, inbox_id: 1, labels: [], status, meta: { sender: { id: 1, name: 'Ana' } }, created_at: 1767434340, updated_at: updatedAt,
  last_activity_at: 1767434400, account: { id: account, name: 'Acme Inc' }, ...more, event,
});

// Sends an event; secret null: unsigned. Answers {status, body, headers}.
export const send = (server, event, { path = '/api/v1/sync/chatwoot/webhook', secret = null, delivery = randomUUID(), headers = {} } = {}) => {
  const body = typeof event === 'string' ? event : JSON.stringify(event);
  return server.anonymous('POST', path, body, {
    ...(secret ? sign(secret, body) : {}), ...(delivery ? { 'X-Chatwoot-Delivery': delivery } : {}), ...headers,
  });
};

export const events = async (server, query = '') =>
  (await server.api('GET', `/api/v1/webhooks/events${query}`)).body.data;

// Those about one record: a search finds its number in the ids of other deliveries too, now and then.
export const eventsAbout = async (server, id, query = '') =>
  (await events(server, `?q=${encodeURIComponent(id)}&limit=500${query}`)).filter((event) => event.externalId === String(id));

// Until nothing waits any more.
export const drained = (server, timeoutMs, everyMs) =>
  until('the inbox is empty', async () => (await events(server, '?status=pending&limit=1')).length === 0, timeoutMs, everyMs);

// Nobody takes an event that came, until they are let go: by SQL, which `sql` runs.
export const holdQueues = (sql) => sql("UPDATE inbox_queues SET lease_node = 'held', lease_until = 9000000000000000, epoch = epoch + 1");
export const releaseQueues = (sql) => sql('UPDATE inbox_queues SET lease_node = NULL, lease_until = 0, crashes = 0');

export const contactNamed = async (server, id) =>
  (await server.api('GET', '/api/v1/contacts?limit=500')).body.data.find((c) => c.customFields.chatwoot_id === String(id));

export const conversationNumbered = async (server, id) =>
  (await server.api('GET', '/api/v1/conversations?limit=500')).body.data.find((c) => c.metadata.chatwoot_id === String(id));
