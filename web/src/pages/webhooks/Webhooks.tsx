// The inbox of webhooks: what platforms sent, what became of it.
import { Select, TextInput } from '@mantine/core';
import { useDebouncedCallback } from '@mantine/hooks';
import { useState } from 'react';
import { Link } from 'wouter';

import { api } from '../../api/client';
import type { Schemas } from '../../api/client';
import { useConnections } from '../../api/names';
import { useList } from '../../api/query';
import { useWords } from '../../i18n';
import { shellWords } from '../../i18n/shell';
import { ErrorBox } from '../../parts/ErrorBox';
import { chosenOnly, queryText, useFilters, useIsFiltered } from '../../parts/filters';
import { Page, options } from '../../parts/Page';
import { useSaid } from '../../parts/Said';
import { Ago, Empty, Loading, NoMatch } from '../../parts/Small';
import { Status } from '../../parts/Status';
import { Table } from '../../parts/Table';
import type { Column } from '../../parts/Table';
import { webhookWords } from './words';

type Event = Schemas['WebhookEvent'];
const STATUSES = ['pending', 'applied', 'failed', 'unhandled'] as const;
const EVERY_MS = 5_000, TYPING_MS = 250;

export default function Webhooks() {
  const t = useWords(webhookWords);
  const states = useWords(shellWords);
  const said = useSaid();
  const [filters, setFilters] = useFilters(['q', 'status', 'connectionId', 'from']);
  const filtered = useIsFiltered(filters);
  const connections = useConnections();
  const [typed, setTyped] = useState(filters.q);
  const search = useDebouncedCallback((q: string) => setFilters({ q }), TYPING_MS);
  const query = chosenOnly(filters) as { q?: string; status?: Event['status']; connectionId?: string; from?: string };
  const list = useList(['webhooks', query], (cursor) => api.GET('/api/v1/webhooks/events', { params: { query: { ...query, cursor, limit: 100 } } }), { every: EVERY_MS });
  const columns: Column<Event>[] = [
    { id: 'type', header: t('event'), width: 'minmax(0, 2fr)', cell: (e) => (
      <Link href={`/webhooks/${e.id}`} className="first">{e.type || t('event')}<span className="under">{[connections.nameOf(e.connectionId) ?? e.platform ?? t('unknown'), e.errorMessage && said(e.errorMessage, e.errorCode)].filter(Boolean).join(' · ')}</span></Link>) },
    { id: 'status', header: t('status'), width: '120px', narrow: '108px', cell: (e) => <Status of={e.status === 'pending' ? 'waiting' : e.status} /> },
    { id: 'about', header: t('externalId'), width: 'minmax(0, 1fr)', narrow: false, cell: (e) => <span className="mono small">{e.externalId}</span> },
    { id: 'trust', header: t('trust'), width: '150px', narrow: false, cell: (e) => t(e.trust) },
    { id: 'attempts', header: t('attempts'), width: '80px', end: true, narrow: false, cell: (e) => e.attempts },
    { id: 'received', header: t('received'), width: '110px', narrow: false, cell: (e) => <Ago at={e.receivedAt} /> },
  ];
  return (
    <Page title={t('title')} lead={t('lead')} commands={{ path: `/api/v1/webhooks/events${queryText(filters)}`, cli: `tidemark webhooks${options({ status: filters.status, connection: filters.connectionId, search: filters.q })}` }}>
      <div className="panel">
        <div className="filters" role="search">
          <TextInput size="xs" aria-label={t('search')} placeholder={t('search')} value={typed} className="grow" style={{ minWidth: 180 }} type="search"
            onChange={(event) => { setTyped(event.currentTarget.value); search(event.currentTarget.value); }} />
          <Select size="xs" aria-label={t('status')} placeholder={t('any')} clearable w={170} value={filters.status || null} onChange={(value) => setFilters({ status: value ?? '' })}
            data={STATUSES.map((value) => ({ value, label: states(value === 'pending' ? 's_waiting' : `s_${value}`) }))} />
          <Select size="xs" aria-label={t('connection')} placeholder={t('anyConnection')} data={connections.choices} value={filters.connectionId || null} clearable searchable w={220}
            onChange={(value) => setFilters({ connectionId: value ?? '' })} />
          <TextInput size="xs" aria-label={t('from')} title={t('from')} type="date" leftSection={<span className="small">{t('fromShort')}</span>} leftSectionWidth={50} miw={180} value={filters.from} onChange={(event) => setFilters({ from: event.currentTarget.value })} />
        </div>
        {list.error ? <ErrorBox error={list.error} retry={() => void list.refetch()} />
          : list.isPending ? <Loading />
          : list.rows.length === 0 && filtered ? <NoMatch title={t('noneFound')} clear={() => { setTyped(''); setFilters({ q: '', status: '', connectionId: '', from: '' }); }} />
          : list.rows.length === 0 ? <Empty title={t('none')}>{t('noneText')}</Empty>
          : <Table label={t('title')} rows={list.rows} columns={columns} rowKey={(e) => e.id} href={(e) => `/webhooks/${e.id}`} rowHeight={52}
              total={list.meta?.total} totalAtLeast={list.meta?.totalAtLeast}
              more={list.more} />}
      </div>
    </Page>
  );
}
