// A connection's webhooks: its address, its secret, what came last, and once more.
import { Button } from '@mantine/core';
import { useState } from 'react';
import { Link } from 'wouter';

import { api } from '../../../api/client';
import type { ConnectionDetail, Schemas } from '../../../api/client';
import { useChange, useList } from '../../../api/query';
import { useMay } from '../../../api/session';
import { useLanguage, useWords } from '../../../i18n';
import { say, sayError } from '../../../parts/Confirm';
import { ErrorBox } from '../../../parts/ErrorBox';
import { Copy, Panel } from '../../../parts/Page';
import { Said } from '../../../parts/Said';
import { Secret as SecretInput } from '../../../parts/Secret';
import { Ago, Empty, Loading } from '../../../parts/Small';
import { Status } from '../../../parts/Status';
import { Table } from '../../../parts/Table';
import type { Column } from '../../../parts/Table';
import { later } from '../../../parts/later';
import { webhookWords } from '../../webhooks/words';
import { useTemplate } from '../queries';
import { oneWords } from '../words';

const Guide = later(() => import('../form/Guide').then((m) => m.Guide));
type Event = Schemas['WebhookEvent'];

function Address({ id, platform }: { id: string; platform: string }) {
  const t = useWords(oneWords);
  const { said } = useLanguage();
  const template = useTemplate(platform).data?.data;
  const setup = useChange(() => api.POST('/api/v1/sync/connections/{id}/setup-webhook', { params: { path: { id } }, body: {} }), ['connections']);
  const made = setup.data;
  return (
    <Panel title={t('webhookAddress')} tools={!made && <Button variant="default" loading={setup.isPending} onClick={() => setup.mutate(undefined)}>{t('setupWebhook')}</Button>}>
      <div className="stack">
        {!made && <p className="dim">{t('webhookNone')}</p>}
        {setup.error && <ErrorBox error={setup.error} />}
        {made && <div className="command"><code>{made.webhookUrl}</code><Copy text={made.webhookUrl} /></div>}
        {made && <p className={made.registered ? 'dim' : 'note warn'}>{t(made.registered ? 'webhookRegistered' : 'webhookByHand')}</p>}
        {made?.instructions && <div lang={template?.language ?? said}><Guide text={template?.webhookInstructions ?? made.instructions} meanwhile={<Loading lines={3} />} /></div>}
      </div>
    </Panel>
  );
}

function Secret({ id }: { id: string }) {
  const t = useWords(oneWords);
  const [secret, setSecret] = useState('');
  const save = useChange(() => api.PATCH('/api/v1/sync/connections/{id}', { params: { path: { id }, query: { test: false } }, body: { webhookSecret: secret } }));
  const send = () => save.mutate(undefined, { onSuccess: () => { setSecret(''); say(t('saved')); } });
  return (
    <Panel title={t('secret')}>
      <form className="stack" onSubmit={(event) => { event.preventDefault(); send(); }}>
        <SecretInput label={t('secret')} description={t('secretHint')} value={secret} maxLength={1024} autoComplete="new-password" onChange={(event) => setSecret(event.currentTarget.value)} />
        {save.error && <ErrorBox error={save.error} />}
        <div><Button type="submit" variant="default" disabled={!secret} loading={save.isPending}>{t('saveSecret')}</Button></div>
      </form>
    </Panel>
  );
}

function Events({ id }: { id: string }) {
  const t = useWords(oneWords);
  const w = useWords(webhookWords);
  const mayChange = useMay('content:update');
  const list = useList(['webhooks', 'of', id], (cursor) => api.GET('/api/v1/webhooks/events', { params: { query: { connectionId: id, limit: 50, cursor } } }), { every: 5_000 });
  const replay = useChange((event: string) => api.POST('/api/v1/webhooks/events/{id}/replay', { params: { path: { id: event } } }), ['webhooks']);
  const columns: Column<Event>[] = [
    { id: 'type', header: t('type'), width: 'minmax(0, 2fr)', cell: (e) => <><Link href={`/webhooks/${e.id}`} className="first">{e.type}</Link>{e.errorMessage && <span className="under bad-text"><Said text={e.errorMessage} code={e.errorCode} /></span>}</> },
    { id: 'state', header: t('state'), width: '112px', narrow: '104px', cell: (e) => <Status of={e.status === 'pending' ? 'waiting' : e.status} /> },
    { id: 'record', header: t('externalId'), width: '110px', narrow: false, cell: (e) => <span className="mono">{e.externalId ?? '–'}</span> },
    { id: 'trust', header: t('trust'), width: '150px', narrow: false, cell: (e) => w(e.trust) },
    { id: 'received', header: t('received_at'), width: '120px', narrow: false, cell: (e) => <Ago at={e.receivedAt} /> },
    ...(mayChange ? [{ id: 'replay', header: '', width: '80px', narrow: '76px', end: true, cell: (e: Event) => (
      <Button variant="default" size="compact-xs" loading={replay.isPending && replay.variables === e.id}
        onClick={() => replay.mutate(e.id, { onSuccess: () => say(t('eventReplayed')), onError: sayError })}>{t('replayEvent')}</Button>) }] : []),
  ];
  return (
    <Panel title={t('events')} tools={<Link href={`/webhooks?connectionId=${id}`} className="link small">{t('allEvents')}</Link>} flush>
      {list.error ? <ErrorBox error={list.error} retry={() => void list.refetch()} /> : list.isPending ? <Loading lines={4} /> : list.rows.length === 0 ? <Empty title={t('noEvents')}>{mayChange && t('noEventsText')}</Empty>
        : <Table label={t('events')} rows={list.rows} columns={columns} rowKey={(e) => e.id} total={list.meta?.total}
            more={list.more} />}
    </Panel>
  );
}

export function Webhooks({ connection }: { connection: ConnectionDetail }) {
  const mayChange = useMay('content:update');
  return (
    <div className="stack">
      {mayChange && <div className="grid two"><Address id={connection.id} platform={connection.platform} /><Secret id={connection.id} /></div>}
      <Events id={connection.id} />
    </div>
  );
}
