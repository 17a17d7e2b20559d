// The log of a run, as it is written: read as a stream while the run goes on, from where the last reading ended.
import { Button } from '@mantine/core';
import { useEffect, useRef, useState } from 'react';
import { Link } from 'wouter';

import { tenantChosen } from '../../api/client';
import { download } from '../../api/download';
import { useFormats, useWords } from '../../i18n';
import { sayError } from '../../parts/Confirm';
import { Panel } from '../../parts/Page';
import { Said } from '../../parts/Said';
import { runWords } from './words';

export interface Line { time: string; level: string; message: string; stream: string | null; page?: number; detail?: string | null; [name: string]: unknown }

const LINES_MAX = 2_000;    // the newest; the whole log is behind the download
const SHOWN_MS = 250;
const COUNTS = ['received', 'created', 'updated', 'skipped', 'deleted', 'errors'] as const;

async function read(url: string, signal: AbortSignal, take: (line: Line) => void) {
  const tenant = tenantChosen();
  const response = await fetch(url, { signal, credentials: 'same-origin', headers: tenant ? { 'X-Tenant-Id': tenant } : {} });
  if (!response.ok || !response.body) return;
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { done, value } = await reader.read();
    const lines = (rest + (value ?? '')).split('\n');
    rest = done ? '' : lines.pop() ?? '';
    for (const text of lines)
      if (text.startsWith('{')) take(JSON.parse(text) as Line);
    if (done) return;
  }
}

// Lines come faster than they can be looked at: they are shown a few times a second.
export function useLines(url: string, going: boolean) {
  const [shown, setShown] = useState<readonly Line[]>([]);
  useEffect(() => {
    const stop = new AbortController();
    let lines: Line[] = [], changed = true;
    const show = setInterval(() => {
      if (changed) setShown(lines);
      changed = false;
    }, SHOWN_MS);
    const take = (line: Line) => {
      lines = [...lines.slice(-LINES_MAX + 1), line];
      changed = true;
    };
    read(going ? `${url}?follow=true` : url, stop.signal, take).catch(() => { /* the connection broke; the download is there */ }).finally(() => { if (changed) setShown(lines); });
    return () => { stop.abort(); clearInterval(show); };
  }, [url, going]);
  return shown;
}

// A page leads to what was asked for it; what went wrong leads to the requests that failed.
function Asked({ line, run }: { line: Line; run: string }) {
  const t = useWords(runWords);
  if (line.message === 'page' && line.page)
    return <Link href={`/runs/${run}?ofPage=${line.page}`} className="link" aria-label={t('seePage', { n: line.page })}>{t('page', { n: line.page })}</Link>;
  return <>{line.message === 'page' ? t('page', { n: 0 }) : <Said text={line.message} />}{line.level === 'error' && line.stream && <> <Link href={`/runs/${run}?failed=true`} className="link">{t('seeFailed')}</Link></>}</>;
}

function Text({ line, run }: { line: Line; run: string }) {
  const t = useWords(runWords);
  const f = useFormats();
  const words = { received: t('received'), created: t('created'), updated: t('updated'), skipped: t('skipped'), deleted: t('deleted'), errors: t('errors') };
  const counts = COUNTS.filter((name) => typeof line[name] === 'number' && (line[name] as number) > 0)
    .map((name) => `${words[name].toLowerCase()} ${f.number(line[name] as number)}`);
  return (
    <>
      <Asked line={line} run={run} />
      {counts.length > 0 && <span className="dim"> {counts.join(', ')}</span>}
      {line.detail && <span className="dim"> <Said text={String(line.detail)} /></span>}
    </>
  );
}

export function Log({ run, url, lines, going }: { run: string; url: string; lines: readonly Line[]; going: boolean }) {
  const t = useWords(runWords);
  const f = useFormats();
  const box = useRef<HTMLDivElement>(null);
  const atEnd = useRef(true);
  useEffect(() => {
    if (atEnd.current && box.current) box.current.scrollTop = box.current.scrollHeight;
  }, [lines]);
  const scrolled = () => {
    const el = box.current;
    if (el) atEnd.current = el.scrollHeight - el.scrollTop - el.clientHeight < 40;
  };
  return (
    <Panel title={t('log')} tools={<>
      {going && <span className="badge info busy">{t('logLive')}</span>}
      <Button variant="default" size="compact-xs" onClick={() => download(url, 'application/x-ndjson', 'run.jsonl').catch(sayError)}>{t('logDownload')}</Button>
    </>} flush>
      <div className="log" data-said ref={box} onScroll={scrolled} tabIndex={0} role="log" aria-label={t('log')} aria-live="off">
        {lines.length === 0 && <span className="dim">{t('logNone')}</span>}
        {lines.map((line, i) => (
          <div key={i} className={`log-line ${line.level}`}>
            <time dateTime={line.time} className="dim">{f.seconds(line.time)}</time>
            <span className="log-stream">{line.stream ?? ''}</span>
            <span><Text line={line} run={run} /></span>
          </div>
        ))}
      </div>
    </Panel>
  );
}
