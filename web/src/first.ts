// The first code that runs, two KB before all other: it asks for what an address needs, its code and its data, while the page's
// own code is still on its way. So a list takes three steps one after the other (the page, this file, everything else) and not
// six (the page, its code, the session, the tenants, the code of the list, the list). What it gets is taken up by
// api/early.ts. Built apart (vite.config.js), with nothing imported: an import would be a step more.
//
// Who is signed in it knows from the time before (api/early.ts keeps it); nothing is asked for who was not.
import type { Early, First } from './api/early';

// Of each address, as wouter writes it: the files of its code.
declare const CODE: readonly (readonly [path: string, files: readonly string[]])[];

type Filters = readonly string[];
type Ask = readonly [url: string, filters?: Filters];
const CONNECTIONS: Ask = ['/api/v1/sync/connections?limit=500'];
const RECORDS: Filters = ['q', 'status', 'updatedSince', 'includeDeleted'];

// Of each address: what it asks for first; `:id` is the address's, and filters are taken over from it. A test (tests/web/shell)
// sees that all of it is used.
const ASKS: Record<string, readonly Ask[]> = {
  '/': [['/api/v1/overview'], ['/api/v1/sync/runs?limit=8']],
  '/connections': [CONNECTIONS, ['/api/v1/overview/activity'], ['/api/v1/templates']],
  '/connections/:id/:tab?': [['/api/v1/sync/connections/:id']],
  '/runs': [['/api/v1/sync/runs?limit=100', ['status', 'connectionId', 'from', 'to']], CONNECTIONS],
  '/runs/read': [['/api/v1/overview/records?limit=100', ['from', 'to']]],
  '/runs/:id': [['/api/v1/sync/runs/:id']],
  '/runs/:id/records': [['/api/v1/sync/runs/:id']],
  '/records': [['/api/v1/contacts?limit=100', RECORDS]],
  '/records/kind/:kind': [['/api/v1/:kind?limit=100', RECORDS]],
  '/records/:id': [['/api/v1/records/:id']],
  '/webhooks': [['/api/v1/webhooks/events?limit=100', ['q', 'status', 'connectionId', 'from']], CONNECTIONS],
  '/webhooks/:id': [['/api/v1/webhooks/events/:id']],
};

const patternOf = (path: string) => new RegExp(`^${path.replace(/\/:\w+\?/g, '(?:/[^/]+)?').replace(/:(\w+)/g, '(?<$1>[^/]+)')}/?$`);

function place(): { path: string; files: readonly string[]; named: Record<string, string> } | null {
  for (const [path, files] of CODE) {
    const found = patternOf(path).exec(window.location.pathname);
    if (found) return { path, files, named: found.groups ?? {} };
  }
  return null;
}

function fetchCode(files: readonly string[]) {
  for (const file of files) {
    const link = document.createElement('link');
    const isStyle = file.endsWith('.css');
    link.rel = isStyle ? 'preload' : 'modulepreload';
    if (isStyle) link.as = 'style';
    link.crossOrigin = '';
    link.href = `/assets/${file}`;
    document.head.append(link);
  }
}

function urlOf([url, filters = []]: Ask, named: Record<string, string>) {
  const asked = new URL(url.replace(/:(\w+)/g, (_, name: string) => named[name] ?? ''), window.location.origin);
  const chosen = new URLSearchParams(window.location.search);
  for (const name of filters) if (chosen.get(name)) asked.searchParams.set(name, chosen.get(name) ?? '');
  return asked;
}

function ask(early: Early, url: URL, tenant: string | null) {
  const headers: Record<string, string> = tenant ? { 'X-Tenant-Id': tenant } : {};
  const answer = fetch(url, { headers, credentials: 'same-origin' });
  answer.catch(() => {});   // who takes it up sees the failure; it may be nobody
  url.searchParams.sort();
  early.set(url.href, { tenant, answer });
}

function known(): First | null {
  try {
    return JSON.parse(localStorage.getItem('tidemark.first') ?? 'null') as First | null;
  } catch {
    return null;
  }
}

const here = place();
const who = known();
if (here) fetchCode(here.files);
if (who) {
  const early: Early = new Map();
  window.tidemarkEarly = early;
  const origin = window.location.origin;
  ask(early, new URL('/api/v1/session', origin), null);
  if (who.admin) ask(early, new URL('/api/v1/tenants?limit=500', origin), null);
  for (const one of (here && ASKS[here.path]) ?? []) ask(early, urlOf(one, here?.named ?? {}), who.tenant);
}
