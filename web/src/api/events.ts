// News from the server (server-sent events), read with fetch so that the tenant can be named. After a break it goes on behind
// the last event that came, so nothing is missed; what is shown is asked anew where an event says that it changed.
import { useEffect, useSyncExternalStore } from 'react';

import { tenantChosen } from './client';
import { queryClient, refresh } from './query';

export interface News { id: string; type: string; at: string; data: Record<string, unknown> }
export type Line = 'connecting' | 'live' | 'broken';

const KEPT = 50, GATHER_MS = 400, WAIT_MIN_MS = 500, WAIT_MAX_MS = 15_000;

// First words of query keys that an event makes old.
const TOUCHES: Record<string, readonly string[]> = {
  'run.succeeded': ['overview', 'connections', 'runs', 'jobs', 'rejected'],
  'run.failed': ['overview', 'connections', 'runs', 'jobs', 'rejected'],
  'connection.status_changed': ['overview', 'connections'],
  'records.changed': ['overview', 'records'],
  'conflict.opened': ['overview', 'conflicts', 'records'],
  'alert.raised': ['overview', 'connections', 'runs'],
};

let state: { line: Line; news: News[] } = { line: 'connecting', news: [] };
const listeners = new Set<() => void>();
const set = (next: Partial<typeof state>) => { state = { ...state, ...next }; listeners.forEach((tell) => tell()); };

const due = new Set<string>();
let gathering: ReturnType<typeof setTimeout> | undefined;
function touch(words: readonly string[]) {
  words.forEach((word) => due.add(word));
  gathering ??= setTimeout(() => {
    gathering = undefined;
    const all = [...due];
    due.clear();
    void refresh(queryClient, all);
  }, GATHER_MS);
}

function take(block: string): string | null {
  let id = '', type = 'message', data = '';
  for (const line of block.split('\n')) {
    const colon = line.indexOf(':');
    if (colon <= 0) continue;
    const name = line.slice(0, colon), value = line.slice(colon + 1).replace(/^ /, '');
    if (name === 'id') id = value;
    else if (name === 'event') type = value;
    else if (name === 'data') data += value;
  }
  if (!data) return id || null;
  try {
    const said = JSON.parse(data) as { timestamp?: string; data?: Record<string, unknown> };
    set({ news: [{ id, type, at: said.timestamp ?? '', data: said.data ?? {} }, ...state.news].slice(0, KEPT) });
  } catch {
    return id || null; // not for us
  }
  touch(TOUCHES[type] ?? []);
  return id || null;
}

async function read(signal: AbortSignal, last: string | null): Promise<string | null> {
  const headers: Record<string, string> = { Accept: 'text/event-stream' };
  const tenant = tenantChosen();
  if (last) headers['Last-Event-ID'] = last;
  if (tenant) headers['X-Tenant-Id'] = tenant;
  const response = await fetch('/api/v1/events', { headers, signal, credentials: 'same-origin' });
  if (!response.ok || !response.body) throw new Error(String(response.status));
  set({ line: 'live' });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return last;
    const blocks = (rest + value).split('\n\n');
    rest = blocks.pop() ?? '';
    for (const block of blocks) last = take(block) ?? last;
    position = last;
  }
}

let position: string | null = null;

async function follow(signal: AbortSignal) {
  let wait = WAIT_MIN_MS;
  while (!signal.aborted) {
    try {
      position = await read(signal, position);
      wait = WAIT_MIN_MS;
    } catch {
      if (signal.aborted) return;
      wait = Math.min(wait * 2, WAIT_MAX_MS);
    }
    set({ line: 'broken' });
    await new Promise((resolve) => setTimeout(resolve, wait * (0.5 + Math.random() / 2)));
    if (!signal.aborted && state.line === 'broken') touch(['overview', 'connections', 'runs']);
  }
}

// While the shell is shown. Mounted once.
export function useFollowEvents(who: string) {
  useEffect(() => {
    const stop = new AbortController();
    position = null;
    set({ line: 'connecting', news: [] });
    void follow(stop.signal);
    return () => stop.abort();
  }, [who]);
}

const subscribe = (tell: () => void) => { listeners.add(tell); return () => listeners.delete(tell); };
export const useNews = () => useSyncExternalStore(subscribe, () => state.news);
export const useLine = () => useSyncExternalStore(subscribe, () => state.line);
