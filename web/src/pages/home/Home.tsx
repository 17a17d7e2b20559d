// How it is, what needs you, how fresh the data is, what the last day brought, and what happens now.
import { Button } from '@mantine/core';
import { Link } from 'wouter';

import { api } from '../../api/client';
import type { Schemas } from '../../api/client';
import { useData } from '../../api/query';
import { useMay } from '../../api/session';
import { useFormats, useWords } from '../../i18n';
import { ErrorBox } from '../../parts/ErrorBox';
import { Icon } from '../../parts/Icon';
import { Page, Panel } from '../../parts/Page';
import { Ago, Empty, Loading, NumberLink, useTick } from '../../parts/Small';
import { Table } from '../../parts/Table';
import type { Column } from '../../parts/Table';
import { Day } from './Day';
import { Events } from './Events';
import { LatestRuns } from './LatestRuns';
import { NeedsYou } from './NeedsYou';
import { homeWords } from './words';

type Overview = Schemas['Overview'];
type Stream = Overview['freshness'][number];

const QUIET_MS = 30_000, BUSY_MS = 2_000, MINUTE_MS = 60_000, DAY_MS = 86_400_000;
const isBusy = ({ runs }: Overview['health']) => runs.running + runs.queued + runs.waiting > 0;

function Tile({ label, n, note, href }: { label: string; n: number; note: string; href: string }) {
  const f = useFormats();
  return (
    <Link href={href} className="tile">
      <span className="tile-label">{label}</span><span className="tile-number">{f.number(n)}</span><span className="tile-note">{note}</span>
    </Link>
  );
}

function Tiles({ overview }: { overview: Overview }) {
  const t = useWords(homeWords);
  const f = useFormats();
  const { health: { connections, runs }, needsYou, last24h: day } = overview;
  // By the minute: a link that changes with every drawing could not be sent to anybody.
  const ofTheDay = `/runs?from=${encodeURIComponent(new Date(Math.floor(Date.now() / MINUTE_MS) * MINUTE_MS - DAY_MS).toISOString())}`;
  return (
    <div className="tiles">
      <Tile label={t('healthy')} n={connections.active} note={t('ofConnections', { n: connections.total })} href="/connections?state=connected" />
      <Tile label={t('needsYou')} n={needsYou.length} note={needsYou.length > 1 ? t('itemsByHarm') : ''} href="#needs-you" />
      <Tile label={t('running')} n={runs.running + runs.waiting} note={t('waitingNote', { queued: runs.queued, paused: runs.paused })} href="/runs?status=in_progress" />
      <Tile label={t('received')} n={day.received} note={t('receivedNote', { created: f.short(day.created), updated: f.short(day.updated) })} href={ofTheDay} />
      <Tile label={t('errors')} n={day.errors} note={t('errorsNote', { ok: day.runsSucceeded, failed: day.runsFailed })} href={ofTheDay} />
    </div>
  );
}

function Freshness({ streams }: { streams: readonly Stream[] }) {
  const t = useWords(homeWords);
  const columns: Column<Stream>[] = [
    { id: 'stream', header: t('stream'), width: 'minmax(0, 1.3fr)', sort: (s) => s.stream,
      cell: (s) => <><Link href={`/connections/${s.connectionId}`} className="first">{s.stream}</Link><span className="under narrow-only">{s.connectionName}</span></> },
    { id: 'connection', header: t('connection'), width: 'minmax(0, 1.6fr)', narrow: false, sort: (s) => s.connectionName,
      cell: (s) => <Link href={`/connections/${s.connectionId}`} className="dim">{s.connectionName}</Link> },
    { id: 'records', header: t('records'), width: '90px', narrow: '72px', end: true, sort: (s) => s.records,
      cell: (s) => <NumberLink n={s.records} href={`/connections/${s.connectionId}/records?stream=${s.stream}`} label={t('records')} /> },
    { id: 'rejected', header: t('rejected'), width: '84px', narrow: false, end: true, sort: (s) => s.rejected,
      cell: (s) => <NumberLink n={s.rejected} href={`/connections/${s.connectionId}/records?show=rejected&stream=${s.stream}`} label={t('rejected')} /> },
    { id: 'page', header: t('lastPage'), width: '120px', narrow: '104px', end: true, sort: (s) => s.lastPageAt, cell: (s) => <Ago at={s.lastPageAt} /> },
    { id: 'full', header: t('lastFull'), width: '130px', narrow: false, end: true, sort: (s) => s.lastFullAt, cell: (s) => <Ago at={s.lastFullAt} /> },
  ];
  return (
    <Panel title={t('freshness')} flush>
      <Table label={t('freshness')} rows={streams} columns={columns} rowKey={(s) => `${s.connectionId} ${s.stream}`} href={(s) => `/connections/${s.connectionId}`} />
    </Panel>
  );
}

function NoConnections() {
  const t = useWords(homeWords);
  const mayAdd = useMay('content:update');
  return (
    <div className="panel">
      <Empty title={t('noConnections')} action={mayAdd && <Button component={Link} href="/connections/new" leftSection={<Icon name="plus" />}>{t('addConnection')}</Button>}>
        {t('noConnectionsText')}
      </Empty>
    </div>
  );
}

function Shown({ overview }: { overview: Overview }) {
  const now = useTick(60_000);
  const names = new Map(overview.freshness.map((s) => [s.connectionId, s.connectionName]));
  if (overview.health.connections.total === 0) return <NoConnections />;
  return (
    <div className="stack">
      <Tiles overview={overview} />
      <div className="grid wide-narrow">
        <div className="stack" id="needs-you"><NeedsYou needs={overview.needsYou} /><Day day={overview.last24h} now={now} /></div>
        <div className="stack"><Events names={names} /><LatestRuns names={names} every={isBusy(overview.health) ? BUSY_MS : QUIET_MS} /></div>
      </div>
      <Freshness streams={overview.freshness} />
    </div>
  );
}

export default function Home() {
  const t = useWords(homeWords);
  const mayAdd = useMay('content:update');
  const asked = useData(['overview'], () => api.GET('/api/v1/overview'), { every: (data) => (data && isBusy(data.data.health) ? BUSY_MS : QUIET_MS) });
  const overview = asked.data?.data;
  const lead = overview && overview.health.connections.total > 0 && (overview.health.status === 'failing' ? t('lead_failing')
    : overview.needsYou.length ? t('lead_attention', { n: overview.needsYou.length }) : t('lead_ok'));
  return (
    <Page title={t('title')} lead={lead || undefined} commands={{ path: '/api/v1/overview', cli: ['tidemark status', 'tidemark runs'] }}
      actions={mayAdd && <Button component={Link} href="/connections/new" variant="default" leftSection={<Icon name="plus" size={14} />}>{t('addConnection')}</Button>}>
      {asked.error && !overview && <ErrorBox error={asked.error} retry={() => void asked.refetch()} />}
      {asked.isPending && <div className="panel"><Loading lines={10} /></div>}
      {overview && <Shown overview={overview} />}
    </Page>
  );
}
