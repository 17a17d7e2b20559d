// A long list, page by page with the server's cursor; `rows` grows as more is asked for.
//
// TanStack's own way of asking such a list anew is to ask for every page again, one after another: a hundred requests every
// five seconds once somebody has scrolled through ten thousand runs. Here only the pages in sight are asked for; the others
// stay as they came and are asked for when they come into sight again. So a page may change its length: rows that came in
// between are put into it, and what the next page begins with ends it, so that nothing is shown twice or left out.
import { keepPreviousData, useInfiniteQuery } from '@tanstack/react-query';
import type { InfiniteData, QueryKey } from '@tanstack/react-query';
import { useCallback, useMemo, useRef } from 'react';

import { take, tenantChosen } from './client';
import type { Meta } from './client';
import { queryClient } from './query';
import type { Answer } from './query';

type Cursor = string | undefined;
interface Page<R> { data: R[]; meta: Meta }
type Pages<R> = InfiniteData<Page<R>, Cursor>;

// For tables: whether there is more, and which rows are in sight.
export interface More { has: boolean; loading: boolean; load: () => void; sight: (first: number, last: number) => void }

const keyOf = (row: unknown) => (row as { id?: unknown } | undefined)?.id ?? JSON.stringify(row);
const placeOf = <R>(rows: readonly R[], row: R | undefined) => (row === undefined ? -1 : rows.findIndex((other) => keyOf(other) === keyOf(row)));

// The page as it is now, ending where the next one begins. Null: none of its rows is there any more, so what follows it does
// not follow it now.
function joined<R>(old: Page<R>, fresh: Page<R>, next: Page<R>): Page<R> | null {
  const meta = { ...fresh.meta, nextCursor: old.meta.nextCursor };
  const end = placeOf(fresh.data, next.data[0]);
  if (end >= 0) return { data: fresh.data.slice(0, end), meta };
  const at = placeOf(old.data, fresh.data.at(-1));
  return at < 0 ? null : { data: [...fresh.data, ...old.data.slice(at + 1)], meta };
}

function isInSight<R>({ pages }: Pages<R>, place: number, [first, last]: readonly [number, number]) {
  let before = 0;
  for (const page of pages.slice(0, place)) before += page.data.length;
  return before <= last && before + Math.max(1, pages[place]?.data.length ?? 0) > first;   // an empty one is seen too
}

export function useList<R>(key: readonly unknown[], ask: (cursor: Cursor) => Promise<Answer<Page<R>>>,
  { every = false, enabled = true }: { every?: number | false; enabled?: boolean } = {}) {
  const whole: QueryKey = [tenantChosen(), ...key];
  const inSight = useRef<readonly [number, number]>([0, Infinity]);
  const old = useRef(new Set<Cursor>());           // pages that were left as they came
  const cut = useRef<{ cursor: string; place: number } | null>(null);
  const kept = () => queryClient.getQueryData<Pages<R>>(whole);

  // The list ends here and is asked for anew from here on: so much changed that what came later does not fit.
  const endAt = (place: number) => queryClient.setQueryData<Pages<R>>(whole, (now) => now && { pages: now.pages.slice(0, place + 1), pageParams: now.pageParams.slice(0, place + 1) });

  async function page(cursor: Cursor): Promise<Page<R>> {
    const now = kept();
    const place = now ? now.pageParams.indexOf(cursor) : -1;
    const was = now?.pages[place], next = now?.pages[place + 1];
    const ends = cut.current;
    cut.current = null;
    if (ends && ends.cursor === cursor) {
      setTimeout(endAt, 0, ends.place);
      return { data: [], meta: { limit: 0, total: 0, totalPages: 0 } };
    }
    if (now && was && !isInSight(now, place, inSight.current)) {
      old.current.add(cursor);
      return was;
    }
    const fresh = await take(ask(cursor));
    old.current.delete(cursor);
    if (!was || !next) return fresh;
    const fits = joined(was, fresh, next);
    if (!fits && fresh.meta.nextCursor) cut.current = { cursor: fresh.meta.nextCursor, place };
    return fits ?? fresh;
  }

  const query = useInfiniteQuery({
    queryKey: whole, enabled, initialPageParam: undefined as Cursor, refetchInterval: every, placeholderData: keepPreviousData,
    queryFn: ({ pageParam }) => page(pageParam), getNextPageParam: (last) => last.meta.nextCursor,
  });
  const pages = query.data?.pages;
  const rows = useMemo(() => pages?.flatMap((one) => one.data) ?? [], [pages]);
  const { refetch, fetchNextPage, hasNextPage, isFetchingNextPage, isFetching } = query;
  const sight = (first: number, last: number) => {
    inSight.current = [first, last];
    const now = old.current.size && !isFetching ? kept() : undefined;
    if (now?.pageParams.some((cursor, place) => old.current.has(cursor) && isInSight(now, place, inSight.current))) void refetch();
  };
  const load = useCallback(() => void fetchNextPage(), [fetchNextPage]);
  const more: More = { has: hasNextPage, loading: isFetchingNextPage, load, sight };
  return { ...query, rows, meta: pages?.[0]?.meta, more };
}
