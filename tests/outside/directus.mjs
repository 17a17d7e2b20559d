// Starts Directus on loopback with its own SQLite file in a temporary folder, and talks to it with its static token.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { freePort } from './port.mjs';

const modules = process.env.TIDEMARK_OUTSIDE_MODULES ?? join(import.meta.dirname ?? '.', 'node_modules');
const token = 'directus-static-token';

export const directusIsInstalled = () => existsSync(join(modules, '.bin', 'directus'));

// The port was free a moment ago: where somebody took it meanwhile it ends at once, and another one is tried.
async function serve(binary, env, folder) {
  for (let starts = 0; starts < 5; starts++) {
    const port = await freePort(), url = `http://127.0.0.1:${port}`;
    const child = spawn(binary, ['start'], { env: { ...env, PORT: String(port), PUBLIC_URL: url }, cwd: folder, stdio: 'ignore' });
    for (let tries = 0; child.exitCode === null; tries++) {
      if (await fetch(`${url}/server/ping`).then((r) => r.ok, () => false)) return { child, url };
      if (tries > 1800) throw new Error('directus did not answer');
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
  throw new Error('directus did not start');
}

export async function startDirectus() {
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-directus-'));
  const env = {
    PATH: process.env.PATH, HOME: folder, DB_CLIENT: 'sqlite3', DB_FILENAME: join(folder, 'data.db'), SECRET: 'throw-away',
    HOST: '127.0.0.1', ADMIN_EMAIL: 'admin@example.com',
    ADMIN_PASSWORD: 'throw-away', ADMIN_TOKEN: token, TELEMETRY: 'false', LOG_LEVEL: 'error', WEBSOCKETS_ENABLED: 'false',
    RATE_LIMITER_ENABLED: 'false', PRESSURE_LIMITER_ENABLED: 'false', CACHE_ENABLED: 'false', MAX_PAYLOAD_SIZE: '8mb', // a busy machine is no reason to refuse
  };
  const binary = join(modules, '.bin', 'directus');
  const boot = spawnSync(binary, ['bootstrap'], { env, cwd: folder, encoding: 'utf8', timeout: 600_000 });
  if (boot.status !== 0) throw new Error(`directus bootstrap failed: ${boot.stderr}`);
  const { child, url } = await serve(binary, env, folder);
  const call = async (method, path, body) => {
    const reply = await fetch(url + path, {
      method, headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await reply.text();
    if (!reply.ok) throw new Error(`${method} ${path}: ${reply.status} ${text.slice(0, 300)}`);
    return text ? JSON.parse(text).data : null;
  };
  return {
    url, token, call,
    async stop() {
      child.kill('SIGTERM');
      await new Promise((resolve) => (child.exitCode === null ? child.once('exit', resolve) : resolve()));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

// The collection that the template reads: date_updated is kept by Directus itself on every create and update.
export async function makePeople(directus) {
  const stamp = (special) => ({ type: 'timestamp', meta: { special: [special], interface: 'datetime' } });
  await directus.call('POST', '/collections', {
    collection: 'people', schema: {}, meta: {},
    fields: [
      { field: 'id', type: 'integer', schema: { is_primary_key: true, has_auto_increment: true } },
      { field: 'name', type: 'string' }, { field: 'email', type: 'string' }, { field: 'phone', type: 'string' },
      { field: 'city', type: 'string' },
      { field: 'date_updated', ...stamp('date-created,date-updated'), meta: { special: ['date-created', 'date-updated'] } },
    ],
  });
}

export const person = (i) => ({
  name: `Person ${i}`, email: `person.${(i * 7919) % 100003}@example.com`, phone: `+55119${String(10000000 + i)}`,
  city: ['Recife', 'Curitiba', 'Belém'][i % 3],
});
