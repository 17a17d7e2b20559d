// Small parts: an empty state, what loads, times, numbers that lead to their list, hours as bars, progress, logos.
import { Button } from '@mantine/core';
import { useCallback, useSyncExternalStore } from 'react';
import type { ReactNode } from 'react';
import { Link } from 'wouter';

import { useFormats, useWords } from '../i18n';
import { shellWords } from '../i18n/shell';

export function Empty({ title, children, action }: { title: string; children?: ReactNode; action?: ReactNode }) {
  return <div className="empty"><h2>{title}</h2>{children && <p>{children}</p>}{action}</div>;
}

// A list in which nothing is as it was asked for.
export function NoMatch({ title, clear }: { title: string; clear: () => void }) {
  const t = useWords(shellWords);
  return <Empty title={title} action={<Button variant="default" onClick={clear}>{t('showAll')}</Button>}>{t('looser')}</Empty>;
}

// Words in which `this` is something to type.
export const Ticked = ({ text }: { text: string }) => <>{text.split('`').map((part, i) => (i % 2 ? <code key={i}>{part}</code> : part))}</>;

// In the place of what is being asked for, and about as tall, so that nothing jumps. `lines` of text.
export function Loading({ lines = 6 }: { lines?: number }) {
  const t = useWords(shellWords);
  return (
    <div className="panel-body stack-small" aria-busy="true">
      <span className="hidden-text" role="status">{t('loading')}</span>
      {Array.from({ length: lines }, (_, i) => <div key={i} className="ghost" style={{ width: `${94 - ((i * 37) % 46)}%`, height: 16, margin: '5px 0' }} />)}
    </div>
  );
}

// One clock for all that is drawn again every `ms` while it is shown, for what is said about times.
interface Clock { now: number; tell: Set<() => void>; timer: ReturnType<typeof setInterval> | undefined }
const clocks = new Map<number, Clock>();
function clockOf(ms: number): Clock {
  const clock = clocks.get(ms) ?? { now: Date.now(), tell: new Set(), timer: undefined };
  clocks.set(ms, clock);
  return clock;
}
function listen(clock: Clock, ms: number, tell: () => void) {
  const tick = () => { clock.now = Date.now(); clock.tell.forEach((each) => each()); };
  clock.tell.add(tell);
  clock.timer ??= setInterval(tick, ms);
  return () => {
    clock.tell.delete(tell);
    if (clock.tell.size) return;
    clearInterval(clock.timer);
    clocks.delete(ms);
  };
}
export function useTick(ms = 10_000) {
  const subscribe = useCallback((tell: () => void) => listen(clockOf(ms), ms, tell), [ms]);
  return useSyncExternalStore(subscribe, () => clockOf(ms).now);
}

// The whole time is in its title: a component for each would be a third of what drawing a list costs.
export function Ago({ at, otherwise }: { at: string | null | undefined; otherwise?: string }) {
  const t = useWords(shellWords);
  const f = useFormats();
  useTick();
  if (!at) return <span className="dim">{otherwise ?? t('never')}</span>;
  return <time dateTime={at} className="number" title={f.time(at)}>{f.ago(at)}</time>;
}

// Every number leads to its list. None where there is nothing to see.
export function NumberLink({ n, href, label }: { n: number; href: string; label?: string }) {
  const f = useFormats();
  if (n === 0) return <span className="number dim">0</span>;
  return <Link href={href} className="number" aria-label={label ? `${f.number(n)} ${label}` : undefined}>{f.number(n)}</Link>;
}

export interface Bar { ok: number; err: number }

export function Sparkline({ bars }: { bars: readonly Bar[] }) {
  const t = useWords(shellWords);
  const most = Math.max(1, ...bars.map((b) => b.ok + b.err));
  const ok = bars.reduce((n, b) => n + b.ok, 0), err = bars.reduce((n, b) => n + b.err, 0);
  const height = (n: number) => (n === 0 ? 0 : Math.max(1.5, (n / most) * 20));
  return (
    <svg className="spark" viewBox={`0 0 ${bars.length * 4} 22`} preserveAspectRatio="none" role="img" aria-label={t('lastDay', { ok, err })}>
      {bars.map((b, i) => {
        const good = height(b.ok), bad = height(b.err);
        return (
          <g key={i}>
            {b.ok + b.err === 0 && <rect className="nothing" x={i * 4} y={20.5} width={3} height={1.5} />}
            {good > 0 && <rect className="ok" x={i * 4} y={22 - good} width={3} height={good} />}
            {bad > 0 && <rect className="err" x={i * 4} y={Math.max(0, 22 - good - bad)} width={3} height={bad} />}
          </g>
        );
      })}
    </svg>
  );
}

// How far something is; without a total it only says that it moves.
export function Progress({ done, total, label }: { done: number; total: number | null; label: string }) {
  const t = useWords(shellWords);
  const known = total !== null && total > 0;
  const share = known ? Math.min(100, (done / total) * 100) : 0;
  return (
    <div role="progressbar" aria-label={label} aria-valuemin={0} aria-valuemax={known ? total : undefined} aria-valuenow={known ? Math.min(done, total) : undefined}
      aria-valuetext={known ? t('progress', { done, total }) : undefined} className={`meter${known ? '' : ' unknown'}`}>
      <span style={known ? { width: `${share}%` } : undefined} />
    </div>
  );
}

// The first letters of a platform's name on a colour of its own; platforms' pictures are theirs.
const HUES = [12, 38, 84, 140, 175, 200, 222, 262, 300, 336];
export function Logo({ name, size = 24 }: { name: string; size?: number }) {
  const words = name.split(/[\s_]+/).filter(Boolean);
  const letters = (words.length > 1 ? words.slice(0, 2).map((w) => w[0]).join('') : name.slice(0, 2)).toUpperCase();
  const hue = HUES[[...name].reduce((n, c) => (n * 31 + c.charCodeAt(0)) >>> 0, 7) % HUES.length] ?? 200;
  return (
    <span className="logo" aria-hidden="true" style={{ width: size, height: size, fontSize: size * 0.38, background: `hsl(${hue} 48% 29%)`, color: '#fff' }}>{letters}</span>
  );
}
