// What we send is checked by npm's standardwebhooks, not by us.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';

import { loopback } from '../scenario/lib/chatwoot.mjs';
import { removeFolder, startTidemark, tempFolder, until } from '../scenario/lib/tidemark.mjs';
import { load } from './modules.mjs';

const data = tempFolder('standardwebhooks'), got = [];
let Webhook, server, receiver;

before(async () => {
  ({ Webhook } = await load('standardwebhooks'));
  receiver = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (text) => { body += text; }).on('end', () => {
      got.push({ body, headers: request.headers });
      response.writeHead(204).end();
    });
  });
  await new Promise((resolve) => receiver.listen(0, '127.0.0.1', resolve));
  server = await startTidemark({ data, env: loopback });
});

after(async () => {
  await server?.stop();
  receiver?.close();
  removeFolder(data);
});

test('the library takes our signatures, with the old and the new secret, and no altered body', async () => {
  const made = await server.api('POST', '/api/v1/webhook-subscriptions', { url: `http://127.0.0.1:${receiver.address().port}/` });
  assert.equal(made.status, 201, made.text);
  const turned = await server.api('POST', `/api/v1/webhook-subscriptions/${made.body.data.id}/secret`);
  assert.equal((await server.api('POST', '/api/v1/contacts', { name: 'Zoë "quoted" \\ 王' })).status, 201);
  const { body, headers } = (await until('it arrives', () => got.length ? got : null))[0];
  for (const secret of [made.body.data.secret, turned.body.data.secret]) {
    const event = new Webhook(secret).verify(body, headers);
    assert.equal(event.type, 'records.changed');
    assert.throws(() => new Webhook(secret).verify(body.replace('contacts', 'contactz'), headers));
    assert.throws(() => new Webhook(secret).verify(body, { ...headers, 'webhook-id': 'other' }));
  }
  assert.throws(() => new Webhook('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw').verify(body, headers));
});
