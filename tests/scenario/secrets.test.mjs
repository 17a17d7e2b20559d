// No secret leaves by any door (I-29): a credential with a canary in it, a vendor that quotes it back in every error, and
// then a search through logs, answers, metrics, the command line's output and the database file.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { loopback } from './lib/chatwoot.mjs';
import { finishedRun, removeFolder, startTidemark, tempFolder, tidemark, until } from './lib/tidemark.mjs';

// With characters that look different in JSON, in a URL and in HTML; one per way in.
const CANARIES = ['first', 'second'].map((name) => `canary-${name}/"q+& ü7f3a9c1e55d2b8`);
const data = tempFolder('secrets');
const seen = []; // every answer, with what was asked
let server, vendor, vendorUrl, lastRun, mode = 'fine';

const contact = (id) => ({ id, name: `Person ${id}`, email: `p${id}@example.com`, phone_number: null, identifier: null, last_activity_at: 1790000000 + id });

// What it says in each way of failing, always with the token it was sent.
const answers = {
  fine: () => [200, JSON.stringify({ meta: { count: 2, current_page: 1 }, payload: [contact(1), contact(2)] })],
  unauthorized: (token) => [401, JSON.stringify({ error: `token ${token} has expired`, base64: Buffer.from(token).toString('base64') })],
  forbidden: (token) => [403, JSON.stringify({ message: `api_access_token=${encodeURIComponent(token)} may not` })],
  broken: (token) => [500, `Internal error, headers: api_access_token: ${token}; hex ${Buffer.from(token).toString('hex')}`],
  html: (token) => [200, `<html><body>${token}</body></html>`],
  refused: (token) => [422, JSON.stringify({ message: token, attributes: [token] })],
};

before(async () => {
  vendor = createServer((request, reply) => {
    const token = Buffer.from(request.headers.api_access_token ?? '', 'latin1').toString('utf8');
    const [status, body] = answers[mode](token);
    reply.writeHead(status, { 'Content-Type': 'application/json', 'X-Echo': encodeURIComponent(token) }).end(body);
  }).listen(0, '127.0.0.1');
  await once(vendor, 'listening');
  vendorUrl = `http://127.0.0.1:${vendor.address().port}`;
  server = await startTidemark({ data, env: { ...loopback, TIDEMARK_LOG_LEVEL: 'debug', TIDEMARK_SWEEP_MS: '100' } });
});

after(async () => {
  await server?.kill();
  vendor?.close();
  removeFolder(data);
});

async function ask(method, path, body, headers) {
  const reply = await server.api(method, path, body, headers);
  seen.push([`answer of ${method} ${path}`, `${JSON.stringify([...reply.headers])}\n${reply.text}`]);
  return reply;
}

// Whole, and its first half: a text that was cut before it was cleaned would show that.
function forms(secret) {
  const bytes = Buffer.from(secret), all = [];
  for (const text of [secret, secret.slice(0, 22)]) {
    all.push(text, JSON.stringify(text).slice(1, -1), encodeURIComponent(text), encodeURIComponent(text).replaceAll('%20', '+'),
      Buffer.from(text).toString('hex'), Buffer.from(text).toString('hex').toUpperCase());
  }
  for (let shift = 0; shift < 3; shift++) // wherever it begins within a longer text that is encoded as a whole
    all.push(bytes.subarray(shift, shift + 18 + (bytes.length - shift - 18) % 3).toString('base64').slice(0, 24));
  return [...new Set(all)];
}

function assertClean(where, haystack) {
  const text = Buffer.isBuffer(haystack) ? haystack.toString('latin1') : Buffer.from(haystack).toString('latin1');
  for (const canary of CANARIES)
    for (const form of forms(canary)) {
      const at = text.indexOf(Buffer.from(form).toString('latin1'));
      assert.ok(at < 0, `${where} holds ${form}: ...${text.slice(Math.max(0, at - 120), at + 160)}...`);
    }
}

test('the search finds what it looks for', () => {
  for (const text of [CANARIES[0], `x${encodeURIComponent(CANARIES[0])}`, Buffer.from(CANARIES[1]).toString('hex'), JSON.stringify(CANARIES[0]),
    ...[0, 1, 2].map((n) => Buffer.from('-'.repeat(n) + CANARIES[1] + '-tail').toString('base64')), `cut: ${CANARIES[0].slice(0, 25)}`])
    assert.throws(() => assertClean('a text', text), /holds/, text);
  assertClean('a text', 'nothing of it');
});

