// Asking, and keeping what was answered: thin shapes over TanStack Query.
import { QueryClient, keepPreviousData, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';

import { ApiError, take, tenantChosen } from './client';

export { useList } from './list';

export interface Answer<T> { data?: T; error?: unknown; response: Response }

const mayHelp = (error: unknown) => !(error instanceof ApiError) || error.status === 0 || error.status >= 502;

export const queryClient = new QueryClient({
  defaultOptions: {
    // Asked also when the browser believes that there is no network: it knows nothing of a server beside it, and waits for ever.
    queries: { networkMode: 'always', staleTime: 5_000, retry: (count, error) => count < 2 && mayHelp(error), refetchOnWindowFocus: true },
    mutations: { networkMode: 'always', retry: false },
  },
});

interface Options<T> { every?: number | false | ((data: T | undefined) => number | false); enabled?: boolean; keep?: boolean }

// One answer: `useData(['connections', id], () => api.GET(...))`. `every`: asks again after so many milliseconds. `keep`: what
// was there before the key changed stays until the new answer comes.
export function useData<T>(key: readonly unknown[], ask: () => Promise<Answer<T>>, { every = false, enabled = true, keep = false }: Options<T> = {}) {
  return useQuery({
    queryKey: [tenantChosen(), ...key], queryFn: () => take(ask()), enabled,
    placeholderData: keep ? keepPreviousData : undefined,
    refetchInterval: typeof every === 'function' ? (query) => every(query.state.data as T | undefined) : every,
  });
}

// Something that changes: afterwards what stands under `touches` is asked anew.
export function useChange<A, T>(change: (argument: A) => Promise<Answer<T>>, touches: readonly string[] = []) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (argument: A) => take(change(argument)),
    onSuccess: () => refresh(client, touches),
  });
}

// Asks anew whatever is shown under these first words of keys.
export function refresh(client: QueryClient, touches: readonly string[]) {
  return Promise.all(touches.map((word) => client.invalidateQueries({ predicate: ({ queryKey }) => queryKey[1] === word })));
}
