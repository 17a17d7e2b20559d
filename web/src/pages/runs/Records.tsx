// The records behind the numbers of a run: what became of each. Rejected ones have a list of their own.
import { NativeSelect } from '@mantine/core';
import { useMemo } from 'react';
import { Link, useParams } from 'wouter';

import { api } from '../../api/client';
import type { RunDetail, Schemas } from '../../api/client';
import { useData, useList } from '../../api/query';
import { useFormats, useWords } from '../../i18n';
import { ErrorBox } from '../../parts/ErrorBox';
import { queryText, useFilters } from '../../parts/filters';
import { Page, options } from '../../parts/Page';
import { Ago, Empty, Loading } from '../../parts/Small';
import { Table } from '../../parts/Table';
import type { Column } from '../../parts/Table';
import { Tabs } from '../../parts/Tabs';
import { titleOf } from '../records/kinds';
import { CHANGES, recordsOf } from './numbers';
import type { Change } from './numbers';
import { runWords } from './words';

type Row = Schemas['RunRecord'] & { at: number };
const asChange = (text: string) => CHANGES.find((change) => change === text);

function useColumns(change: Change | undefined): Column<Row>[] {
  const t = useWords(runWords);
  const one = { created: t('oneCreated'), updated: t('oneUpdated'), skipped: t('oneSkipped'), deleted: t('oneDeleted'), missing: t('oneMissing') };
  return [
    { id: 'record', header: t('record'), width: 'minmax(0, 2fr)', cell: ({ record }) => (record
      ? <Link href={`/records/${record.id}`} className="first">{titleOf(record) ?? t('untitled')}{record.deletedAt && <span className="badge bad plain">{t('oneDeleted')}</span>}</Link>
      : <span className="dim">{t('notHere')}</span>) },
    ...(change ? [] : [{ id: 'change', header: t('became'), width: '130px', narrow: '104px', cell: (row: Row) => one[row.change] }]),
    { id: 'stream', header: t('stream'), width: 'minmax(0, 1fr)', narrow: false, cell: (row) => row.stream },
    { id: 'updated', header: t('lastChanged'), width: '130px', narrow: change ? '110px' : false, cell: ({ record }) => record && <Ago at={record.updatedAt} /> },
  ];
}

function Changes({ run, change }: { run: RunDetail; change: Change | undefined }) {
  const t = useWords(runWords);
  const f = useFormats();
  const tab = (name: Change | undefined, n: number) => (
    <Link key={name ?? 'all'} href={recordsOf(run, name)} aria-current={name === change ? 'page' : undefined}>{t(name ?? 'allOfThem')} <span className="count number dim">{f.number(n)}</span></Link>
  );
  return (
    <Tabs label={t('became')} open={change}>
      {tab(undefined, run.recordsReceived - run.recordsErrors)}
      {tab('created', run.recordsCreated)}{tab('updated', run.recordsUpdated)}{tab('skipped', run.recordsSkipped)}{tab('deleted', run.recordsDeleted)}
      {run.recordsMissing > 0 && tab('missing', run.recordsMissing)}
      {run.recordsErrors > 0 && <Link href={recordsOf(run, 'errors')}>{t('errors')} <span className="count number dim">{f.number(run.recordsErrors)}</span></Link>}
    </Tabs>
  );
}

function Listed({ run }: { run: RunDetail }) {
  const t = useWords(runWords);
  const [filters, setFilters] = useFilters(['change', 'stream']);
  const change = asChange(filters.change), stream = filters.stream || undefined;
  const list = useList(['runs', run.id, 'records', change, stream],
    (cursor) => api.GET('/api/v1/sync/runs/{id}/records', { params: { path: { id: run.id }, query: { cursor, limit: 100, change, stream } } }));
  const rows = useMemo(() => list.rows.map((row, at): Row => ({ ...row, at })), [list.rows]);
  const columns = useColumns(change);
  return (
    <>
      <Changes run={run} change={change} />
      <div className="panel">
        {run.streams.length > 1 && (
          <div className="filters">
            <NativeSelect size="xs" aria-label={t('stream')} value={filters.stream} onChange={(event) => setFilters({ stream: event.currentTarget.value })}
              data={[{ value: '', label: t('anyStream') }, ...run.streams.map((s) => s.name)]} />
          </div>
        )}
        {list.error ? <ErrorBox error={list.error} retry={() => void list.refetch()} />
          : list.isPending ? <Loading lines={10} />
          : rows.length === 0 ? <Empty title={t('noneOfThem')}>{t('noneOfThemText')}</Empty>
          : <Table label={t(change ?? 'allOfThem')} rows={rows} columns={columns} rowKey={(row) => String(row.at)} total={list.meta?.total} more={list.more} />}
      </div>
    </>
  );
}

export default function RunRecords() {
  const t = useWords(runWords);
  const { id = '' } = useParams<{ id: string }>();
  const [filters] = useFilters(['change', 'stream']);
  const asked = useData(['runs', id], () => api.GET('/api/v1/sync/runs/{id}', { params: { path: { id } } }));
  const run = asked.data?.data;
  return (
    <Page title={t('recordsTitle')} up={{ href: `/runs/${id}`, label: run?.connection.name ?? t('run') }}
      commands={{ path: `/api/v1/sync/runs/${id}/records${queryText(filters)}`, cli: `tidemark runs records ${id}${options({ change: filters.change, stream: filters.stream })}` }}>
      {asked.error && !run && <ErrorBox error={asked.error} retry={() => void asked.refetch()} />}
      {asked.isPending && <div className="panel"><Loading lines={10} /></div>}
      {run && <Listed run={run} />}
    </Page>
  );
}
