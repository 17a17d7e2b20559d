// People in Brazil on three platforms: names with accents, e-mails in any case and either Unicode form, phones as they are written
// there (no country code, eight and nine digits), days of America/Sao_Paulo. Who is one person must be one contact, who may be
// another must not.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { loopback } from './lib/chatwoot.mjs';
import { connectedId, stopAll, syncRun } from './lib/platform.mjs';
import { listAll, startSandbox, startTidemark, tempFolder, until } from './lib/tidemark.mjs';

const data = tempFolder('brazil');
const SYNC = '/api/v1/sync';
let server, sandbox;
const connections = {};

const ask = async (method, path, body, headers) => {
  const reply = await sandbox.raw(method, path, body, headers);
  assert.ok(reply.status < 300, `${method} ${path}: ${reply.status} ${reply.text}`);
  return reply.body;
};
const rd = (contact) => ask('POST', '/rdstation/platform/contacts', contact, { authorization: 'Bearer test' });
const hubspot = (properties) => ask('POST', '/hubspot/crm/objects/2026-09/contacts', { properties, associations: [] }, { authorization: 'Bearer pat-test' });
const chatwoot = (contact) => ask('POST', '/api/v1/accounts/1/contacts', contact, { api_access_token: 'test' });

before(async () => {
  const few = ['contacts', 'companies', 'deals', 'tickets', 'conversations', 'messages', 'crm_contacts'].map((entity) => [entity, 1]);
  sandbox = await startSandbox({ sizes: { ...Object.fromEntries(few), 'rdstation.quota': 100000 } });
  server = await startTidemark({ data, env: loopback });
  assert.equal((await server.api('PATCH', '/api/v1/tenants/default', { region: 'BR' })).status, 200);

  // One woman, three spellings of her address; here her phone has no country code, there no form at all.
  await rd({ name: 'Conceição de Araújo', email: 'conceicao.araujo@exemplo.com.br', mobile_phone: '(81) 99876-5432', city: 'Olinda', state: 'PE' });
  await hubspot({ firstname: 'Conceição', lastname: 'de Araújo', email: 'CONCEICAO.Araujo@Exemplo.com.br', phone: '081 99876 5432' });
  await chatwoot({ name: 'Conceição Araújo', email: 'Conceicao.Araujo@exemplo.com.br', phone_number: '+5581998765432' });
  // Known by a landline of eight digits alone.
  await hubspot({ firstname: 'João', lastname: 'Gonçalves', phone: '11 3456-7890' });
  await chatwoot({ name: 'João Gonçalves', phone_number: '+551134567890' });
  // The same address, composed and decomposed.
  await rd({ name: 'Íris Muñoz', email: 'íris@exemplo.com.br'.normalize('NFC') });
  await hubspot({ firstname: 'Íris'.normalize('NFD'), lastname: 'Muñoz', email: 'ÍRIS@exemplo.com.br'.normalize('NFD') });
  // A mobile number as before 2016, and one without its area: nobody may guess the missing digits.
  await hubspot({ firstname: 'Antônio', lastname: 'Sá', phone: '(21) 9876-1234' });
  await chatwoot({ name: 'Outro Antônio', phone_number: '+5521998761234' });
  await hubspot({ firstname: 'Zé', lastname: 'Ninguém', phone: '99123-4567' });
  await chatwoot({ name: 'Zé de São Paulo', phone_number: '+5511991234567' });

  const make = async (platform, credentials) => {
    connections[platform] = connectedId(await server.api('POST', `${SYNC}/connections`, { name: platform, platform, credentials }));
    await syncRun(server, { connectionId: connections[platform], fullSync: true });
  };
  await make('chatwoot', { accountId: '1', accessToken: 'test', baseUrl: sandbox.url });
  await make('rdstation', { apiKey: 'test', product: 'marketing', baseUrl: `${sandbox.url}/rdstation` });
  await make('hubspot', { accessToken: 'pat-test', baseUrl: `${sandbox.url}/hubspot` });
});
after(() => stopAll(data, server, sandbox));

