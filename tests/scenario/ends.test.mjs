// What will stop working at a vendor, and when: in the connection's status and among what needs a person.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { loopback } from './lib/chatwoot.mjs';
import { peopleYaml } from './lib/people.mjs';
import { stopAll } from './lib/platform.mjs';
import { sameDay, startTidemark, tempFolder } from './lib/tidemark.mjs';

const SYNC = '/api/v1/sync';
await sameDay();
const day = (days) => new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10);
const data = tempFolder('ends');
let server;

const template = `${peopleYaml({ url: 'https://desk.example.com' })}
spec:
  type: Spec
  connection_specification:
    type: object
    properties:
      token: {type: string, airbyte_secret: true}
      authType: {type: string, default: token}
metadata:
  tidemark:
    name: desk
    primary_secret: token
    versions:
      - {api: Lists, version: v1, successor: v2, ends: "${day(30)}", warn_days: 60, streams: [people]}
      - {api: Sign-in with an API token, successor: OAuth, ends: "${day(-3)}", when: {authType: token}}
      - {api: Everything, version: v2, ends: "${day(900)}"}
`;

before(async () => {
  mkdirSync(join(data, 'templates'), { recursive: true });
  writeFileSync(join(data, 'templates', 'desk.yaml'), template);
  server = await startTidemark({ data, env: loopback });
});
after(() => stopAll(data, server));

const connect = async (name, platform, credentials) => {
  const made = await server.api('POST', `${SYNC}/connections?test=false`, { name, platform, credentials });
  assert.equal(made.status, 201, JSON.stringify(made.body));
  return (await server.api('GET', `${SYNC}/connections/${made.body.data.id}`)).body.data;
};
const warnings = async () => (await server.api('GET', '/api/v1/overview')).body.data.needsYou.filter((n) => n.kind === 'version_ends');

test('the status of a connection lists what concerns it, nearest first', async () => {
  const byToken = await connect('By token', 'desk', { token: 't' });
  assert.deepEqual(byToken.notices.map((n) => [n.api, n.state, n.daysLeft, n.streams]),
    [['Sign-in with an API token', 'ended', -3, null], ['Lists', 'soon', 30, ['people']], ['Everything', 'planned', 900, null]]);
  assert.equal(byToken.notices[1].message, `Lists v1 ends on ${day(30)}; its successor is v2`);
  assert.equal(byToken.reconnectUrl, null);
  const byOauth = await connect('By sign-in', 'desk', { token: 't', authType: 'oauth' });
  assert.deepEqual(byOauth.notices.map((n) => n.api), ['Lists', 'Everything']);
});

test('what is near stands among what needs a person, what is far does not', async () => {
  const told = await warnings();
  assert.deepEqual(told.map((n) => [n.name, n.message.split(' v')[0], n.endsOn]).sort(),
    [['By sign-in', 'Lists', day(30)], ['By token', `Sign-in with an API token ended on ${day(-3)}; its successor is OAuth`, day(-3)],
      ['By token', 'Lists', day(30)]].sort());
});

test('the built-in templates warn of their own dates, whom they concern', async () => {
  const zendesk = await connect('Token', 'zendesk', { email: 'a@example.com', apiToken: 't', subdomain: 'acme' });
  assert.deepEqual(zendesk.notices.map((n) => [n.version, n.endsOn]), [[null, '2027-04-30']]);
  assert.match(zendesk.notices[0].message, /^Sign-in with an API token end(s|ed) on 2027-04-30; its successor is an OAuth client/);
  const modern = await connect('OAuth', 'zendesk', { clientId: 'c', clientSecret: 's', authType: 'oauth', subdomain: 'acme' });
  assert.deepEqual(modern.notices, []);
  const old = await connect('Old key', 'gohighlevel', { apiKey: 'k', locationId: 'abc', apiVersion: 'v1' });
  assert.deepEqual(old.notices.map((n) => [n.version, n.state]), [['v1', 'replaced']]);
});
