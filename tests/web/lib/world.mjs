// A small world in which every page has something to show, the address of each page, and the dialogs and states they have.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';

import { finishedRun, listAll, startSandbox } from '../../scenario/lib/tidemark.mjs';
import { contactEvent, drained, send } from '../../scenario/lib/webhooks.mjs';
import { BY_HAND, startStage } from './page.mjs';

// A time of day that does not come while tests run.
export const farAway = () => new Date(Date.now() + 12 * 3_600_000).toISOString().slice(11, 16);

export async function startWorld() {
  const vendor = await startSandbox({ sizes: { contacts: 12, conversations: 3 } });
  const stage = await startStage({ args: [], env: { TIDEMARK_NETWORK_ALLOW: '127.0.0.0/8', TIDEMARK_NETWORK_ALLOW_HTTP: 'true' }, synced: false });
  const api = async (method, path, body, headers) => {
    const reply = await stage.server.api(method, path, body, headers);
    assert.ok(reply.status < 300, `${method} ${path}: ${reply.status} ${reply.text.slice(0, 300)}`);
    return reply.body;
  };
  const connection = (await api('POST', '/api/v1/sync/connections', { name: 'Support inbox', platform: 'chatwoot', conflictPolicy: 'manual', schedule: BY_HAND,
    credentials: { accountId: '1', accessToken: 'test', baseUrl: `${vendor.url}/chatwoot` } })).data.id;
  const sync = async () => finishedRun(stage.server, (await api('POST', '/api/v1/sync/run', { connectionId: connection, fullSync: true })).data.runId);
  await sync();
  const contacts = (await listAll(stage.server, '/api/v1/contacts')).filter((c) => c.customFields?.chatwoot_id);
  for (const contact of contacts.slice(0, 2)) {
    await api('PATCH', `/api/v1/contacts/${contact.id}`, { name: 'Zita Aqui' });
    await fetch(`${vendor.url}/chatwoot/api/v1/accounts/1/contacts/${contact.customFields.chatwoot_id}`, { method: 'PUT',
      headers: { api_access_token: 'test', 'content-type': 'application/json' }, body: JSON.stringify({ name: 'Zita Ali' }) });
  }
  const gone = contacts.at(-1).customFields.chatwoot_id;
  await fetch(`${vendor.url}/chatwoot/api/v1/accounts/1/contacts/${gone}`, { method: 'DELETE', headers: { api_access_token: 'test' } });
  const run = (await sync()).id;
  await send(stage.server, contactEvent(3, 'Ana'), { path: `/api/v1/webhooks/${connection}` });
  await drained(stage.server);
  const event = (await api('GET', '/api/v1/webhooks/events')).data[0].id;
  await api('POST', '/sync/queue', { name: 'nightly', type: 'scheduled', data: { source: connection, target: null }, schedule: { repeat: 'daily', time: farAway(), timezone: 'UTC' } }, { orgid: 'default' });
  await api('POST', '/api/v1/users', { subject: 'auth0|ana', name: 'Ana', role: 'user', permissions: ['content:read'] });
  const one = `/connections/${connection}`;
  const pages = ['/', '/connections', '/connections/new', '/connections/new/chatwoot', one, `${one}/runs`, `${one}/records`, `${one}/records?show=rejected`, `${one}/mapping`,
    `${one}/conflicts`, `${one}/webhooks`, `${one}/settings`, '/runs', `/runs/${run}`, '/runs/read?from=2026-01-01T00:00:00.000Z&to=2026-01-01T01:00:00.000Z', `/runs/${run}/records?change=updated`, '/records', '/records/kind/conversations', `/records/${contacts[0].id}`, '/conflicts', '/jobs',
    '/webhooks', `/webhooks/${event}`, '/templates', '/templates/add', '/templates/hubspot', '/users', '/keys', '/audit', '/settings'];
  const none = '00000000-0000-7000-8000-000000000000';
  return {
    stage, vendor, api, connection, run, event, contacts, pages,
    // Lists of which nothing is there, and places where there is nothing.
    empty: [`${one}/records?show=deleted&stream=conversations`, '/connections?q=none', '/connections/new?q=none', '/runs?status=paused', '/records/kind/deals', '/records?q=nobody', '/conflicts?status=resolved', '/jobs?status=failed', '/webhooks?q=none',
      '/templates?q=none', '/audit?actor=nobody'],
    missing: ['/nowhere', `/connections/${none}`, `/runs/${none}`, `/records/${none}`, `/webhooks/${none}`, '/templates/none', '/connections/new/none'],
    // What opens in front of a page: where, and the names one goes by to it.
    dialogs: [['/', 'API and command line'], [one, 'API and command line'], [`${one}/settings`, 'Read everything again'], [`${one}/settings`, 'Delete the connection'], [`/records/${contacts[0].id}`, 'Delete', 'Delete'],
      ['/jobs', 'New job'], ['/jobs', 'Remove finished'], ['/jobs', 'Actions for nightly', 'Cancel'], ['/users', 'Add a user'], ['/users', 'Actions for Ana', 'Edit'],
      ['/users', 'Actions for Ana', 'Disable'], ['/keys', 'New key'], ['/keys', 'Revoke Reader?'], ['/settings', 'Rotate']],
    async stop() { await stage.stop(); await vendor.stop(); },
  };
}

// Every route of the page is among these addresses.
export function assertComplete(pages) {
  const text = readFileSync(new URL('../../../web/src/pages/index.ts', import.meta.url), 'utf8');
  for (const [, path] of text.matchAll(/\{ path: '([^']+)'/g)) {
    const pattern = new RegExp(`^${path.replace(/\/:\w+\?/g, '(/[^/?]+)?').replace(/:\w+/g, '[^/?]+')}(\\?.*)?$`);
    assert.ok(pages.some((page) => pattern.test(page)), `no test goes to ${path}`);
  }
}
