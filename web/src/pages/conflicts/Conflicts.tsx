// The inbox of conflicts: what was agreed before, what stands here, what the platform has; one key resolves each.
import { Button, Select, SegmentedControl, Textarea } from '@mantine/core';
import { useHotkeys } from '@mantine/hooks';
import { useEffect, useRef, useState } from 'react';
import { Link } from 'wouter';

import { api } from '../../api/client';
import type { Schemas } from '../../api/client';
import { useConnections } from '../../api/names';
import { useChange, useList } from '../../api/query';
import { useMay } from '../../api/session';
import { useWords } from '../../i18n';
import { shellWords } from '../../i18n/shell';
import { say, sayError } from '../../parts/Confirm';
import { ErrorBox } from '../../parts/ErrorBox';
import { chosenOnly, queryText, useFilters } from '../../parts/filters';
import { Page, options } from '../../parts/Page';
import { Ago, Empty, Loading, NoMatch } from '../../parts/Small';
import { Status } from '../../parts/Status';
import { useKindWord } from '../records/kinds';
import { conflictWords } from './words';
import './conflicts.css';

type Item = Schemas['ConflictItem'];
type Values = Record<string, unknown>;
type Choice = 'source' | 'local' | Values;
type Shown = 'open' | 'resolved' | 'all';

const words = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value));

function Value({ value, changed }: { value: unknown; changed: boolean }) {
  const t = useWords(conflictWords);
  if (value === null || value === undefined || value === '') return <span className="dim">{t('nothing')}</span>;
  return <span className={changed ? 'changed' : undefined}>{words(value)}</span>;
}

function Edit({ item, onSave, onCancel, busy }: { item: Item; onSave: (values: Values) => void; onCancel: () => void; busy: boolean }) {
  const t = useWords(conflictWords);
  const [texts, setTexts] = useState(() => Object.fromEntries(item.fields.map((f) => [f.field, words(f.local ?? f.source) ?? ''])));
  const [fault, setFault] = useState<string | null>(null);
  // A field that held text stays text; anything else is JSON.
  const valueOf = (f: Item['fields'][number]): unknown => {
    const text = texts[f.field] ?? '';
    if ([f.local, f.source, f.base].every((v) => v === null || v === undefined || typeof v === 'string')) return text === '' ? null : text;
    return JSON.parse(text || 'null') as unknown;
  };
  const save = () => {
    try {
      onSave(Object.fromEntries(item.fields.map((f) => [f.field, valueOf(f)])));
    } catch {
      setFault(t('notText'));
    }
  };
  return (
    <form className="stack-small panel-body" onSubmit={(event) => { event.preventDefault(); save(); }}>
      {item.fields.map((f, i) => (
        <Textarea key={f.field} label={f.field} autosize minRows={1} maxRows={8} value={texts[f.field] ?? ''} autoFocus={i === 0}
          onChange={(event) => { const { value } = event.currentTarget; setTexts((before) => ({ ...before, [f.field]: value })); }} />
      ))}
      {fault && <p className="note bad">{fault}</p>}
      <div className="row">
        <Button type="submit" loading={busy}>{t('save')}</Button>
        <Button variant="default" onClick={onCancel}>{t('cancel')}</Button>
      </div>
    </form>
  );
}

interface CardProps { item: Item; current: boolean; chosen: boolean; mayChange: boolean; busy: boolean; editing: boolean; onEdit: (on: boolean) => void; onChoose: (choice: Choice) => void; onFocus: () => void }

function Card({ item, current, chosen, mayChange, busy, editing, onEdit, onChoose, onFocus }: CardProps) {
  const t = useWords(conflictWords);
  const kindWord = useKindWord();
  const box = useRef<HTMLElement>(null);
  // Not the one that is first by itself: where a page was scrolled to, the tab key goes on (Chromium since 2026).
  useEffect(() => { if (chosen) box.current?.scrollIntoView({ block: 'nearest' }); }, [chosen]);
  const isOpen = item.status === 'open';
  return (
    <article ref={box} className={`panel conflict${current ? ' current' : ''}`} onFocus={onFocus} onClick={onFocus} aria-current={current || undefined} data-conflict={item.id}>
      <header className="panel-head">
        <h2><Link href={`/records/${item.recordId}`}>{item.title ?? item.recordId}</Link> <span className="dim small">{kindWord(item.kind)} · {item.connectionName}</span></h2>
        <Status of={item.status} /><span className="dim small"><Ago at={item.updatedAt} /></span>
      </header>
      {editing ? <Edit item={item} busy={busy} onSave={onChoose} onCancel={() => onEdit(false)} /> : (
        <div className="three-way" role="table" aria-label={item.title ?? item.recordId}>
          <div role="row" className="head">
            <span role="columnheader">{t('field')}</span><span role="columnheader">{t('base')}</span>
            <span role="columnheader">{t('left')}</span><span role="columnheader">{t('right', { name: item.connectionName })}</span>
          </div>
          {item.fields.map((f) => (
            <div role="row" key={f.field}>
              <span role="rowheader" className="mono">{f.field}</span>
              <span role="cell"><Value value={f.base} changed={false} /></span>
              <span role="cell"><Value value={f.local} changed={words(f.local) !== words(f.base)} /></span>
              <span role="cell"><Value value={f.source} changed={words(f.source) !== words(f.base)} /></span>
            </div>
          ))}
        </div>
      )}
      {!isOpen && item.choice && <p className="table-more">{t('by', { choice: t(`c_${item.choice}`), who: item.resolvedBy ?? '' })}</p>}
      {isOpen && mayChange && !editing && (
        <footer className="row wrap conflict-foot">
          <Button variant="default" disabled={busy} onClick={() => onChoose('local')}>{t('keepHere')} <kbd>1</kbd></Button>
          <Button variant="default" disabled={busy} onClick={() => onChoose('source')}>{t('takeTheirs')} <kbd>2</kbd></Button>
          <Button variant="subtle" disabled={busy} onClick={() => onEdit(true)}>{t('edit')} <kbd>e</kbd></Button>
        </footer>
      )}
    </article>
  );
}

