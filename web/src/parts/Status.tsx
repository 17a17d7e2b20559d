// A state in a word and a colour; the word says it all, the colour helps.
import { useWords } from '../i18n';
import { shellWords } from '../i18n/shell';

type Tone = 'good' | 'warn' | 'bad' | 'info' | 'none';
const TONES: Record<string, Tone> = {
  connected: 'good', success: 'good', complete: 'good', completed: 'good', applied: 'good', delivered: 'good', accepted: 'good', active: 'good', resolved: 'good',
  partial: 'warn', paused: 'warn', waiting: 'warn', open: 'warn', unhandled: 'none',
  error: 'bad', failed: 'bad', suspicious: 'bad',
  in_progress: 'info', pending: 'none', queued: 'none', disconnected: 'none', cancelled: 'none', scheduled: 'none',
};
const BUSY = new Set(['in_progress']);

export function Status({ of, label }: { of: string; label?: string }) {
  const t = useWords(shellWords);
  const key = `s_${of}` as keyof typeof shellWords;
  return (
    <span className={`badge ${TONES[of] ?? 'none'}${BUSY.has(of) ? ' busy' : ''}`} data-status={of}>
      {label ?? (key in shellWords ? t(key) : of)}
    </span>
  );
}

// Of a run: what the verdict says, once there is one; a run that was read but has holes is no success.
export function RunStatus({ run }: { run: { status: string; verdict?: string | null } }) {
  const t = useWords(shellWords);
  if (run.status === 'pending') return <Status of="queued" />;
  if (run.status === 'success' && run.verdict === 'partial') return <Status of="partial" />;
  if (run.status === 'error') return <Status of="failed" label={run.verdict === 'suspicious' ? t('s_suspicious') : undefined} />;
  return <Status of={run.status} />;
}
