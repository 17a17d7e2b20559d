// One event as it came: its headers (what proves who sent it is masked by the server) and its payload.
import { Button } from '@mantine/core';
import { Link, useParams } from 'wouter';

import { api } from '../../api/client';
import { useConnections } from '../../api/names';
import { useChange, useData } from '../../api/query';
import { useMay } from '../../api/session';
import { useWords } from '../../i18n';
import { say, sayError } from '../../parts/Confirm';
import { ErrorBox } from '../../parts/ErrorBox';
import { Json } from '../../parts/Json';
import { Page, Panel } from '../../parts/Page';
import { Said } from '../../parts/Said';
import { Ago, Loading } from '../../parts/Small';
import { Status } from '../../parts/Status';
import { webhookWords } from './words';

const BUSY_MS = 1_500;

export default function WebhookEventPage() {
  const t = useWords(webhookWords);
  const { id = '' } = useParams<{ id: string }>();
  const mayChange = useMay('content:update');
  const { nameOf } = useConnections();
  const where = { params: { path: { id } } };
  const asked = useData(['webhooks', id], () => api.GET('/api/v1/webhooks/events/{id}', where), { every: (answer) => (answer?.data.status === 'pending' ? BUSY_MS : false) });
  const replay = useChange(() => api.POST('/api/v1/webhooks/events/{id}/replay', where), ['webhooks', 'overview']);
  const event = asked.data?.data;
  const up = { href: '/webhooks', label: t('title') };
  if (!event)
    return <Page title={t('event')} up={up}>{asked.error ? <ErrorBox error={asked.error} retry={() => void asked.refetch()} /> : <div className="panel"><Loading /></div>}</Page>;
  return (
    <Page title={event.type || t('event')} up={up} badge={<Status of={event.status === 'pending' ? 'waiting' : event.status} />}
      actions={mayChange && <Button loading={replay.isPending} onClick={() => replay.mutate(undefined, { onSuccess: () => say(t('replayed')), onError: sayError })}>{t('replay')}</Button>}
      commands={{ path: `/api/v1/webhooks/events/${event.id}`, cli: [`tidemark webhooks show ${event.id}`, `tidemark webhooks replay ${event.id}`] }}>
      <div className="stack">
        {event.errorMessage && <p className="note bad">{event.errorCode && <code>{event.errorCode}</code>} <Said text={event.errorMessage} code={event.errorCode} /></p>}
        <div className="grid wide-narrow">
          <Panel title={t('payloadTitle')}><Json value={event.payload} label={t('payloadTitle')} /></Panel>
          <div className="stack">
            <Panel title={t('facts')}>
              <dl className="facts">
                <dt>{t('connection')}</dt><dd>{event.connectionId ? <Link href={`/connections/${event.connectionId}`} className="link">{nameOf(event.connectionId) ?? event.connectionId}</Link> : t('unknown')}</dd>
                <dt>{t('platform')}</dt><dd>{event.platform}</dd>
                <dt>{t('externalId')}</dt><dd className="mono small">{event.externalId}</dd>
                <dt>{t('trust')}</dt><dd>{t(event.trust)}</dd>
                <dt>{t('received')}</dt><dd><Ago at={event.receivedAt} /></dd>
                {event.status === 'pending' && <><dt>{t('due')}</dt><dd><Ago at={event.dueAt} otherwise="" /></dd></>}
                <dt>{t('finished')}</dt><dd><Ago at={event.finishedAt} otherwise="–" /></dd>
                <dt>{t('attempts')}</dt><dd>{event.attempts}</dd>
                <dt>{t('bytes')}</dt><dd>{t('bytesN', { n: event.bytes })}</dd>
                <dt>{t('delivery')}</dt><dd className="mono small">{event.deliveryId}</dd>
                <dt>{t('id')}</dt><dd className="mono small">{event.id}</dd>
              </dl>
            </Panel>
            <Panel title={t('headers')}>
              <dl className="facts">{Object.entries(event.headers).map(([name, value]) => <div key={name} style={{ display: 'contents' }}><dt className="mono small">{name}</dt><dd className="mono small">{value}</dd></div>)}</dl>
            </Panel>
          </div>
        </div>
      </div>
    </Page>
  );
}
