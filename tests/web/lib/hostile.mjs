// A platform that answers hostile text in every field of every kind, and the template of it, whose own words are hostile too.
import { once } from 'node:events';
import { createServer } from 'node:http';

import { HOSTILE } from './strings.mjs';

export const KINDS = ['contacts', 'conversations', 'messages', 'leads', 'companies', 'deals', 'tickets', 'products', 'orders', 'customers'];
const FIELDS = ['name', 'title', 'subject', 'content', 'email', 'phone', 'status', 'channel', 'direction', 'priority', 'sku', 'price', 'domain', 'amount', 'total',
  'number', 'company', 'description', 'currency', 'stage', 'city', 'tags'];

const at = (i) => HOSTILE[i % HOSTILE.length];
const record = (i, round) => ({ id: `${i} ${at(i)}`, link: at(i), custom: { [at(i)]: at(i), list: [at(i), { [at(i)]: at(i) }] },
  ...Object.fromEntries(FIELDS.map((field) => [field, field === 'name' ? at(i + round) : field === 'tags' ? [at(i)] : at(i)])) });

// round(n): from then on each name is another one. Every other answer is the platform's refusal, in hostile words.
export async function startHostile() {
  let round = 0;
  const server = createServer((request, response) => {
    const kind = /^\/list\/(\w+)/.exec(request.url)?.[1];
    const body = kind === 'fails' ? { message: at(0), error: at(1), errors: [{ message: at(2) }] }
      : request.url.startsWith('/chat/') ? { meta: { count: 0, current_page: 1 }, payload: [] } : { data: HOSTILE.map((_, i) => record(i, round)) };
    response.writeHead(kind === 'fails' ? 400 : 200, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { url: `http://127.0.0.1:${server.address().port}`, round: (n) => { round = n; }, stop: () => { server.closeAllConnections(); server.close(); } };
}

const entity = (kind, i, rules = {}) => ({ kind, singular: at(i), rules, roles: { title: 'name', email: 'email', phone: 'phone', status: 'status', url: "{{ record['link'] }}" },
  fields: { ...Object.fromEntries(FIELDS.map((field) => [field, field])), customFields: 'custom' } });
const stream = (name) => ({ type: 'DeclarativeStream', name, primary_key: ['id'], schema_loader: { type: 'InlineSchemaLoader', schema: { type: 'object', properties: { id: { type: 'string', description: at(1) } } } },
  retriever: { type: 'SimpleRetriever', requester: { type: 'HttpRequester', url_base: "{{ config['host'] }}", path: `/list/${name}`, http_method: 'GET' },
    record_selector: { type: 'RecordSelector', extractor: { type: 'DpathExtractor', field_path: ['data'] } } } });

export const manifest = () => JSON.stringify({
  version: '6.0.0', type: 'DeclarativeSource', check: { type: 'CheckStream', stream_names: ['contacts'] },
  streams: [...KINDS, 'refused', 'fails'].map(stream),
  spec: { type: 'Spec', documentation_url: at(5), connection_specification: { type: 'object', title: at(0), required: ['host'], properties: {
    host: { type: 'string', title: at(1), description: at(2), order: 0 }, choice: { type: 'string', title: at(3), enum: [at(0), at(1)], default: at(0), order: 1 },
    secret: { type: 'string', title: at(7), description: at(10), airbyte_secret: true, order: 2 }, [at(0)]: { type: 'string', title: at(8), description: at(9), default: at(4), order: 3 } } } },
  metadata: { tidemark: { name: 'hostile', version: 1, display_name: at(1), description: at(2), category: at(0), api_version: at(8), icon: at(5),
    instructions: HOSTILE.map((text) => `- ${text}`).join('\n'), entities: { ...Object.fromEntries(KINDS.map((kind, i) => [kind, entity(kind, i)])), refused: entity('contacts', 1, { identity: ['external_ref'] }) } } },
});
