// Records of any kind: searched, filtered, exported.
import { Button, Checkbox, Menu, TextInput } from '@mantine/core';
import { useDebouncedCallback } from '@mantine/hooks';
import { useEffect, useState } from 'react';
import { Link, useParams } from 'wouter';

import { download } from '../../api/download';
import { useList } from '../../api/query';
import { useWords } from '../../i18n';
import { sayError } from '../../parts/Confirm';
import { ErrorBox } from '../../parts/ErrorBox';
import { useFieldWord } from '../../parts/fields';
import { queryText, useFilters } from '../../parts/filters';
import { Page, options } from '../../parts/Page';
import { Ago, Empty, Loading } from '../../parts/Small';
import { Table } from '../../parts/Table';
import type { Column } from '../../parts/Table';
import { Tabs } from '../../parts/Tabs';
import { COLUMNS, KINDS, isKind, listOf, plain, titleOf, useKindWord } from './kinds';
import type { Entity, Kind } from './kinds';
import { recordWords } from './words';

const TYPING_MS = 250;

// Another kind is another list: nothing of the one before is shown while it comes.
export default function Records() {
  const { kind = '' } = useParams<{ kind?: string }>();
  const shown = isKind(kind) ? kind : 'contacts';
  return <OfKind key={shown} kind={shown} />;
}

function OfKind({ kind }: { kind: Kind }) {
  const t = useWords(recordWords);
  const word = useFieldWord();
  const kindWord = useKindWord();
  const [filters, setFilters] = useFilters(['q', 'status', 'updatedSince', 'includeDeleted']);
  const [typed, setTyped] = useState(filters.q);
  useEffect(() => setTyped(filters.q), [filters.q]);
  const search = useDebouncedCallback((q: string) => setFilters({ q }), TYPING_MS);
  const query = { q: filters.q || undefined, status: filters.status || undefined, updatedSince: filters.updatedSince || undefined,
    includeDeleted: filters.includeDeleted === 'true' || undefined };
  const list = useList(['records', kind, query], (cursor) => listOf(kind, { ...query, cursor, limit: 100 }));
  const path = `/api/v1/${kind}${queryText(filters)}`;
  const filtered = Object.values(filters).some(Boolean);
  const columns: Column<Entity>[] = [
    { id: 'name', header: t('name'), width: 'minmax(0, 2fr)', cell: (r) => (
      <Link href={`/records/${r.id}`} className="first">{titleOf(r) ?? t('untitled')}{r.deletedAt && <span className="badge bad plain" style={{ marginLeft: 8 }}>{t('deleted')}</span>}</Link>) },
    ...COLUMNS[kind].map((name, i): Column<Entity> => (
      { id: name, header: word(name), width: 'minmax(0, 1.4fr)', narrow: i === 0 ? 'minmax(0, 1fr)' : false, cell: (r) => name.endsWith('At') && Number.isFinite(Date.parse(plain(r[name]))) ? <Ago at={plain(r[name])} /> : <span title={plain(r[name])}>{plain(r[name])}</span> })),
    { id: 'updated', header: t('updated'), width: '110px', narrow: false, cell: (r) => <Ago at={r.updatedAt} /> },
  ];
  return (
    <Page title={t('title')} commands={{ path, cli: [`tidemark ${kind}${options({ search: filters.q, status: filters.status })}`, `tidemark ${kind} export --format csv > ${kind}.csv`] }}
      actions={(
        <Menu position="bottom-end">
          <Menu.Target><Button variant="default">{t('export')}</Button></Menu.Target>
          <Menu.Dropdown>
            <Menu.Item onClick={() => download(path, 'text/csv', `${kind}.csv`).catch(sayError)}>{t('exportCsv')}</Menu.Item>
            <Menu.Item onClick={() => download(path, 'application/x-ndjson', `${kind}.jsonl`).catch(sayError)}>{t('exportJson')}</Menu.Item>
          </Menu.Dropdown>
        </Menu>
      )}>
      <Tabs label={t('kind')} open={kind}>
        {KINDS.map((name) => <Link key={name} href={`/records/kind/${name}`} aria-current={name === kind ? 'page' : undefined}>{kindWord(name)}</Link>)}
      </Tabs>
      <div className="panel">
        <div className="filters" role="search">
          <TextInput size="xs" aria-label={t('search')} placeholder={t('search')} value={typed} className="grow" style={{ minWidth: 200 }} type="search"
            onChange={(event) => { setTyped(event.currentTarget.value); search(event.currentTarget.value); }} />
          <TextInput size="xs" aria-label={t('status')} placeholder={t('status')} w={130} value={filters.status} onChange={(event) => setFilters({ status: event.currentTarget.value })} />
          <TextInput size="xs" aria-label={t('since')} title={t('since')} type="date" leftSection={<span className="small">{t('sinceShort')}</span>} leftSectionWidth={50} miw={180} value={filters.updatedSince} onChange={(event) => setFilters({ updatedSince: event.currentTarget.value })} />
          <Checkbox size="xs" label={t('withDeleted')} checked={filters.includeDeleted === 'true'} onChange={(event) => setFilters({ includeDeleted: event.currentTarget.checked ? 'true' : '' })} />
        </div>
        {list.error ? <ErrorBox error={list.error} retry={() => void list.refetch()} />
          : list.isPending ? <Loading lines={10} />
          : list.rows.length === 0 ? (
            <Empty title={t(filtered ? 'noneFound' : 'none')} action={filtered && (
              <Button variant="default" onClick={() => setFilters({ q: '', status: '', updatedSince: '', includeDeleted: '' })}>{t('clear')}</Button>)}>
              {!filtered && t('noneText')}
            </Empty>
          ) : (
            <Table label={kindWord(kind)} rows={list.rows} columns={columns} rowKey={(r) => r.id} href={(r) => `/records/${r.id}`}
              total={list.meta?.total} totalAtLeast={list.meta?.totalAtLeast}
              more={list.more} />
          )}
      </div>
    </Page>
  );
}
