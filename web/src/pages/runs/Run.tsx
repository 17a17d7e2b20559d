// One run: one honest sentence first, then numbers that add up, what was rejected and why, and the log as it is written.
import { Button } from '@mantine/core';
import { useMemo, useRef } from 'react';
import type { ReactNode } from 'react';
import { Link, useLocation, useParams } from 'wouter';

import { api } from '../../api/client';
import type { RunDetail } from '../../api/client';
import { useChange, useData } from '../../api/query';
import { useMay } from '../../api/session';
import { useFormats, useWords } from '../../i18n';
import { say, sayError, useConfirm } from '../../parts/Confirm';
import { ErrorBox } from '../../parts/ErrorBox';
import { Page, Panel } from '../../parts/Page';
import { Said, useSaid, useTrigger } from '../../parts/Said';
import { Ago, Loading, NumberLink, Progress, useTick } from '../../parts/Small';
import { RunStatus, Status } from '../../parts/Status';
import { Table } from '../../parts/Table';
import type { Column } from '../../parts/Table';
import { HeldDeletes } from './HeldDeletes';
import { Log, useLines } from './Log';
import { Pace } from './Pace';
import { Rejections, reasonsOf } from './Rejections';
import { Requests } from './Requests';
import { recordsOf } from './numbers';
import type { Change } from './numbers';
import { runWords } from './words';
import './runs.css';

const BUSY_MS = 1_000;
const GOING = new Set(['pending', 'in_progress']);
type Stream = RunDetail['streams'][number];

function useSentence(run: RunDetail): ReactNode {
  const t = useWords(runWords);
  const f = useFormats();
  // The reason stands last in these sentences.
  const because = (key: 's_suspicious' | 's_failed' | 's_partialReason', reason: string | null) =>
    <>{t(key, { reason: '' })}{reason ? <Said text={reason} code={run.errorCode} /> : t('s_unknown')}</>;
  const done = f.number(run.recordsReceived);
  const reason = run.verdictReason ?? run.errorMessage;
  switch (run.status) {
    case 'pending': return t('s_queued');
    case 'paused': return t('s_paused', { done });
    case 'cancelled': return t('s_cancelled', { done });
    case 'in_progress': return run.recordsTotal ? t('s_runningOf', { done, total: f.number(run.recordsTotal) }) : t('s_running', { done });
    case 'error': return run.verdict === 'suspicious' ? because('s_suspicious', reason) : because('s_failed', run.errorMessage ?? reason);
    default: break;
  }
  if (run.verdict === 'partial')
    return run.recordsErrors > 0
      ? `${t('s_partial', { bad: f.number(run.recordsErrors), n: run.recordsReceived })} ${t('reasons', { n: reasonsOf(run.errors).length })}.`
      : because('s_partialReason', reason);
  return run.recordsReceived === 0 ? t('s_nothing') : t('s_complete', { n: run.recordsReceived });
}

function Waiting({ run }: { run: RunDetail }) {
  const t = useWords(runWords);
  const f = useFormats();
  const said = useSaid();
  if (!run.waiting) return null;
  const why = said(run.waiting.message ?? run.waiting.code, run.waiting.code);
  return <p className="note warn">{run.waiting.until ? t('waits', { until: f.seconds(run.waiting.until), why }) : t('waitsOpen', { why })}</p>;
}

// Over the last readings, so that it is what happens now and not since the start.
function useRate(run: RunDetail): number | null {
  const seen = useRef<{ at: number; n: number }[]>([]);
  return useMemo(() => {
    seen.current = [...seen.current, { at: Date.now(), n: run.recordsReceived }].slice(-12);
    const first = seen.current[0], last = seen.current.at(-1);
    if (!first || !last || last.at - first.at < 1_500) return null;
    return Math.max(0, (last.n - first.n) / ((last.at - first.at) / 1000));
  }, [run.recordsReceived, run.pages]);
}

function Live({ run }: { run: RunDetail }) {
  const t = useWords(runWords);
  const rate = useRate(run);
  useTick(1_000);
  const isReading = run.status === 'in_progress' && !run.waiting;
  const left = rate && run.recordsTotal && isReading ? (run.recordsTotal - run.recordsReceived) / rate : null;
  const time = left === null ? null : left > 90 ? t('minutes', { n: Math.round(left / 60) }) : t('seconds', { n: Math.max(1, Math.round(left)) });
  return (
    <div className="stack-small">
      <Progress done={run.recordsReceived} total={run.recordsTotal} label={t('progress')} />
      <div className="row wrap small dim number">
        <span>{t('pages', { n: run.pages })}</span>
        {rate !== null && isReading && <span>{t('rate', { n: Math.round(rate) })}</span>}
        {time && <span>{t('left', { time })}</span>}
      </div>
    </div>
  );
}

