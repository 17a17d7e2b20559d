// A table that draws only the rows in sight, over TanStack Virtual. It scrolls with the window; when its end comes near, `more`
// is asked for the next page. For screen readers it is a table whose rows know their places. Nothing is made for a row that is
// not drawn, and all have one height: a list of 100,000 costs what one of 100 does.
import { Button, Checkbox } from '@mantine/core';
import { useMediaQuery } from '@mantine/hooks';
import { useWindowVirtualizer } from '@tanstack/react-virtual';
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'react';
import type { CSSProperties, MouseEvent, ReactNode } from 'react';
import { useLocation } from 'wouter';

import type { More } from '../api/list';
import { useFormats, useWords } from '../i18n';
import { shellWords } from '../i18n/shell';

export interface Column<R> {
  id: string; header: string; cell: (row: R) => ReactNode;
  width?: string;               // a grid track: '120px', 'minmax(0, 2fr)'
  end?: boolean;                // numbers stand at the end
  narrow?: string | false;      // the track on a narrow screen; false: not there
  sort?: (row: R) => string | number | null;   // only where the whole list is here
  free?: boolean;               // may be taller than a line
}

interface Props<R> {
  label: string; rows: readonly R[]; columns: readonly Column<R>[]; rowKey: (row: R) => string; rowName?: (row: R) => string;
  href?: (row: R) => string;
  chosen?: ReadonlySet<string>; onChoose?: (keys: Set<string>) => void;
  more?: More;
  total?: number; totalAtLeast?: boolean;
  rowHeight?: number;
  detail?: (row: R) => ReactNode;   // under the row, as wide as the table; null: closed
}

const AHEAD = 120;      // rows before the end at which the next page is asked for: more than a page, so that it is there before it is seen
const BESIDE = 20;      // rows drawn above and below those in sight
const GONE = 'tidemark:go';
const ROW_PX = 40, ROW_NARROW_PX = 48;
const NONE: ReadonlySet<string> = new Set();
const ALL_DRAWN = 60;   // so many are drawn without any trick

const ends = (text: string | number | null, other: string | number | null) =>
  text === other ? 0 : text === null ? 1 : other === null ? -1 : typeof text === 'string' ? text.localeCompare(String(other)) : text < Number(other) ? -1 : 1;

interface Sorting { id: string; down: boolean }

// Up, down, and as it came.
const afterClick = (now: Sorting | null, id: string): Sorting | null => (now?.id !== id ? { id, down: false } : now.down ? null : { id, down: true });

function useSorted<R>(rows: readonly R[], columns: readonly Column<R>[]) {
  const [sorting, setSorting] = useState<Sorting | null>(null);
  const by = columns.find((c) => c.id === sorting?.id)?.sort;
  const sorted = useMemo(() => (by && sorting ? [...rows].sort((a, b) => ends(by(a), by(b)) * (sorting.down ? -1 : 1)) : rows), [rows, sorting]);
  return { sorted, sorting, sortBy: (id: string) => setSorting(afterClick(sorting, id)) };
}

// How long it took from going to a place until its list was there, for who looks at the page's timing (docs/benchmarks.md).
function useShown(label: string, n: number) {
  const isShown = n > 0;
  useEffect(() => {
    if (isShown && performance.getEntriesByName(GONE).length) performance.measure('tidemark:list', { start: GONE, detail: label });
  }, [isShown, label]);
}

