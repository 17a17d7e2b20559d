// Deliveries signed by npm's standardwebhooks, not by us: good ones are taken on all three addresses, altered ones are not.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';

import { contactEvent, contactNamed } from '../scenario/lib/webhooks.mjs';
import { removeFolder, startTidemark, tempFolder, until } from '../scenario/lib/tidemark.mjs';
import { load } from './modules.mjs';

const data = tempFolder('standardwebhooks'), secret = `whsec_${randomBytes(24).toString('base64')}`;
let server, connection, webhook;

before(async () => {
  const { Webhook } = await load('standardwebhooks');
  webhook = new Webhook(secret);
  server = await startTidemark({ data });
  const made = await server.api('POST', '/api/v1/sync/connections?test=false', {
    name: 'Relay', platform: 'chatwoot', webhookSecret: secret, credentials: { accountId: '1', accessToken: 'test' },
  });
  assert.equal(made.status, 201, made.text);
  connection = made.body.data.id;
});

after(async () => {
  await server?.stop();
  removeFolder(data);
});

const signed = (body, id, at = new Date()) => ({
  'webhook-id': id, 'webhook-timestamp': String(Math.floor(at / 1000)), 'webhook-signature': webhook.sign(id, at, body),
});

test('what it signs is taken', async () => {
  for (const [i, path] of ['/api/v1/sync/chatwoot/webhook', `/api/v1/webhooks/${connection}`].entries()) {
    const body = JSON.stringify(contactEvent(500 + i, 'Standard', { updatedAt: new Date().toISOString() }));
    const reply = await server.anonymous('POST', path, body, signed(body, `msg_${i}`));
    assert.deepEqual([reply.status, reply.body], [200, { status: 'accepted', trust: 'signed' }]);
    await until('the contact is there', () => contactNamed(server, 500 + i));
  }
});

test('another body, id, time, secret or an old delivery is 401', async () => {
  const body = JSON.stringify(contactEvent(600, 'Altered', { updatedAt: new Date().toISOString() }));
  const { Webhook } = await load('standardwebhooks');
  const other = new Webhook(`whsec_${randomBytes(24).toString('base64')}`);
  const good = signed(body, 'msg_x'), bad = [
    [`${body} `, good], [body, { ...good, 'webhook-id': 'msg_y' }], [body, { ...good, 'webhook-timestamp': '1' }],
    [body, { ...good, 'webhook-signature': other.sign('msg_x', new Date(), body) }], [body, { ...good, 'webhook-signature': '' }],
    [body, { ...good, 'webhook-signature': good['webhook-signature'].replace('v1,', 'v2,') }],
    [body, signed(body, 'msg_z', new Date(Date.now() - 400_000))],
  ];
  for (const [text, headers] of bad)
    assert.equal((await server.anonymous('POST', '/api/v1/sync/chatwoot/webhook', text, headers)).status, 401, JSON.stringify(headers));
  assert.equal((await server.anonymous('POST', '/api/v1/sync/chatwoot/webhook', body, good)).status, 200);
});
