// All runs, newest first.
import { Button, Select, TextInput } from '@mantine/core';
import { Link } from 'wouter';

import { api } from '../../api/client';
import type { Run } from '../../api/client';
import { useConnections } from '../../api/names';
import { useList } from '../../api/query';
import { useWords } from '../../i18n';
import { shellWords } from '../../i18n/shell';
import { ErrorBox } from '../../parts/ErrorBox';
import { chosenOnly, queryText, useFilters, useIsFiltered } from '../../parts/filters';
import { Page, options } from '../../parts/Page';
import { Ago, Empty, Loading, NumberLink } from '../../parts/Small';
import { RunStatus } from '../../parts/Status';
import { Table } from '../../parts/Table';
import type { Column } from '../../parts/Table';
import { recordsOf } from './numbers';
import type { Change } from './numbers';
import { runWords } from './words';

const STATUSES = ['pending', 'in_progress', 'paused', 'success', 'error', 'cancelled'] as const;
type StatusName = (typeof STATUSES)[number];
const EVERY_MS = 5_000;

function useStatusChoices() {
  const t = useWords(shellWords);
  const label: Record<StatusName, string> = { pending: t('s_queued'), in_progress: t('s_in_progress'), paused: t('s_paused'), success: t('s_success'),
    error: t('s_failed'), cancelled: t('s_cancelled') };
  return STATUSES.map((value) => ({ value, label: label[value] }));
}

export function useRunColumns(nameOf: ((id: string | null) => string | null) | null): Column<Run>[] {
  const t = useWords(runWords);
  const count = (run: Run, n: number, label: string, change?: Change | 'errors') => <NumberLink n={n} label={label} href={recordsOf(run, change)} />;
  const kind = (run: Run) => [t(run.fullSync ? 'full' : 'incremental'), run.entityType].filter(Boolean).join(' · ');
  return [
    { id: 'run', header: nameOf ? t('connection') : t('run'), width: 'minmax(0, 2fr)', free: true, cell: (run) => (
      <Link href={`/runs/${run.id}`} className="first">{nameOf ? nameOf(run.connectionId) ?? t('gone') : kind(run)}{nameOf && <span className="under">{kind(run)}</span>}</Link>) },
    { id: 'status', header: t('status'), width: '128px', narrow: '108px', cell: (run) => <RunStatus run={run} /> },
    { id: 'started', header: t('started'), width: '110px', narrow: false, cell: (run) => <Ago at={run.startedAt ?? run.createdAt} /> },
    { id: 'took', header: t('took'), width: '70px', end: true, narrow: false, cell: (run) => run.duration ?? '' },
    { id: 'received', header: t('received'), width: '84px', end: true, narrow: '72px', cell: (run) => count(run, run.recordsReceived, t('received')) },
    { id: 'created', header: t('created'), width: '76px', end: true, narrow: false, cell: (run) => count(run, run.recordsCreated, t('created'), 'created') },
    { id: 'updated', header: t('updated'), width: '76px', end: true, narrow: false, cell: (run) => count(run, run.recordsUpdated, t('updated'), 'updated') },
    { id: 'errors', header: t('errors'), width: '80px', end: true, narrow: false, cell: (run) => count(run, run.recordsErrors, t('errors'), 'errors') },
  ];
}

// A field of the browser's speaks of local time; the address says the moment itself.
const local = (time: string) => {
  const at = new Date(time);
  return Number.isNaN(at.getTime()) ? '' : new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
};
const moment = (text: string) => (text && !Number.isNaN(Date.parse(text)) ? new Date(text).toISOString() : '');

function Between({ from, to, change }: { from: string; to: string; change: (change: { from?: string; to?: string }) => void }) {
  const t = useWords(runWords);
  return (
    <>
      <TextInput type="datetime-local" aria-label={t('from')} leftSection={<span className="small">{t('fromShort')}</span>} leftSectionWidth={44} w={228} value={local(from)}
        onChange={(event) => change({ from: moment(event.currentTarget.value) })} />
      <TextInput type="datetime-local" aria-label={t('to')} leftSection={<span className="small">{t('toShort')}</span>} leftSectionWidth={36} w={220} value={local(to)}
        onChange={(event) => change({ to: moment(event.currentTarget.value) })} />
      {(from || to) && <Button variant="subtle" size="compact-sm" onClick={() => change({ from: '', to: '' })}>{t('anyTime')}</Button>}
    </>
  );
}

export default function Runs() {
  const t = useWords(runWords);
  const [filters, setFilters] = useFilters(['status', 'connectionId', 'from', 'to']);
  const filtered = useIsFiltered(filters);
  const connections = useConnections();
  const query = chosenOnly(filters) as { status?: StatusName; connectionId?: string; from?: string; to?: string };
  const runs = useList(['runs', query], (cursor) => api.GET('/api/v1/sync/runs', { params: { query: { ...query, cursor, limit: 100 } } }), { every: EVERY_MS });
  const columns = useRunColumns(connections.nameOf);
  return (
    <Page title={t('title')} lead={t('lead')} commands={{ path: `/api/v1/sync/runs${queryText(filters)}`, cli: `tidemark runs${options({ status: filters.status, connection: filters.connectionId })}` }}>
      <div className="panel">
        <div className="filters">
          <Select size="xs" aria-label={t('status')} placeholder={t('anyStatus')} data={useStatusChoices()} value={filters.status || null} clearable w={170}
            onChange={(value) => setFilters({ status: value ?? '' })} />
          <Select size="xs" aria-label={t('connection')} placeholder={t('anyConnection')} data={connections.choices} value={filters.connectionId || null} clearable searchable w={240}
            onChange={(value) => setFilters({ connectionId: value ?? '' })} />
          <Between from={filters.from} to={filters.to} change={setFilters} />
        </div>
        {runs.error ? <ErrorBox error={runs.error} retry={() => void runs.refetch()} />
          : runs.isPending ? <Loading />
          : runs.rows.length === 0 ? (
            <Empty title={t(filtered ? 'noneFound' : 'none')} action={filtered && <Button variant="default" onClick={() => setFilters({ status: '', connectionId: '', from: '', to: '' })}>{t('clear')}</Button>}>
              {!filtered && t('noneText')}
            </Empty>
          ) : (
            <Table label={t('title')} rows={runs.rows} columns={columns} rowKey={(run) => run.id} href={(run) => `/runs/${run.id}`} rowHeight={48}
              total={runs.meta?.total} totalAtLeast={runs.meta?.totalAtLeast}
              more={runs.more} />
          )}
      </div>
    </Page>
  );
}
