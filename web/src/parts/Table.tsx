// A table that draws only the rows in sight, over TanStack Table and Virtual. It scrolls with the window; when its end comes
// near, `more` is asked for the next page. For screen readers it is a table whose rows know their places.
import { Button, Checkbox } from '@mantine/core';
import { getCoreRowModel, getSortedRowModel, useReactTable } from '@tanstack/react-table';
import type { RowSelectionState, SortingState } from '@tanstack/react-table';
import { useWindowVirtualizer } from '@tanstack/react-virtual';
import { useEffect, useLayoutEffect, useRef, useState } from 'react';
import type { CSSProperties, MouseEvent, ReactNode } from 'react';
import { useLocation } from 'wouter';

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
  more?: { has: boolean; loading: boolean; load: () => void };
  total?: number; totalAtLeast?: boolean;
  rowHeight?: number;
}

const AHEAD = 30;       // rows before the end at which the next page is asked for
const ALL_DRAWN = 60;   // so many are drawn without any trick

const ends = (text: string | number | null, other: string | number | null) =>
  text === other ? 0 : text === null ? 1 : other === null ? -1 : typeof text === 'string' ? text.localeCompare(String(other)) : text < Number(other) ? -1 : 1;

export function Table<R>(p: Props<R>) {
  const t = useWords(shellWords);
  const f = useFormats();
  const [, go] = useLocation();
  const [sorting, setSorting] = useState<SortingState>([]);
  const body = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0);
  const selection: RowSelectionState = Object.fromEntries([...(p.chosen ?? [])].map((key) => [key, true]));
  const table = useReactTable<R>({
    data: p.rows as R[], getRowId: p.rowKey, getCoreRowModel: getCoreRowModel(), getSortedRowModel: getSortedRowModel(),
    columns: p.columns.map((c) => ({
      id: c.id, header: c.header, accessorFn: (row: R) => c.sort?.(row) ?? null, enableSorting: !!c.sort,
      sortingFn: (a: { original: R }, b: { original: R }) => ends(c.sort?.(a.original) ?? null, c.sort?.(b.original) ?? null),
    })),
    state: { sorting, rowSelection: selection }, onSortingChange: setSorting, enableRowSelection: !!p.onChoose,
    onRowSelectionChange: (change) => {
      const next = typeof change === 'function' ? change(selection) : change;
      p.onChoose?.(new Set(Object.keys(next).filter((key) => next[key])));
    },
  });
  const rows = table.getRowModel().rows;
  const isLong = rows.length > ALL_DRAWN;
  const virtual = useWindowVirtualizer({ count: rows.length, estimateSize: () => p.rowHeight ?? 40, overscan: 20, scrollMargin: top, enabled: isLong });
  useLayoutEffect(() => { if (body.current) setTop(body.current.getBoundingClientRect().top + window.scrollY); }, [rows.length > 0, isLong]);

  const drawn = virtual.getVirtualItems();
  const last = isLong ? drawn.at(-1)?.index ?? 0 : rows.length - 1;
  const { more } = p;
  useEffect(() => {
    if (more?.has && !more.loading && isLong && last > rows.length - AHEAD) more.load();
  }, [last, rows.length, isLong, more]);

  const check = p.onChoose ? '20px ' : '';
  const tracks = check + p.columns.map((c) => c.width ?? 'minmax(0, 1fr)').join(' ');
  const narrow = check + p.columns.filter((c) => c.narrow !== false).map((c) => c.narrow || 'minmax(0, 1fr)').join(' ');
  const style = { '--tracks': tracks, '--tracks-narrow': narrow } as CSSProperties;
  const classOf = (c: Column<R>, what: string) => `${what}${c.end ? ' end' : ''}${c.narrow === false ? ' wide-only' : ''}${c.free && what === 'td' ? ' free' : ''}`;

  // A click beside the links of a row goes where its first link does; marked text and buttons stay what they are.
  const open = (event: MouseEvent, row: R) => {
    if (!p.href || (event.target as Element).closest('a,button,input,label') || window.getSelection()?.toString()) return;
    go(p.href(row));
  };
  const draw = (index: number, place?: CSSProperties) => {
    const row = rows[index];
    if (!row) return null;
    return (
      <div key={row.id} role="row" aria-rowindex={index + 2} data-row={row.id} data-index={index} ref={place ? virtual.measureElement : undefined}
        className={`tr${place ? ' placed' : ''}${row.getIsSelected() ? ' chosen' : ''}`}
        style={{ ...place, cursor: p.href ? 'pointer' : undefined }} onClick={(event) => open(event, row.original)}>
        {p.onChoose && (
          <div role="cell" className="td"><Checkbox size="xs" checked={row.getIsSelected()} onChange={row.getToggleSelectedHandler()}
            aria-label={t('choose', { name: p.rowName?.(row.original) ?? row.id })} /></div>
        )}
        {p.columns.map((c) => <div key={c.id} role="cell" className={classOf(c, 'td')}>{c.cell(row.original)}</div>)}
      </div>
    );
  };
  return (
    <>
      <div className="table" role="table" aria-label={p.label} aria-rowcount={(p.total ?? rows.length) + 1} aria-busy={more?.loading || undefined} style={style}>
        <div className="thead" role="rowgroup">
          <div className="tr" role="row" aria-rowindex={1}>
            {p.onChoose && (
              <div role="columnheader" className="th"><Checkbox size="xs" aria-label={t('chooseAll')} checked={table.getIsAllRowsSelected()}
                indeterminate={table.getIsSomeRowsSelected()} onChange={table.getToggleAllRowsSelectedHandler()} /></div>
            )}
            {p.columns.map((c) => {
              const sorted = table.getColumn(c.id)?.getIsSorted();
              return (
                <div key={c.id} role="columnheader" className={classOf(c, 'th')} aria-sort={sorted ? (sorted === 'asc' ? 'ascending' : 'descending') : undefined}>
                  {c.sort ? (
                    <button type="button" className="sorter" onClick={() => table.getColumn(c.id)?.toggleSorting()}>
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
          <span className="number">{t(p.totalAtLeast ? 'loadedOfAtLeast' : 'loadedOf', { n: f.number(rows.length), total: f.number(p.total ?? rows.length) })}</span>
          {more?.has && <Button variant="subtle" size="compact-xs" loading={more.loading} onClick={more.load}>{t('more')}</Button>}
        </div>
      )}
    </>
  );
}
