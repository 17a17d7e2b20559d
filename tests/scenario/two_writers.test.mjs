// Two who change the same row at the same moment, on PostgreSQL, where several write at once: what one was told is done stays done.
// Somebody else has written and not yet committed when the request comes; it waits for him, and must then see what he wrote.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { after, before, describe, test } from 'node:test';

import { freshDatabase, removeFolder, startTidemark, tempFolder, until } from './lib/tidemark.mjs';
import { hs256, SECRET } from './lib/tokens.mjs';

const skip = process.env.TIDEMARK_TEST_PG ? false : 'TIDEMARK_TEST_PG is not set';
const data = tempFolder('two');
const ADMIN = '/api/admin';
let server, other;

// A connection of somebody else's: one statement after the other, its rows as text.
function connect(database) {
  const child = spawn('psql', ['-qAtX', '-v', 'ON_ERROR_STOP=1', database], { stdio: ['pipe', 'pipe', 'pipe'] });
  const closed = once(child, 'close');
  let out = '', errors = '', said = 0, ended = false;
  child.stdout.setEncoding('utf8').on('data', (text) => { out += text; });
  child.stderr.setEncoding('utf8').on('data', (text) => { errors += text; });
  closed.then(() => { ended = true; });
  return {
    async say(sql) {
      const mark = `said-${++said}`;
      out = '';
      child.stdin.write(`${sql};\n\\echo ${mark}\n`);
      await until(sql, () => ended || out.includes(mark));
      assert.equal(ended, false, errors);
      return out.slice(0, out.indexOf(mark)).trim();
    },
    async end() {
      child.stdin.end();
      await closed;
    },
  };
}

// Somebody else's change is under way while it is asked; he commits when the request waits for him, or was answered without.
async function meanwhile(sql, ask) {
  let answered = false;
  await other.say('BEGIN');
  await other.say(sql);
  const reply = ask().finally(() => { answered = true; });
  await until('the request waits', async () => answered || await other.say(`SELECT pg_stat_clear_snapshot();
    SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`) !== '0');
  await other.say('COMMIT');
  return reply;
}

const api = (method, path, body) => server.api(method, path, body, { 'X-Tenant-Id': 'default' });
async function make(path, body) {
  const reply = await api('POST', path, body);
  assert.equal(reply.status, 201, reply.text);
  return reply.body.data ?? reply.body;
}
async function get(path) {
  const { body } = await api('GET', path);
  return body.data ?? body;
}

describe('two at the same moment', { skip }, () => {
  before(async () => {
    const database = freshDatabase('two');
    server = await startTidemark({ data, args: ['--database', database], env: { TIDEMARK_JWT_SECRET: SECRET } });
    other = connect(database);
  });
  after(async () => {
    await other?.end();
    await server?.stop();
    removeFolder(data);
  });

  test('who is switched off while his name is changed stays off', async () => {
    const { id } = await make('/api/v1/users', { subject: 'ana' });
    const { status } = await meanwhile("UPDATE users SET disabled_at = 1 WHERE subject = 'ana'",
      () => api('PATCH', `/api/v1/users/${id}`, { name: 'Ana' }));
    assert.equal(status, 200);
    const { name, enabled } = await get(`/api/v1/users/${id}`);
    assert.deepEqual({ name, enabled }, { name: 'Ana', enabled: false });
  });

  test('a role that is granted while he is switched off is his when he comes back', async () => {
    const { id } = await make('/api/v1/users', { subject: 'bia' });
    const { status } = await meanwhile("UPDATE users SET role = 'admin' WHERE subject = 'bia'", () => api('DELETE', `/api/v1/users/${id}`));
    assert.equal(status, 204);
    const { role, enabled } = await get(`/api/v1/users/${id}`);
    assert.deepEqual({ role, enabled }, { role: 'admin', enabled: false });
  });

  test('a tenant keeps both changes, by either door', async () => {
    const tenant = await make('/api/v1/tenants', { key: 'both', name: 'Before', region: 'BR' });
    const by = { '/api/v1/tenants': ['First', 'PT'], [`${ADMIN}/sub-accounts`]: ['Second', 'ES'] };
    for (const [path, [name, region]] of Object.entries(by)) {
      const { status } = await meanwhile(`UPDATE tenants SET region = '${region}' WHERE key = 'both'`,
        () => api('PATCH', `${path}/${tenant.id}`, { name }));
      assert.equal(status, 200, path);
      const now = await get(`${path}/${tenant.id}`);
      assert.deepEqual([now.name, now.region], [name, region], path);
    }
  });

  test("a sub-account's users and strategies keep both changes", async () => {
    const { id } = await make(`${ADMIN}/sub-accounts`, { name: 'Parts', key: 'parts' });
    const at = `${ADMIN}/sub-accounts/${id}`;
    const user = await make(`${at}/users`, { name: 'Uma', email: 'uma@example.com' });
    const heir = await make(`${at}/users`, { name: 'Ivo', email: 'ivo@example.com' });
    await meanwhile(`UPDATE users SET email = 'new@example.com' WHERE id = ${user.id}`,
      () => api('PATCH', `${at}/users/${user.id}`, { name: 'Uma Lima' }));
    const now = await get(`${at}/users/${user.id}`);
    assert.deepEqual([now.name, now.email], ['Uma Lima', 'new@example.com']);
    const strategy = await make(`${at}/strategies`, { name: 'Nurture', regularUserId: user.id });
    await meanwhile(`UPDATE strategies SET user_id = ${heir.id} WHERE id = ${strategy.id}`,
      () => api('PATCH', `${at}/strategies/${strategy.id}`, { name: 'Close' }));
    const then = await get(`${at}/strategies/${strategy.id}`);
    assert.deepEqual([then.name, then.regularUserId], ['Close', heir.id]);
  });

  test('a subscription that is switched off while it is renamed stays off, and the secret told last is the one put away', async () => {
    const { id } = await make('/api/v1/webhook-subscriptions', { url: 'https://example.com/hooks' });
    const { status } = await meanwhile('UPDATE webhook_subscriptions SET enabled = 0', () =>
      api('PATCH', `/api/v1/webhook-subscriptions/${id}`, { name: 'Mine' }));
    assert.equal(status, 200);
    const { name, enabled } = await get(`/api/v1/webhook-subscriptions/${id}`);
    assert.deepEqual({ name, enabled }, { name: 'Mine', enabled: false });
    await meanwhile("UPDATE webhook_subscriptions SET secret = 'just told'", () =>
      api('POST', `/api/v1/webhook-subscriptions/${id}/secret`, {}));
    assert.equal(await other.say('SELECT secret_old FROM webhook_subscriptions'), 'just told');
  });

  test('who is switched off while he signs in is not signed in', async () => {
    await make('/api/v1/users', { subject: 'eva' });
    const token = hs256({ sub: 'eva', tenantId: 'default' });
    assert.equal((await server.anonymous('GET', '/api/v1/session', undefined, { Authorization: `Bearer ${token}` })).status, 200);
    const { status } = await meanwhile("UPDATE users SET disabled_at = 1 WHERE subject = 'eva'", () =>
      server.anonymous('POST', '/api/v1/session', { token }));
    assert.equal(status, 403);
    assert.equal(await other.say("SELECT count(*) FROM sessions WHERE subject = 'user:eva' AND ended_at IS NULL"), '0');
  });
});
