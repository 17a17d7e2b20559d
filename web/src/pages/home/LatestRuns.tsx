// The newest runs of all connections.
import { Link } from 'wouter';

import { api } from '../../api/client';
import { useData } from '../../api/query';
import { useFormats, useWords } from '../../i18n';
import { Panel } from '../../parts/Page';
import { Ago, Loading } from '../../parts/Small';
import { RunStatus } from '../../parts/Status';
import { homeWords } from './words';

export function LatestRuns({ names, every }: { names: ReadonlyMap<string, string>; every: number }) {
  const t = useWords(homeWords);
  const f = useFormats();
  const runs = useData(['runs', 'latest'], () => api.GET('/api/v1/sync/runs', { params: { query: { limit: 8 } } }), { every });
  return (
    <Panel title={t('latestRuns')} tools={<Link href="/runs" className="link small">{t('allRuns')}</Link>} flush>
      {runs.isPending && <Loading lines={5} />}
      <ul className="news">
        {runs.data?.data.map((run) => (
          <li key={run.id}>
            <RunStatus run={run} />
            <Link href={`/runs/${run.id}`} className="grow ellipsis">{names.get(run.connectionId ?? '') ?? t('runRead', { n: run.recordsReceived })}</Link>
            <Link href={`/runs/${run.id}/records`} className="dim small number" aria-label={t('runRead', { n: run.recordsReceived })}>{f.short(run.recordsReceived)}</Link>
            <span className="dim small"><Ago at={run.completedAt ?? run.startedAt ?? run.createdAt} /></span>
          </li>
        ))}
      </ul>
    </Panel>
  );
}
