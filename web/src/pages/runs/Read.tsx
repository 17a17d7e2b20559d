// The records that were read in a time, of all connections: what the bars of the last day count.
import { useMemo } from 'react';
import { Link } from 'wouter';

import { api } from '../../api/client';
import type { Schemas } from '../../api/client';
import { useList } from '../../api/query';
import { useFormats, useWords } from '../../i18n';
import { ErrorBox } from '../../parts/ErrorBox';
import { queryText, useFilters } from '../../parts/filters';
import { Page } from '../../parts/Page';
import { Empty, Loading } from '../../parts/Small';
import { Table } from '../../parts/Table';
import type { Column } from '../../parts/Table';
import { titleOf } from '../records/kinds';
import { runWords } from './words';

type Row = Schemas['ReadRecord'] & { at: number };
const HOUR_MS = 3_600_000;
const hourNow = (by = 0) => new Date((Math.floor(Date.now() / HOUR_MS) + by) * HOUR_MS).toISOString();

function useColumns(): Column<Row>[] {
  const t = useWords(runWords);
  const one = { created: t('oneCreated'), updated: t('oneUpdated'), skipped: t('oneSkipped'), deleted: t('oneDeleted'), missing: t('oneMissing') };
  return [
    { id: 'record', header: t('record'), width: 'minmax(0, 2fr)', cell: ({ record }) => (record
      ? <Link href={`/records/${record.id}`} className="first">{titleOf(record) ?? t('untitled')}</Link> : <span className="dim">{t('notHere')}</span>) },
    { id: 'change', header: t('became'), width: '130px', narrow: '132px', cell: (row) => one[row.change] },
    { id: 'stream', header: t('stream'), width: 'minmax(0, 1fr)', narrow: false, cell: (row) => row.stream },
    { id: 'run', header: t('run'), width: 'minmax(0, 1.4fr)', narrow: false, cell: (row) => <Link href={`/runs/${row.runId}`} className="dim">{row.connectionName}</Link> },
  ];
}

export default function Read() {
  const t = useWords(runWords);
  const f = useFormats();
  const [given] = useFilters(['from', 'to']);
  const query = useMemo(() => ({ from: given.from || hourNow(), to: given.to || hourNow(1) }), [given.from, given.to]);
  const list = useList(['runs', 'read', query], (cursor) => api.GET('/api/v1/overview/records', { params: { query: { ...query, cursor, limit: 100 } } }));
  const rows = useMemo(() => list.rows.map((row, at): Row => ({ ...row, at })), [list.rows]);
  const columns = useColumns();
  const time = (at: string) => (Number.isNaN(Date.parse(at)) ? at : f.time(at));
  return (
    <Page title={t('readTitle')} lead={t('readLead', { from: time(query.from), to: time(query.to) })} actions={<Link href={`/runs${queryText(query)}`} className="link">{t('readRuns')}</Link>}
      up={{ href: '/', label: t('home') }} commands={{ path: `/api/v1/overview/records${queryText(query)}`, cli: 'tidemark runs' }}>
      <div className="panel">
        {list.error ? <ErrorBox error={list.error} retry={() => void list.refetch()} />
          : list.isPending ? <Loading lines={10} />
          : rows.length === 0 ? <Empty title={t('noneOfThem')} action={<Link href="/" className="link">{t('home')}</Link>}>{t('nothingRead')}</Empty>
          : <Table label={t('readTitle')} rows={rows} columns={columns} rowKey={(row) => String(row.at)} href={(row) => (row.record ? `/records/${row.record.id}` : `/runs/${row.runId}`)}
              total={list.meta?.total} more={list.more} />}
      </div>
    </Page>
  );
}
