// The API document says what the server has: each route once, with who may, and none besides (contract, section 8).
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';

import { routes } from './lib/routes.mjs';
import { stopAll } from './lib/platform.mjs';
import { startTidemark, tempFolder } from './lib/tidemark.mjs';

const data = tempFolder('openapi');
let server, document;

before(async () => {
  server = await startTidemark({ data });
  document = (await server.anonymous('GET', '/openapi.json')).body;
});

after(() => stopAll(data, server));

const METHODS = ['get', 'put', 'post', 'delete', 'patch', 'head', 'options'];
const operations = () => Object.entries(document.paths).flatMap(([path, item]) =>
  METHODS.filter((method) => item[method]).map((method) => ({ method: method.toUpperCase(), path, item, operation: item[method] })));
const shapeOf = (text) => text.replace(/:[^/]+/g, '{}').replace(/{[^}]*}/g, '{}');
const nameOf = (x) => `${x.method} ${shapeOf(x.path)}`;
const described = () => new Map(operations().map((o) => [nameOf(o), o]));
const resolve = (value) => (value?.$ref ? resolve(value.$ref.slice(2).split('/').reduce((v, part) => v[part.replaceAll('~1', '/')], document)) : value);
const parametersOf = ({ item, operation }) => [...(item.parameters ?? []), ...(operation.parameters ?? [])].map(resolve);

test('every route is in the document, and the document has no other', () => {
  const have = new Set(routes().map(nameOf)), told = new Set(described().keys());
  assert.deepEqual([...have].filter((name) => !told.has(name)), [], 'routes that openapi/*.yaml does not describe');
  assert.deepEqual([...told].filter((name) => !have.has(name)), [], 'described, but no route');
  assert.equal(document.openapi, '3.1.0');
});

test('who may is what the route table says', () => {
  const scopes = { anyone: null, metrics: 'admin', status: 'content:read' };
  for (const route of routes()) {
    const { operation } = described().get(nameOf(route));
    const wanted = route.access in scopes ? scopes[route.access] : route.access;
    const optional = ['metrics', 'status'].includes(route.access) ? [{}] : [];
    const security = route.access === 'token' ? [{ bearer: [] }, { session: [] }] : wanted ? [...optional, { bearer: [wanted] }, { session: [wanted] }] : [];
    assert.deepEqual(operation.security, security, `${nameOf(route)}: set x-access to ${route.access} in openapi/*.yaml`);
  }
});

test('Idempotency-Key and orgid are described where they are honoured', () => {
  for (const route of routes()) {
    const names = parametersOf(described().get(nameOf(route))).filter((p) => p.in === 'header').map((p) => p.name);
    assert.equal(names.includes('Idempotency-Key'), route.flags.includes('creates'),
      `${nameOf(route)}: set x-creates to ${route.flags.includes('creates')} in openapi/*.yaml`);
    assert.equal(names.includes('orgid'), route.flags.includes('orgid'), `${nameOf(route)}: the header orgid`);
  }
});

test('errors have the shape of the route\'s door', () => {
  const shapes = { core: 'Error', status: 'StatusError', message: 'MessageError' };
  for (const route of routes()) {
    const { operation } = described().get(nameOf(route));
    for (const [status, response] of Object.entries(operation.responses)) {
      if (!response.$ref || !/^(4|5|default)/.test(status)) continue;
      const schema = resolve(response).content['application/json'].schema.$ref;
      assert.equal(schema, `#/components/schemas/${shapes[route.dialect]}`, `${nameOf(route)} ${status}: set x-dialect to ${route.dialect}`);
    }
  }
});

test('a body is described where one is read', () => {
  for (const route of routes()) {
    const { operation } = described().get(nameOf(route));
    const reads = route.flags.includes('body') || route.flags.includes('body-optional');
    assert.equal(Boolean(operation.requestBody), reads, `${nameOf(route)}: requestBody`);
    if (reads) assert.equal(Boolean(operation.requestBody.required), route.flags.includes('body'), `${nameOf(route)}: requestBody.required`);
  }
});

test('operations have names of their own, a tag that is explained, and words', () => {
  const tags = new Set(document.tags.map((tag) => tag.name)), ids = operations().map((o) => o.operation.operationId);
  assert.equal(new Set(ids).size, ids.length);
  for (const { method, path, operation } of operations()) {
    assert.ok(operation.summary && !operation.summary.includes('\n') && operation.summary.length < 100, `${method} ${path}: summary`);
    assert.ok(operation.tags.length && operation.tags.every((tag) => tags.has(tag)), `${method} ${path}: tags`);
  }
});

test('no reference leads outside the document, nothing of the build remains', () => {
  const text = JSON.stringify(document);
  for (const [, reference] of text.matchAll(/"\$ref":"([^"]*)"/g)) assert.match(reference, /^#\//);
  assert.doesNotMatch(text, /"x-(access|creates|tenant|dialect)"/);
});

test('the document is given packed, and not again when it is known', async () => {
  const plain = await fetch(`${server.url}/openapi.json`, { headers: { 'Accept-Encoding': 'identity' } });
  const packed = await fetch(`${server.url}/openapi.json`, { headers: { 'Accept-Encoding': 'gzip' } });
  assert.equal(plain.headers.get('content-encoding'), null);
  assert.equal(packed.headers.get('content-encoding'), 'gzip');
  assert.deepEqual(await packed.json(), await plain.json());
  const known = await fetch(`${server.url}/openapi.json`, { headers: { 'If-None-Match': plain.headers.get('etag') } });
  assert.equal(known.status, 304);
  assert.equal(await known.text(), '');
});

test('the reference at /docs loads nothing from elsewhere, and no code stands in the page', async () => {
  const page = await server.anonymous('GET', '/docs');
  assert.equal(page.status, 200);
  assert.match(page.headers.get('content-type'), /^text\/html/);
  const policy = page.headers.get('content-security-policy');
  assert.match(policy, /default-src 'none'/);
  assert.doesNotMatch(policy, /unsafe|https?:|\*/);
  assert.doesNotMatch(page.text, /<style|style=|\son\w+=|<script(?![^>]*\ssrc=)/i);
  for (const [, file] of page.text.matchAll(/(?:src|href)="([^"#]+)"/g)) {
    assert.match(file, /^\/\w/, 'on this server');
    assert.equal((await server.anonymous('GET', file)).status, 200, file);
  }
  for (const path of ['/docs/', '/docs/other.js', '/docs/..%2fopenapi.json', '/docs/docs.html'])
    assert.equal((await server.anonymous('GET', path)).status, 404, path);
});

test('docs/api.http asks for routes that are there, with bodies that are JSON', () => {
  const text = readFileSync(new URL('../../docs/api.http', import.meta.url), 'utf8'), asked = [];
  const patterns = routes().map(({ method, path }) => ({ method, fits: new RegExp(`^${path.replace(/:[^/]+/g, '[^/]+')}$`) }));
  for (const block of text.split(/^###.*$/m)) {
    const [head, ...body] = block.trim().split(/\n\s*\n/), [, method, address] = head.match(/^(GET|POST|PATCH|DELETE) \{\{host\}\}(\S+)/m) ?? [];
    if (!method) continue;
    const path = address.split('?')[0];
    assert.ok(patterns.some((route) => route.method === method && route.fits.test(path)), `${method} ${path}`);
    if (body[0]?.startsWith('{')) JSON.parse(body.join('\n\n').replace(/^#.*$/gm, ''));
    asked.push(path);
  }
  assert.ok(asked.length > 60, `${asked.length}`);
});
