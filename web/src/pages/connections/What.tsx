// What is synced, which way, and how often: the same where a connection is made and where it is changed.
import { Checkbox, NativeSelect } from '@mantine/core';

import type { Schemas } from '../../api/client';
import { useWords } from '../../i18n';
import { addWords } from './words';

const DIRECTIONS = ['pull', 'both', 'push'] as const;
export interface WhatValue { streams: readonly string[]; direction: (typeof DIRECTIONS)[number]; every: string }

// What a select says is one of its own words.
export const chosen = <T extends string>(words: readonly T[], word: string, otherwise: T): T => words.find((w) => w === word) ?? otherwise;

export const AUTOMATIC = 'auto';
export const OTHER = 'other'; // by the calendar: it stays as it is
const EVERY = ['5m', '15m', '1h', '24h'] as const;
const LABELS = { '5m': 'every5m', '15m': 'every15m', '1h': 'every1h', '24h': 'every24h' } as const;

export const everyOf = (schedule: unknown): string => {
  if (schedule === null || typeof schedule !== 'object') return AUTOMATIC;
  const every = (schedule as { every?: unknown }).every;
  return typeof every === 'string' ? every : OTHER;
};
export const scheduleOf = (every: string) => (every === AUTOMATIC ? null : { every });

export function What({ streams, value, onChange, fault }: { streams: Schemas['Template']['streams']; value: WhatValue; onChange: (v: WhatValue) => void; fault?: string }) {
  const t = useWords(addWords);
  const shown = streams.filter((s) => s.synced && !s.refused);
  const toggle = (name: string, on: boolean) => onChange({ ...value, streams: shown.map((s) => s.name).filter((n) => (n === name ? on : value.streams.includes(n))) });
  const known = EVERY as readonly string[];
  return (
    <div className="stack">
      <Checkbox.Group label={t('whatStreams')} value={[...value.streams]} error={fault}>
        <div className="stream-list">
          {shown.map((s) => (
            <Checkbox key={s.name} value={s.name} size="xs" checked={value.streams.includes(s.name)} onChange={(event) => toggle(s.name, event.currentTarget.checked)}
              label={<>{s.name} <span className="dim small">{s.incremental ? t('incremental') : t('wholeEachTime')}</span></>} />
          ))}
        </div>
      </Checkbox.Group>
      <NativeSelect label={t('direction')} value={value.direction} onChange={(event) => onChange({ ...value, direction: chosen(DIRECTIONS, event.currentTarget.value, value.direction) })} maw={420}
        data={DIRECTIONS.map((d) => ({ value: d, label: t(d) }))} />
      <NativeSelect label={t('schedule')} description={value.every === AUTOMATIC ? t('automaticHint') : undefined} value={value.every} onChange={(event) => onChange({ ...value, every: event.currentTarget.value })} maw={420}
        data={[{ value: AUTOMATIC, label: t('automatic') }, ...EVERY.map((e) => ({ value: e as string, label: t(LABELS[e]) })),
          ...(value.every !== AUTOMATIC && !known.includes(value.every) ? [{ value: value.every, label: value.every === OTHER ? t('otherSchedule') : value.every }] : [])]} />
    </div>
  );
}
