// The open conflicts of a connection; they are decided in the inbox.
import { Button } from '@mantine/core';
import { Link } from 'wouter';

import { api } from '../../../api/client';
import type { ConnectionDetail, Schemas } from '../../../api/client';
import { useList } from '../../../api/query';
import { useMay } from '../../../api/session';
import { useWords } from '../../../i18n';
import { ErrorBox } from '../../../parts/ErrorBox';
import { Ago, Empty, Loading } from '../../../parts/Small';
import { Table } from '../../../parts/Table';
import type { Column } from '../../../parts/Table';
import { oneWords } from '../words';

type Conflict = Schemas['ConflictItem'];

export function Conflicts({ connection }: { connection: ConnectionDetail }) {
  const t = useWords(oneWords);
  const mayChange = useMay('content:update');
  const list = useList(['conflicts', 'of', connection.id], (cursor) => api.GET('/api/v1/conflicts', { params: { query: { connectionId: connection.id, limit: 50, cursor } } }));
  const columns: Column<Conflict>[] = [
    { id: 'record', header: t('record'), width: 'minmax(0, 2fr)', cell: (c) => <Link href={`/records/${c.recordId}`} className="first">{c.title ?? c.recordId}</Link> },
    { id: 'fields', header: t('fields'), width: 'minmax(0, 2fr)', narrow: false, cell: (c) => <span className="mono">{c.fields.map((f) => f.field).join(', ')}</span> },
    { id: 'opened', header: t('opened'), width: '120px', narrow: '100px', cell: (c) => <Ago at={c.createdAt} /> },
    ...(mayChange ? [{ id: 'decide', header: '', width: '90px', narrow: '90px', end: true, cell: (c: Conflict) => <Button component={Link} href={`/conflicts?connectionId=${connection.id}&id=${c.id}`} variant="default" size="compact-xs">{t('decide')}</Button> }] : []),
  ];
  if (list.error) return <ErrorBox error={list.error} retry={() => void list.refetch()} />;
  return (
    <div className="panel">
      {list.isPending ? <Loading /> : list.rows.length === 0 ? <Empty title={t('noConflicts')}>{t('noConflictsText')}</Empty>
        : <Table label={t('conflicts')} rows={list.rows} columns={columns} rowKey={(c) => c.id} total={list.meta?.total}
            more={list.more} />}
    </div>
  );
}
