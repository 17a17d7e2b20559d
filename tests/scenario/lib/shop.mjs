// A platform called shopify with products and orders, as small as door 001's examples need: a template and its vendor.
// The vendor answers in pages, remembers what it was asked, and can hold its answers back so that a run stays active.
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';

const template = `
version: 6.0.0
type: DeclarativeSource
check: {type: CheckStream, stream_names: [products]}
definitions:
  requester:
    type: HttpRequester
    url_base: "{{ config['baseUrl'] }}"
    http_method: GET
    authenticator: {type: BearerAuthenticator, api_token: "{{ config['accessToken'] }}"}
    request_parameters:
      collections: "{{ config.get('tidemark_filters', {}).get('collections', []) | join(',') }}"
  pages:
    type: DefaultPaginator
    page_token_option: {type: RequestOption, inject_into: request_parameter, field_name: cursor}
    pagination_strategy: {type: CursorPagination, cursor_value: "{{ response['next'] }}", stop_condition: "{{ not response['next'] }}"}
  selector: {type: RecordSelector, extractor: {type: DpathExtractor, field_path: [data]}}
  schema: {type: InlineSchemaLoader, schema: {type: object, properties: {}}}
streams:
  - type: DeclarativeStream
    name: products
    primary_key: [id]
    x-tidemark-total: count
    x-tidemark-full-lists-all: true
    incremental_sync:
      type: DatetimeBasedCursor
      cursor_field: updated_at
      datetime_format: "%s"
      start_datetime: {type: MinMaxDatetime, datetime: "1970-01-01T00:00:00Z", datetime_format: "%Y-%m-%dT%H:%M:%SZ"}
      start_time_option: {type: RequestOption, inject_into: request_parameter, field_name: since}
    schema_loader: "#/definitions/schema"
    retriever:
      type: SimpleRetriever
      requester: {$ref: "#/definitions/requester", path: products}
      record_selector: "#/definitions/selector"
      paginator: "#/definitions/pages"
  - type: DeclarativeStream
    name: orders
    primary_key: [id]
    x-tidemark-total: count
    x-tidemark-full-lists-all: true
    schema_loader: "#/definitions/schema"
    retriever:
      type: SimpleRetriever
      requester: {$ref: "#/definitions/requester", path: orders}
      record_selector: "#/definitions/selector"
      paginator: "#/definitions/pages"
spec:
  type: Spec
  connection_specification:
    $schema: http://json-schema.org/draft-07/schema#
    type: object
    required: [accessToken]
    additionalProperties: true
    properties:
      accessToken: {type: string, airbyte_secret: true}
      baseUrl: {type: string, default: "https://shop.example.com"}
metadata:
  tidemark:
    name: shopify
    display_name: Shop
    version: "1"
    primary_secret: accessToken
    base_url: {field: baseUrl, default: "https://shop.example.com"}
    filters:
      collections: {description: Only products of these collections}
    entities:
      products: {kind: products, singular: Product, fields: {title: title, collection: collection}, roles: {title: title}}
      orders: {kind: orders, singular: Order, fields: {total: total}, roles: {title: total}}
`;

export function installShop(data) {
  mkdirSync(join(data, 'templates'), { recursive: true });
  writeFileSync(join(data, 'templates', 'shopify.yaml'), template);
}

const COLLECTIONS = ['summer-collection', 'new-arrivals', 'sale'];

export async function startShop({ products = 60, orders = 20, pageSize = 10 } = {}) {
  const state = {
    products: Array.from({ length: products }, (_, i) => ({
      id: i + 1, title: `Product ${i + 1}`, collection: COLLECTIONS[i % 3], updated_at: 1700000000 + i,
    })),
    orders: Array.from({ length: orders }, (_, i) => ({ id: i + 1, total: `${i}.50` })),
    asked: [], held: [], holdFrom: Infinity, failures: 0,
  };
  const answer = (request, response) => {
    const url = new URL(request.url, 'http://shop');
    const what = url.pathname.slice(1), wanted = (url.searchParams.get('collections') ?? '').split(',').filter(Boolean);
    const since = Number(url.searchParams.get('since') ?? 0), from = Number(url.searchParams.get('cursor') ?? 0);
    if (state.failures > 0) {
      state.failures--;
      response.writeHead(404, { 'Content-Type': 'application/json' }).end('{"error":"gone"}');
      return;
    }
    let rows = state[what] ?? [];
    if (what === 'products') {
      rows = rows.filter((p) => p.updated_at >= since && (wanted.length === 0 || wanted.includes(p.collection)));
    }
    const page = rows.slice(from, from + pageSize), more = from + pageSize < rows.length;
    response.writeHead(200, { 'Content-Type': 'application/json' })
      .end(JSON.stringify({ data: page, count: rows.length, next: more ? String(from + pageSize) : '' }));
  };
  const server = createServer((request, response) => {
    state.asked.push(request.url);
    if (state.asked.length >= state.holdFrom) state.held.push([request, response]);
    else answer(request, response);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}`, state,
    // From the n-th request from now on answers are held back until release().
    hold(after = 1) { state.holdFrom = state.asked.length + after; },
    release() {
      state.holdFrom = Infinity;
      for (const [request, response] of state.held.splice(0)) answer(request, response);
    },
    async stop() {
      this.release();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
