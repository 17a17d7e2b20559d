// All connections: how each is, how fresh, what its last run said. Filters stand in the address; many can be steered at once.
import { Button, NativeSelect, TextInput } from '@mantine/core';
import { useState } from 'react';
import { Link, useSearchParams } from 'wouter';

import { ApiError, api } from '../../api/client';
import type { Connection } from '../../api/client';
import { useChange } from '../../api/query';
import { useMay } from '../../api/session';
import { useWords } from '../../i18n';
import { shellWords } from '../../i18n/shell';
import { say, useConfirm } from '../../parts/Confirm';
import { ErrorBox } from '../../parts/ErrorBox';
import { Icon } from '../../parts/Icon';
import { Page } from '../../parts/Page';
import { Said, useSaid } from '../../parts/Said';
import { Ago, Empty, Loading, Logo, NoMatch, NumberLink, Sparkline } from '../../parts/Small';
import { RunStatus, Status } from '../../parts/Status';
import { Table } from '../../parts/Table';
import type { Column } from '../../parts/Table';
import { useActivity, useConnections, useTemplates } from './queries';
import { connectionsWords } from './words';

type Activity = { runId: string; status: string; verdict: string | null; hours: { at: string; received: number; errors: number }[] };

const HOUR_MS = 3_600_000;
const STATES = ['connected', 'error', 'pending', 'disconnected'] as const;

function barsOf(hours: Activity['hours']) {
  const end = Math.floor(Date.now() / HOUR_MS);
  const byHour = new Map(hours.map((h) => [Math.floor(Date.parse(h.at) / HOUR_MS), h]));
  return Array.from({ length: 24 }, (_, i) => {
    const hour = byHour.get(end - 23 + i);
    return { ok: (hour?.received ?? 0) - (hour?.errors ?? 0), err: hour?.errors ?? 0 };
  });
}

function useColumns(activity: ReadonlyMap<string, Activity>, title: (name: string) => string): Column<Connection>[] {
  const t = useWords(connectionsWords);
  return [
    { id: 'name', header: t('name'), width: 'minmax(190px, 2.2fr)', narrow: 'minmax(0, 1fr)', sort: (c) => c.name.toLowerCase(), cell: (c) => (
      <div className="row">
        <Logo name={title(c.platform)} />
        <div className="grow"><Link href={`/connections/${c.id}`} className="first ellipsis" style={{ display: 'block' }}>{c.name}</Link>
          {c.errorMessage ? <span className="under bad-text"><Said text={c.errorMessage} code={c.errorCode} /></span> : <span className="under narrow-only">{t('recordsShort', { n: c.syncedRecords })} · <Ago at={c.lastSyncAt} /></span>}</div>
      </div>) },
    { id: 'state', header: t('state'), width: '116px', narrow: '116px', sort: (c) => STATES.indexOf(c.status), cell: (c) => <Status of={c.status} /> },
    { id: 'fresh', header: t('fresh'), width: '96px', narrow: false, sort: (c) => c.lastSyncAt, cell: (c) => <Ago at={c.lastSyncAt} /> },
    { id: 'verdict', header: t('verdict'), width: '130px', narrow: false, cell: (c) => {
      const last = activity.get(c.id);
      return last ? <Link href={`/runs/${last.runId}`}><RunStatus run={last} /></Link> : <span className="dim">–</span>;
    } },
    { id: 'next', header: t('next'), width: '88px', narrow: false, sort: (c) => c.nextSyncAt,
      cell: (c) => (c.enabled ? <Ago at={c.nextSyncAt} otherwise="–" /> : <span className="dim">{t('off')}</span>) },
    { id: 'records', header: t('records'), width: '82px', narrow: false, end: true, sort: (c) => c.syncedRecords,
      cell: (c) => <NumberLink n={c.syncedRecords} href={`/connections/${c.id}#streams`} label={t('records')} /> },
    { id: 'activity', header: t('activity'), width: '104px', narrow: false, cell: (c) => <Sparkline bars={barsOf(activity.get(c.id)?.hours ?? [])} /> },
  ];
}

type Act = 'sync' | 'test' | 'pause' | 'resume';
const DONE = { sync: 'doneSync', test: 'doneTest', pause: 'donePause', resume: 'doneResume' } as const;

// One after another, so that a hundred do not arrive at once; each that fails says why.
function useBulk(rows: readonly Connection[], done: () => void) {
  const t = useWords(connectionsWords);
  const said = useSaid();
  const [busy, setBusy] = useState<Act | null>(null);
  const touches = ['connections', 'overview', 'runs'];
  const sync = useChange((id: string) => api.POST('/api/v1/sync/connections/{id}/sync', { params: { path: { id } }, body: {} }), touches);
  const test = useChange((id: string) => api.POST('/api/v1/sync/connections/{id}/test', { params: { path: { id } } }), touches);
  const set = useChange(({ id, enabled }: { id: string; enabled: boolean }) =>
    api.PATCH('/api/v1/sync/connections/{id}', { params: { path: { id }, query: { test: false } }, body: { enabled } }), touches);
  const one = (act: Act, id: string) => (act === 'sync' ? sync.mutateAsync(id) : act === 'test' ? test.mutateAsync(id) : set.mutateAsync({ id, enabled: act === 'resume' }));
  const run = async (act: Act, ids: readonly string[]) => {
    setBusy(act);
    let n = 0;
    for (const id of ids) {
      try {
        await one(act, id);
        n++;
      } catch (error) {
        say(t('failedFor', { name: rows.find((c) => c.id === id)?.name ?? id, message: error instanceof ApiError ? said(error.message, error.code) : '' }), true);
      }
    }
    if (n) say(t(DONE[act], { n }));
    setBusy(null);
    done();
  };
  return { busy, run };
}

