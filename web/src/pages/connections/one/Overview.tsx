// How a connection is: what is wrong and what to do, its streams, its newest runs, its quota.
import { Button } from '@mantine/core';
import { Link } from 'wouter';

import { api } from '../../../api/client';
import type { ConnectionDetail, Schemas } from '../../../api/client';
import { useData } from '../../../api/query';
import { useMay } from '../../../api/session';
import { useFormats, useWords } from '../../../i18n';
import { shellWords } from '../../../i18n/shell';
import { ErrorBox } from '../../../parts/ErrorBox';
import { Icon } from '../../../parts/Icon';
import { Panel } from '../../../parts/Page';
import { Said, useSaid } from '../../../parts/Said';
import { Ago, Loading, NumberLink, Progress } from '../../../parts/Small';
import { Status } from '../../../parts/Status';
import { Table } from '../../../parts/Table';
import type { Column } from '../../../parts/Table';
import { addWords, oneWords } from '../words';
import { RunTable } from './Runs';

type Stream = Schemas['StreamState'];

export function Trouble({ connection }: { connection: ConnectionDetail }) {
  const t = useWords(oneWords);
  const f = useFormats();
  const mayChange = useMay('content:update');
  if (connection.status !== 'error' && !connection.errorMessage) return null;
  return (
    <div className="trouble" role="alert">
      <Icon name="alert" />
      <div className="grow stack-small">
        <strong>{t('notWorking')}</strong>
        {connection.errorMessage && <span><Said text={connection.errorMessage} code={connection.errorCode} /></span>}
        {connection.reconnectAt && <span className="dim small">{t('nextTest', { when: f.ago(connection.reconnectAt) })}</span>}
      </div>
      {mayChange && connection.reconnectUrl && <Button component="a" href={connection.reconnectUrl}>{t('signInThere')}</Button>}
      {mayChange && !connection.reconnectUrl && <Button component={Link} href={`/connections/${connection.id}/settings`}>{t('repair')}</Button>}
    </div>
  );
}

function Streams({ id }: { id: string }) {
  const t = useWords(oneWords);
  const state = useData(['connections', id, 'state'], () => api.GET('/api/v1/sync/connections/{id}/state', { params: { path: { id } } }), { every: 10_000 });
  const columns: Column<Stream>[] = [
    { id: 'stream', header: t('stream'), cell: (s) => <Link href={`/connections/${id}/records?stream=${s.stream}`} className="first">{s.stream}</Link> },
    { id: 'records', header: t('count'), width: '100px', narrow: '84px', end: true, cell: (s) => <NumberLink n={s.records} href={`/connections/${id}/records?stream=${s.stream}`} label={t('count')} /> },
    { id: 'deleted', header: t('deleted'), width: '90px', narrow: false, end: true, 
      cell: (s) => <NumberLink n={s.deleted} href={`/connections/${id}/records?show=deleted&stream=${s.stream}`} label={t('deleted')} /> },
    { id: 'rejected', header: t('rejected'), width: '90px', narrow: '84px', end: true,
      cell: (s) => <NumberLink n={s.rejected} href={`/connections/${id}/records?show=rejected&stream=${s.stream}`} label={t('rejected')} /> },
    { id: 'full', header: t('lastFull'), width: '130px', narrow: false, end: true, cell: (s) => <Ago at={s.lastFullSyncAt} /> },
  ];
  return (
    <div id="streams"><Panel title={t('streams')} flush>
      {state.error && <ErrorBox error={state.error} retry={() => void state.refetch()} />}
      {state.isPending && <Loading lines={4} />}
      {state.data && <Table label={t('streams')} rows={state.data.data.streams} columns={columns} rowKey={(s) => s.stream} href={(s) => `/connections/${id}/records?stream=${s.stream}`} />}
    </Panel></div>
  );
}

function Quota({ id }: { id: string }) {
  const t = useWords(oneWords);
  const f = useFormats();
  const said = useSaid();
  const quota = useData(['connections', id, 'quota'], () => api.GET('/api/v1/sync/connections/{id}/quota', { params: { path: { id } } }), { every: 10_000 }).data?.data;
  if (!quota) return null;
  const { limit, remaining } = quota;
  return (
    <Panel title={t('quota')}>
      <div className="stack-small">
        {remaining === null && quota.waitingUntil === null && <p className="dim small">{t('quotaUnknown')}</p>}
        {remaining !== null && limit !== null && <Progress done={limit - remaining} total={limit} label={t('quota')} />}
        {remaining !== null && <p className="number small">{limit === null ? t('quotaLeftOnly', { left: remaining }) : t('quotaLeft', { left: remaining, limit })}
          {quota.resetAt && <span className="dim"> {t('quotaReset', { when: f.clock(quota.resetAt) })}</span>}</p>}
        {quota.waitingUntil && <p className="note warn">{t('quotaWaiting', { when: f.clock(quota.waitingUntil), message: said(quota.waitingMessage ?? '') })}</p>}
      </div>
    </Panel>
  );
}

function Facts({ connection: c }: { connection: ConnectionDetail }) {
  const t = useWords(oneWords);
  const a = useWords(addWords);
  const policies = { last_write_wins: 'p_last_write_wins', source_wins: 'p_source_wins', local_wins: 'p_local_wins', manual: 'p_manual' } as const;
  const policy = policies[(c.conflictPolicy ?? 'last_write_wins') as keyof typeof policies];
  return (
    <Panel>
      <dl className="facts">
        <dt>{t('state')}</dt><dd><Status of={c.status} /></dd>
        <dt>{t('platform')}</dt><dd>{c.platform}</dd>
        <dt>{t('lastSync')}</dt><dd><Ago at={c.lastSyncAt} /></dd>
        <dt>{t('nextSync')}</dt><dd><Ago at={c.nextSyncAt} otherwise={t('none')} /></dd>
        <dt>{t('nextFull')}</dt><dd><Ago at={c.nextFullSyncAt} otherwise={t('none')} /></dd>
        <dt>{t('lastTest')}</dt><dd><Ago at={c.lastTestedAt} /></dd>
        <dt>{t('direction')}</dt><dd>{a(c.direction)}</dd>
        {c.push && <><dt>{t('pushWaiting')}</dt><dd className="number">{c.push.waiting}</dd></>}
        <dt>{t('policy')}</dt><dd>{policy ? t(policy) : c.conflictPolicy}</dd>
        <dt>{t('created')}</dt><dd><Ago at={c.createdAt} /></dd>
      </dl>
    </Panel>
  );
}

export function Overview({ connection }: { connection: ConnectionDetail }) {
  const t = useWords(oneWords);
  const s = useWords(shellWords);
  const runs = useData(['runs', 'of', connection.id, 5], () => api.GET('/api/v1/sync/runs', { params: { query: { connectionId: connection.id, limit: 5 } } }), { every: 5_000 });
  return (
    <div className="stack">
      {connection.notices.map((n) => <p key={`${n.api} ${n.endsOn}`} className={`note ${n.state === 'ended' ? 'bad' : n.state === 'soon' ? 'warn' : ''}`}><Said text={n.message} /></p>)}
      <div className="grid wide-narrow">
        <div className="stack">
          <Streams id={connection.id} />
          <Panel title={t('latestRuns')} tools={<Link href={`/connections/${connection.id}/runs`} className="link small">{s('runs')}</Link>} flush>
            {runs.isPending ? <Loading lines={4} /> : <RunTable rows={runs.data?.data ?? []} short />}
          </Panel>
        </div>
        <div className="stack"><Facts connection={connection} /><Quota id={connection.id} /></div>
      </div>
    </div>
  );
}
