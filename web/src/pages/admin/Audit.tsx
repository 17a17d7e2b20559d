// What administrators did.
import { TextInput } from '@mantine/core';

import { api } from '../../api/client';
import type { Schemas } from '../../api/client';
import { useList } from '../../api/query';
import { useWords } from '../../i18n';
import { ErrorBox } from '../../parts/ErrorBox';
import { queryText, useFilters } from '../../parts/filters';
import { Page, options } from '../../parts/Page';
import { useDeed } from '../../parts/Said';
import { Ago, Empty, Loading, NoMatch } from '../../parts/Small';
import { Table } from '../../parts/Table';
import type { Column } from '../../parts/Table';
import { adminWords } from './words';

type Entry = Schemas['AuditEntry'];

export default function Audit() {
  const t = useWords(adminWords);
  const deed = useDeed();
  const [filters, setFilters] = useFilters(['actor']);
  const list = useList(['audit', filters.actor], (cursor) => api.GET('/api/v1/audit', { params: { query: { actor: filters.actor || undefined, cursor, limit: 100 } } }));
  const columns: Column<Entry>[] = [
    { id: 'action', header: t('action'), width: 'minmax(0, 2fr)', free: true, cell: (e) => <div className="wrap-anywhere"><strong>{deed(e.action)}</strong><span className="under mono">{[deed(e.action) === e.action ? '' : e.action, e.detail ? JSON.stringify(e.detail) : ''].filter(Boolean).join(' ')}</span><span className="under narrow-only">{e.actor}</span></div> },
    { id: 'about', header: t('about'), width: 'minmax(0, 1.4fr)', narrow: false, cell: (e) => <span className="mono small">{e.subject}</span> },
    { id: 'actor', header: t('actor'), width: 'minmax(0, 1fr)', narrow: false, cell: (e) => <span title={e.actor}>{e.actor}</span> },
    { id: 'answer', header: t('answer'), width: '70px', end: true, narrow: false, cell: (e) => e.status },
    { id: 'address', header: t('address'), width: '120px', narrow: false, cell: (e) => e.address },
    { id: 'at', header: t('at'), width: '110px', narrow: '108px', cell: (e) => <Ago at={e.at} /> },
  ];
  return (
    <Page title={t('audit')} lead={t('auditLead')} commands={{ path: `/api/v1/audit${queryText(filters)}`, cli: `tidemark audit${options({ actor: filters.actor })}` }}>
      <div className="panel">
        <div className="filters" role="search">
          <TextInput size="xs" aria-label={t('actor')} placeholder={t('anybody')} value={filters.actor} onChange={(event) => setFilters({ actor: event.currentTarget.value })} type="search" w={260} />
        </div>
        {list.error ? <ErrorBox error={list.error} retry={() => void list.refetch()} /> : list.isPending ? <Loading />
          : list.rows.length === 0 && filters.actor ? <NoMatch title={t('auditNoneFound')} clear={() => setFilters({ actor: '' })} />
          : list.rows.length === 0 ? <Empty title={t('auditNone')}>{t('auditNoneText')}</Empty>
          : <Table label={t('audit')} rows={list.rows} columns={columns} rowKey={(e) => String(e.id)} rowHeight={52} total={list.meta?.total}
              more={list.more} />}
      </div>
    </Page>
  );
}
