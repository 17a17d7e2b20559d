// Prism, the OpenAPI mock and validating proxy, around the vendors' official files.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { freePort } from './port.mjs';

const modules = process.env.TIDEMARK_OUTSIDE_MODULES ?? join(import.meta.dirname ?? '.', 'node_modules');
const START_TIMEOUT_MS = 180_000;

export const prismIsInstalled = () => existsSync(join(modules, '.bin', 'prism'));

// The port was free a moment ago: where somebody took it meanwhile another one is tried.
export async function start(args) {
  for (let tries = 0; ; tries++) {
    const log = { text: '' };
    try {
      return await startAt(await freePort(), args, log);
    } catch (error) {
      if (tries >= 5 || !/EADDRINUSE/.test(log.text)) throw error;
    }
  }
}

async function startAt(port, args, log) {
  const child = spawn(join(modules, '.bin', 'prism'), [...args, '-h', '127.0.0.1', '-p', String(port)],
    { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, NO_COLOR: '1' } });
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => { log.text += text; });
  let isOver = false;
  child.once('close', () => { isOver = true; }); // all that it said is there
  for (const end = Date.now() + START_TIMEOUT_MS; !log.text.includes('is listening');) {
    if (Date.now() > end || isOver) throw new Error(`prism did not start: ${log.text.slice(-2000)}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return {
    url: `http://127.0.0.1:${port}`,
    log: () => log.text,
    // Whatever Prism had to object to, on either side.
    // Its list of addresses holds examples with any word in them: those lines are `info`.
    violations: () => log.text.split('\n').filter((line) => /violation|✖|error/i.test(line) && !/ℹ\s+info/.test(line)),
    async stop() {
      child.kill('SIGTERM');
      if (child.exitCode === null && child.signalCode === null) await new Promise((resolve) => child.once('exit', resolve));
    },
  };
}

// Answers from the file's own schemas.
export const startMock = (file) => start(['mock', file]);
// Stands between: an answer or a request that breaks the file becomes an error for both sides to see.
export const startProxy = (file, upstream) => start(['proxy', file, upstream, '--errors']);
