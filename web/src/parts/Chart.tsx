// Two quantities over time, drawn by uPlot; fetched only where there is one. The same numbers stand in a table beneath it, for
// whoever does not see the drawing or wants to copy them.
import { useComputedColorScheme } from '@mantine/core';
import { useEffect, useRef } from 'react';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';

import { useFormats, useLanguage } from '../i18n';

export interface Point { at: number; ok: number; err: number }   // at: milliseconds; what came from then to the next point

interface Props { points: readonly Point[]; words: { title: string; time: string; ok: string; err: string; asTable: string } }

const HEIGHT = 150, LINE = 1.5;

// Each step is as wide as its span: the last one ends where a next one would begin.
function columns(points: readonly Point[]): uPlot.AlignedData {
  const last = points.at(-1), span = (points[1]?.at ?? 0) - (points[0]?.at ?? 0);
  const all = last ? [...points, { ...last, at: last.at + span }] : points;
  return [all.map((p) => p.at / 1000), all.map((p) => p.ok), all.map((p) => p.err)];
}

function draw(box: HTMLElement, data: uPlot.AlignedData, language: string, words: Props['words']) {
  const css = getComputedStyle(box), colour = (name: string) => css.getPropertyValue(name).trim();
  const axis = { stroke: colour('--dim'), grid: { stroke: colour('--line'), width: 1 }, ticks: { show: false }, font: `11px ${css.fontFamily}` };
  const short = new Intl.NumberFormat(language, { notation: 'compact', maximumFractionDigits: 1 });
  const clock = new Intl.DateTimeFormat(language, { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' });
  const stepped = uPlot.paths.stepped?.({ align: 1 });
  return new uPlot({
    width: box.clientWidth, height: HEIGHT, legend: { show: false }, cursor: { show: false }, padding: [8, 4, 0, 0],
    axes: [{ ...axis, size: 28, space: 90, incrs: [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1_800, 3_600, 7_200, 21_600, 43_200, 86_400], values: (_, at) => at.map((s) => clock.format(s * 1000)) }, { ...axis, size: 46, values: (_, n) => n.map((x) => short.format(x)) }],
    scales: { y: { range: (_, __, most) => [0, Math.max(1, most) * 1.08] } },
    series: [{}, { label: words.ok, stroke: colour('--accent'), fill: colour('--info-bg'), width: LINE, paths: stepped, points: { show: false } },
      { label: words.err, stroke: colour('--bad'), fill: colour('--bad-bg'), width: LINE, paths: stepped, points: { show: false } }],
  }, data, box);
}

export default function Chart({ points, words }: Props) {
  const f = useFormats();
  const { language } = useLanguage();
  const scheme = useComputedColorScheme();
  const box = useRef<HTMLDivElement>(null), plot = useRef<uPlot | null>(null);
  const data = useRef<uPlot.AlignedData>([[], [], []]);
  data.current = columns(points);
  useEffect(() => {
    const el = box.current;
    if (!el) return undefined;
    const made = plot.current = draw(el, data.current, language, words);
    const watch = new ResizeObserver(() => made.setSize({ width: el.clientWidth, height: HEIGHT }));
    watch.observe(el);
    return () => { watch.disconnect(); made.destroy(); plot.current = null; };
  }, [scheme, language, words]);
  useEffect(() => plot.current?.setData(data.current), [points]);
  return (
    <figure className="chart">
      <div ref={box} aria-hidden="true" />
      <details>
        <summary className="small dim">{words.asTable}</summary>
        <div className="chart-table" tabIndex={0} role="region" aria-label={words.title}>
          <table aria-label={words.title}>
            <thead><tr><th scope="col">{words.time}</th><th scope="col">{words.ok}</th><th scope="col">{words.err}</th></tr></thead>
            <tbody>{points.map((p) => <tr key={p.at}><th scope="row">{f.seconds(new Date(p.at))}</th><td>{f.number(p.ok)}</td><td>{f.number(p.err)}</td></tr>)}</tbody>
          </table>
        </div>
      </details>
    </figure>
  );
}
