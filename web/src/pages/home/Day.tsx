// The last 24 hours as bars: records, and errors on top of them. Each hour says its numbers and leads to its records.
import { Tooltip } from '@mantine/core';
import { Link } from 'wouter';

import type { Schemas } from '../../api/client';
import { useFormats, useWords } from '../../i18n';
import { Panel } from '../../parts/Page';
import { Empty } from '../../parts/Small';
import { homeWords } from './words';

const HOUR_MS = 3_600_000, HEIGHT = 120;
const after = (hour: string) => new Date(Date.parse(hour) + HOUR_MS).toISOString();

export function Day({ day, now }: { day: Schemas['Overview']['last24h']; now: number }) {
  const t = useWords(homeWords);
  const f = useFormats();
  const end = Math.floor(now / HOUR_MS) * HOUR_MS;
  const byHour = new Map(day.hours.map((h) => [Date.parse(h.at), h]));
  const bars = Array.from({ length: 24 }, (_, i) => {
    const at = end - (23 - i) * HOUR_MS, hour = byHour.get(at);
    return { at: new Date(at).toISOString(), err: hour?.errors ?? 0, ok: (hour?.received ?? 0) - (hour?.errors ?? 0) };
  });
  const most = Math.max(1, ...bars.map((b) => b.ok + b.err));
  const height = (n: number) => (n ? Math.max(2, (n / most) * HEIGHT) : 0);
  const key = (
    <span className="row small dim"><span className="swatch ok" />{t('recordsKey')}<span className="swatch err" />{t('errorsKey')}</span>
  );
  if (!day.received) return <Panel title={t('day')} flush><Empty title={t('quietDay')}>{t('quietDayText')}</Empty></Panel>;
  return (
    <Panel title={t('day')} tools={key}>
      <ol className="hours">
        {bars.map((bar) => {
          const label = t('barLabel', { time: f.clock(bar.at), n: bar.ok, err: bar.err });
          // Rejected ones stand with their runs.
          const to = `/runs${bar.ok > 0 ? '/read' : ''}?from=${encodeURIComponent(bar.at)}&to=${encodeURIComponent(after(bar.at))}`;
          return (
            <li key={bar.at}>
              <Tooltip label={label} openDelay={0}>
                {bar.ok + bar.err > 0 ? (
                  <Link href={to} aria-label={label}>
                    {bar.err > 0 && <span className="err" style={{ height: height(bar.err) }} />}
                    <span className={bar.ok ? 'ok' : 'nothing'} style={{ height: bar.ok ? height(bar.ok) : 2 }} />
                  </Link>
                ) : <div className="hour"><span className="nothing" style={{ height: 2 }} /></div>}
              </Tooltip>
            </li>
          );
        })}
      </ol>
      <div className="hours-foot number small dim" aria-hidden="true">
        {[0, 6, 12, 18, 23].map((i) => <span key={i}>{f.clock(bars[i]?.at ?? '')}</span>)}
      </div>
    </Panel>
  );
}
