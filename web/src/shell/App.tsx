// Who is it, then the frame and the page of the address.
import { Button } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { Component, useEffect, useLayoutEffect } from 'react';
import type { ReactNode } from 'react';
import { Link, Route, Switch, useLocation } from 'wouter';

import { ApiError, api, chooseTenant, tenantChosen } from '../api/client';
import type { Session } from '../api/client';
import { forgetFirst, rememberFirst } from '../api/early';
import { useFollowEvents } from '../api/events';
import { useData } from '../api/query';
import { SessionContext, may, useSession } from '../api/session';
import { useWords } from '../i18n';
import { shellWords } from '../i18n/shell';
import { routes } from '../pages';
import { Toasts } from '../parts/Confirm';
import { ErrorBox } from '../parts/ErrorBox';
import { Page } from '../parts/Page';
import { Empty, Loading } from '../parts/Small';
import { Frame } from './Frame';
import { SignIn } from './SignIn';

export function NotFound() {
  const t = useWords(shellWords);
  return (
    <Page title={t('notFound')}>
      <div className="panel"><Empty title={t('notFound')} action={<Link href="/" className="link">{t('goHome')}</Link>}>{t('notFoundHint')}</Empty></div>
    </Page>
  );
}

// An address that a role may not use; the menu does not offer it.
function NotForYou() {
  const t = useWords(shellWords);
  return (
    <Page title={t('notAllowed')}>
      <div className="panel"><Empty title={t('notAllowed')} action={<Link href="/" className="link">{t('goHome')}</Link>}>{t('doForbidden')}</Empty></div>
    </Page>
  );
}

function Old() {
  const t = useWords(shellWords);
  return <div className="panel"><Empty title={t('oldPage')} action={<Button onClick={() => window.location.reload()}>{t('reload')}</Button>} /></div>;
}

// A page whose code is no more on the server (it was updated meanwhile), or that failed while it was drawn.
class Guard extends Component<{ children: ReactNode; place: string }, { error: Error | null }> {
  override state: { error: Error | null } = { error: null };
  static getDerivedStateFromError(error: Error) { return { error }; }
  override componentDidUpdate(before: { place: string }) {
    if (before.place !== this.props.place && this.state.error) this.setState({ error: null });
  }
  override render() {
    const { error } = this.state;
    if (!error) return this.props.children;
    return /dynamically imported module|Failed to fetch/.test(error.message) ? <Old /> : <ErrorBox error={error} retry={() => this.setState({ error: null })} />;
  }
}

const meanwhile = <div className="panel"><Loading lines={8} /></div>;

function Pages() {
  const session = useSession();
  const [place] = useLocation();
  useLayoutEffect(() => { performance.clearMarks('tidemark:go'); performance.mark('tidemark:go'); }, [place]);
  useEffect(() => { window.scrollTo(0, 0); }, [place]);
  return (
    <Guard place={place}>
      <Switch>
        {routes.map(({ path, needs, page: Shown }) => <Route key={path} path={path}>{needs && !may(session, needs) ? <NotForYou /> : <Shown meanwhile={meanwhile} />}</Route>)}
        <Route><NotFound /></Route>
      </Switch>
    </Guard>
  );
}

const KEPT = 'tidemark.tenant';

function SignedIn({ session }: { session: Session }) {
  useEffect(() => rememberFirst({ tenant: tenantChosen(), admin: may(session, 'admin') }), [session]);
  useFollowEvents(`${session.subject} ${session.tenantId ?? ''}`);
  return (
    <SessionContext.Provider value={session}>
      <Frame><Pages /></Frame>
      <Toasts />
    </SessionContext.Provider>
  );
}

// An operator sees one tenant at a time: the one chosen last, else his own, else the first.
function WithTenant({ session }: { session: Session }) {
  const isAdmin = may(session, 'admin');
  const tenants = useData(['tenants'], () => api.GET('/api/v1/tenants', { params: { query: { limit: 500 } } }), { enabled: isAdmin });
  if (!isAdmin) {
    chooseTenant(null);
    return <SignedIn session={session} />;
  }
  if (tenants.error) return <main className="main"><ErrorBox error={tenants.error} retry={() => void tenants.refetch()} /></main>;
  if (!tenants.data) return null;
  const list = tenants.data.data;
  const chosen = list.find((x) => x.key === localStorage.getItem(KEPT)) ?? list.find((x) => x.id === session.tenantId) ?? list[0];
  chooseTenant(list.length > 1 ? chosen?.key ?? null : null);
  return <SignedIn key={chosen?.id} session={chosen ? { ...session, tenantId: chosen.id, tenantKey: chosen.key, tenantName: chosen.name } : session} />;
}

export function switchTenant(key: string) {
  localStorage.setItem(KEPT, key);
  rememberFirst({ tenant: key, admin: true });
  window.location.assign('/');
}

export function App() {
  const client = useQueryClient();
  const session = useData(['session'], () => api.GET('/api/v1/session'), { every: 5 * 60_000 });
  // A session that ended meanwhile shows itself by any answer.
  useEffect(() => client.getQueryCache().subscribe((event) => {
    const error = event.query.state.error;
    if (event.type === 'updated' && error instanceof ApiError && error.status === 401 && event.query.queryKey[1] !== 'session')
      void client.invalidateQueries({ predicate: ({ queryKey }) => queryKey[1] === 'session' });
  }), [client]);
  const isNobody = session.error instanceof ApiError && session.error.status === 401;
  useEffect(() => { if (isNobody) forgetFirst(); }, [isNobody]);
  if (isNobody)
    return <SignIn onDone={() => { client.clear(); void session.refetch(); }} />;
  if (session.data) return <WithTenant session={session.data.data} />;
  if (session.error) return <main className="main"><ErrorBox error={session.error} retry={() => void session.refetch()} /></main>;
  return null;
}
