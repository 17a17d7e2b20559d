// One connection, in tabs whose names stand in the address.
import { ActionIcon, Button, Menu } from '@mantine/core';
import { Link, useParams } from 'wouter';

import { ApiError, api } from '../../../api/client';
import type { ConnectionDetail } from '../../../api/client';
import { useChange, useData } from '../../../api/query';
import { may, useMay, useSession } from '../../../api/session';
import { useWords } from '../../../i18n';
import { connectionsWords, oneWords } from '../words';
import { say, sayError } from '../../../parts/Confirm';
import { ErrorBox } from '../../../parts/ErrorBox';
import { Icon } from '../../../parts/Icon';
import { Page } from '../../../parts/Page';
import type { Commands } from '../../../parts/Page';
import { Loading } from '../../../parts/Small';
import { Status } from '../../../parts/Status';
import { Tabs } from '../../../parts/Tabs';
import { useConnection } from '../queries';
import { Conflicts } from './Conflicts';
import { Mapping } from './Mapping';
import { Overview, Trouble } from './Overview';
import { Records } from './Records';
import { Runs } from './Runs';
import { Settings } from './Settings';
import { Webhooks } from './Webhooks';

const TABS = { overview: Overview, runs: Runs, records: Records, mapping: Mapping, conflicts: Conflicts, webhooks: Webhooks, settings: Settings } as const;
type Tab = keyof typeof TABS;

function ConnectionTabs({ id, tab }: { id: string; tab: Tab }) {
  const t = useWords(oneWords);
  const session = useSession();
  const shown = (Object.keys(TABS) as Tab[]).filter((name) => name !== 'settings' || may(session, 'content:update'));
  return (
    <Tabs label={t('overview')} open={tab}>
      {shown.map((name) => (
        <Link key={name} href={`/connections/${id}${name === 'overview' ? '' : `/${name}`}`} aria-current={name === tab ? 'page' : undefined}>{t(name)}</Link>
      ))}
    </Tabs>
  );
}

function Actions({ connection: c }: { connection: ConnectionDetail }) {
  const t = useWords(oneWords);
  const path = { id: c.id };
  const touches = ['connections', 'overview', 'runs'];
  const sync = useChange((fullSync: boolean) => api.POST('/api/v1/sync/connections/{id}/sync', { params: { path }, body: { fullSync } }), touches);
  const test = useChange(() => api.POST('/api/v1/sync/connections/{id}/test', { params: { path } }), touches);
  const set = useChange((enabled: boolean) => api.PATCH('/api/v1/sync/connections/{id}', { params: { path, query: { test: false } }, body: { enabled } }), touches);
  const start = (full: boolean) => sync.mutate(full, { onSuccess: () => say(t('started')), onError: sayError });
  return (
    <>
      <Button variant="default" loading={test.isPending} onClick={() => test.mutate(undefined, { onSuccess: () => say(t('works', { name: c.name })), onError: sayError })}>{t('test')}</Button>
      {c.enabled
        ? <Button loading={sync.isPending} leftSection={<Icon name="run" size={14} />} onClick={() => start(false)}>{t('syncNow')}</Button>
        : <Button loading={set.isPending} leftSection={<Icon name="play" size={14} />} onClick={() => set.mutate(true, { onError: sayError })}>{t('switchOn')}</Button>}
      <Menu position="bottom-end">
        <Menu.Target><ActionIcon variant="default" size={30} aria-label={t('settings')}><Icon name="more" /></ActionIcon></Menu.Target>
        <Menu.Dropdown>
          {c.enabled && <Menu.Item leftSection={<Icon name="run" />} onClick={() => start(true)}>{t('fullSync')}</Menu.Item>}
          {c.enabled && <Menu.Item leftSection={<Icon name="pause" />} onClick={() => set.mutate(false, { onError: sayError })}>{t('switchOff')}</Menu.Item>}
          <Menu.Item leftSection={<Icon name="settings" />} component={Link} href={`/connections/${c.id}/settings`}>{t('settings')}</Menu.Item>
        </Menu.Dropdown>
      </Menu>
    </>
  );
}

// What is under way, with the way there.
function Running({ id }: { id: string }) {
  const t = useWords(oneWords);
  const run = useData(['runs', 'of', id, 1], () => api.GET('/api/v1/sync/runs', { params: { query: { connectionId: id, limit: 1 } } }), { every: 3_000 }).data?.data[0];
  if (!run || !['pending', 'in_progress', 'paused'].includes(run.status)) return null;
  return <Link href={`/runs/${run.id}`} className="row running-now"><Status of={run.status === 'pending' ? 'queued' : run.status} /><span className="grow">{t('running')}</span><span className="link">{t('openRun')}</span></Link>;
}

function commandsOf(c: ConnectionDetail, tab: Tab): Commands {
  const at = `/api/v1/sync/connections/${c.id}`;
  switch (tab) {
    case 'runs': return { path: `/api/v1/sync/runs?connectionId=${c.id}`, cli: `tidemark runs --connection ${c.id}` };
    case 'records': return { path: `${at}/rejected`, cli: `tidemark rejected ${c.id}` };
    case 'mapping': return { method: 'PATCH', path: at, body: { mapping: c.mapping ?? {} }, cli: `tidemark connections show ${c.id} --json` };
    case 'conflicts': return { path: `/api/v1/conflicts?connectionId=${c.id}`, cli: 'tidemark conflicts' };
    case 'webhooks': return { method: 'POST', path: `${at}/setup-webhook`, cli: `tidemark webhooks --connection ${c.id}` };
    default: return { path: at, cli: [`tidemark connections show ${c.id}`, `tidemark sync ${c.id}`] };
  }
}

export default function ConnectionPage() {
  const t = useWords(connectionsWords);
  const params = useParams<{ id: string; tab?: string }>();
  const mayChange = useMay('content:update');
  const tab: Tab = params.tab && params.tab in TABS && (params.tab !== 'settings' || mayChange) ? (params.tab as Tab) : 'overview';
  const asked = useConnection(params.id);
  const connection = asked.data?.data;
  const Shown = TABS[tab];
  const gone = asked.error instanceof ApiError && asked.error.status === 404;
  return (
    <Page title={connection?.name ?? t('title')} up={{ href: '/connections', label: t('title') }} badge={connection && <Status of={connection.status} />}
      actions={connection && mayChange && <Actions connection={connection} />} commands={connection && commandsOf(connection, tab)}>
      {asked.error && (!connection || gone) && <ErrorBox error={asked.error} retry={() => void asked.refetch()} />}
      {asked.isPending && <div className="panel"><Loading lines={8} /></div>}
      {connection && !gone && (
        <>
          <ConnectionTabs id={connection.id} tab={tab} />
          <div className="stack">
            {tab !== 'settings' && <Trouble connection={connection} />}
            <Running id={connection.id} />
            <Shown connection={connection} />
          </div>
        </>
      )}
    </Page>
  );
}