export function Table<R>(p: Props<R>) {
  const t = useWords(shellWords);
  const f = useFormats();
  const [, go] = useLocation();
  const { sorted: rows, sorting, sortBy } = useSorted(p.rows, p.columns);
  const body = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0);
  const isNarrow = useMediaQuery('(max-width: 760px)', undefined, { getInitialValueInEffect: false });
  const height = Math.max(p.rowHeight ?? ROW_PX, isNarrow ? ROW_NARROW_PX : 0);
  const isLong = rows.length > ALL_DRAWN;
  // Those in sight come first, those beside them when they are drawn.
  const [beside, setBeside] = useState(0);
  useEffect(() => { if (rows.length > 0) setBeside(BESIDE); }, [rows.length > 0]);
  const virtual = useWindowVirtualizer({ count: rows.length, estimateSize: () => height, overscan: beside, scrollMargin: top, enabled: isLong });
  useLayoutEffect(() => { if (body.current) setTop(body.current.getBoundingClientRect().top + window.scrollY); }, [rows.length > 0, isLong]);
  useLayoutEffect(() => virtual.measure(), [height]);

  const drawn = virtual.getVirtualItems();
  const last = isLong ? drawn.at(-1)?.index ?? 0 : rows.length - 1;
  const { more } = p;
  const total = Math.max(p.total ?? 0, rows.length);
  const isCounted = !p.totalAtLeast || (!more?.has && rows.length === total);   // all of it is here
  useEffect(() => {
    if (more?.has && !more.loading && isLong && last > rows.length - AHEAD) more.load();
  }, [last, rows.length, isLong, more]);
  const first = isLong ? drawn[0]?.index ?? 0 : 0;
  const sight = more?.sight;
  useEffect(() => sight?.(first, last), [sight, first, last]);
  useShown(p.label, rows.length);

  const check = p.onChoose ? '20px ' : '';
  const tracks = check + p.columns.map((c) => c.width ?? 'minmax(0, 1fr)').join(' ');
  const narrow = check + p.columns.filter((c) => c.narrow !== false).map((c) => c.narrow || (c.width?.endsWith('px') ? c.width : 'minmax(0, 1fr)')).join(' ');
  const style = { '--tracks': tracks, '--tracks-narrow': narrow, '--row': `${height}px` } as CSSProperties;
  const classOf = (c: Column<R>, what: string) => `${what}${c.end ? ' end' : ''}${c.narrow === false ? ' wide-only' : ''}${c.free && what === 'td' ? ' free' : ''}`;

  // A click beside the links of a row goes where its first link does; marked text and buttons stay what they are.
  const open = (event: MouseEvent, row: R) => {
    if (!p.href || (event.target as Element).closest('a,button,input,label') || window.getSelection()?.toString()) return;
    go(p.href(row));
  };
  const chosen = p.chosen ?? NONE;
  const choose = (keys: readonly string[], on: boolean) => {
    const next = new Set(chosen);
    for (const key of keys) if (on) next.add(key); else next.delete(key);
    p.onChoose?.(next);
  };
  const keys = () => rows.map(p.rowKey);
  const allChosen = chosen.size > 0 && rows.every((row) => chosen.has(p.rowKey(row)));
  const draw = (index: number, place?: CSSProperties) => {
    const row = rows[index];
    if (!row) return null;
    const under = p.detail?.(row);
    const key = p.rowKey(row);
    return (
      <div key={key} role="row" aria-rowindex={index + 2} data-row={key} data-index={index} ref={place ? virtual.measureElement : undefined}
        className={`tr${place ? ' placed' : ''}${chosen.has(key) ? ' chosen' : ''}`}
        style={{ ...place, cursor: p.href ? 'pointer' : undefined }} onClick={(event) => open(event, row)}>
        {p.onChoose && (
          <div role="cell" className="td"><Checkbox size="xs" checked={chosen.has(key)} onChange={(event) => choose([key], event.currentTarget.checked)}
            aria-label={t('choose', { name: p.rowName?.(row) ?? key })} /></div>
        )}
        {p.columns.map((c) => <div key={c.id} role="cell" className={classOf(c, 'td')}>{c.cell(row)}</div>)}
        {under && <div role="cell" className="td detail">{under}</div>}
      </div>
    );
  };
  return (
    <>
      <div className="table" role="table" aria-label={p.label} aria-rowcount={(p.total ?? rows.length) + 1} aria-busy={more?.loading || undefined} data-rows={rows.length} style={style}>
        <div className="thead" role="rowgroup">
          <div className="tr" role="row" aria-rowindex={1}>
            {p.onChoose && (
              <div role="columnheader" className="th"><Checkbox size="xs" aria-label={t('chooseAll')} checked={allChosen}
                indeterminate={chosen.size > 0 && !allChosen} onChange={(event) => choose(keys(), event.currentTarget.checked)} /></div>
            )}
            {p.columns.map((c) => {
              const sorted = sorting?.id === c.id ? (sorting.down ? 'desc' : 'asc') : null;
              return (
                <div key={c.id} role="columnheader" className={classOf(c, 'th')} aria-sort={sorted ? (sorted === 'asc' ? 'ascending' : 'descending') : undefined}>
                  {c.sort ? (
                    <button type="button" className="sorter" onClick={() => sortBy(c.id)}>
                      {c.header}{sorted ? (sorted === 'asc' ? ' ↑' : ' ↓') : ''}
                    </button>
                  ) : c.header}
                </div>
              );
            })}
          </div>
        </div>
        <div className="tbody" role="rowgroup" ref={body} style={isLong ? { height: virtual.getTotalSize() } : undefined}>
          {isLong ? drawn.map((item) => draw(item.index, { transform: `translateY(${item.start - top}px)` })) : rows.map((_, index) => draw(index))}
        </div>
      </div>
      {(p.total !== undefined || more?.has) && (
        <div className="table-more">
          <span className="number">{t(isCounted ? 'loadedOf' : 'loadedOfAtLeast', { n: f.number(rows.length), total: f.number(total) })}</span>
          {more?.has && <Button variant="subtle" size="compact-xs" loading={more.loading} onClick={more.load}>{t('more')}</Button>}
        </div>
      )}
    </>
  );
}