export default function Conflicts() {
  const t = useWords(conflictWords);
  const s = useWords(shellWords);
  const mayChange = useMay('content:update');
  const [filters, setFilters] = useFilters(['status', 'connectionId', 'recordId', 'id']);
  const shown = (filters.status || 'open') as Shown;
  const isFiltered = !!(filters.status || filters.connectionId || filters.recordId);
  const query = { ...chosenOnly({ connectionId: filters.connectionId, recordId: filters.recordId }), status: shown };
  const connections = useConnections();
  const list = useList(['conflicts', query], (cursor) => api.GET('/api/v1/conflicts', { params: { query: { ...query, cursor, limit: 50 } } }));
  const [current, setCurrent] = useState<string | null>(filters.id || null);
  const [editing, setEditing] = useState(false);
  const resolve = useChange(({ id, choose }: { id: string; choose: Choice }) => api.POST('/api/v1/conflicts/{id}/resolve', { params: { path: { id } }, body: { choose } }),
    ['conflicts', 'overview', 'records']);

  const rows = list.rows;
  const index = Math.max(0, rows.findIndex((row) => row.id === current));
  const item = rows[index];
  const move = (by: number) => { setEditing(false); setCurrent(rows[Math.min(rows.length - 1, Math.max(0, index + by))]?.id ?? null); };
  const choose = (row: Item, choice: Choice) => {
    const after = rows[rows.indexOf(row) + 1]?.id ?? null;
    resolve.mutate({ id: row.id, choose: choice }, { onSuccess: () => { setEditing(false); setCurrent(after); say(t('done')); }, onError: sayError });
  };
  const onOpen = (act: (row: Item) => void) => () => { if (item?.status === 'open' && mayChange && !resolve.isPending && !editing) act(item); };
  useHotkeys([
    ['1', onOpen((row) => choose(row, 'local'))], ['2', onOpen((row) => choose(row, 'source'))],
    ['e', onOpen(() => setEditing(true))], ['j', () => move(1)], ['k', () => move(-1)],
  ]);
  const pick = (row: Item) => () => { if (row.id !== item?.id) { setEditing(false); setCurrent(row.id); } };
  return (
    <Page title={t('title')} lead={t('lead')} commands={{ path: `/api/v1/conflicts${queryText(query)}`, cli: `tidemark conflicts${options({ status: filters.status })}` }}>
      <div className="stack">
        <div className="row wrap">
          <SegmentedControl size="xs" aria-label={t('status')} value={shown} onChange={(value) => setFilters({ status: value === 'open' ? '' : value })}
            data={[{ value: 'open', label: t('open') }, { value: 'resolved', label: t('resolved') }, { value: 'all', label: t('all') }]} />
          <Select size="xs" aria-label={t('connection')} placeholder={t('anyConnection')} data={connections.choices} value={filters.connectionId || null} clearable searchable w={240}
            onChange={(value) => setFilters({ connectionId: value ?? '' })} />
          {mayChange && rows.length > 0 && <span className="dim small wide-only">{t('keys')}</span>}
        </div>
        {list.error ? <ErrorBox error={list.error} retry={() => void list.refetch()} />
          : list.isPending ? <div className="panel"><Loading /></div>
          : rows.length === 0 && isFiltered ? <div className="panel"><NoMatch title={t('noneFound')} clear={() => setFilters({ status: '', connectionId: '', recordId: '', id: '' })} /></div>
          : rows.length === 0 ? <div className="panel"><Empty title={t('none')}>{t('noneText')}</Empty></div>
          : rows.map((row) => (
            <Card key={row.id} item={row} current={row === item} chosen={row.id === current} mayChange={mayChange} busy={resolve.isPending} editing={editing && row === item}
              onFocus={pick(row)} onEdit={(on) => { setCurrent(row.id); setEditing(on); }} onChoose={(choice) => choose(row, choice)} />
          ))}
        {list.hasNextPage && <Button variant="default" loading={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>{s('more')}</Button>}
      </div>
    </Page>
  );
}
