// The API reference: /openapi.json as a page. Everything is put in as text, nothing is loaded from elsewhere.
'use strict';

const METHODS = ['get', 'post', 'put', 'patch', 'delete'];
const DEPTH_MAX = 8; // schemas may refer to themselves
let api;

// node('p', { class: 'dim', title: '...' }, child, 'text', ...)
function node(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) if (value !== undefined) element.setAttribute(key, value);
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

// `code` in backticks becomes code; the rest stays as it is.
const prose = (text) => text.split(/(`[^`]*`)/).filter(Boolean).map((part) => part.startsWith('`') ? node('code', {}, part.slice(1, -1)) : part);
const paragraphs = (text) => text.trim().split(/\n\s*\n/).map((part) => node('p', {}, ...prose(part.replace(/\s+/g, ' '))));

function resolve(value) {
  for (let steps = 0; value?.$ref && steps < DEPTH_MAX; steps++) {
    const { $ref, ...beside } = value;
    value = { ...$ref.slice(2).split('/').reduce((v, part) => v[part.replaceAll('~1', '/').replaceAll('~0', '~')], api), ...beside };
  }
  return value ?? {};
}

// allOf as one object: members and what is required together.
function flat(schema, depth = 0) {
  const whole = resolve(schema);
  if (!whole.allOf || depth > DEPTH_MAX) return whole;
  const { allOf, ...own } = whole;
  return allOf.map((part) => flat(part, depth + 1)).reduce((sum, part) => ({
    ...sum, ...part, properties: { ...sum.properties, ...part.properties }, required: [...(sum.required ?? []), ...(part.required ?? [])],
  }), own);
}

function typeOf(schema) {
  const s = flat(schema);
  if ('const' in s) return JSON.stringify(s.const);
  if (s.enum) return s.enum.map((value) => JSON.stringify(value)).join(' | ');
  const choices = s.oneOf ?? s.anyOf;
  if (choices) return choices.map(typeOf).join(' | ');
  const types = [s.type ?? (s.properties ? 'object' : 'any')].flat();
  const words = types.map((type) => type === 'array' ? `${/[| ]/.test(typeOf(s.items ?? {})) ? `(${typeOf(s.items ?? {})})` : typeOf(s.items ?? {})}[]` : type).join(' | ');
  const limits = [['minimum', '≥'], ['maximum', '≤'], ['maxLength', 'length ≤']].filter(([key]) => key in s).map(([key, sign]) => `${sign} ${s[key]}`);
  return [words, s.format ? `(${s.format})` : '', limits.join(', ')].filter(Boolean).join(' ');
}

// ---- schemas ----

const about = (schema) => {
  const s = resolve(schema);
  const words = [s.description, 'default' in s ? `Default: \`${JSON.stringify(s.default)}\`.` : ''].filter(Boolean).join(' ');
  return words ? node('span', { class: 'about' }, ...prose(words)) : null;
};

// What is inside: an object's members, a list's items' members, the choices' members.
function membersOf(schema, depth) {
  const s = flat(schema);
  if (s.properties) return Object.entries(s.properties).map(([name, value]) => ({ name, value, required: s.required?.includes(name) }));
  if (s.items) return membersOf(s.items, depth + 1);
  return (s.oneOf ?? s.anyOf ?? []).flatMap((choice) => membersOf(choice, depth + 1));
}

function memberList(schema, depth = 0) {
  const members = depth < DEPTH_MAX ? membersOf(schema, depth) : [];
  if (!members.length) return null;
  return node('ul', { class: 'members' }, ...members.map(({ name, value, required }) => {
    const line = [node('span', { class: 'name' }, name), ' ', node('span', { class: 'type' }, typeOf(value)), ' ',
      required ? null : node('span', { class: 'optional' }, 'optional'), about(value)];
    if (depth + 1 >= DEPTH_MAX || !membersOf(value, depth + 1).length) return node('li', {}, ...line);
    const inner = node('details', depth < 1 ? { open: '' } : {}, node('summary', {}, ...line));
    fillWhenOpen(inner, () => [memberList(value, depth + 1)]);
    return node('li', {}, inner);
  }));
}

function exampleOf(schema, depth = 0) {
  const s = flat(schema);
  if ('example' in s) return s.example;
  if (s.examples?.length) return s.examples[0];
  if ('const' in s) return s.const;
  if ('default' in s) return s.default;
  if (s.enum) return s.enum[0];
  if (depth > DEPTH_MAX) return null;
  if (s.properties) {
    return Object.fromEntries(Object.entries(s.properties).filter(([, value]) => !resolve(value).readOnly)
      .map(([name, value]) => [name, exampleOf(value, depth + 1)]));
  }
  if (s.oneOf ?? s.anyOf) return exampleOf((s.oneOf ?? s.anyOf)[0], depth + 1);
  const type = [s.type ?? 'object'].flat()[0];
  if (type === 'array') return [exampleOf(s.items ?? {}, depth + 1)];
  if (type === 'string') return { uuid: '0193b2f0-0000-7000-8000-000000000000', 'date-time': '2026-01-31T10:00:00.000Z', uri: 'https://example.com' }[s.format] ?? 'text';
  return { integer: s.minimum ?? 0, number: 0, boolean: true, null: null }[type] ?? {};
}

// A body to send: only what must be there, or the first example that the document gives.
function bodyOf(media) {
  const given = Object.values(media.examples ?? {})[0];
  if (given) return resolve(given).value;
  const s = flat(media.schema ?? {}), whole = exampleOf(s);
  if (!s.required || !s.properties) return whole;
  return Object.fromEntries(Object.entries(whole).filter(([name]) => s.required.includes(name)));
}

// ---- pieces ----

function fillWhenOpen(details, make) {
  const fill = () => {
    if (!details.open || details.dataset.filled) return;
    details.dataset.filled = 'yes';
    details.append(...make().filter(Boolean));
  };
  details.addEventListener('toggle', fill);
  fill();
}

function codeBox(text, words) {
  const button = node('button', { class: 'copy', type: 'button' }, 'Copy');
  button.addEventListener('click', async () => {
    await navigator.clipboard?.writeText(text);
    button.textContent = 'Copied';
    setTimeout(() => { button.textContent = 'Copy'; }, 1500);
  });
  return node('div', { class: 'box' }, node('pre', { tabindex: '0', 'aria-label': words }, text), button);
}

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

function curlOf({ method, path, operation, parameters }) {
  const query = parameters.filter((p) => p.in === 'query' && p.required).map((p) => `${p.name}=${encodeURIComponent(exampleOf(p.schema ?? {}))}`);
  const address = `${location.origin}${path.replace(/{([^}]*)}/g, (_, name) => `$${name.toUpperCase()}`)}${query.length ? `?${query.join('&')}` : ''}`;
  const lines = [`curl${method === 'get' ? '' : ` -X ${method.toUpperCase()}`} "${address}"`];
  if (operation.security?.length && !operation.security.some((way) => !Object.keys(way).length)) lines.push('-H "Authorization: Bearer $KEY"');
  for (const p of parameters) if (p.in === 'header' && p.required) lines.push(`-H ${quoted(`${p.name}: ${p.name === 'orgid' ? 'default' : exampleOf(p.schema ?? {})}`)}`);
  const media = resolve(operation.requestBody).content?.['application/json'];
  if (media && resolve(operation.requestBody).required) lines.push("-H 'Content-Type: application/json'", `-d ${quoted(JSON.stringify(bodyOf(media)))}`);
  return lines.join(' \\\n  ');
}

const accessOf = (operation) => {
  const ways = operation.security ?? [];
  if (!ways.length) return 'anyone';
  const needs = ways.find((way) => way.bearer)?.bearer?.[0] ?? 'any token';
  return ways.some((way) => !Object.keys(way).length) ? `${needs}, or anyone if so configured` : needs;
};

function parameterPart(parameters) {
  if (!parameters.length) return null;
  return node('div', {}, node('h3', {}, 'Parameters'), node('ul', { class: 'members' }, ...parameters.map((p) => {
    const schema = resolve(p.schema ?? {}), words = { description: p.description ?? schema.description };
    if ('default' in schema) words.default = schema.default;
    return node('li', {}, node('span', { class: 'name' }, p.name), ' ', node('span', { class: 'type' }, typeOf(schema)), ' ',
      node('span', { class: 'optional' }, p.in), p.required ? node('span', { class: 'required' }, ' required') : null, about(words));
  })));
}

function bodyPart(operation) {
  const body = resolve(operation.requestBody), media = body.content?.['application/json'];
  if (!media) return null;
  const examples = Object.entries(media.examples ?? { Example: { value: bodyOf(media) } });
  return node('div', {}, node('h3', {}, body.required ? 'Body' : 'Body (may be left out)'), memberList(media.schema),
    ...examples.flatMap(([name, example]) => [node('p', { class: 'dim' }, resolve(example).summary ?? name),
      codeBox(JSON.stringify(resolve(example).value, null, 2), 'Body')]));
}

function answerPart(operation) {
  const answers = Object.entries(operation.responses).map(([status, response]) => {
    const whole = resolve(response), types = Object.entries(whole.content ?? {});
    const details = node('details', {}, node('summary', {}, node('span', { class: `status ${status < '4' ? 'ok' : 'bad'}` }, status === 'default' ? 'others' : status),
      ...prose(whole.description ?? '')));
    fillWhenOpen(details, () => types.flatMap(([type, media]) => {
      const json = type.includes('json') && media.schema && membersOf(media.schema, 0).length;
      return [node('p', {}, node('code', {}, type)), json ? memberList(media.schema) : null,
        json && status < '3' ? codeBox(JSON.stringify(exampleOf(media.schema), null, 2), `Answer ${status}`) : null];
    }));
    return details;
  });
  return node('div', { class: 'answers' }, node('h3', {}, 'Answers'), ...answers);
}

function operationPart(entry) {
  const { method, path, operation } = entry;
  const details = node('details', { class: 'operation', id: operation.operationId },
    node('summary', {}, node('span', { class: `method ${method}` }, method), node('span', { class: 'path' }, path),
      node('span', { class: 'access' }, accessOf(operation)), node('span', { class: 'words' }, operation.summary)));
  fillWhenOpen(details, () => [node('div', { class: 'inside' }, ...paragraphs(operation.description ?? ''), parameterPart(entry.parameters),
    bodyPart(operation), node('h3', {}, 'Try it'), codeBox(curlOf(entry), 'Command'), answerPart(operation))]);
  details.addEventListener('toggle', () => {
    if (details.open && location.hash !== `#${details.id}`) history.replaceState(null, '', `#${details.id}`);
  });
  return details;
}

// ---- the page ----

const entries = () => Object.entries(api.paths).flatMap(([path, item]) => METHODS.filter((method) => item[method]).map((method) => ({
  method, path, operation: item[method],
  parameters: [...(item.parameters ?? []), ...(item[method].parameters ?? [])].map(resolve),
})));

const textOf = (entry) => [entry.method, entry.path, entry.operation.summary, entry.operation.description, entry.operation.operationId,
  ...(entry.operation.tags ?? []), ...entry.parameters.filter((p) => p.in !== 'header').map((p) => p.name)].join(' ').toLowerCase();

function build() {
  document.getElementById('version').textContent = api.info.version;
  document.getElementById('intro').append(node('h1', {}, 'API reference'), ...paragraphs(api.info.description ?? ''));
  const groups = document.getElementById('groups'), nav = document.getElementById('nav'), parts = [];
  for (const tag of api.tags) {
    const own = entries().filter((entry) => entry.operation.tags?.includes(tag.name));
    const section = node('section', {}, node('h2', {}, tag.name), node('p', { class: 'dim' }, ...prose(tag.description ?? '')));
    const title = node('h2', {}, tag.name), list = node('ul');
    for (const entry of own) {
      const part = operationPart(entry);
      const link = node('li', {}, node('a', { href: `#${entry.operation.operationId}`, title: `${entry.method.toUpperCase()} ${entry.path}` },
        node('span', { class: `method ${entry.method}` }, entry.method), node('span', {}, entry.operation.summary)));
      section.append(part);
      list.append(link);
      parts.push({ part, link, section, title, text: textOf(entry) });
    }
    groups.append(section);
    nav.append(title, list);
  }
  return parts;
}

function search(parts, words) {
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  const shown = new Set();
  let count = 0;
  for (const { part, link, section, title, text } of parts) {
    const fits = wanted.every((word) => text.includes(word));
    part.hidden = link.hidden = !fits;
    if (fits) { count++; shown.add(section).add(title); }
  }
  for (const { section, title } of parts) { section.hidden = !shown.has(section); title.hidden = !shown.has(title); }
  document.getElementById('intro').hidden = wanted.length > 0;
  document.getElementById('count').textContent = wanted.length ? `${count} of ${parts.length} operations` : `${parts.length} operations`;
}

function openFromAddress() {
  const part = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!part || part.tagName !== 'DETAILS') return;
  part.open = true;
  part.scrollIntoView();
}

async function start() {
  const answer = await fetch('/openapi.json');
  if (!answer.ok) throw new Error(`openapi.json: ${answer.status}`);
  api = await answer.json();
  const parts = build(), field = document.getElementById('search');
  field.addEventListener('input', () => search(parts, field.value));
  document.addEventListener('keydown', (event) => {
    if (event.key !== '/' || event.target.matches('input, textarea')) return;
    event.preventDefault();
    field.focus();
  });
  window.addEventListener('hashchange', openFromAddress);
  search(parts, '');
  openFromAddress();
}

start().catch((error) => {
  document.getElementById('groups').append(node('p', {}, `The document could not be read: ${error.message}`));
});
