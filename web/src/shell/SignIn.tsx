// Signing in with a key or a token; the server answers with the session's cookie.
import { Button, NativeSelect } from '@mantine/core';
import { useDocumentTitle } from '@mantine/hooks';
import { useState } from 'react';
import type { FormEvent } from 'react';

import { api } from '../api/client';
import { useChange } from '../api/query';
import { LANGUAGES, useLanguage, useWords } from '../i18n';
import type { Language } from '../i18n';
import { shellWords } from '../i18n/shell';
import mark from '../mark.svg';
import { ErrorBox } from '../parts/ErrorBox';
import { Secret } from '../parts/Secret';
import { Ticked } from '../parts/Small';

export function SignIn({ onDone }: { onDone: () => void }) {
  const t = useWords(shellWords);
  const { language, setLanguage } = useLanguage();
  const [token, setToken] = useState('');
  const [fault, setFault] = useState<string | null>(null);
  const signIn = useChange((given: string) => api.POST('/api/v1/session', { body: { token: given } }));
  useDocumentTitle(`${t('signIn')} · Tidemark`);
  const send = (event: FormEvent) => {
    event.preventDefault();
    if (!token.trim()) { setFault(t('tokenNeeded')); return; }
    setFault(null);
    signIn.mutate(token.trim(), { onSuccess: onDone });
  };
  return (
    <main className="sign-in">
      <form className="panel" onSubmit={send} noValidate>
        <div className="stack">
          <div className="row"><img src={mark} alt="" width={30} height={30} /><h1>{t('signInTitle')}</h1></div>
          <p className="dim">{t('signInHint')}</p>
          <Secret label={t('token')} description={<Ticked text={t('tokenWhere')} />} value={token} onChange={(event) => setToken(event.currentTarget.value)}
            error={fault} autoComplete="current-password" spellCheck={false} data-autofocus autoFocus />
          {signIn.error && <ErrorBox error={signIn.error} />}
          <div className="row">
            <Button type="submit" size="sm" loading={signIn.isPending}>{t('signIn')}</Button>
            <span className="grow" />
            <NativeSelect size="xs" aria-label={t('language')} value={language} onChange={(event) => setLanguage(event.currentTarget.value as Language)}
              data={LANGUAGES.map((l) => ({ value: l, label: l === 'en' ? 'English' : 'Português' }))} />
          </div>
        </div>
      </form>
    </main>
  );
}
