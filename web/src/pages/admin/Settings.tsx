// How this server is: its version and state, who is signed in, its tenants, its sealed secrets.
import { Button } from '@mantine/core';

import { api } from '../../api/client';
import { useChange, useData, useList } from '../../api/query';
import { useSession } from '../../api/session';
import { useWords } from '../../i18n';
import { sayError, useConfirm } from '../../parts/Confirm';
import { ErrorBox } from '../../parts/ErrorBox';
import { Page, Panel } from '../../parts/Page';
import { Said } from '../../parts/Said';
import { Ago, Loading, Ticked } from '../../parts/Small';
import { Table } from '../../parts/Table';
import { adminWords } from './words';

const EVERY_MS = 15_000;

function Server() {
  const t = useWords(adminWords);
  const health = useData(['health'], () => api.GET('/healthz'), { every: EVERY_MS });
  const ready = useData(['readiness'], () => api.GET('/readyz'), { every: EVERY_MS });
  return (
    <Panel title={t('server')} tools={<><a className="link small" href="/docs" target="_blank" rel="noreferrer">{t('reference')}</a><a className="link small" href="/metrics" target="_blank" rel="noreferrer">{t('metrics')}</a></>}>
      {health.error ? <ErrorBox error={health.error} retry={() => void health.refetch()} /> : (
        <dl className="facts">
          <dt>{t('version')}</dt><dd>{health.data?.version}</dd>
          <dt>{t('state')}</dt><dd><span className={`badge ${ready.data ? 'good' : ready.error ? 'bad' : 'none'}`}>{t(ready.error ? 'notReady' : 'ready')}</span> {ready.error && <Said text={ready.error.message} />}</dd>
          <dt>{t('storage')}</dt><dd>{ready.data?.database}</dd>
          <dt>{t('uptime')}</dt><dd>{health.data?.uptime}</dd>
        </dl>
      )}
    </Panel>
  );
}

function Session() {
  const t = useWords(adminWords);
  const session = useSession();
  return (
    <Panel title={t('session')}>
      <dl className="facts">
        <dt>{t('subject')}</dt><dd>{session.subject}</dd>
        <dt>{t('role')}</dt><dd>{t(session.role === 'admin' ? 'r_admin' : 'r_user')}</dd>
        <dt>{t('permissions')}</dt><dd>{session.permissions.map((p) => t(p)).join(', ')}</dd>
        <dt>{t('ends')}</dt><dd><Ago at={session.expiresAt} otherwise={t('never')} /></dd>
      </dl>
    </Panel>
  );
}

function Secrets() {
  const t = useWords(adminWords);
  const confirm = useConfirm();
  const verify = useData(['secrets'], () => api.GET('/api/v1/secrets/verify'));
  const rotate = useChange(() => api.POST('/api/v1/secrets/rotate'), ['secrets']);
  const found = verify.data?.data;
  const ask = () => confirm.ask({ title: t('rotateAsk'), body: <Ticked text={t('secretsText')} />, action: t('rotate'), run: () => rotate.mutateAsync(undefined) });
  return (
    <Panel title={t('secrets')} tools={<>
      <Button variant="default" size="compact-xs" loading={verify.isFetching} onClick={() => void verify.refetch().then((answer) => { if (answer.error) sayError(answer.error); })}>{t('verify')}</Button>
      <Button variant="default" size="compact-xs" onClick={ask}>{t('rotate')}</Button>
    </>}>
      <div className="stack-small">
        <p className="dim small"><Ticked text={t('secretsText')} /></p>
        {verify.error && <ErrorBox error={verify.error} />}
        {found && (found.faults > 0 ? <p className="note bad">{t('sealedBad', { faults: found.faults })}</p> : <p className="note">{t('sealed', { values: found.values, dataKeys: found.dataKeys })}</p>)}
        {found && found.valuesLeft + found.dataKeysLeft > 0 && <p className="note warn">{t('sealedLeft', { n: found.valuesLeft + found.dataKeysLeft })}</p>}
      </div>
      {confirm.dialog}
    </Panel>
  );
}

function Tenants() {
  const t = useWords(adminWords);
  const list = useList(['tenants', 'list'], (cursor) => api.GET('/api/v1/tenants', { params: { query: { cursor, limit: 100 } } }));
  return (
    <Panel title={t('tenants')} flush>
      {list.isPending ? <Loading lines={3} /> : (
        <Table label={t('tenants')} rows={list.rows} rowKey={(x) => x.id} total={list.meta?.total}
          columns={[
            { id: 'name', header: t('name'), cell: (x) => <strong>{x.name}</strong> },
            { id: 'key', header: t('tenantKey'), cell: (x) => <span className="mono small">{x.key}</span> },
          ]}
          more={list.more} />
      )}
    </Panel>
  );
}

export default function Settings() {
  const t = useWords(adminWords);
  return (
    <Page title={t('settings')} lead={<Ticked text={t('settingsLead')} />} commands={{ path: '/readyz', cli: ['tidemark doctor', 'tidemark config reference'] }}>
      <div className="grid two">
        <div className="stack"><Server /><Session /></div>
        <div className="stack"><Secrets /><Tenants /></div>
      </div>
    </Page>
  );
}
