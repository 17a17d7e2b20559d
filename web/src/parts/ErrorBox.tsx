// An error, in the server's words, and what to do about it.
import { Button } from '@mantine/core';
import type { ReactNode } from 'react';

import { ApiError } from '../api/client';
import { useWords } from '../i18n';
import { shellWords } from '../i18n/shell';
import { Icon } from './Icon';
import { Said } from './Said';

type Hint = 'unreachableDo' | 'doSignIn' | 'doForbidden' | 'doCredentials' | 'doVendor' | 'doBusy' | 'doLimited' | 'doFields' | 'doInternal' | 'notFoundHint';

function hintFor(error: ApiError): Hint | null {
  if (error.status === 0) return 'unreachableDo';
  if (error.code === 'INVALID_CREDENTIALS') return 'doCredentials';
  if (error.code === 'SYNC_IN_PROGRESS') return 'doBusy';
  if (error.code === 'VENDOR_UNAVAILABLE' || error.status === 502) return 'doVendor';
  if (error.details.some((d) => d.message)) return 'doFields';
  const byStatus: Record<number, Hint> = { 401: 'doSignIn', 403: 'doForbidden', 404: 'notFoundHint', 429: 'doLimited', 500: 'doInternal' };
  return byStatus[error.status] ?? null;
}

export function ErrorBox({ error, retry, children }: { error: unknown; retry?: () => void; children?: ReactNode }) {
  const t = useWords(shellWords);
  const said = error instanceof ApiError ? error : null;
  const hint = said ? hintFor(said) : null;
  return (
    <div className="trouble" role="alert">
      <Icon name="alert" />
      <div className="grow stack-small">
        <strong>{said?.status === 0 ? t('unreachable') : <Said text={error instanceof Error ? error.message : String(error)} code={said?.code} />}</strong>
        {hint && <span>{t(hint, { n: said?.retryAfter ?? 1 })}</span>}
        {said && said.details.some((d) => d.message) && (
          <ul>{said.details.filter((d) => d.message).map((d, i) => <li key={i}>{d.pointer ? <><code>{d.pointer}</code> </> : null}<Said text={d.message} /></li>)}</ul>
        )}
        {children}
        {said?.requestId && <span className="dim small">{t('request', { id: said.requestId })}</span>}
      </div>
      {retry && <Button variant="default" onClick={retry}>{t('retry')}</Button>}
    </div>
  );
}
