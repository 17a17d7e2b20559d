// Stands between whole-server tests and the server: Prism, with the server's own document. What it finds in answers is
// written to TIDEMARK_TEST_FINDINGS, one JSON object a line, with a line {"calls": n} for each server at its end. What tests
// send on purpose may be wrong: only answers are judged.
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { start } from './prism.mjs';

const tell = (finding) => appendFileSync(process.env.TIDEMARK_TEST_FINDINGS, `${JSON.stringify(finding)}\n`);

export async function judge(url) {
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-judge-')), file = join(folder, 'openapi.json');
  const document = await (await fetch(`${url}/openapi.json`)).json();
  document.servers = [{ url }];
  writeFileSync(file, JSON.stringify(document));
  const proxy = await start(['proxy', file, url, '--cors=false']);
  let calls = 0;
  return {
    url: proxy.url,
    look(reply, method, path) {
      calls++;
      const violations = JSON.parse(reply.headers.get('sl-violations') ?? '[]');
      // To Prism a type with the suffix +json fits application/json, which stands first: it would hold problems against the
      // wrong schema. They are judged in tests/scenario/everyroute.test.mjs.
      if ((reply.headers.get('content-type') ?? '').startsWith('application/problem+json')) return reply;
      const wrong = violations.filter((violation) => violation.location?.[0] === 'response' && violation.severity === 'Error');
      if (wrong.length) tell({ method, path, status: reply.status, wrong, text: reply.text.slice(0, 500) });
      return reply;
    },
    async stop() {
      tell({ calls });
      await proxy.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
