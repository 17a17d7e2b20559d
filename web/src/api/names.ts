// The names of connections, for lists that carry their ids.
import { useMemo } from 'react';

import { api } from './client';
import type { Connection } from './client';
import { useData } from './query';

const CONNECTIONS_MAX = 500;

export function useConnections() {
  const asked = useData(['connections', 'names'], () => api.GET('/api/v1/sync/connections', { params: { query: { limit: CONNECTIONS_MAX } } }));
  const list: readonly Connection[] = asked.data?.data ?? [];
  return useMemo(() => ({
    list,
    nameOf: (id: string | null | undefined) => list.find((c) => c.id === id)?.name ?? null,
    choices: list.map((c) => ({ value: c.id, label: c.name })),
  }), [list]);
}
