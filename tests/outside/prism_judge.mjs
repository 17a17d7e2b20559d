// Stands between whole-server tests and the server: Prism, with the server's own document. What it finds in answers is
// written to TIDEMARK_TEST_FINDINGS, one JSON object a line, with a line {"calls": n} for each server at its end. What tests
// send on purpose may be wrong: only answers are judged.
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { load } from './modules.mjs';
import { start } from './prism.mjs';

const tell = (finding) => appendFileSync(process.env.TIDEMARK_TEST_FINDINGS, `${JSON.stringify(finding)}\n`);

// A function that lists what is wrong with a problem (RFC 9457) given for method and path: the schema that the document has
// for this operation and status, or `default`, under application/problem+json.
export async function problemJudge(document) {
  const { default: Ajv } = await load('ajv/dist/2020.js'), { default: addFormats } = await load('ajv-formats');
  const ajv = new (Ajv.default ?? Ajv)({ strict: false, allErrors: true });
  (addFormats.default ?? addFormats)(ajv);
  ajv.addSchema(document, 'document');
  const escape = (text) => text.replaceAll('~', '~0').replaceAll('/', '~1');
  const paths = Object.keys(document.paths).sort((a, b) => a.split('{').length - b.split('{').length)
    .map((path) => [path, new RegExp(`^${path.replace(/[.+*?^$()|[\]\\]/g, '\\$&').replace(/\{[^}]+\}/g, '[^/]+')}$`)]);
  const look = (pointer) => pointer.split('/').slice(1).reduce((at, key) => at?.[key.replaceAll('~1', '/').replaceAll('~0', '~')], document);
  // Through "$ref"s, to a place in the document; null where there is none.
  const follow = (pointer) => {
    for (let hops = 0; hops < 10 && look(pointer)?.$ref; hops++) pointer = look(pointer).$ref.slice(1);
    return look(pointer) === undefined ? null : pointer;
  };
  return (reply, method, at) => {
    const path = paths.find(([name, pattern]) => pattern.test(at) && document.paths[name][method.toLowerCase()])?.[0];
    if (!path) return []; // nothing stands there: 404 and 405 are nobody's
    const operation = `/paths/${escape(path)}/${method.toLowerCase()}/responses`;
    const answer = follow(`${operation}/${reply.status}`) ?? follow(`${operation}/default`);
    const schema = answer && follow(`${answer}/content/application~1problem+json/schema`);
    if (!schema) return [{ message: `the document knows no problem for ${method} ${path}, ${reply.status}` }];
    const validate = ajv.getSchema(`document#${encodeURI(schema)}`);
    return validate(reply.body) ? [] : validate.errors;
  };
}

export async function judge(url) {
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-judge-')), file = join(folder, 'openapi.json');
  const document = await (await fetch(`${url}/openapi.json`)).json();
  document.servers = [{ url }];
  writeFileSync(file, JSON.stringify(document));
  const proxy = await start(['proxy', file, url, '--cors=false']);
  const faultsOf = await problemJudge(document);
  let calls = 0, problems = 0;
  return {
    url: proxy.url,
    look(reply, method, path) {
      calls++;
      const violations = JSON.parse(reply.headers.get('sl-violations') ?? '[]');
      // To Prism a type with the suffix +json fits application/json, which stands first: it would hold problems against the
      // wrong schema. ajv judges them, by the same document.
      const problem = (reply.headers.get('content-type') ?? '').startsWith('application/problem+json');
      if (problem) problems++;
      const wrong = problem ? faultsOf(reply, method, path.split('?')[0]) : violations.filter((violation) => violation.location?.[0] === 'response' && violation.severity === 'Error');
      if (wrong.length) tell({ method, path, status: reply.status, wrong, text: reply.text.slice(0, 500) });
      return reply;
    },
    async stop() {
      tell({ calls, problems });
      await proxy.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
