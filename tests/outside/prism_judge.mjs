// Stands between whole-server tests and the server: Prism, with the server's own document. What it finds in answers is
// written to TIDEMARK_TEST_FINDINGS, one JSON object a line, with a line {"calls": n} for each server at its end.
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
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

// One Prism for many servers, since it is slow to start: it hands on to a relay, which sends each request to the server that
// the request names. What tests send on purpose may be wrong: only answers are judged.
const SERVER = 'x-tidemark-judged-server';

function relay() {
  const server = createServer((asked, answer) => {
    const at = new URL(asked.headers[SERVER]), headers = { ...asked.headers, host: at.host };
    delete headers[SERVER];
    const onward = request({ host: at.hostname, port: at.port, method: asked.method, path: asked.url, headers }, (reply) => {
      answer.writeHead(reply.statusCode, reply.rawHeaders);
      reply.pipe(answer);
    });
    onward.on('error', () => answer.destroy());
    asked.pipe(onward);
  });
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
}

// Starts it for a document: {url, stop()}; the url goes to the tests as TIDEMARK_TEST_PRISM.
export async function startCourt(document) {
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-judge-')), file = join(folder, 'openapi.json'), onward = await relay();
  const upstream = `http://127.0.0.1:${onward.address().port}`;
  writeFileSync(file, JSON.stringify({ ...document, servers: [{ url: upstream }] }));
  const proxy = await start(['proxy', file, upstream, '--cors=false']);
  return {
    url: proxy.url,
    async stop() {
      await proxy.stop();
      onward.closeAllConnections();
      onward.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

let faultsKnown; // all servers of a process are of one program

// The judge of one server; `headers` are what a request carries on its way there.
export async function judge(url) {
  faultsKnown ??= problemJudge(await (await fetch(`${url}/openapi.json`)).json());
  const faultsOf = await faultsKnown;
  let calls = 0, problems = 0;
  return {
    url: process.env.TIDEMARK_TEST_PRISM,
    headers: { [SERVER]: url },
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
    stop: () => tell({ calls, problems }),
  };
}
