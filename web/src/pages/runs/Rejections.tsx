// What was rejected, by reason: what a person mends is the reason, not the record.
import { Button } from '@mantine/core';
import { useState } from 'react';
import { Link } from 'wouter';

import { api } from '../../api/client';
import type { RunDetail } from '../../api/client';
import { useChange, useData } from '../../api/query';
import { useWords } from '../../i18n';
import { say, sayError } from '../../parts/Confirm';
import { ErrorBox } from '../../parts/ErrorBox';
import { Json } from '../../parts/Json';
import { Panel } from '../../parts/Page';
import { Said } from '../../parts/Said';
import { Loading } from '../../parts/Small';
import { recordsOf } from './numbers';
import { runWords } from './words';
import '../../parts/lists.css';

type Fault = RunDetail['errors'][number];
interface Reason { words: string; faults: Fault[] }

// Two messages are one reason when they differ only in what stands between quotes or in numbers.
const shapeOf = (message: string) => message.replace(/"[^"]*"|'[^']*'|\d+/g, '…');

export function reasonsOf(faults: readonly Fault[]): Reason[] {
  const groups = new Map<string, Reason>();
  for (const fault of faults) {
    const shape = `${fault.entityType} ${shapeOf(fault.message)}`;
    const group = groups.get(shape) ?? { words: fault.message, faults: [] };
    group.faults.push(fault);
    groups.set(shape, group);
  }
  return [...groups.values()].sort((a, b) => b.faults.length - a.faults.length);
}

const LISTED_MAX = 500;

function Payloads({ connectionId, runId, ids }: { connectionId: string; runId: string; ids: ReadonlySet<string> }) {
  const t = useWords(runWords);
  const asked = useData(['rejected', connectionId, runId], () => api.GET('/api/v1/sync/connections/{id}/rejected', { params: { path: { id: connectionId }, query: { runId, limit: LISTED_MAX } } }));
  if (asked.error) return <ErrorBox error={asked.error} retry={() => void asked.refetch()} />;
  if (!asked.data) return <Loading lines={3} />;
  const rows = asked.data.data.filter((row) => ids.has(row.externalId ?? ''));
  return (
    <div className="stack-small">
      {rows.slice(0, 20).map((row) => <div key={row.id}><p className="small">{row.externalId}: <Said text={row.reason} /></p><Json value={row.payload} label={row.externalId ?? t('record')} /></div>)}
    </div>
  );
}

export function Rejections({ run, mayChange }: { run: RunDetail; mayChange: boolean }) {
  const t = useWords(runWords);
  const [open, setOpen] = useState<string | null>(null);
  const retry = useChange((id: string) => api.POST('/api/v1/sync/connections/{id}/rejected/replay', { params: { path: { id } }, body: {} }), ['runs', 'rejected', 'overview', 'records']);
  if (run.recordsErrors === 0 && run.errors.length === 0) return null;
  const connection = run.connectionId ?? '';
  const tryAgain = () => retry.mutate(connection, { onSuccess: ({ data }) => say(t('retried', data)), onError: sayError });
  return (
    <Panel title={t('errorsTitle')} tools={mayChange && connection && <Button variant="default" loading={retry.isPending} onClick={tryAgain}>{t('retryThese')}</Button>} flush>
      <ul className="rows">
        {reasonsOf(run.errors).map((reason) => (
          <li key={reason.words}>
            <div className="row">
              <span className="badge bad plain number">{reason.faults.length}</span>
              <span className="grow"><Said text={reason.words} /> <span className="dim">{reason.faults[0]?.entityType}</span></span>
              {connection && (
                <Button variant="subtle" size="compact-xs" aria-expanded={open === reason.words} onClick={() => setOpen(open === reason.words ? null : reason.words)}>
                  {t(open === reason.words ? 'hide' : 'show')}
                </Button>
              )}
            </div>
            {open === reason.words && <Payloads connectionId={connection} runId={run.id} ids={new Set(reason.faults.map((x) => x.externalId ?? ''))} />}
          </li>
        ))}
      </ul>
      {connection && (
        <div className="table-more">
          {run.recordsErrors > run.errors.length && <span>{t('errorsMore')}</span>}
          <Link href={recordsOf(run, 'errors')} className="link">{t('ofThisRun')}</Link>
          <Link href={`/connections/${connection}/records?show=rejected`} className="link">{t('allRejected')}</Link>
        </div>
      )}
    </Panel>
  );
}