function Numbers({ run }: { run: RunDetail }) {
  const t = useWords(runWords);
  const f = useFormats();
  const part = { created: run.recordsCreated, updated: run.recordsUpdated, skipped: run.recordsSkipped, deleted: run.recordsDeleted, errors: run.recordsErrors };
  const accounted = Object.values(part).reduce((n, x) => n + x, 0);
  const tile = (label: string, n: number, change?: Change | 'errors') => (
    <Link className="tile" key={label} href={recordsOf(run, change)}><span className="tile-label">{label}</span><span className="tile-number">{f.number(n)}</span></Link>
  );
  return (
    <div className="stack-small">
      <div className="tiles">
        {tile(t('received'), run.recordsReceived)}{tile(t('created'), part.created, 'created')}{tile(t('updated'), part.updated, 'updated')}
        {tile(t('skipped'), part.skipped, 'skipped')}{tile(t('deleted'), part.deleted, 'deleted')}{tile(t('errors'), part.errors, 'errors')}
        {run.recordsMissing > 0 && tile(t('missing'), run.recordsMissing, 'missing')}
      </div>
      <p className={`small ${accounted === run.recordsReceived || GOING.has(run.status) ? 'dim' : 'note bad'}`}>
        {accounted === run.recordsReceived || GOING.has(run.status) ? t('sum', { received: run.recordsReceived, ...part })
          : t('sumBad', { received: run.recordsReceived, accounted, missing: run.recordsReceived - accounted })}
      </p>
    </div>
  );
}

function Streams({ run, streams }: { run: RunDetail; streams: readonly Stream[] }) {
  const t = useWords(runWords);
  const isOver = run.status === 'error' || run.status === 'cancelled';
  const count = (s: Stream, n: number, label: string, change?: Change | 'errors') => <NumberLink n={n} label={label} href={recordsOf(run, change, s.name)} />;
  const columns: Column<Stream>[] = [
    { id: 'stream', header: t('stream'), width: 'minmax(0, 2fr)', cell: (s) => <>{s.name}{s.errorMessage && <span className="under"><Said text={s.errorMessage} /></span>}</> },
    { id: 'status', header: t('status'), width: '120px', narrow: '108px', cell: (s) => <Status of={s.status === 'pending' ? (isOver ? 'unread' : 'queued') : s.status === 'error' ? 'failed' : s.status} /> },
    { id: 'done', header: t('received'), width: '130px', narrow: '92px', end: true,
      cell: (s) => <>{count(s, s.recordsReceived, t('received'))}{s.total ? <span className="dim"> {t('ofTotal', { total: s.total })}</span> : null}</> },
    { id: 'created', header: t('created'), width: '76px', end: true, narrow: false, cell: (s) => count(s, s.recordsCreated, t('created'), 'created') },
    { id: 'updated', header: t('updated'), width: '76px', end: true, narrow: false, cell: (s) => count(s, s.recordsUpdated, t('updated'), 'updated') },
    { id: 'skipped', header: t('skipped'), width: '90px', end: true, narrow: false, cell: (s) => count(s, s.recordsSkipped, t('skipped'), 'skipped') },
    { id: 'deleted', header: t('deleted'), width: '76px', end: true, narrow: false, cell: (s) => count(s, s.recordsDeleted, t('deleted'), 'deleted') },
    { id: 'errors', header: t('errors'), width: '80px', end: true, narrow: false, cell: (s) => count(s, s.recordsErrors, t('errors'), 'errors') },
  ];
  return <Panel title={t('streams')} flush><Table label={t('streams')} rows={streams} columns={columns} rowKey={(s) => s.name} rowHeight={44} /></Panel>;
}

function Facts({ run }: { run: RunDetail }) {
  const t = useWords(runWords);
  const trigger = useTrigger();
  return (
    <Panel title={t('facts')}>
      <dl className="facts">
        <dt>{t('connection')}</dt><dd>{run.connectionId ? <Link href={`/connections/${run.connectionId}`} className="link">{run.connection.name}</Link> : t('gone')}</dd>
        <dt>{t('platform')}</dt><dd>{run.connection.platform}</dd>
        <dt>{t('mode')}</dt><dd>{[t(run.fullSync ? 'full' : 'incremental'), t(run.direction), run.entityType].filter(Boolean).join(', ')}</dd>
        <dt>{t('trigger')}</dt><dd>{trigger(run.trigger)}</dd>
        <dt>{t('started')}</dt><dd><Ago at={run.startedAt} /></dd>
        <dt>{t('ended')}</dt><dd><Ago at={run.completedAt} otherwise="–" /></dd>
        <dt>{t('took')}</dt><dd>{run.duration}</dd>
        <dt>{t('id')}</dt><dd className="mono small">{run.id}</dd>
      </dl>
    </Panel>
  );
}

