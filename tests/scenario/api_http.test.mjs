// docs/api.http is ready to send: every request of it, from top to bottom, against a sandbox as a newcomer starts it, with the ids
// that the answers give. Each is answered 2xx unless its heading says "is 4xx".
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';

import { removeFolder, startTidemark, tempFolder, until, withSandbox } from './lib/tidemark.mjs';

const data = tempFolder('api-http'), BUSY = ['pending', 'in_progress', 'running'];
let server;

function requestOf(block, variables) {
  const title = block.match(/^### ?(.*)/)?.[1] ?? '', text = block.replace(/^[#@].*$/gm, '').trim();
  const filled = text.replace(/\{\{(\w+)\}\}/g, (_, name) => variables[name] ?? assert.fail(`no variable ${name}`));
  const [head, ...body] = filled.split(/\n\s*\n/), [line, ...lines] = head.split('\n'), [method, url] = line.split(' ');
  const headers = Object.fromEntries(lines.map((header) => header.split(/: (.*)/).slice(0, 2)));
  return { title, method, url, headers, body: body.length ? body.join('\n\n') : undefined };
}

before(async () => {
  server = await startTidemark({ data, args: withSandbox({ contacts: 30, conversations: 5, messages: 2, 'shopify.products': 5 }) });
});

after(async () => {
  await server?.stop();
  removeFolder(data);
});

const idle = () => until('nothing runs', async () => {
  const { body } = await server.api('GET', '/api/v1/sync/runs?limit=100');
  return body.data.every((run) => !BUSY.includes(run.status));
}, 300_000);

// What the next requests need of an answer, as a person copies it to the top of the file.
function take(variables, { url, method }, answer) {
  const data_ = answer?.data ?? answer;
  if (method === 'POST' && /sync\/connections$/.test(url) && data_.platform === 'hubspot') variables.connectionId = data_.id;
  if (method === 'POST' && /admin\/integrations$/.test(url)) variables.integrationId = data_.id;
  if (data_?.runId) variables.runId = data_.runId;
  if (data_?.syncId) variables.syncId = data_.syncId;
}

test('every request of docs/api.http works when it is sent as it stands', async () => {
  const text = readFileSync(new URL('../../docs/api.http', import.meta.url), 'utf8');
  const token = (await server.api('POST', '/api/v1/keys', { name: 'mine', role: 'admin' })).body.data.key;
  const session = await server.anonymous('POST', '/api/v1/session', { token });
  const variables = Object.fromEntries([...text.matchAll(/^@(\w+) = (.*)$/gm)].map(([, name, value]) => [name, value]));
  Object.assign(variables, { host: server.url, token, session: session.headers.get('set-cookie').match(/session_token=([^;]+)/)[1] });
  const vendor = new URL((await server.api('GET', '/api/v1/integrations/amazon/auth/start')).body.authUrl).origin;
  const faults = (method, body) => fetch(`${vendor}/_sandbox/faults`, { method, body }).then((reply) => reply.text());
  await idle();
  variables.runId = (await server.api('GET', '/api/v1/sync/runs')).body.data[0].id;
  const wrong = [];
  let sent = 0;
  for (const block of text.split(/^(?=###)/m)) {
    const request = requestOf(block, variables);
    if (!request.url) continue;
    // What is paused or cancelled is not over before.
    const slow = request.title === 'Queue job' ? 'shopify' : /amazon\/sync$/.test(request.url) ? 'amazon_sp_api' : null;
    if (slow) await faults('POST', JSON.stringify({ faults: [`delay:ms=10000:count=forever:vendor=${slow}`] }));
    const reply = await fetch(request.url, request), answer = await reply.text();
    const expected = request.title.match(/\bis (4\d\d)\b/)?.[1];
    if (expected ? reply.status !== Number(expected) : !reply.ok) wrong.push(`${reply.status} ${request.method} ${request.url} (${request.title}): ${answer.slice(0, 300)}`);
    if (reply.ok && (reply.headers.get('content-type') ?? '').startsWith('application/json')) take(variables, request, JSON.parse(answer));
    if (/sync\/cancel(\/|$)/.test(request.url)) await faults('DELETE');
    if (variables.runId && /\/(run|sync)$/.test(request.url) && !request.url.includes('amazon')) await idle();
    sent++;
  }
  assert.deepEqual(wrong, []);
  assert.ok(sent > 90, `${sent} requests`);
});
