// Filters that stand in the address, so that a view can be sent to somebody and the back button undoes a choice.
import { useMemo } from 'react';
import { useSearchParams } from 'wouter';

export type Filters<K extends string> = Record<K, string>;

// const [filters, setFilters] = useFilters(['status', 'q']);   An empty text is no filter and does not stand in the address.
export function useFilters<K extends string>(names: readonly K[]): [Filters<K>, (change: Partial<Filters<K>>) => void] {
  const [params, setParams] = useSearchParams();
  const values = Object.fromEntries(names.map((name) => [name, params.get(name) ?? ''])) as Filters<K>;
  const change = (wanted: Partial<Filters<K>>) => setParams((before) => {
    const next = new URLSearchParams(before);
    for (const [name, value] of Object.entries(wanted)) {
      if (value) next.set(name, String(value));
      else next.delete(name);
    }
    return next;
  }, { replace: true });
  return [values, change];
}

// For an address that is asked for: only what is chosen.
export function chosenOnly<K extends string>(filters: Filters<K>): Partial<Filters<K>> {
  return Object.fromEntries(Object.entries(filters).filter(([, value]) => value)) as Partial<Filters<K>>;
}

export const queryText = (filters: Record<string, string | undefined>) => {
  const params = new URLSearchParams(Object.entries(filters).filter((pair): pair is [string, string] => !!pair[1]));
  const text = params.toString();
  return text ? `?${text}` : '';
};

export const useIsFiltered = (filters: Record<string, string>) => useMemo(() => Object.values(filters).some(Boolean), [filters]);
