// What a connection brought, stream by stream; and what could not be taken, with the reason and what the platform sent.
import { Button, NativeSelect, SegmentedControl } from '@mantine/core';
import { useState } from 'react';
import { Link, useSearchParams } from 'wouter';

import { api } from '../../../api/client';
import type { ConnectionDetail, Schemas } from '../../../api/client';
import { useChange, useData, useList } from '../../../api/query';
import { useMay } from '../../../api/session';
import { useWords } from '../../../i18n';
import { say, sayError } from '../../../parts/Confirm';
import { ErrorBox } from '../../../parts/ErrorBox';
import { Json } from '../../../parts/Json';
import { Said } from '../../../parts/Said';
import { Ago, Empty, Loading } from '../../../parts/Small';
import { Table } from '../../../parts/Table';
import type { Column } from '../../../parts/Table';
import { oneWords } from '../words';

type Entity = Schemas['Entity'];
type Rejected = Schemas['Rejected'];

const textOf = (value: unknown) => (typeof value === 'string' || typeof value === 'number' ? String(value) : '');
export const titleOf = (record: Entity) => {
  const r = record as Record<string, unknown>;
  return ['name', 'title', 'subject', 'number', 'content', 'email'].map((key) => textOf(r[key])).find(Boolean) ?? record.id;
};
const secondOf = (record: Entity) => {
  const r = record as Record<string, unknown>, title = titleOf(record);
  return ['email', 'phone', 'status', 'domain', 'amount', 'total'].map((key) => textOf(r[key])).filter((x) => x && x !== title).join(' · ');
};

function Stored({ connection, stream, deleted }: { connection: ConnectionDetail; stream: string; deleted: boolean }) {
  const t = useWords(oneWords);
  const list = useList(['records', connection.id, stream, deleted],
    (cursor) => api.GET('/api/v1/records/{connectionId}/{stream}', { params: { path: { connectionId: connection.id, stream }, query: { limit: 100, cursor, onlyDeleted: deleted || undefined } } }));
  const columns: Column<Entity>[] = [
    { id: 'title', header: t('titleColumn'), width: 'minmax(0, 2fr)', cell: (r) => <Link href={`/records/${r.id}`} className="first">{titleOf(r)}</Link> },
    { id: 'second', header: t('fields'), width: 'minmax(0, 2fr)', narrow: false, cell: (r) => <span className="dim">{secondOf(r)}</span> },
    { id: 'updated', header: t('updated'), width: '120px', narrow: '110px', end: true, cell: (r) => <Ago at={r.updatedAt} /> },
  ];
  if (list.error) return <ErrorBox error={list.error} retry={() => void list.refetch()} />;
  if (list.isPending) return <Loading />;
  if (!list.rows.length) return deleted ? <Empty title={t('noDeleted')}>{t('noDeletedText')}</Empty> : <Empty title={t('noRecords')}>{t('noRecordsText')}</Empty>;
  return <Table label={t('recordsOf', { stream })} rows={list.rows} columns={columns} rowKey={(r) => r.id} href={(r) => `/records/${r.id}`} total={list.meta?.total}
    totalAtLeast={list.meta?.totalAtLeast} more={list.more} />;
}

function Refused({ connection, stream, runId }: { connection: ConnectionDetail; stream: string; runId: string }) {
  const t = useWords(oneWords);
  const mayChange = useMay('content:update');
  const [open, setOpen] = useState<string | null>(null);
  const path = { id: connection.id };
  const list = useList(['rejected', connection.id, stream, runId],
    (cursor) => api.GET('/api/v1/sync/connections/{id}/rejected', { params: { path, query: { limit: 100, cursor, ...(stream ? { stream } : {}), ...(runId ? { runId } : {}) } } }));
  const replay = useChange(() => api.POST('/api/v1/sync/connections/{id}/rejected/replay', { params: { path }, body: stream ? { stream } : {} }), ['rejected', 'connections', 'overview', 'records']);
  const run = () => replay.mutate(undefined, { onSuccess: ({ data }) => say(t('replayed', data)), onError: sayError });
  const columns: Column<Rejected>[] = [
    { id: 'id', header: t('externalId'), width: '130px', narrow: '96px', cell: (r) => (
      <button type="button" className="link sorter mono" aria-expanded={open === r.id} onClick={() => setOpen(open === r.id ? null : r.id)}>{r.externalId ?? '–'}</button>) },
    { id: 'stream', header: t('stream'), width: '120px', narrow: false, cell: (r) => r.stream },
    { id: 'reason', header: t('reason'), width: 'minmax(0, 3fr)', narrow: 'minmax(0, 1fr)', free: true, cell: (r) => (
      <div className="stack-small" style={{ padding: '6px 0' }}><span><Said text={r.reason} /></span>{open === r.id && <Json value={r.payload} label={t('payload')} />}</div>) },
    { id: 'times', header: t('times'), width: '60px', narrow: false, end: true, cell: (r) => r.times },
    { id: 'last', header: t('lastSeen'), width: '120px', narrow: false, end: true, cell: (r) => <Ago at={r.lastAt} /> },
  ];
  if (list.error) return <ErrorBox error={list.error} retry={() => void list.refetch()} />;
  if (list.isPending) return <Loading />;
  if (!list.rows.length) return <Empty title={t('noRejected')}>{t('noRejectedText')}</Empty>;
  return (
    <>
      {mayChange && <div className="filters"><Button variant="default" loading={replay.isPending} onClick={run}>{t('replay')}</Button></div>}
      <Table label={t('rejected')} rows={list.rows} columns={columns} rowKey={(r) => r.id} total={list.meta?.total}
        more={list.more} />
    </>
  );
}

export function Records({ connection }: { connection: ConnectionDetail }) {
  const t = useWords(oneWords);
  const [params, setParams] = useSearchParams();
  const state = useData(['connections', connection.id, 'state'], () => api.GET('/api/v1/sync/connections/{id}/state', { params: { path: { id: connection.id } } }));
  const streams = state.data?.data.streams ?? [];
  const show = params.get('show') ?? 'stored', rejected = show === 'rejected', runId = params.get('runId') ?? '';
  const stream = params.get('stream') ?? (rejected ? '' : streams[0]?.stream ?? '');
  const put = (name: string, value: string) => setParams((old) => {
    const next = new URLSearchParams(old);
    if (value) next.set(name, value); else next.delete(name);
    return next;
  }, { replace: true });
  if (state.isPending) return <div className="panel"><Loading /></div>;
  if (state.error) return <ErrorBox error={state.error} retry={() => void state.refetch()} />;
  return (
    <div className="panel">
      <div className="filters">
        <SegmentedControl size="xs" value={show} onChange={(v) => put('show', v === 'stored' ? '' : v)}
          data={[{ value: 'stored', label: t('showRecords') }, { value: 'deleted', label: t('deleted') }, { value: 'rejected', label: t('showRejected') }]} />
        <NativeSelect size="xs" aria-label={t('stream')} value={stream} onChange={(event) => put('stream', event.currentTarget.value)}
          data={[...(rejected ? [{ value: '', label: t('anyStream') }] : []), ...streams.map((s) => s.stream)]} />
        {rejected && runId && <Button variant="default" size="compact-xs" aria-label={t('ofAnyRun')} onClick={() => put('runId', '')}>{t('ofOneRun')} ✕</Button>}
      </div>
      {rejected ? <Refused connection={connection} stream={stream} runId={runId} /> : stream ? <Stored connection={connection} stream={stream} deleted={show === 'deleted'} /> : <Empty title={t('noRecords')}>{t('noRecordsText')}</Empty>}
    </div>
  );
}
