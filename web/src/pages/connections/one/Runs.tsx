// The runs of a connection, newest first.
import { Link } from 'wouter';

import { api } from '../../../api/client';
import type { ConnectionDetail, Run } from '../../../api/client';
import type { More } from '../../../api/list';
import { useList } from '../../../api/query';
import { useWords } from '../../../i18n';
import { ErrorBox } from '../../../parts/ErrorBox';
import { useTrigger } from '../../../parts/Said';
import { Ago, Empty, Loading, NumberLink } from '../../../parts/Small';
import { RunStatus } from '../../../parts/Status';
import { Table } from '../../../parts/Table';
import type { Column } from '../../../parts/Table';
import { recordsOf } from '../../runs/numbers';
import { oneWords } from '../words';

export function RunTable({ rows, more, total, short = false }: { rows: readonly Run[]; more?: More; total?: number; short?: boolean }) {
  const t = useWords(oneWords);
  const trigger = useTrigger();
  const place = (run: Run) => `/runs/${run.id}`;
  const columns: Column<Run>[] = [
    { id: 'state', header: t('state'), width: '128px', narrow: '114px', cell: (r) => <Link href={place(r)}><RunStatus run={r} /></Link> },
    { id: 'started', header: t('started_at'), width: short ? 'minmax(0, 1fr)' : '110px', narrow: 'minmax(0, 1fr)', cell: (r) => <Ago at={r.startedAt ?? r.createdAt} /> },
    { id: 'trigger', header: t('trigger'), narrow: false, cell: (r) => <span className="dim">{[trigger(r.trigger), r.fullSync ? t('fullSync') : null, r.entityType].filter(Boolean).join(' · ')}</span> },
    { id: 'duration', header: t('duration'), width: '78px', narrow: false, end: true, cell: (r) => r.duration ?? '–' },
    { id: 'received', header: t('received'), width: '84px', narrow: '62px', end: true, cell: (r) => <NumberLink n={r.recordsReceived} href={recordsOf(r)} label={t('received')} /> },
    { id: 'new', header: t('newOnes'), width: '70px', narrow: false, end: true, cell: (r) => <NumberLink n={r.recordsCreated} href={recordsOf(r, 'created')} label={t('newOnes')} /> },
    { id: 'changed', header: t('changed'), width: '76px', narrow: false, end: true, cell: (r) => <NumberLink n={r.recordsUpdated} href={recordsOf(r, 'updated')} label={t('changed')} /> },
    { id: 'errors', header: t('errors'), width: '62px', narrow: '44px', end: true, cell: (r) => <NumberLink n={r.recordsErrors} href={recordsOf(r, 'errors')} label={t('errors')} /> },
  ];
  const shown = short ? columns.filter((c) => !['trigger', 'new', 'changed'].includes(c.id)) : columns;
  if (rows.length === 0) return <Empty title={t('noRuns')}>{t('noRunsText')}</Empty>;
  return <Table label={t('runs')} rows={rows} columns={shown} rowKey={(r) => r.id} href={place} more={more} total={total} />;
}

export function Runs({ connection }: { connection: ConnectionDetail }) {
  const runs = useList(['runs', 'of', connection.id], (cursor) => api.GET('/api/v1/sync/runs', { params: { query: { connectionId: connection.id, limit: 50, cursor } } }));
  if (runs.error) return <ErrorBox error={runs.error} retry={() => void runs.refetch()} />;
  return (
    <div className="panel">
      {runs.isPending ? <Loading /> : <RunTable rows={runs.rows} total={runs.meta?.total} more={runs.more} />}
    </div>
  );
}
