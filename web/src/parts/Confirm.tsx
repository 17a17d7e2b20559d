// Asking before something that cannot be taken back, and short words about what was done.
import { Button, Modal } from '@mantine/core';
import { useState, useSyncExternalStore } from 'react';
import type { ReactNode } from 'react';

import { ApiError } from '../api/client';
import { useWords } from '../i18n';
import { shellWords } from '../i18n/shell';
import { ErrorBox } from './ErrorBox';
import { Said } from './Said';

// A menu gives the focus back to its button a moment after it closed. What opens in front waits for that: else the focus is
// taken from it again, and it does not know to whom to give it back.
const MENU_LOOK_MS = 20, MENU_LOOKS_MAX = 50;
export function afterMenu(open: () => void) {
  let looks = 0;
  const look = () => {
    const at = document.activeElement, isUnderWay = at === null || at === document.body || at.closest('[role=menu]') !== null;
    if (isUnderWay && ++looks < MENU_LOOKS_MAX) setTimeout(look, MENU_LOOK_MS);
    else open();
  };
  if (document.activeElement?.closest('[role=menu]')) look();
  else setTimeout(open, 2 * MENU_LOOK_MS);
}

interface Question { title: string; body: ReactNode; action: string; danger?: boolean; run: () => Promise<unknown> }

// const confirm = useConfirm();  …  confirm.ask({ title, body, action, danger: true, run: () => remove.mutateAsync(id) });  {confirm.dialog}
export function useConfirm() {
  const t = useWords(shellWords);
  const [question, setQuestion] = useState<Question | null>(null);
  const [open, setOpen] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const ask = (q: Question) => { setQuestion(q); setError(null); afterMenu(() => setOpen(true)); };
  const run = async () => {
    setBusy(true);
    try {
      await question?.run();
      setOpen(false);
    } catch (problem) {
      setError(problem);
    } finally {
      setBusy(false);
    }
  };
  const dialog = (
    <Modal opened={open} onClose={() => setOpen(false)} title={question?.title} closeButtonProps={{ 'aria-label': t('close') }}>
      <div className="stack">
        <div>{question?.body}</div>
        {error !== null && <ErrorBox error={error} />}
        <div className="row" style={{ justifyContent: 'flex-end' }}>
          <Button variant="default" onClick={() => setOpen(false)} data-autofocus={question?.danger || undefined}>{t('cancel')}</Button>
          <Button color={question?.danger ? 'red' : undefined} loading={busy} onClick={() => void run()}>{question?.action}</Button>
        </div>
      </div>
    </Modal>
  );
  return { ask, dialog };
}

// ---- short words ----

interface Toast { id: number; text: ReactNode; bad: boolean }
let toasts: Toast[] = [];
let next = 1;
const listeners = new Set<() => void>();
const set = (list: Toast[]) => { toasts = list; listeners.forEach((tell) => tell()); };
const SHOWN_MS = 5_000, SHOWN_BAD_MS = 12_000;

export function say(text: ReactNode, bad = false) {
  const id = next++;
  set([...toasts, { id, text, bad }].slice(-4));
  setTimeout(() => set(toasts.filter((toast) => toast.id !== id)), bad ? SHOWN_BAD_MS : SHOWN_MS);
}
function ErrorWords({ error }: { error: unknown }) {
  const t = useWords(shellWords);
  const said = error instanceof ApiError ? error : null;
  return said?.status === 0 || !(error instanceof Error) ? <>{t('unreachable')}</> : <Said text={error.message} code={said?.code} />;
}
export const sayError = (error: unknown) => say(<ErrorWords error={error} />, true);

export function Toasts() {
  const list = useSyncExternalStore((tell) => { listeners.add(tell); return () => listeners.delete(tell); }, () => toasts);
  return (
    <div className="toasts" role="status" aria-live="polite">
      {list.map((toast) => <div key={toast.id} className={`toast${toast.bad ? ' bad' : ''}`}><span className="grow">{toast.text}</span></div>)}
    </div>
  );
}
