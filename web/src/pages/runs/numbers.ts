// Where the list behind each number of a run is.
import type { Run } from '../../api/client';
import { queryText } from '../../parts/filters';

export const CHANGES = ['created', 'updated', 'skipped', 'deleted', 'missing'] as const;
export type Change = (typeof CHANGES)[number];

export const recordsOf = (run: Pick<Run, 'id' | 'connectionId'>, change?: Change | 'errors', stream?: string) =>
  change === 'errors'
    ? run.connectionId ? `/connections/${run.connectionId}/records${queryText({ show: 'rejected', runId: run.id, stream })}` : `/runs/${run.id}`
    : `/runs/${run.id}/records${queryText({ change, stream })}`;