test('a credential goes through every path that can fail, and shows up nowhere', async () => {
  const credentials = { accountId: '1', accessToken: CANARIES[0], baseUrl: vendorUrl };
  const path = '/api/v1/sync/connections', body = { name: 'Canary', platform: 'chatwoot', credentials, streams: ['contacts'] };
  for (mode of ['unauthorized', 'forbidden']) assert.equal((await ask('POST', path, body)).status, 400, mode);
  mode = 'fine';
  const made = await ask('POST', path, body, { 'Idempotency-Key': 'once' });
  assert.equal(made.status, 201, made.text);
  await ask('POST', path, body, { 'Idempotency-Key': 'once' });
  await ask('POST', path, { ...body, streams: 7, credentials: { ...credentials, accountId: CANARIES[0] } });
  await ask('POST', path, `{"name": "broken", "credentials": {"accessToken": ${JSON.stringify(CANARIES[0])}, }`);
  const { id } = made.body.data;
  for (mode of ['fine', 'unauthorized', 'forbidden', 'html', 'refused', 'broken']) {
    const started = await ask('POST', '/api/v1/sync/run', { connectionId: id, fullSync: true });
    assert.equal(started.status, 202, started.text);
    const { runId } = started.body.data;
    const triesForLong = ['refused', 'broken'].includes(mode);
    if (triesForLong) { // once it waits, its words are there
      await until('it waits', async () => (await ask('GET', `/api/v1/sync/runs/${runId}`)).body.data.waiting);
      await ask('POST', `/api/v1/sync/runs/${runId}/cancel`);
    }
    const run = await finishedRun(server, runId);
    assert.equal(run.status, triesForLong ? 'cancelled' : mode === 'fine' ? 'success' : 'error', `${mode}: ${JSON.stringify(run)}`);
    await ask('GET', `/api/v1/sync/runs/${runId}`);
    assert.ok((await ask('GET', `/api/v1/sync/runs/${runId}/logs`)).text.length > 0);
    const requests = await ask('GET', `/api/v1/sync/runs/${runId}/requests`);
    assert.ok(requests.body.data[0].requestHeaders.some((h) => h.name === 'api_access_token' && h.value === '[redacted]'), requests.text);
    assert.ok(requests.body.data[0].responseHeaders.some((h) => h.name === 'X-Echo' && h.value === '[redacted]'), requests.text);
    lastRun = runId;
    await ask('POST', `${path}/${id}/test`);
    await ask('GET', `${path}/${id}`);
  }
  mode = 'fine';
  await ask('PATCH', `${path}/${id}`, { credentials: { accessToken: CANARIES[1] } });
  mode = 'unauthorized';
  await ask('PATCH', `${path}/${id}`, { credentials: { accessToken: CANARIES[0] } });
  await ask('POST', `${path}/${id}/test`);
  for (const list of [path, '/api/v1/sync/runs', `${path}/${id}/state`, `${path}/${id}/rejected`, '/api/v1/contacts', '/metrics', '/api/v1/keys'])
    assert.equal((await ask('GET', list)).status, 200, list);
  assert.ok(seen.some(([, text]) => text.includes('token [redacted] has expired')), 'the vendor\'s words came through');
  for (const [where, text] of seen) assertClean(where, text);
  for (const args of [['connections'], ['connections', '--json'], ['runs', '--json'], ['logs', 'Canary'], ['runs', 'requests', lastRun, '--json'], ['runs', 'requests', lastRun], ['state', '--json'], ['config', 'show'], ['doctor']]) {
    const { stdout, stderr } = tidemark([...args, '--data', data]);
    assertClean(`tidemark ${args.join(' ')}`, stdout + stderr);
  }
  assertClean('standard error', server.output.stderr);
  assertClean('standard output', server.output.stdout);
});

test('nothing in the data folder holds it, and API keys are there as hashes only', async () => {
  const made = await server.api('POST', '/api/v1/keys', { name: 'for this test', role: 'user' });
  assert.equal(made.status, 201, made.text);
  const { key } = made.body.data;
  assert.match(key, /^tm_/);
  const check = () => {
    const files = readdirSync(data, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    assert.ok(files.some((entry) => entry.name.endsWith('.db')));
    for (const entry of files) {
      const bytes = readFileSync(join(entry.parentPath ?? entry.path, entry.name));
      assertClean(entry.name, bytes);
      assert.ok(!bytes.includes(key), `${entry.name} holds an API key`);
    }
  };
  check(); // with its write-ahead log
  await server.stop();
  check();
  assertClean('standard error', server.output.stderr);
});
