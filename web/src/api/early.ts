// What first.ts asked for before this code was here. Each answer is taken once, by the request that it belongs to: the same
// address for the same tenant. So nothing changes for who asks, but that the answer may be there already.

export interface First { tenant: string | null; admin: boolean }
export type Early = Map<string, { tenant: string | null; answer: Promise<Response> }>;
declare global { interface Window { tidemarkEarly?: Early } }

const KEPT = 'tidemark.first', OLD_MS = 10_000;

export function askedEarly(request: Request): Promise<Response> | null {
  const early = window.tidemarkEarly;
  if (!early?.size || request.method !== 'GET') return null;
  if (performance.now() > OLD_MS) { early.clear(); return null; }
  const url = new URL(request.url);
  url.searchParams.sort();
  const found = early.get(url.href);
  if (!found || found.tenant !== request.headers.get('X-Tenant-Id')) return null;
  early.delete(url.href);
  return found.answer;
}

// For the next time this page is loaded: who asks, and whether he chooses among tenants.
export const rememberFirst = (first: First) => localStorage.setItem(KEPT, JSON.stringify(first));
export const forgetFirst = () => localStorage.removeItem(KEPT);
