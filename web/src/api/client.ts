// Typed calls to the public API, over the session's cookie. The types are made from openapi/*.yaml (npm run types).
import createClient from 'openapi-fetch';

import { askedEarly } from './early';
import type { components, paths } from './schema';

export type Schemas = components['schemas'];
export type Connection = Schemas['Connection'];
export type ConnectionDetail = Schemas['ConnectionDetail'];
export type Run = Schemas['Run'];
export type RunDetail = Schemas['RunDetail'];
export type Session = Schemas['Session'];
export type Meta = Schemas['Meta'];

export interface Fault { pointer?: string; message?: string; [name: string]: unknown }

// What the server said went wrong, in any of its three shapes.
export class ApiError extends Error {
  constructor(readonly status: number, message: string, readonly code: string, readonly details: Fault[], readonly requestId: string | null,
    readonly retryAfter: number | null) {
    super(message);
  }
}

// The tenant an operator looks at; the server knows everybody else's own.
let tenant: string | null = null;
export const tenantChosen = () => tenant;
export const chooseTenant = (key: string | null) => { tenant = key; };

export const api = createClient<paths, 'application/json'>({ baseUrl: '/', credentials: 'same-origin', headers: { 'Content-Type': 'application/json' },
  fetch: (request) => askedEarly(request) ?? fetch(request) });
api.use({
  onRequest({ request }) {
    if (tenant && !request.headers.has('X-Tenant-Id')) request.headers.set('X-Tenant-Id', tenant);
    return request;
  },
});

interface Answer<T> { data?: T; error?: unknown; response: Response }

function errorOf(body: unknown, response: Response): ApiError {
  const said = (typeof body === 'object' && body !== null ? body : {}) as { error?: string; message?: string; code?: string; details?: Fault[] };
  const coreShape = typeof said.code === 'string';
  const words = (coreShape ? said.error : said.message ?? said.error) ?? response.statusText;
  const wait = Number(response.headers.get('Retry-After'));
  return new ApiError(response.status, words, said.code ?? said.error ?? `HTTP_${response.status}`, said.details ?? [],
    response.headers.get('X-Request-Id'), Number.isFinite(wait) && wait > 0 ? wait : null);
}

// The body of an answer that went well; else throws what the server said. No answer at all: status 0.
export async function take<T>(asked: Promise<Answer<T>>): Promise<T> {
  let answer: Answer<T>;
  try {
    answer = await asked;
  } catch {
    throw new ApiError(0, '', 'UNREACHABLE', [], null, null);
  }
  if (!answer.response.ok) throw errorOf(answer.error, answer.response);
  return answer.data as T;
}
