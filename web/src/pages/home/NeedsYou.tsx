// What needs a person, most harmful first, each with its one next step.
import { Button } from '@mantine/core';
import { Link } from 'wouter';

import { api } from '../../api/client';
import type { Schemas } from '../../api/client';
import { useChange } from '../../api/query';
import { useMay } from '../../api/session';
import { useWords } from '../../i18n';
import { say, sayError } from '../../parts/Confirm';
import { Icon } from '../../parts/Icon';
import { Panel } from '../../parts/Page';
import { Said } from '../../parts/Said';
import { Ago, Empty } from '../../parts/Small';
import { homeWords } from './words';

type Need = Schemas['Overview']['needsYou'][number];

const KINDS = new Set<string>(['disk_full', 'connection_error', 'poison_page', 'delete_guard', 'conflicts', 'webhook_subscription_disabled', 'rejected_records',
  'webhook_events_failed', 'overdue', 'version_ends']);
const SEVERE = new Set<string>(['disk_full', 'connection_error', 'poison_page', 'delete_guard']);
type Kind = 'disk_full' | 'connection_error' | 'overdue' | 'other';
const kindOf = (need: Need) => (KINDS.has(need.kind) ? need.kind : 'other') as Kind;

function placeOf(need: Need): string {
  const connection = need.connectionId ? `/connections/${need.connectionId}` : '/connections';
  switch (need.kind) {
    case 'disk_full': return '/docs';
    case 'connection_error': return `${connection}/settings`;
    case 'poison_page': case 'delete_guard': return need.runId ? `/runs/${need.runId}` : '/runs';
    case 'conflicts': return `/conflicts?connectionId=${need.connectionId ?? ''}`;
    case 'webhook_subscription_disabled': return '/webhooks';
    case 'rejected_records': return `${connection}/records?show=rejected`;
    case 'webhook_events_failed': return `/webhooks?connectionId=${need.connectionId ?? ''}&status=failed`;
    default: return connection;
  }
}

export function NeedsYou({ needs }: { needs: readonly Need[] }) {
  const t = useWords(homeWords);
  const mayChange = useMay('content:update');
  const sync = useChange((id: string) => api.POST('/api/v1/sync/connections/{id}/sync', { params: { path: { id } }, body: {} }), ['overview', 'runs', 'connections']);
  const start = (need: Need) => sync.mutate(need.connectionId ?? '', { onSuccess: () => say(t('started', { name: need.name ?? '' })), onError: sayError });
  return (
    <Panel title={t('needsYou')} tools={needs.length > 1 && <span className="dim small">{t('itemsByHarm')}</span>} flush>
      {needs.length === 0 && <Empty title={t('nothingNeeded')}>{t('nothingNeededText')}</Empty>}
      <ul className="needs">
        {needs.map((need, i) => {
          const kind = kindOf(need);
          return (
            <li key={`${need.kind} ${need.connectionId} ${need.runId} ${i}`} data-kind={need.kind}>
              <span className={SEVERE.has(need.kind) ? 'need-mark bad' : 'need-mark'}><Icon name="alert" /></span>
              <div className="grow">
                <strong>{t(`n_${kind}`, { name: need.name ?? '', n: need.count })}</strong>
                {need.message && <div className="dim need-words"><Said text={need.message} /></div>}
                {need.since && <div className="dim small"><Ago at={need.since} /></div>}
              </div>
              {need.kind === 'overdue' && mayChange
                ? <Button variant="default" onClick={() => start(need)} loading={sync.isPending && sync.variables === need.connectionId}>{t('a_overdue')}</Button>
                : <Button component={Link} href={placeOf(need)} variant={SEVERE.has(need.kind) ? 'filled' : 'default'}>{t(!mayChange || need.kind === 'overdue' ? 'a_other' : `a_${kind}`)}</Button>}
            </li>
          );
        })}
      </ul>
    </Panel>
  );
}
