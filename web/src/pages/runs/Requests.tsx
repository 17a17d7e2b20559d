// What the run asked of its platform: each request with its masked headers, those that failed, those of one page.
import { Button, Switch } from '@mantine/core';
import { useEffect, useRef, useState } from 'react';

import { api } from '../../api/client';
import type { RunDetail, Schemas } from '../../api/client';
import { useList } from '../../api/query';
import { useFormats, useWords } from '../../i18n';
import { ErrorBox } from '../../parts/ErrorBox';
import { useFilters } from '../../parts/filters';
import { Panel } from '../../parts/Page';
import { Said, useSaid } from '../../parts/Said';
import { Empty, Loading } from '../../parts/Small';
import { Table } from '../../parts/Table';
import type { Column } from '../../parts/Table';
import { runWords } from './words';

type Asked = Schemas['VendorRequest'];

const EVERY_MS = 2_000;

// What differs from one to the next: path and query. The host stands with the headers.
const pathOf = (url: string) => url.replace(/^https?:\/\/[^/?#]+/, '') || '/';

function Answer({ asked }: { asked: Asked }) {
  const t = useWords(runWords);
  if (asked.outcome === 'dropped') return <span className="badge">{t('dropped')}</span>;
  return <span className={`badge plain ${asked.failed ? 'bad' : 'good'}`}>{asked.status ?? t('noAnswer')}</span>;
}

function Headers({ title, headers }: { title: string; headers: Asked['requestHeaders'] }) {
  return (
    <div>
      <h3>{title}</h3>
      {headers.length === 0 ? <span className="dim">–</span> : <dl className="headers">{headers.map((h, i) => <div key={i}><dt>{h.name}</dt><dd>{h.value}</dd></div>)}</dl>}
    </div>
  );
}

function Opened({ asked }: { asked: Asked }) {
  const t = useWords(runWords);
  return (
    <div className="stack-small small">
      <div className="mono wrap-anywhere">{asked.method} {asked.url}</div>
      {asked.attempt > 1 && <div>{asked.retryReason ? t('attemptWhy', { n: asked.attempt, why: asked.retryReason }) : t('attempt', { n: asked.attempt })}</div>}
      {asked.error && <div className="bad-text"><Said text={asked.error.message ?? asked.error.code} code={asked.error.code} /></div>}
      <div className="grid two">
        <Headers title={t('requestHeaders')} headers={asked.requestHeaders} />
        <Headers title={t('responseHeaders')} headers={asked.responseHeaders} />
      </div>
      <div className="dim">{asked.requestBytes > 0 && <>{t('sentBytes', { n: asked.requestBytes })} · </>}{t('masked')}</div>
    </div>
  );
}

function useColumns(open: ReadonlySet<number>, toggle: (number: number) => void): Column<Asked>[] {
  const t = useWords(runWords);
  const f = useFormats();
  const said = useSaid();
  const purpose = { page: null, token: t('forToken'), parent: t('forParent'), schema: t('forSchema') };
  const under = (r: Asked) => [r.attempt > 1 && (r.retryReason ? t('attemptWhy', { n: r.attempt, why: r.retryReason }) : t('attempt', { n: r.attempt })),
    purpose[r.purpose], r.error && said(r.error.message ?? r.error.code, r.error.code)].filter(Boolean).join(' · ');
  return [
    { id: 'number', header: '#', width: '58px', narrow: '52px', cell: (r) => (
      <button type="button" className="opener number" aria-expanded={open.has(r.number)} aria-label={t('open', { n: r.number })} onClick={() => toggle(r.number)}>
        <span aria-hidden="true">{open.has(r.number) ? '▾' : '▸'}</span> {f.number(r.number)}
      </button>) },
    { id: 'at', header: t('at'), width: '84px', narrow: false, cell: (r) => <time dateTime={r.time} className="number">{f.seconds(r.time)}</time> },
    { id: 'request', header: t('request'), width: 'minmax(0, 3fr)', cell: (r) => (
      <span title={r.url} className="asked"><span className="mono small">{r.method} {pathOf(r.url)}</span>{under(r) && <span className="under">{under(r)}</span>}</span>) },
    { id: 'stream', header: t('stream'), width: '120px', narrow: false, cell: (r) => r.stream ?? '' },
    { id: 'answer', header: t('answer'), width: '104px', narrow: '78px', cell: (r) => <Answer asked={r} /> },
    { id: 'bytes', header: t('bytes'), width: '84px', end: true, narrow: false, cell: (r) => <span className={r.bytes ? '' : 'dim'}>{f.number(r.bytes)}</span> },
    { id: 'ms', header: t('ms'), width: '64px', end: true, narrow: '52px', cell: (r) => f.number(Math.round(r.durationMs)) },
  ];
}

export function Requests({ run, going }: { run: RunDetail; going: boolean }) {
  const t = useWords(runWords);
  const f = useFormats();
  const [filters, setFilters] = useFilters(['failed', 'ofPage']);
  const [open, setOpen] = useState<ReadonlySet<number>>(new Set());
  const place = useRef<HTMLDivElement>(null);
  const failed = filters.failed === 'true' || undefined, ofPage = Number(filters.ofPage) || undefined;
  const list = useList(['runs', run.id, 'requests', failed, ofPage],
    (cursor) => api.GET('/api/v1/sync/runs/{id}/requests', { params: { path: { id: run.id }, query: { cursor, limit: 100, failed, ofPage } } }), { every: going ? EVERY_MS : false });
  // Whoever comes from a line of the log is led here.
  useEffect(() => { if (failed || ofPage) place.current?.scrollIntoView({ block: 'start' }); }, [failed, ofPage]);
  const toggle = (number: number) => setOpen((before) => {
    const next = new Set(before);
    if (!next.delete(number)) next.add(number);
    return next;
  });
  const columns = useColumns(open, toggle);
  const leftOut = run.requestsSent - run.requestsKept;
  return (
    <div ref={place} className="led-to">
      <Panel title={t('requests')} flush tools={<>
        {ofPage && <Button variant="default" size="compact-xs" onClick={() => setFilters({ ofPage: '' })} aria-label={t('allPages')}>{t('ofPage', { n: ofPage })} ✕</Button>}
        <Switch size="xs" label={t('failedOnly')} checked={!!failed} onChange={(event) => setFilters({ failed: event.currentTarget.checked ? 'true' : '' })} />
      </>}>
        {leftOut > 0 && <p className="panel-body dim small">{t('requestsLeftOut', { left: f.number(leftOut), n: f.number(run.requestsSent) })}</p>}
        {list.error ? <ErrorBox error={list.error} retry={() => void list.refetch()} />
          : list.isPending ? <Loading lines={5} />
          : list.rows.length === 0 ? <Empty title={t(failed || ofPage ? 'requestsNoneFound' : 'requestsNone')}>{!failed && !ofPage && !going && t('requestsNoneText')}</Empty>
          : <Table label={t('requests')} rows={list.rows} columns={columns} rowKey={(r) => String(r.number)} rowHeight={40} total={list.meta?.total}
              detail={(r) => (open.has(r.number) ? <Opened asked={r} /> : null)}
              more={list.more} />}
      </Panel>
    </div>
  );
}