function Bulk({ rows, chosen, clear }: { rows: readonly Connection[]; chosen: ReadonlySet<string>; clear: () => void }) {
  const t = useWords(connectionsWords);
  const s = useWords(shellWords);
  const confirm = useConfirm();
  const { busy, run } = useBulk(rows, clear);
  const ids = [...chosen].filter((id) => rows.some((c) => c.id === id));
  const button = (act: Act, act_: () => void) => <Button key={act} variant="default" loading={busy === act} disabled={busy !== null && busy !== act} onClick={act_}>{t(act)}</Button>;
  const pause = () => confirm.ask({ title: t('pauseTitle', { n: ids.length }), body: t('pauseBody'), action: t('pause'), run: () => run('pause', ids) });
  return (
    <div className="bulk" role="toolbar" aria-label={s('chosen', { n: ids.length })}>
      <strong className="number">{s('chosen', { n: ids.length })}</strong>
      {button('sync', () => void run('sync', ids))}{button('test', () => void run('test', ids))}{button('pause', pause)}{button('resume', () => void run('resume', ids))}
      <Button variant="subtle" color="gray" onClick={clear}>{s('clear')}</Button>
      {confirm.dialog}
    </div>
  );
}

function Filters({ platforms, title }: { platforms: readonly string[]; title: (name: string) => string }) {
  const t = useWords(connectionsWords);
  const s = useWords(shellWords);
  const [params, setParams] = useSearchParams();
  const put = (name: string, value: string) => setParams((old) => {
    const next = new URLSearchParams(old);
    if (value) next.set(name, value); else next.delete(name);
    return next;
  }, { replace: true });
  return (
    <div className="filters" role="search">
      <TextInput size="xs" aria-label={t('search')} placeholder={t('search')} leftSection={<Icon name="search" size={14} />} value={params.get('q') ?? ''}
        onChange={(event) => put('q', event.currentTarget.value)} w={220} />
      <NativeSelect size="xs" aria-label={t('state')} value={params.get('state') ?? ''} onChange={(event) => put('state', event.currentTarget.value)}
        data={[{ value: '', label: t('anyState') }, ...STATES.map((value) => ({ value, label: s(`s_${value}`) }))]} />
      <NativeSelect size="xs" aria-label={t('platform')} value={params.get('platform') ?? ''} onChange={(event) => put('platform', event.currentTarget.value)}
        data={[{ value: '', label: t('anyPlatform') }, ...platforms.map((value) => ({ value, label: title(value) }))]} />
    </div>
  );
}

function List({ all, activity }: { all: readonly Connection[]; activity: ReadonlyMap<string, Activity> }) {
  const t = useWords(connectionsWords);
  const mayChange = useMay('content:update');
  const [params, setParams] = useSearchParams();
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const templates = useTemplates().data?.data ?? [];
  const title = (name: string) => templates.find((x) => x.name === name)?.displayName ?? name;
  const columns = useColumns(activity, title);
  const [q, state, platform] = ['q', 'state', 'platform'].map((name) => params.get(name) ?? '');
  const rows = all.filter((c) => (!state || c.status === state) && (!platform || c.platform === platform) &&
    (!q || `${c.name} ${c.platform} ${c.errorMessage ?? ''}`.toLowerCase().includes(q.toLowerCase())));
  return (
    <div className="panel">
      <Filters platforms={[...new Set(all.map((c) => c.platform))].sort()} title={title} />
      {chosen.size > 0 && <Bulk rows={all} chosen={chosen} clear={() => setChosen(new Set())} />}
      {rows.length === 0
        ? <NoMatch title={t('noMatch')} clear={() => setParams(new URLSearchParams(), { replace: true })} />
        : <Table label={t('title')} rows={rows} columns={columns} rowKey={(c) => c.id} rowName={(c) => c.name} href={(c) => `/connections/${c.id}`} rowHeight={48}
            chosen={mayChange ? chosen : undefined} onChoose={mayChange ? setChosen : undefined} />}
    </div>
  );
}

export default function Connections() {
  const t = useWords(connectionsWords);
  const mayChange = useMay('content:update');
  const connections = useConnections();
  const activity = useActivity();
  const all = connections.data?.data;
  const byId = new Map((activity.data?.data ?? []).map((a) => [a.connectionId, a as Activity]));
  const add = mayChange && <Button component={Link} href="/connections/new" leftSection={<Icon name="plus" size={14} />}>{t('add')}</Button>;
  return (
    <Page title={t('title')} lead={all?.length ? t('found', { n: all.length }) : undefined} actions={add}
      commands={{ path: '/api/v1/sync/connections?limit=500', cli: ['tidemark connections', 'tidemark sync --all'] }}>
      {connections.error && !all && <ErrorBox error={connections.error} retry={() => void connections.refetch()} />}
      {connections.isPending && <div className="panel"><Loading lines={8} /></div>}
      {all && (all.length ? <List all={all} activity={byId} /> : <div className="panel"><Empty title={t('empty')} action={add}>{t('emptyText')}</Empty></div>)}
    </Page>
  );
}
