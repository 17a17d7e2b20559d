// What the server said of single fields, as @rjsf wants it.
import type { ErrorSchema } from '@rjsf/utils';

import { ApiError } from '../../../api/client';

export type Values = Record<string, unknown>;

interface Faults { __errors?: string[]; [name: string]: Faults | string[] | undefined }

// `words`: the reader's, for the server's.
export function faultsOf(error: unknown, words: (text: string) => string): ErrorSchema<Values> {
  const out: Faults = {};
  for (const { pointer, message } of error instanceof ApiError ? error.details : []) {
    const path = String(pointer ?? '').split('/').slice(1);
    if (!/^(credentials|config)$/.test(path[0] ?? '') || !message) continue;
    let at = out;
    for (const part of path.slice(1)) at = (at[part] ??= {}) as Faults;
    at.__errors = [...(at.__errors ?? []), words(message)];
  }
  return out as ErrorSchema<Values>;
}
