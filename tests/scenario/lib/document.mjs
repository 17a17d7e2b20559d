// What the API document says, for tests that go over every route: parameters, and bodies to send.
import { routes } from './routes.mjs';

const shapeOf = (path) => path.replace(/:[^/]+/g, '{}').replace(/{[^}]*}/g, '{}');

export function readDocument(document) {
  const resolve = (value) => value?.$ref
    ? resolve(value.$ref.slice(2).split('/').reduce((v, part) => v[part.replaceAll('~1', '/')], document)) : value ?? {};
  const flat = (schema) => {
    const whole = resolve(schema);
    if (!whole.allOf) return whole;
    return whole.allOf.map(flat).reduce((sum, part) => ({ ...sum, ...part, properties: { ...sum.properties, ...part.properties },
      required: [...(sum.required ?? []), ...(part.required ?? [])] }), { ...whole, allOf: undefined });
  };
  // Something of that shape; only what must be there unless `whole`.
  const example = (schema, whole = false, depth = 0) => {
    const s = flat(schema);
    if (s.examples?.length) return s.examples[0];
    if ('const' in s) return s.const;
    if ('default' in s) return s.default;
    if (s.enum) return s.enum[0];
    if (depth > 6) return null;
    if (s.properties) {
      return Object.fromEntries(Object.entries(s.properties).filter(([name]) => whole || s.required?.includes(name))
        .map(([name, value]) => [name, example(value, whole, depth + 1)]));
    }
    if (s.oneOf ?? s.anyOf) return example((s.oneOf ?? s.anyOf)[0], whole, depth + 1);
    const type = [s.type ?? 'object'].flat()[0];
    if (type === 'string') return s.format === 'date-time' ? '2026-01-31T10:00:00.000Z' : s.format === 'uri' ? 'https://example.com/hook' : 'text';
    return { array: [], integer: s.minimum ?? 1, number: 1, boolean: false, null: null }[type] ?? {};
  };
  const operations = new Map();
  for (const [path, item] of Object.entries(document.paths)) {
    for (const method of ['get', 'post', 'put', 'patch', 'delete']) {
      if (!item[method]) continue;
      const operation = item[method], body = resolve(operation.requestBody).content?.['application/json'];
      operations.set(`${method.toUpperCase()} ${shapeOf(path)}`, {
        operation,
        parameters: [...(item.parameters ?? []), ...(operation.parameters ?? [])].map(resolve),
        bodySchema: body ? flat(body.schema) : null,
        bodyExample: body ? Object.values(body.examples ?? {}).map((e) => resolve(e).value)[0] ?? example(body.schema) : null,
      });
    }
  }
  // Each route of the table with what the document says of it.
  return routes().map((route) => ({ ...route, name: `${route.method} ${route.path}`, ...operations.get(`${route.method} ${shapeOf(route.path)}`) }));
}

// A path with its parameters filled in, in their order.
export function fill(path, values) {
  let at = 0;
  return path.replace(/:[^/]+/g, () => encodeURIComponent(values[at++] ?? values.at(-1)));
}
export const parametersIn = (path) => path.match(/:[^/]+/g) ?? [];
