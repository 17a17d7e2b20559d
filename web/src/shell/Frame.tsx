// Around every page: the menu at the side, or behind a button where the screen is narrow.
import { ActionIcon, Drawer, Menu, NativeSelect, useMantineColorScheme } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { Fragment, useState } from 'react';
import type { ReactNode } from 'react';
import { Link, useLocation } from 'wouter';

import { api, take } from '../api/client';
import { forgetFirst } from '../api/early';
import { useLine } from '../api/events';
import { useData } from '../api/query';
import { may, useSession } from '../api/session';
import { LANGUAGES, useLanguage, useWords } from '../i18n';
import { shellWords } from '../i18n/shell';
import mark from '../mark.svg';
import { menuShown } from '../pages';
import { sayError } from '../parts/Confirm';
import { Icon } from '../parts/Icon';
import { switchTenant } from './App';

const NAMES = { en: 'English', 'pt-BR': 'Português' } as const;

function Nav({ onGo }: { onGo?: () => void }) {
  const t = useWords(shellWords);
  const session = useSession();
  const [place] = useLocation();
  const entries = menuShown.filter((entry) => may(session, entry.needs));
  const isHere = (href: string) => (href === '/' ? place === '/' : place === href || place.startsWith(`${href}/`));
  return (
    <nav className="nav" aria-label={t('mainMenu')}>
      {entries.map((entry, i) => (
        <Fragment key={entry.href}>
          {entry.group && entry.group !== entries[i - 1]?.group && <div className="nav-title">{t(entry.group)}</div>}
          <Link href={entry.href} onClick={onGo} aria-current={isHere(entry.href) ? 'page' : undefined}><Icon name={entry.icon} />{t(entry.label)}</Link>
        </Fragment>
      ))}
    </nav>
  );
}

function Tenants() {
  const t = useWords(shellWords);
  const session = useSession();
  const isAdmin = may(session, 'admin');
  const list = useData(['tenants'], () => api.GET('/api/v1/tenants', { params: { query: { limit: 500 } } }), { enabled: isAdmin }).data?.data ?? [];
  if (list.length < 2) return null;
  return (
    <NativeSelect size="xs" aria-label={t('tenant')} value={session.tenantKey ?? ''} onChange={(event) => switchTenant(event.currentTarget.value)}
      data={list.map((x) => ({ value: x.key, label: x.name || x.key }))} />
  );
}

function LiveLine() {
  const t = useWords(shellWords);
  const line = useLine();
  const tone = { live: 'good', connecting: '', broken: 'warn' }[line];
  return <span className={`badge ${tone}`} role="status" data-line={line}>{t(line)}</span>;
}

function AccountMenu() {
  const t = useWords(shellWords);
  const session = useSession();
  const client = useQueryClient();
  const { language, setLanguage } = useLanguage();
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const signOut = async () => {
    try {
      await take(api.DELETE('/api/v1/session'));
    } catch (error) {
      sayError(error);
      return;
    }
    client.clear();
    forgetFirst();
    window.location.assign('/');
  };
  const item = (chosen: boolean, label: string, icon: 'sun' | 'moon' | 'settings' | null, choose: () => void) => (
    <Menu.Item key={label} leftSection={icon ? <Icon name={icon} /> : <span style={{ width: 16 }} />}
      rightSection={chosen ? <><Icon name="check" size={14} /><span className="hidden-text">{t('chosenNow')}</span></> : null} onClick={choose}>{label}</Menu.Item>
  );
  return (
    <Menu position="top-end" width={220}>
      <Menu.Target><ActionIcon aria-label={t('account')} size={28}><Icon name="more" /></ActionIcon></Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>{session.subject}</Menu.Label>
        <Menu.Item leftSection={<Icon name="external" />} component="a" href="/docs" target="_blank" rel="noreferrer">{t('apiReference')}</Menu.Item>
        <Menu.Divider />
        <Menu.Label>{t('theme')}</Menu.Label>
        {item(colorScheme === 'light', t('light'), 'sun', () => setColorScheme('light'))}
        {item(colorScheme === 'dark', t('dark'), 'moon', () => setColorScheme('dark'))}
        {item(colorScheme === 'auto', t('system'), 'settings', () => setColorScheme('auto'))}
        <Menu.Divider />
        <Menu.Label>{t('language')}</Menu.Label>
        {LANGUAGES.map((l) => item(language === l, NAMES[l], null, () => setLanguage(l)))}
        <Menu.Divider />
        <Menu.Item leftSection={<Icon name="out" />} onClick={() => void signOut()}>{t('signOut')}</Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}

function Foot() {
  const t = useWords(shellWords);
  const session = useSession();
  return (
    <div className="side-foot">
      {session.sandbox && <div className="sandbox">{t('sandbox')}</div>}
      <Tenants />
      <div className="row">
        <div className="grow ellipsis small dim" title={session.subject}>{session.tenantName ?? session.tenantKey ?? session.subject}</div>
        <LiveLine />
        <AccountMenu />
      </div>
    </div>
  );
}

const Brand = () => <Link href="/" className="brand"><img src={mark} alt="" />Tidemark</Link>;

export function Frame({ children }: { children: ReactNode }) {
  const t = useWords(shellWords);
  const [open, setOpen] = useState(false);
  return (
    <>
      <a className="skip" href="#main">{t('skip')}</a>
      <div className="frame">
        <header className="topbar">
          <ActionIcon aria-label={t('menu')} size={34} onClick={() => setOpen(true)}><Icon name="menu" size={18} /></ActionIcon>
          <Brand />
          <LiveLine />
        </header>
        <aside className="side"><Brand /><Nav /><Foot /></aside>
        <Drawer opened={open} onClose={() => setOpen(false)} size={270} title="Tidemark" closeButtonProps={{ 'aria-label': t('close') }}>
          <div className="stack"><Nav onGo={() => setOpen(false)} /><Foot /></div>
        </Drawer>
        <main className="main" id="main" tabIndex={-1}>{children}</main>
      </div>
    </>
  );
}
