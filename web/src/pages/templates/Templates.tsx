// The templates there are, ours and an admin's own.
import { Button, TextInput } from '@mantine/core';
import { Link } from 'wouter';

import { api } from '../../api/client';
import type { Schemas } from '../../api/client';
import { useData } from '../../api/query';
import { useMay } from '../../api/session';
import { useLanguage, useWords } from '../../i18n';
import { useCategory } from '../../parts/category';
import { ErrorBox } from '../../parts/ErrorBox';
import { useFilters } from '../../parts/filters';
import { Page } from '../../parts/Page';
import { Loading, Logo, NoMatch, NumberLink } from '../../parts/Small';
import { Table } from '../../parts/Table';
import type { Column } from '../../parts/Table';
import { templateWords } from './words';

type Listed = Schemas['IntegrationTemplate'];
const MAX = 500;

// Beside what the public list says: who made it, whether it is on, how many use it.
export function useManaged() {
  const { asked } = useLanguage();
  return useData(['templates', 'managed', asked], () => api.GET('/api/integration-templates', { params: { query: { limit: MAX, language: asked } } }));
}

export default function Templates() {
  const t = useWords(templateWords);
  const isAdmin = useMay('admin');
  const categoryOf = useCategory();
  const [filters, setFilters] = useFilters(['q']);
  const asked = useManaged();
  const wanted = filters.q.toLowerCase();
  const rows = (asked.data?.data ?? []).filter((x) => `${x.name} ${x.displayName} ${x.category} ${x.description}`.toLowerCase().includes(wanted));
  const columns: Column<Listed>[] = [
    { id: 'name', header: t('template'), width: 'minmax(0, 2.4fr)', sort: (x) => x.displayName ?? x.name, cell: (x) => (
      <div className="row"><Logo name={x.displayName ?? x.name} /><div className="grow ellipsis"><Link href={`/templates/${x.name}`} className="first">{x.displayName ?? x.name}</Link><span className="under">{x.description}</span></div></div>) },
    { id: 'category', header: t('category'), width: 'minmax(0, 1fr)', narrow: false, sort: (x) => categoryOf(x.category), cell: (x) => categoryOf(x.category) },
    { id: 'version', header: t('version'), width: '134px', narrow: false, cell: (x) => x.apiVersion },
    { id: 'connections', header: t('connections'), width: '100px', end: true, narrow: false, sort: (x) => x.integrationsCount ?? 0, cell: (x) => <NumberLink n={x.integrationsCount ?? 0} href={`/connections?platform=${x.name}`} label={t('connections')} /> },
    { id: 'own', header: '', width: '110px', narrow: '108px', cell: (x) => <span className="badge plain">{t(!x.isActive ? 'inactive' : x.builtIn ? 'builtIn' : 'own')}</span> },
  ];
  return (
    <Page title={t('title')} lead={t('lead')} commands={{ path: '/api/v1/templates', cli: ['tidemark templates', 'tidemark manifest check FILE'] }}
      actions={isAdmin && <Button component={Link} href="/templates/add">{t('add')}</Button>}>
      <div className="panel">
        <div className="filters" role="search">
          <TextInput size="xs" aria-label={t('search')} placeholder={t('search')} type="search" className="grow" value={filters.q} onChange={(event) => setFilters({ q: event.currentTarget.value })} />
        </div>
        {asked.error ? <ErrorBox error={asked.error} retry={() => void asked.refetch()} />
          : asked.isPending ? <Loading />
          : rows.length === 0 ? <NoMatch title={t('noneFound')} clear={() => setFilters({ q: '' })} />
          : <Table label={t('title')} rows={rows} columns={columns} rowKey={(x) => x.name} href={(x) => `/templates/${x.name}`} rowHeight={52} />}
      </div>
    </Page>
  );
}
