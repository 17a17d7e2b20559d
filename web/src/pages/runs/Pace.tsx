// How a run went over time: records and rejections, from the lines that each page leaves in the log.
import { useMemo } from 'react';

import { useWords } from '../../i18n';
import { Panel } from '../../parts/Page';
import type { Point } from '../../parts/Chart';
import { later } from '../../parts/later';
import type { Line } from './Log';
import { runWords } from './words';

const Chart = later(() => import('../../parts/Chart').then((m) => m.default));

const POINTS = 60, SHORTEST_MS = 2_000;

// At most so many equal spans from the first page to the last. Too short a run has no course.
export function paceOf(lines: readonly Line[]): Point[] {
  const pages = lines.filter((line) => line.message === 'page').map((line) => ({ at: Date.parse(line.time), received: Number(line.received) || 0, errors: Number(line.errors) || 0 }));
  const first = pages[0]?.at ?? 0, last = pages.at(-1)?.at ?? 0;
  if (last - first < SHORTEST_MS) return [];
  const span = Math.max(1_000, Math.ceil((last - first + 1) / POINTS / 1_000) * 1_000);
  const points: Point[] = Array.from({ length: Math.floor((last - first) / span) + 1 }, (_, i) => ({ at: first + i * span, ok: 0, err: 0 }));
  for (const page of pages) {
    const point = points[Math.floor((page.at - first) / span)];
    if (point) { point.ok += page.received - page.errors; point.err += page.errors; }
  }
  return points;
}

export function Pace({ lines }: { lines: readonly Line[] }) {
  const t = useWords(runWords);
  const points = useMemo(() => paceOf(lines), [lines]);
  const words = useMemo(() => ({ title: t('pace'), time: t('at'), ok: t('paceOk'), err: t('errors'), asTable: t('asTable') }), [t]);
  if (points.length < 2) return null;
  const key = <span className="row small dim"><span className="swatch ok" />{t('paceOk')}<span className="swatch err" />{t('errors')}</span>;
  return (
    <Panel title={t('pace')} tools={key}>
      <Chart points={points} words={words} meanwhile={<div className="ghost" style={{ height: 150 }} />} />
    </Panel>
  );
}