function Actions({ run }: { run: RunDetail }) {
  const t = useWords(runWords);
  const confirm = useConfirm();
  const [, go] = useLocation();
  const path = { params: { path: { id: run.id } } };
  const touches = ['runs', 'overview', 'connections'];
  const pause = useChange(() => api.POST('/api/v1/sync/runs/{id}/pause', path), touches);
  const resume = useChange(() => api.POST('/api/v1/sync/runs/{id}/resume', path), touches);
  const cancel = useChange(() => api.POST('/api/v1/sync/runs/{id}/cancel', path), touches);
  const again = useChange((id: string) => api.POST('/api/v1/sync/connections/{id}/sync', { params: { path: { id } }, body: { direction: null, fullSync: null } }), touches);
  const done = (words: string) => ({ onSuccess: () => say(words), onError: sayError });
  const ends = !GOING.has(run.status) && run.status !== 'paused';
  const ask = () => confirm.ask({ title: t('cancelTitle'), body: t('cancelText'), action: t('cancel'), danger: true,
    run: async () => { await cancel.mutateAsync(undefined); say(t('cancelledNow')); } });
  return (
    <>
      {GOING.has(run.status) && (
        <Button variant="default" loading={pause.isPending} disabled={run.pauseRequested || run.cancelRequested} onClick={() => pause.mutate(undefined, done(t('pausedNow')))}>
          {t(run.pauseRequested ? 'pausing' : 'pause')}
        </Button>
      )}
      {run.status === 'paused' && <Button loading={resume.isPending} onClick={() => resume.mutate(undefined, done(t('resumedNow')))}>{t('resume')}</Button>}
      {!ends && <Button variant="default" color="red" disabled={run.cancelRequested} onClick={ask}>{t(run.cancelRequested ? 'cancelling' : 'cancel')}</Button>}
      {ends && run.connectionId && (
        <Button variant="default" loading={again.isPending}
          onClick={() => again.mutate(run.connectionId ?? '', { onSuccess: (answer) => { say(t('startedNow')); go(`/runs/${answer.data.runId}`); }, onError: sayError })}>
          {t('again')}
        </Button>
      )}
      {confirm.dialog}
    </>
  );
}

export default function RunPage() {
  const t = useWords(runWords);
  const { id = '' } = useParams<{ id: string }>();
  const mayChange = useMay('content:update');
  const asked = useData(['runs', id], () => api.GET('/api/v1/sync/runs/{id}', { params: { path: { id } } }),
    { every: (answer) => (answer && GOING.has(answer.data.status) ? BUSY_MS : false) });
  const run = asked.data?.data;
  const up = { href: '/runs', label: t('title') };
  if (!run)
    return <Page title={t('run')} up={up}>{asked.error ? <ErrorBox error={asked.error} retry={() => void asked.refetch()} /> : <div className="panel"><Loading lines={10} /></div>}</Page>;
  return <Shown run={run} up={up} mayChange={mayChange} />;
}

function Shown({ run, up, mayChange }: { run: RunDetail; up: { href: string; label: string }; mayChange: boolean }) {
  const t = useWords(runWords);
  const sentence = useSentence(run);
  const going = GOING.has(run.status) || run.status === 'paused';
  const lines = useLines(run.logUrl, GOING.has(run.status));
  return (
    <Page title={run.connection.name ?? t('run')} badge={<RunStatus run={run} />} up={up} actions={mayChange && <Actions run={run} />}
      commands={{ path: `/api/v1/sync/runs/${run.id}`, cli: [`tidemark runs show ${run.id}`, `tidemark runs requests ${run.id}`, `tidemark logs ${run.id} --follow`] }}>
      <div className="stack">
        <p className="sentence" role="status">{sentence}</p>
        <Waiting run={run} />
        {going && <Live run={run} />}
        <Numbers run={run} />
        <Pace lines={lines} />
        <HeldDeletes run={run} mayDelete={mayChange} />
        {run.streams.length > 0 && <Streams run={run} streams={run.streams} />}
        <div className="grid wide-narrow">
          <div className="stack">
            <Rejections run={run} mayChange={mayChange} />
            <Log run={run.id} url={run.logUrl} lines={lines} going={GOING.has(run.status)} />
          </div>
          <Facts run={run} />
        </div>
        <Requests run={run} going={GOING.has(run.status)} />
      </div>
    </Page>
  );
}
