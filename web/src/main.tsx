import { MantineProvider } from '@mantine/core';
import '@mantine/core/styles.css';
import { QueryClientProvider } from '@tanstack/react-query';
import { setNonce } from 'get-nonce';
import { StrictMode, useEffect, useMemo, useState } from 'react';
import { createRoot } from 'react-dom/client';

import { queryClient } from './api/query';
import { App } from './shell/App';
import { LanguageContext, keepLanguage, languageAtStart } from './i18n';
import type { Language } from './i18n';
import './style.css';
import { theme } from './theme';

// Style elements that the components add carry the nonce of this answer (Content-Security-Policy). A browser shows it to
// scripts only as a property.
const nonce = document.querySelector<HTMLMetaElement>('meta[property=csp-nonce]')?.nonce ?? '';
setNonce(nonce);

function Root() {
  const [language, setLanguage] = useState<Language>(languageAtStart);
  useEffect(() => { document.documentElement.lang = language; }, [language]);
  const value = useMemo(() => ({ language, setLanguage: (next: Language) => { keepLanguage(next); setLanguage(next); } }), [language]);
  return (
    <MantineProvider theme={theme} defaultColorScheme="auto" getStyleNonce={() => nonce}>
      <LanguageContext.Provider value={value}>
        <QueryClientProvider client={queryClient}><App /></QueryClientProvider>
      </LanguageContext.Provider>
    </MantineProvider>
  );
}

const root = document.getElementById('root');
if (root) createRoot(root).render(<StrictMode><Root /></StrictMode>);
