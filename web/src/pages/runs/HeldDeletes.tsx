// Records that vanished in such numbers that the guard did not delete them: a person looks, and decides.
import { Button } from '@mantine/core';
import { Link } from 'wouter';

import { api } from '../../api/client';
import type { RunDetail } from '../../api/client';
import { useChange, useList } from '../../api/query';
import { useWords } from '../../i18n';
import { say, useConfirm } from '../../parts/Confirm';
import { Panel } from '../../parts/Page';
import { Table } from '../../parts/Table';
import { runWords } from './words';

export function HeldDeletes({ run, mayDelete }: { run: RunDetail; mayDelete: boolean }) {
  const t = useWords(runWords);
  const confirm = useConfirm();
  const held = run.errorCode === 'DELETE_GUARD' || run.verdictReason?.includes('DELETE_GUARD') || run.verdict === 'partial';
  const list = useList(['runs', run.id, 'deletes'], (cursor) => api.GET('/api/v1/sync/runs/{id}/deletes', { params: { path: { id: run.id }, query: { cursor, limit: 100 } } }),
    { enabled: held });
  const remove = useChange(() => api.POST('/api/v1/sync/runs/{id}/deletes/confirm', { params: { path: { id: run.id } } }), ['runs', 'records', 'overview']);
  if (!held || list.rows.length === 0) return null;
  const n = list.meta?.total ?? list.rows.length;
  const ask = () => confirm.ask({ title: t('deletesAsk', { n }), body: t('deletesText'), action: t('deletesConfirm'), danger: true,
    run: async () => { const { data } = await remove.mutateAsync(undefined); say(t('deletesDone', { n: data.deleted })); } });
  return (
    <Panel title={t('deletes')} tools={mayDelete && <Button color="red" variant="light" onClick={ask}>{t('deletesConfirm')}</Button>} flush>
      <p className="panel-body dim small">{t('deletesText')}</p>
      <Table label={t('deletes')} rows={list.rows} rowKey={(row) => `${row.entityType} ${row.externalId}`} total={list.meta?.total}
        columns={[
          { id: 'title', header: t('record'), cell: (row) => (row.recordId ? <Link href={`/records/${row.recordId}`} className="first">{row.title ?? row.externalId}</Link> : row.title ?? row.externalId) },
          { id: 'kind', header: t('stream'), width: '140px', narrow: '90px', cell: (row) => row.entityType },
          { id: 'id', header: 'ID', width: '180px', narrow: false, cell: (row) => row.externalId },
        ]}
        more={list.more} />
      {confirm.dialog}
    </Panel>
  );
}