const named = async (part) => (await listAll(server, '/api/v1/contacts')).filter((c) => c.name?.normalize('NFC').includes(part));
const platformsOf = async (contact) => (await server.api('GET', `/api/v1/contacts/${contact.id}`)).body.data.externalIds.map((e) => e.provider).sort();

const digits = (text) => text.replace(/\D/g, '').replace(/^(55)?0?/, '');

test('an e-mail in three spellings is one person', async () => {
  const found = await named('Conceição');
  assert.equal(found.length, 1, JSON.stringify(found));
  assert.deepEqual(await platformsOf(found[0]), ['chatwoot', 'hubspot', 'rdstation']);
  // A phone stays as its source writes it; it is compared as a number.
  assert.deepEqual([digits(found[0].phone), found[0].email.toLowerCase()], ['81998765432', 'conceicao.araujo@exemplo.com.br']);
});

test('a landline of eight digits links where there is no e-mail', async () => {
  const found = await named('Gonçalves');
  assert.equal(found.length, 1, JSON.stringify(found));
  assert.deepEqual([await platformsOf(found[0]), digits(found[0].phone)], [['chatwoot', 'hubspot'], '1134567890']);
});

test('a composed and a decomposed address are the same', async () => {
  const found = await named('Muñoz');
  assert.equal(found.length, 1, JSON.stringify(found));
  assert.deepEqual(await platformsOf(found[0]), ['hubspot', 'rdstation']);
});

test('a number that lacks digits is kept as it was written and joins nobody', async () => {
  for (const [here, there, written] of [['Antônio Sá', 'Outro Antônio', '9876-1234'], ['Zé Ninguém', 'Zé de São Paulo', '99123-4567']]) {
    const [contact] = await named(here), [other] = await named(there);
    assert.ok(contact && other && contact.id !== other.id, here);
    assert.ok(contact.phone.endsWith(written), contact.phone);
  }
});

test('who has no country code here is found by his number there, and pushed with it', async () => {
  assert.equal((await server.api('PATCH', `${SYNC}/connections/${connections.chatwoot}`, { direction: 'both' })).status, 200);
  const made = await server.api('POST', '/api/v1/contacts', { name: 'Lúcia Brandão', phone: '(85) 98888-1234' });
  assert.equal(made.status, 201, made.text);
  const there = await until('it is there', async () => (await sandbox.truth('chatwoot', 'contacts')).find((c) => c.name === 'Lúcia Brandão'));
  assert.equal(there.phone_number, '+5585988881234');
});

test('accents are found with and without, and stay as they are in an export', async () => {
  const names = async (q) => (await server.api('GET', `/api/v1/contacts?q=${encodeURIComponent(q)}`)).body.data.map((c) => c.name);
  const found = await until('the text search has her', async () => { // it follows what is written
    const all = await names('conceição');
    return all.length > 0 && all;
  });
  assert.equal(found.length, 1, found.join());
  assert.deepEqual(await names('CONCEICAO'), found);
  const csv = await server.api('GET', '/api/v1/contacts', undefined, { accept: 'text/csv' });
  assert.match(csv.text, /João Gonçalves/);
});

test('a day begins when it begins in São Paulo', async () => {
  const queued = await server.api('POST', '/sync/queue', { name: 'toda noite', type: 'scheduled', data: { source: connections.hubspot, target: 'local' },
    schedule: { repeat: 'daily', time: '00:30', timezone: 'America/Sao_Paulo' } }, { orgid: 'default' });
  assert.equal(queued.status, 201, queued.text);
  const jobs = (await server.api('GET', '/sync/jobs?limit=50', undefined, { orgid: 'default' })).body;
  const job = jobs.data.find((j) => j.name === 'toda noite');
  assert.match(job.estimatedStart, /T03:30:00/, JSON.stringify(job));
});
