// What each field is made of: the template's own beside what this connection puts before it, and what becomes of a real record,
// live. Nothing is stored until somebody says so.
import { ActionIcon, Button, NativeSelect, TextInput } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { useEffect, useState } from 'react';
import { useSearchParams } from 'wouter';

import { api } from '../../../api/client';
import type { ConnectionDetail } from '../../../api/client';
import { useChange, useData } from '../../../api/query';
import { useMay } from '../../../api/session';
import { useWords } from '../../../i18n';
import { say } from '../../../parts/Confirm';
import { ErrorBox } from '../../../parts/ErrorBox';
import { Icon } from '../../../parts/Icon';
import { Json } from '../../../parts/Json';
import { Panel } from '../../../parts/Page';
import { Empty, Loading } from '../../../parts/Small';
import { useTemplate } from '../queries';
import { oneWords } from '../words';

type Fields = Record<string, unknown>;
const sourceText = (source: unknown) => (typeof source === 'string' ? source : source === null || source === undefined ? '' : JSON.stringify(source));

// Text as a person writes it: a path or an expression, or JSON where the template's own is an object.
function sourceOf(text: string): unknown {
  if (!text.trim().startsWith('{"')) return text;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

const at = (data: unknown, path: string) => path.split('.').reduce<unknown>((v, key) => (v && typeof v === 'object' ? (v as Fields)[key] : undefined), data);
const shown = (value: unknown) => (value === undefined || value === null ? '–' : typeof value === 'object' ? JSON.stringify(value) : String(value));

function useRealRecord(connection: ConnectionDetail, stream: string, index: number) {
  const list = useData(['records', connection.id, stream, 'try'],
    () => api.GET('/api/v1/records/{connectionId}/{stream}', { params: { path: { connectionId: connection.id, stream }, query: { limit: 20 } } }));
  const rows = list.data?.data ?? [];
  const id = rows[index % Math.max(1, rows.length)]?.id;
  const whole = useData(['records', id], () => api.GET('/api/v1/records/{id}', { params: { path: { id: id ?? '' } } }), { enabled: !!id });
  const sources = (whole.data?.data as { externalIds?: { connectionId: string; stream: string; raw: unknown }[] } | undefined)?.externalIds;
  return { id, isPending: list.isPending, raw: sources?.find((s) => s.connectionId === connection.id && s.stream === stream)?.raw };
}

function Stream({ connection, stream, own }: { connection: ConnectionDetail; stream: string; own: Fields }) {
  const t = useWords(oneWords);
  const mayChange = useMay('content:update');
  const stored = ((connection.mapping as Record<string, Fields> | null)?.[stream] ?? {}) as Fields;
  const [draft, setDraft] = useState<Record<string, string>>({});
  const [added, setAdded] = useState('');
  const [index, setIndex] = useState(0);
  useEffect(() => setDraft(Object.fromEntries(Object.entries(stored).map(([k, v]) => [k, sourceText(v)]))), [connection.updatedAt, stream]);
  const mapping: Fields = Object.fromEntries(Object.entries(draft).filter(([, v]) => v.trim()).map(([k, v]) => [k, sourceOf(v)]));
  const [settled] = useDebouncedValue(JSON.stringify(mapping), 250);
  const record = useRealRecord(connection, stream, index);
  const preview = useData(['preview', connection.id, stream, record.id, settled],
    () => api.POST('/api/v1/templates/preview', { body: { connectionId: connection.id, stream, recordId: record.id, mapping: JSON.parse(settled) as Fields } }), { enabled: !!record.id, keep: true });
  const save = useChange(() => api.PATCH('/api/v1/sync/connections/{id}', { params: { path: { id: connection.id }, query: { test: false } },
    body: { mapping: { ...(connection.mapping as object | null), [stream]: mapping } } }), ['connections']);
  const changed = JSON.stringify(mapping) !== JSON.stringify(stored);
  const fields = [...new Set([...Object.keys(own), ...Object.keys(draft)])];
  const result = preview.data?.data;
  const add = () => { if (added.trim()) setDraft({ ...draft, [added.trim()]: draft[added.trim()] ?? '' }); setAdded(''); };
  return (
    <div className="grid mapping-grid">
      <Panel title={t('mapping')} tools={mayChange && <Button disabled={!changed || !!preview.error} loading={save.isPending}
        onClick={() => save.mutate(undefined, { onSuccess: () => say(t('mappingSaved')) })}>{t('save')}</Button>}>
        <div className="stack">
          {save.error && <ErrorBox error={save.error} />}
          <div className="map">
            {fields.map((field) => (
              <div key={field} className="map-row">
                <label className="mono" htmlFor={`map-${field}`} title={field}>{field}</label>
                <TextInput id={`map-${field}`} size="xs" placeholder={sourceText(own[field]) || t('templateOwn')} value={draft[field] ?? ''} disabled={!mayChange} className="mono-input"
                  onChange={(event) => setDraft({ ...draft, [field]: event.currentTarget.value })} spellCheck={false} />
                <span className={`map-value ellipsis${draft[field]?.trim() ? ' changed' : ''}`} title={shown(at(result?.data, field))}>{shown(at(result?.data, field))}</span>
                {draft[field] !== undefined && mayChange
                  ? <ActionIcon size="sm" aria-label={t('removeField', { field })} onClick={() => setDraft(Object.fromEntries(Object.entries(draft).filter(([k]) => k !== field)))}><Icon name="cross" size={12} /></ActionIcon>
                  : <span />}
              </div>
            ))}
          </div>
          {mayChange && (
            <form className="row" onSubmit={(event) => { event.preventDefault(); add(); }}>
              <TextInput size="xs" className="grow mono-input" aria-label={t('fieldName')} placeholder={t('fieldName')} value={added} onChange={(event) => setAdded(event.currentTarget.value)} />
              <Button type="submit" variant="default">{t('addField')}</Button>
            </form>
          )}
        </div>
      </Panel>
      <Panel title={t('preview')} tools={record.id && <Button variant="default" onClick={() => setIndex(index + 1)}>{t('nextRecord')}</Button>}>
        <div className="stack">
          {!record.id && !record.isPending && <p className="dim">{t('noRecordToTry')}</p>}
          {preview.error && <ErrorBox error={preview.error} />}
          {result?.rejected && <p className="note bad">{t('wouldReject', { reason: result.rejected })}</p>}
          {result?.warning && <p className="note warn">{result.warning}</p>}
          {record.raw !== undefined && <div className="stack-small"><h3>{t('source')}</h3><Json value={record.raw} label={t('source')} /></div>}
        </div>
      </Panel>
    </div>
  );
}

export function Mapping({ connection }: { connection: ConnectionDetail }) {
  const t = useWords(oneWords);
  const [params, setParams] = useSearchParams();
  const template = useTemplate(connection.platform);
  const all = (template.data?.data.mapping ?? {}) as Record<string, Fields>;
  const names = Object.keys(all);
  const stream = params.get('stream') ?? names[0];
  if (template.error) return <ErrorBox error={template.error} retry={() => void template.refetch()} />;
  if (template.isPending) return <div className="panel"><Loading /></div>;
  if (!stream) return <div className="panel"><Empty title={t('noRecords')}>{t('noRecordsText')}</Empty></div>;
  return (
    <div className="stack">
      <div className="row wrap">
        <NativeSelect size="xs" aria-label={t('stream')} value={stream} data={names} onChange={(event) => setParams({ stream: event.currentTarget.value }, { replace: true })} />
        <p className="dim small grow" style={{ flexBasis: 280 }}>{t('mappingLead')}</p>
      </div>
      <Stream key={stream} connection={connection} stream={stream} own={all[stream] ?? {}} />
    </div>
  );
}
